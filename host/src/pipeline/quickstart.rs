//! `scaledown quickstart`: the whole way on the embedded default, from documents to a report.

use std::time::Instant;

use super::evaluate::{Trained, baseline, finish, test_records};
use super::label::{label, write_records};
use super::train::distill;
use super::{Context, open_device, record_config};
use crate::atlas::{self, AtlasConfig};
use crate::config::Config;
use crate::data;
use crate::metrics::AnswerScores;
use crate::model::{LanguageModel, Oscar, save_oscar};
use crate::report::{Metrics, StageSummary, TrainingSummary, Written};
use crate::training::Outcome;
use crate::{Error, Result};

/// Measures the untrained compressor; lets the generator answer the training questions from the full documents; distils those answers into
/// the compressor; measures again, and writes the report. The training's gold answers are never read.
///
/// # Errors
/// If a file is missing, the device or disk fails, or the run is interrupted.
pub fn quickstart(config: &Config, context: &Context<'_>) -> Result<(Metrics, Written)> {
    let mut stages = Stages::default();
    let config = &stages.time("data", "A seeded generator writes the encyclopedia and its questions.", || with_atlas(config))?;
    let device = open_device(config)?;
    let oscar = Oscar::new(config, LanguageModel::load(config, &device, true)?)?;
    if let Some(start) = &config.training.start_from {
        let name = start.file_name().unwrap_or(start.as_os_str()).to_string_lossy();
        let description = format!("The compressor starts from `{name}`, which was pretrained without questions.");
        stages.time("start", &description, || super::train::start(&oscar, config, context))?;
    }
    let records = test_records(config)?;
    record_config(config)?;

    let baseline = stages.time("measure before", "Answers before training, from vectors, full documents and none.", || {
        baseline(&oscar, config, &records, context)
    })?;
    stages.em(&baseline.before.scores);

    let labels = config.output.directory.join("train.jsonl");
    let train =
        stages.time("teacher's answers", "The generator answers the training questions from the full documents.", || {
            let labelled = label(&oscar, config, &training_records(config)?, context)?;
            write_records(&labelled, &labels)?;
            Ok(labelled)
        })?;
    stop_if_interrupted(context, "the teacher's answers were not finished")?;

    device.reset_peak_memory();
    let (outcome, oscar) =
        stages.time("distillation", "The compressor learns to give the same answers from its vectors.", || {
            distill(oscar, config, &train, context)
        })?;
    let peak_memory = Some(device.memory().peak);
    stages.trained(&outcome);
    if outcome.interrupted {
        return Err(Error::Interrupted(format!("step {} is saved in {}", outcome.steps, config.output.directory.display())));
    }
    save_oscar(&oscar, config, &config.output.directory.join("model"))?;
    let summary = TrainingSummary { steps: outcome.steps, seconds: outcome.seconds, final_loss: outcome.final_loss };
    let trained = Trained { summary: Some(summary), peak_memory, stages: stages.0 };
    finish(&oscar, config, &records, &baseline, trained, context)
}

/// Writes the encyclopedia into the output directory, and gives back the configuration with its files in place.
fn with_atlas(config: &Config) -> Result<Config> {
    let mut config = config.clone();
    let directory = config.output.directory.join("data");
    let defaults = AtlasConfig::default();
    let settings = AtlasConfig {
        train_records: config.data.train_limit.unwrap_or(defaults.train_records),
        test_records: config.evaluation.examples.unwrap_or(defaults.test_records),
        documents_per_record: config.data.documents.unwrap_or(defaults.documents_per_record),
        pretraining: Vec::new(),
        ..defaults
    };
    atlas::write(&settings, &directory)?;
    let file = |split: &str| Some(directory.join(format!("{split}.jsonl")));
    (config.data.train, config.data.validation, config.data.test) = (file("train"), file("validation"), file("test"));
    Ok(config)
}

fn training_records(config: &Config) -> Result<Vec<data::Record>> {
    let path = config.data.train.as_deref();
    let path = path.ok_or_else(|| Error::Usage("there is nothing to train on: set `train` in [data]".into()))?;
    Ok(data::read(path, config.data.train_limit)?)
}

fn stop_if_interrupted(context: &Context<'_>, what: &str) -> Result<()> {
    if context.interrupt.requested() { Err(Error::Interrupted(what.into())) } else { Ok(()) }
}

/// The stages of a run so far.
#[derive(Default)]
struct Stages(Vec<StageSummary>);

impl Stages {
    fn time<T>(&mut self, name: &str, description: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let result = run()?;
        self.0.push(StageSummary {
            name: name.into(),
            description: description.into(),
            seconds: started.elapsed().as_secs_f64(),
            ..StageSummary::default()
        });
        Ok(result)
    }

    fn em(&mut self, scores: &AnswerScores) {
        if let Some(stage) = self.0.last_mut() {
            stage.em = Some(scores.em);
        }
    }

    fn trained(&mut self, outcome: &Outcome) {
        if let Some(stage) = self.0.last_mut() {
            stage.steps = Some(outcome.steps);
            stage.final_loss = Some(outcome.final_loss);
        }
    }
}
