//! `scaledown quickstart`: the whole way on the embedded default, from documents to a report.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::earlier::Earlier;
use super::evaluate::{baseline, finish, test_records};
use super::label::{label, write_records};
use super::prepare::prepare_on;
use super::train::{distill, init_from, stored_start};
use super::training::{TrainingRun, conclude};
use super::{Context, Directory, RunStart, open_device};
use crate::answer::Session;
use crate::config::{Config, CorpusConfig, CorpusFormat, QuestionFields, QuestionFormat, Questions, Synthesis};
use crate::data::atlas::{self, AtlasConfig};
use crate::data::records::{self, Record};
use crate::evaluate::metrics::AnswerScores;
use crate::evaluate::report::{Metrics, StageSummary};
use crate::model::{LanguageModel, Oscar, Role, StoredOscar};
use crate::prepare::Shard;
use crate::train::{TrainingKind, TrainingOutcome, lock};
use crate::{Error, Result};

/// Measures the untrained compressor; lets the generator answer the training questions from the
/// full documents; distils those answers into the compressor; measures again, and writes the
/// report. The training's gold answers are never read. Returns the metrics, and the file that shows
/// them.
///
/// A run that is resumed keeps the teacher's answers and the checkpoints that it finds; it measures
/// the untrained compressor again.
///
/// # Errors
/// If the output directory holds an earlier run that is neither resumed nor overwritten; if a file
/// is missing, the device or disk fails, or the run is interrupted.
pub fn quickstart(config: &Config, context: &Context<'_>) -> Result<(Metrics, PathBuf)> {
    let directory = &Directory::of(config);
    run(&config.with_adapter(), context).map_err(|error| {
        // Without expensive results, there is nothing to resume.
        let option = if Earlier::look(directory).is_ok_and(|earlier| earlier.any()) { " --resume" } else { "" };
        error.go_on_with(&format!("{}{option}", context.command))
    })
}

fn run(config: &Config, context: &Context<'_>) -> Result<(Metrics, PathBuf)> {
    // Before anything is looked at, as another run may be about to change it.
    let lock = lock(&config.output.directory)?;
    let directory = Directory::of(config);
    let earlier = Earlier::look(&directory)?;
    earlier.check(config, context)?;
    // With labels only, a training starts from the beginning.
    let start = if earlier.checkpoint { context.start } else { RunStart::New };
    let resumed = start == RunStart::Resume;
    let pretrained = stored_start(config)?;
    let device = open_device(config)?;
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Adapted)?)?;
    let mut stages = Stages::default();
    stages.start(pretrained.as_ref(), &oscar, config, context)?;
    // Not before all is read that a mistake in the configuration could have named.
    if context.start == RunStart::Overwrite {
        earlier.remove()?;
    }
    let mut config = stages.time("data", "Generates the encyclopedia and its questions from a seed.", || with_atlas(config))?;
    let training = Context { start, command: context.command.clone(), ..*context };
    let run = TrainingRun::open(&config, TrainingKind::Distillation, &training, &lock)?;
    let records = test_records(&config)?;
    directory.record_config(&config)?;

    let session = Session::new(oscar);
    let baseline = stages.time(
        "measure before",
        "Measures answers before training: from vectors, from full documents and from none.",
        || baseline(&session, &config, &records, context),
    )?;
    stages.em(&baseline.before.scores);
    let (train, validation) =
        stages.time(records_stage(&config), &preparation(&config), || labelled(&session, &mut config, context))?;

    device.reset_peak_memory();
    let (outcome, oscar) = stages.time(
        TrainingKind::Distillation.name(),
        "Trains the compressor to give the teacher's answers from its vectors.",
        || distill(run, session.into_oscar(), &config, &train, &validation),
    )?;
    stages.trained(&outcome);
    if outcome.interrupted {
        return Err(Error::interrupted(format!("saved step {} in {}", outcome.steps, config.output.directory.display())));
    }
    let trained = conclude(&config, &outcome, &device, resumed, stages.0)?;
    directory.save(&oscar, &config)?;
    finish(&Session::new(oscar), &config, &records, &baseline, trained, context)
}

/// Writes the encyclopedia to the output directory. Returns the configuration with its files.
fn with_atlas(config: &Config) -> Result<Config> {
    let mut config = config.clone();
    let directory = Directory::of(&config).data();
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
    config.corpus = Some(corpus(&directory));
    config.questions = Some(questions(&directory));
    Ok(config)
}

/// All documents of the encyclopedia.
fn corpus(directory: &Path) -> CorpusConfig {
    CorpusConfig::of(CorpusFormat::Beir, directory.join("corpus.jsonl"))
}

/// The training split's questions.
fn questions(directory: &Path) -> Questions {
    Questions {
        format: QuestionFormat::Jsonl,
        path: Some(directory.join("queries/train.jsonl")),
        fields: QuestionFields { answers: Some("gold_answers".into()), ..QuestionFields::default() },
        limit: None,
        seed: 0,
        synthesis: Synthesis::default(),
    }
}

/// The training records with the teacher's answers, and as many validation records as the training
/// measures, all of which are then what the configuration names.
fn labelled(session: &Session, config: &mut Config, context: &Context<'_>) -> Result<(Vec<Record>, Vec<Record>)> {
    let directory = Directory::of(config);
    let (train, validation) = (directory.labelled("train"), directory.labelled("validation"));
    let (limit, validates) = (config.data.validation_limit, config.training.validate_every.is_some());
    let (records, train) = if prepares(config) {
        prepared(session, config, context)?
    } else {
        (label_file(session, config, config.data.train.as_deref(), config.data.train_limit, &train, context)?, train)
    };
    config.data.train = Some(train);
    if !validates {
        return Ok((records, Vec::new()));
    }
    let measured = label_file(session, config, config.data.validation.as_deref(), limit, &validation, context)?;
    config.data.validation = Some(validation);
    Ok((records, measured))
}

/// The name of the stage that makes the training records.
fn records_stage(config: &Config) -> &'static str {
    if prepares(config) { "training records" } else { "teacher's answers" }
}

/// Whether the records to train on are made as `scaledown prepare` makes them.
fn prepares(config: &Config) -> bool {
    config.retriever.is_some() && config.teacher.is_some()
}

/// The report's description of how training records are made.
fn preparation(config: &Config) -> String {
    match (&config.retriever, &config.reranker, &config.teacher) {
        (Some(retriever), Some(reranker), Some(teacher)) => format!(
            "Retrieves {1} documents per training question with `{0}`, keeps {2} ranked by `{3}`, and answers from their full text with the teacher `{4}`.",
            retriever.plugin, config.preparation.retrieve, config.preparation.keep, reranker.plugin, teacher.plugin
        ),
        (Some(retriever), None, Some(teacher)) => format!(
            "Retrieves {1} documents per training question with `{0}`, keeps {2}, and answers from their full text with the teacher `{3}`.",
            retriever.plugin, config.preparation.retrieve, config.preparation.keep, teacher.plugin
        ),
        _ => "Answers the training questions from the full documents with the generator.".into(),
    }
}

/// The records that `scaledown prepare` makes of the training questions, which are read where a run
/// before has made them; and their file.
fn prepared(session: &Session, config: &Config, context: &Context<'_>) -> Result<(Vec<Record>, PathBuf)> {
    let mut own = config.clone();
    let directory = Directory::of(config).prepared();
    own.output.directory = directory.path().to_owned();
    let file = directory.records();
    if !directory.sidecar().exists() {
        let start = if directory.journal().exists() { RunStart::Resume } else { RunStart::New };
        let context = Context { start, command: context.command.clone(), ..*context };
        let made = prepare_on(&session.oscar().model.device, &own, Shard::default(), &context)?;
        let left_out: u64 = made.counts.skipped.values().sum();
        context.progress.note(&format!("{} training records; skipped {left_out} questions", made.counts.records));
    }
    Ok((records::read_labelled(&file, None, config.reranking.enabled)?, file))
}

/// The first `limit` records of a file with the teacher's answers, which are read from `labelled`
/// where they are, and written there where not.
fn label_file(
    session: &Session,
    config: &Config,
    file: Option<&Path>,
    limit: Option<usize>,
    labelled: &Path,
    context: &Context<'_>,
) -> Result<Vec<Record>> {
    if labelled.exists() {
        return Ok(records::read_labelled(labelled, None, config.reranking.enabled)?);
    }
    let file = file.ok_or_else(|| Error::usage("no training records: set `train` in [data]"))?;
    let records = label(session, config, &records::read(file, limit)?, context)?;
    if records.is_empty() {
        let message = "the generator answered none of its questions; nothing to learn".to_owned();
        return Err(Error::data(file.display(), message));
    }
    write_records(&records, labelled)?;
    Ok(records)
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

    /// Starts `oscar` from the pretrained compressor, if there is one.
    fn start(&mut self, start: Option<&StoredOscar>, oscar: &Oscar, config: &Config, context: &Context<'_>) -> Result<()> {
        let Some(directory) = config.training.init_from.as_deref() else { return Ok(()) };
        let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy();
        let description = format!("Initialises the compressor from `{name}`, which was pretrained without questions.");
        self.time("start", &description, || init_from(start, oscar, config, context))
    }

    fn em(&mut self, scores: &AnswerScores) {
        if let Some(stage) = self.0.last_mut() {
            stage.em = Some(scores.em);
        }
    }

    fn trained(&mut self, outcome: &TrainingOutcome) {
        if let Some(stage) = self.0.last_mut() {
            stage.steps = Some(outcome.steps);
            stage.final_loss = Some(outcome.final_loss);
        }
    }
}
