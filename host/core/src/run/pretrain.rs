//! `scaledown pretrain`: a small language model from random weights, or a compressor on plain text.

use super::training::{TrainingRun, conclude};
use super::{Context, Directory, RunStart, open_device};
use crate::config::{Config, GeneratorConfig, Lora, PretrainingKind, Stage, StageData};
use crate::model::{LanguageModel, Oscar, Role, StoredLanguageModel, save_language_model};
use crate::text::Tokenizer;
use crate::train::distillation::Distillation;
use crate::train::pretraining::{AutoEncoding, CausalPretraining, StageRecords, Staged};
use crate::train::{TrainingKind, TrainingOutcome, lock};
use crate::{Error, Result};

/// Pretrains what `config` describes, and writes the model to `model` in the output directory.
///
/// # Errors
/// If the data, the model or the disk fails. Earlier output stays.
pub fn pretrain(config: &Config, context: &Context<'_>) -> Result<TrainingOutcome> {
    match config.pretraining.kind {
        PretrainingKind::CausalLm => causal_lm(config, context),
        PretrainingKind::AutoEncoding => auto_encoding(config, context),
    }
}

fn causal_lm(config: &Config, context: &Context<'_>) -> Result<TrainingOutcome> {
    refuse_adapter(config.require_generator()?)?;
    let lock = lock(&config.output.directory)?;
    let run = TrainingRun::open(config, TrainingKind::Pretraining, context, &lock)?;
    let stages = stages(config, true)?;
    let start = config.training.init_from.as_deref().map(StoredLanguageModel::open).transpose()?;
    let device = open_device(config)?;
    let model = LanguageModel::load(&config.for_model()?, &device, Role::FullFinetune)?;
    if let (Some(start), Some(directory)) = (start, &config.training.init_from) {
        super::train::note_fresh(&start.start(&model)?, directory, context);
    }
    let spinner = context.progress.spinner("reading records");
    let staged = staged(config, stages, &[&model.tokenizer])?;
    drop(spinner);
    let (steps, records) = (staged.most_steps(), staged.checksum());
    let run = run.with_tokenizers(&[&model.tokenizer])?;
    let mut objective =
        CausalPretraining::new(model, &config.training, &config.pretraining, config.compression.document_tokens, staged);
    device.reset_peak_memory();
    let outcome = run.train(&mut objective, config, records, steps)?;
    if !outcome.interrupted {
        conclude(config, &outcome, &device, context.start == RunStart::Resume, Vec::new())?;
        save_language_model(&objective.into_model(), &Directory::of(config).model())?;
    }
    Ok(outcome)
}

/// The whole generator learns, and is saved as a model of its own; an adapter beside it would be
/// lost.
fn refuse_adapter(generator: &GeneratorConfig) -> Result<()> {
    match generator.lora {
        None | Some(Lora::Switch(false)) => Ok(()),
        _ => Err(Error::usage(
            "`pretraining.kind = \"causal-lm\"` trains the whole generator, without an adapter: remove [generator.lora], or set `generator.lora = false`",
        )),
    }
}

fn auto_encoding(config: &Config, context: &Context<'_>) -> Result<TrainingOutcome> {
    let config = &config.with_adapter();
    let lock = lock(&config.output.directory)?;
    let run = TrainingRun::open(config, TrainingKind::AutoEncoding, context, &lock)?;
    let stages = stages(config, false)?;
    let start = super::train::stored_start(config)?;
    let device = open_device(config)?;
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Adapted)?)?;
    super::train::init_from(start.as_ref(), &oscar, config, context)?;
    let spinner = context.progress.spinner("reading records");
    let staged = staged(config, stages, &oscar.tokenizers())?;
    drop(spinner);
    let (steps, records) = (staged.most_steps(), staged.checksum());
    let run = run.with_tokenizers(&oscar.tokenizers())?;
    let mut objective = AutoEncoding::new(oscar, &config.training, &config.pretraining, staged);
    device.reset_peak_memory();
    let outcome = run.train(&mut objective, config, records, steps)?;
    if !outcome.interrupted {
        conclude(config, &outcome, &device, context.start == RunStart::Resume, Vec::new())?;
        Directory::of(config).save(&objective.into_oscar(), config)?;
    }
    Ok(outcome)
}

/// The stages as they stand in the files. Without any in the configuration, there is one over the
/// section's file, and its steps are yet to be counted.
fn stages(config: &Config, answers: bool) -> Result<Vec<(Option<Stage>, StageRecords)>> {
    let section = || {
        let (text, train) = (&config.pretraining.text, &config.data.train);
        let path = text
            .as_deref()
            .or(train.as_deref())
            .ok_or_else(|| Error::usage("no pretraining data: set `text` in [pretraining], or `train` in [data]"))?;
        let limit = if text.is_none() { config.data.train_limit } else { None };
        Ok::<_, Error>(StageRecords::read(path, answers)?.first(limit))
    };
    if config.pretraining.stages.is_empty() {
        return Ok(vec![(None, section()?)]);
    }
    let source = |stage: &Stage| if stage.data.is_empty() { section() } else { mixture(&stage.data, answers) };
    config.pretraining.stages.iter().map(|stage| Ok((Some(stage.clone()), source(stage)?))).collect()
}

/// The curriculum, with long texts cut into pieces that the tokenizers make at most a document's
/// tokens of.
fn staged(config: &Config, stages: Vec<(Option<Stage>, StageRecords)>, tokenizers: &[&Tokenizer]) -> Result<Staged> {
    let limit = config.compression.document_tokens;
    let cut = |(stage, source): (Option<Stage>, StageRecords)| {
        let source = source.cut(tokenizers, limit)?;
        let stage = stage.unwrap_or_else(|| {
            let max_steps = Distillation::steps(&config.training, source.len()) as usize;
            Stage { data: Vec::new(), until_accuracy: None, max_steps }
        });
        Ok((stage, source))
    };
    let stages = stages.into_iter().map(cut).collect::<Result<_>>()?;
    let validation = match (&config.data.validation, config.training.validate_every) {
        (Some(path), Some(_)) => {
            let answers = config.pretraining.kind == PretrainingKind::CausalLm;
            Some(StageRecords::read(path, answers)?.first(config.data.validation_limit).cut(tokenizers, limit)?)
        }
        _ => None,
    };
    Ok(Staged::new(stages, config.training.seed)?.with_validation(validation))
}

/// The records of all of a stage's files.
fn mixture(files: &[StageData], answers: bool) -> Result<StageRecords> {
    let mut mixture: Option<StageRecords> = None;
    for StageData { path, records } in files {
        let source = StageRecords::read(path, answers)?.first(*records);
        let Some(all) = &mut mixture else {
            mixture = Some(source);
            continue;
        };
        if !all.append(source) {
            let message = "a stage mixes plain text and records; expected one kind";
            return Err(Error::data(path.display(), message));
        }
    }
    mixture.ok_or_else(|| Error::usage("a pretraining stage has no data"))
}
