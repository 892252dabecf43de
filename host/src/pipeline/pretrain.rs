//! `scaledown pretrain`: a small language model from random weights, or a compressor on plain text.

use super::run_log::RunLog;
use super::{Context, open_device};
use crate::config::{Config, PretrainingKind, Stage, StageData};
use crate::distillation::Distillation;
use crate::model::{LanguageModel, Oscar, save_language_model, save_oscar, start_language_model_from};
use crate::pretraining::{AutoEncoding, CausalLm, Source, Staged};
use crate::training::checkpoint::Store;
use crate::training::{Objective, Outcome, Settings, train};
use crate::{Error, Result};

/// Pretrains what `config` describes, and writes the model to `model` in the output directory.
///
/// # Errors
/// If the data, the model or the disk fails; what was written before stays.
pub fn pretrain(config: &Config, context: &Context<'_>) -> Result<Outcome> {
    match config.pretraining.kind {
        PretrainingKind::CausalLm => causal_lm(config, context),
        PretrainingKind::AutoEncoding => auto_encoding(config, context),
    }
}

fn causal_lm(config: &Config, context: &Context<'_>) -> Result<Outcome> {
    let device = open_device(config)?;
    let model = LanguageModel::load(config, &device, true)?;
    if let Some(directory) = &config.training.start_from {
        super::train::note_fresh(&start_language_model_from(&model, directory)?, directory, context);
    }
    let spinner = context.terminal.spinner("reading records");
    let staged = staged(config)?;
    spinner.finish_and_clear();
    let steps = staged.most_steps();
    let mut objective = CausalLm::new(model, &config.training, &config.pretraining, config.compression.document_tokens, staged);
    let outcome = run(&mut objective, config, steps, "pretraining", context)?;
    if !outcome.interrupted {
        save_language_model(&objective.into_model(), &config.output.directory.join("model"))?;
    }
    Ok(outcome)
}

fn auto_encoding(config: &Config, context: &Context<'_>) -> Result<Outcome> {
    let device = open_device(config)?;
    let oscar = Oscar::new(config, LanguageModel::load(config, &device, true)?)?;
    super::train::start(&oscar, config, context)?;
    let spinner = context.terminal.spinner("reading records");
    let staged = staged(config)?;
    spinner.finish_and_clear();
    let steps = staged.most_steps();
    let mut objective = AutoEncoding::new(oscar, &config.training, &config.pretraining, staged);
    let outcome = run(&mut objective, config, steps, "pretraining", context)?;
    if !outcome.interrupted {
        save_oscar(&objective.into_oscar(), config, &config.output.directory.join("model"))?;
    }
    Ok(outcome)
}

/// The curriculum with its records; one stage over the section's file, where the configuration names none.
fn staged(config: &Config) -> Result<Staged> {
    let section = || {
        let path = config.pretraining.text.as_deref().or(config.data.train.as_deref());
        let path = path.ok_or_else(|| Error::Usage("there is nothing to pretrain on: set `text` in [pretraining]".into()))?;
        Ok::<_, Error>(Source::read(path)?)
    };
    let stages = if config.pretraining.stages.is_empty() {
        let source = section()?;
        let max_steps = Distillation::steps(&config.training, source.len()) as usize;
        vec![(Stage { data: Vec::new(), until_accuracy: None, max_steps }, source)]
    } else {
        let source = |stage: &Stage| if stage.data.is_empty() { section() } else { mixture(&stage.data) };
        config.pretraining.stages.iter().map(|stage| Ok((stage.clone(), source(stage)?))).collect::<Result<_>>()?
    };
    Ok(Staged::new(stages, config.training.seed)?)
}

/// The records of all of a stage's files.
fn mixture(files: &[StageData]) -> Result<Source> {
    let mut mixture: Option<Source> = None;
    for StageData { path, records } in files {
        let source = Source::read(path)?;
        let all = mixture.get_or_insert_with(|| source.none());
        all.append(source, *records)?;
    }
    mixture.ok_or_else(|| Error::Usage("a stage of the pretraining names no data".into()))
}

/// Trains an objective in the configuration's output directory, from its newest checkpoint if the run is resumed.
pub(super) fn run<O: Objective>(
    objective: &mut O,
    config: &Config,
    steps: u64,
    title: &str,
    context: &Context<'_>,
) -> Result<Outcome> {
    let directory = &config.output.directory;
    let store = Store::new(directory.join("checkpoints"), 2);
    let checkpoint = store.latest()?;
    let checkpoint = match (context.resume, checkpoint) {
        (true, None) => return Err(Error::Usage(format!("there is nothing to resume in {}", directory.display()))),
        (true, found) => found,
        (false, Some(_)) => {
            let message = format!(
                "{} holds an unfinished or finished training; go on with --resume, or choose another output directory",
                directory.display()
            );
            return Err(Error::Usage(message));
        }
        (false, None) => None,
    };
    let done = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.last().step);
    super::record_config(config)?;
    let settings = Settings::new(&config.training, steps);
    let mut log = RunLog::new(directory, title, steps, done, context.terminal, context.interrupt)?;
    let outcome = train(objective, &settings, &store, checkpoint, &mut log)?;
    drop(log);
    Ok(outcome)
}
