//! `scaledown train`: distillation of a compressor.

use std::path::Path;

use super::{Context, open_device, pretrain::run};
use crate::config::Config;
use crate::data::Record;
use crate::distillation::{Distillation, Example};
use crate::model::{LanguageModel, Oscar, save_oscar, start_from};
use crate::training::Outcome;
use crate::{Error, Result};

/// Trains the compressor that `config` describes on its training file, and writes the model to `model` in the output directory.
///
/// # Errors
/// If a record, the model or the disk fails; what was written before stays.
pub fn train(config: &Config, context: &Context<'_>) -> Result<Outcome> {
    let device = open_device(config)?;
    let oscar = Oscar::new(config, LanguageModel::load(config, &device, true)?)?;
    start(&oscar, config, context)?;
    let path = config.data.train.as_deref();
    let path = path.ok_or_else(|| Error::Usage("there is nothing to train on: set `train` in [data]".into()))?;
    let spinner = context.terminal.spinner("reading records");
    let records = crate::data::read_labelled(path, config.data.train_limit, config.reranking.enabled)?;
    spinner.finish_and_clear();
    let (outcome, oscar) = distill(oscar, config, &records, context)?;
    if !outcome.interrupted {
        save_oscar(&oscar, config, &config.output.directory.join("model"))?;
    }
    Ok(outcome)
}

/// Gives `oscar` the parameters of the pretrained compressor that the configuration starts from, if it names one.
pub(super) fn start(oscar: &Oscar, config: &Config, context: &Context<'_>) -> Result<()> {
    if let Some(directory) = &config.training.start_from {
        note_fresh(&start_from(oscar, directory)?, directory, context);
    }
    Ok(())
}

/// Warns of parameters that found no value in `directory`.
pub(super) fn note_fresh(fresh: &[String], directory: &Path, context: &Context<'_>) {
    if !fresh.is_empty() {
        let names = fresh.join(", ");
        context.terminal.warn(format!("{} has no values for {names}; they start as new", directory.display()));
    }
}

/// Trains `oscar` on `records`, which hold the teacher's answers.
///
/// # Errors
/// If a record has no answer, or the device or disk fails.
pub fn distill(oscar: Oscar, config: &Config, records: &[Record], context: &Context<'_>) -> Result<(Outcome, Oscar)> {
    let most = config.data.documents.unwrap_or(usize::MAX);
    let bar = context.terminal.progress("tokenizing records", records.len() as u64);
    let examples = bar.wrap_iter(records.iter()).map(|record| Example::for_training(record, &oscar, most));
    let examples = examples.collect::<std::result::Result<Vec<_>, _>>()?;
    bar.finish_and_clear();
    let steps = Distillation::steps(&config.training, examples.len());
    let mut objective = Distillation::new(oscar, &config.training, &config.reranking, examples)?;
    let outcome = run(&mut objective, config, steps, "distillation", context)?;
    Ok((outcome, objective.into_oscar()))
}
