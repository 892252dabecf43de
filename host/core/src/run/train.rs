//! `scaledown train`: distillation of a compressor.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use super::training::{TrainingRun, conclude};
use super::{Context, Directory, RunStart, open_device};
use crate::config::Config;
use crate::data::records::{self, DataError, Record};
use crate::evaluate::report::StageSummary;
use crate::model::{LanguageModel, Oscar, Role, StoredOscar};
use crate::support::random::Stream;
use crate::train::distillation::{Distillation, DistillationExample};
use crate::train::{TrainingError, TrainingKind, TrainingOutcome, lock};
use crate::{Error, Result};

/// Trains the compressor that `config` describes on its training file, and writes the model to
/// `model` in the output directory.
///
/// # Errors
/// If a record, the model or the disk fails. Earlier output stays.
pub fn train(config: &Config, context: &Context<'_>) -> Result<TrainingOutcome> {
    let config = &config.with_adapter();
    let lock = lock(&config.output.directory)?;
    let run = TrainingRun::open(config, TrainingKind::Distillation, context, &lock)?;
    let path = config.data.train.as_deref();
    let path = path.ok_or_else(|| Error::usage("no training records: set `train` in [data]"))?;
    let start = stored_start(config)?;
    let spinner = context.progress.spinner("reading records");
    let records = records::read_labelled(path, config.data.train_limit, config.reranking.enabled)?;
    let validation = validation_records(config)?;
    drop(spinner);
    let device = open_device(config)?;
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Adapted)?)?;
    init_from(start.as_ref(), &oscar, config, context)?;
    if let Some(vectors) = &config.compression.vectors {
        oscar.attach_vectors(vectors)?;
    }
    device.reset_peak_memory();
    let began = Instant::now();
    let (outcome, oscar) = distill(run, oscar, config, &records, &validation)?;
    if !outcome.interrupted {
        let stage = training_stage("Trains the compressor to give the teacher's answers.", &outcome, began);
        conclude(config, &outcome, &device, context.start == RunStart::Resume, vec![stage])?;
        Directory::of(config).save(&oscar, config)?;
    }
    Ok(outcome)
}

/// The stage of a report that a distillation is.
pub(super) fn training_stage(description: &str, outcome: &TrainingOutcome, began: Instant) -> StageSummary {
    StageSummary {
        name: TrainingKind::Distillation.name().into(),
        description: description.into(),
        steps: Some(outcome.steps),
        seconds: outcome.seconds.max(began.elapsed().as_secs_f64()),
        final_loss: Some(outcome.final_loss),
        em: None,
    }
}

/// The pretrained compressor that the configuration starts from, if it names one; opened, and not
/// yet read.
///
/// # Errors
/// If there is none in the directory that is named.
pub(super) fn stored_start(config: &Config) -> Result<Option<StoredOscar>> {
    config.training.init_from.as_deref().map(StoredOscar::open).transpose()
}

/// Gives `oscar` the parameters of the compressor that it starts from.
pub(super) fn init_from(start: Option<&StoredOscar>, oscar: &Oscar, config: &Config, context: &Context<'_>) -> Result<()> {
    if let (Some(start), Some(directory)) = (start, &config.training.init_from) {
        note_fresh(&start.start(oscar)?, directory, context);
    }
    Ok(())
}

/// Warns of parameters that found no value in `directory`.
pub(super) fn note_fresh(fresh: &[String], directory: &Path, context: &Context<'_>) {
    if !fresh.is_empty() {
        let names = fresh.join(", ");
        context.progress.warn(&format!("{names} not found in {}; newly initialised", directory.display()));
    }
}

/// The records that are measured during a training; none if it measures nothing.
fn validation_records(config: &Config) -> Result<Vec<Record>> {
    match (&config.data.validation, config.training.validate_every) {
        (Some(path), Some(_)) => Ok(records::read_labelled(path, config.data.validation_limit, config.reranking.enabled)?),
        _ => Ok(Vec::new()),
    }
}

/// Trains `oscar` on `records`, which hold the teacher's answers, and measures it on those of
/// `validation`.
///
/// # Errors
/// If a record has no answer, or the device or disk fails.
pub(super) fn distill(
    run: TrainingRun<'_>,
    oscar: Oscar,
    config: &Config,
    records: &[Record],
    validation: &[Record],
) -> Result<(TrainingOutcome, Oscar)> {
    let validation = examples_of(validation, &oscar, config, config.data.validation.as_deref())?;
    let examples = examples_of(&ordered(records, config), &oscar, config, config.data.train.as_deref())?;
    let run = run.with_tokenizers(&oscar.tokenizers())?;
    let steps = Distillation::steps(&config.training, examples.len());
    let objective = Distillation::new(oscar, &config.training, &config.reranking, examples)?;
    let mut objective = objective.with_validation(validation);
    let outcome = run.train(&mut objective, config, checksum(records)?, steps)?;
    Ok((outcome, objective.into_oscar()))
}

/// What a training sees of records, which stand in the file `path`.
///
/// # Errors
/// If a record has no answer.
pub(super) fn examples_of(
    records: &[Record],
    oscar: &Oscar,
    config: &Config,
    path: Option<&Path>,
) -> Result<Vec<DistillationExample>> {
    let most = config.data.documents.unwrap_or(usize::MAX);
    let examples = records.iter().map(|record| DistillationExample::for_training(record, oscar, most));
    examples.collect::<std::result::Result<Vec<_>, TrainingError>>().map_err(|error| placed(error, path))
}

/// The error with the file in which the record stands that it is about.
fn placed(error: TrainingError, path: Option<&Path>) -> Error {
    match (error, path) {
        (TrainingError::Record { line, field, message, .. }, Some(path)) if line > 0 => {
            DataError::Record { path: path.to_owned(), line, field, message }.into()
        }
        (error, _) => error.into(),
    }
}

/// The training records with their documents in the order in which a model is to see them.
pub(super) fn ordered<'a>(records: &'a [Record], config: &Config) -> Cow<'a, [Record]> {
    if !config.data.shuffle_documents {
        return Cow::Borrowed(records);
    }
    let most = config.data.documents.unwrap_or(usize::MAX);
    let shuffled = (0..).zip(records).map(|(index, record)| {
        // The best ones are taken before their order is lost.
        let mut order: Vec<usize> = (0..record.documents.len().min(most)).collect();
        Stream::new(config.training.seed, "order of documents", index).shuffle(&mut order);
        Record {
            documents: order.iter().map(|&place| record.documents[place].clone()).collect(),
            reranking_scores: record.reranking_scores.as_ref().map(|scores| order.iter().map(|&place| scores[place]).collect()),
            ..record.clone()
        }
    });
    Cow::Owned(shuffled.collect())
}

/// A checksum of what a model learns from `records`.
fn checksum(records: &[Record]) -> Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    for Record { query, documents, answer, reranking_scores, .. } in records {
        let line = serde_json::to_vec(&(query, documents, answer, reranking_scores));
        hasher.update(&line.map_err(Error::failed)?);
    }
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_documents_come_in_another_order_with_their_scores() {
        let documents: Vec<String> = (0..6).map(|n| n.to_string()).collect();
        let scores = Some((0..6).map(f64::from).collect());
        let records = vec![Record { documents, reranking_scores: scores, ..Record::default() }; 20];
        let mut config = Config::default();
        config.data.documents = Some(4);
        assert!(matches!(ordered(&records, &config), Cow::Borrowed(_)));
        config.data.shuffle_documents = true;
        let shuffled = ordered(&records, &config);
        assert_eq!(shuffled, ordered(&records, &config));
        let mut first = std::collections::BTreeSet::new();
        for record in shuffled.iter() {
            let scores: Vec<String> = record.reranking_scores.iter().flatten().map(f64::to_string).collect();
            assert_eq!(record.documents, scores);
            let mut sorted = scores.clone();
            sorted.sort();
            assert_eq!(sorted, ["0", "1", "2", "3"]);
            first.insert(scores[0].clone());
        }
        assert_eq!(first.len(), 4);
    }
}
