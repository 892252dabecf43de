//! `scaledown train --precompile`: every program of a training, compiled and not run.

use std::time::Instant;

use scaledown_sdk::component::Kind;
use serde_json::Value;

use super::train::{examples_of, ordered};
use super::{Context, open_device};
use crate::config::Config;
use crate::data::records;
use crate::model::{LanguageModel, Oscar, Role};
use crate::plugins::registry;
use crate::train::distillation::Distillation;
use crate::train::{TrainingSettings, rehearse};
use crate::{Error, Result};

/// The key of a device that compiles and runs nothing.
const COMPILE_ONLY: &str = "compile_only";

/// What was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Precompiled {
    /// The steps whose programs are there now.
    pub steps: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Compiles every program of the training that `config` describes. Writes only what its device
/// keeps of them.
///
/// # Errors
/// If the device compiles nothing that it could keep; or the errors of a training before its first
/// step.
pub fn precompile(config: &Config, context: &Context<'_>) -> Result<Precompiled> {
    let began = Instant::now();
    let config = &compile_only(&config.with_adapter())?;
    let path = config.data.train.as_deref();
    let path = path.ok_or_else(|| Error::usage("no training data: set `data.train`"))?;
    let records = records::read_labelled(path, config.data.train_limit, config.reranking.enabled)?;
    let device = open_device(config)?;
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Adapted)?)?;
    let examples = examples_of(&ordered(&records, config), &oscar, config, Some(path))?;
    let settings = TrainingSettings::new(&config.training, Distillation::steps(&config.training, examples.len()));
    let mut objective = Distillation::new(oscar, &config.training, &config.reranking, examples)?;
    let bar = context.progress.bar("compiling", settings.steps);
    let mut steps = 0;
    rehearse(&mut objective, &settings, |step| {
        steps = step;
        bar.set(step);
        !context.progress.cancelled()
    })?;
    Ok(Precompiled { steps, seconds: began.elapsed().as_secs_f64() })
}

/// The configuration with a device that compiles and runs nothing.
fn compile_only(config: &Config) -> Result<Config> {
    let plugin = &config.device.plugin;
    let schema = registry::find(Kind::Device, plugin).map(|entry| (entry.schema)());
    if schema.is_none_or(|schema| schema.pointer(&format!("/properties/{COMPILE_ONLY}")).is_none()) {
        return Err(Error::usage(format!(
            "--precompile needs a device that compiles and keeps programs, and \"{plugin}\" is none; choose one, as in `--set device.plugin=trainium`"
        )));
    }
    let mut config = config.clone();
    config.device.options.insert(COMPILE_ONLY.into(), Value::Bool(true));
    Ok(config)
}
