//! `scaledown quickstart`: the whole way on the embedded default, from documents to a report.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::earlier::Earlier;
use super::evaluate::{baseline, finish, test_records};
use super::label::{label, write_records};
use super::prepare::prepare_on;
use super::train::{distill, start_from, stored_start};
use super::training::{Run, conclude};
use super::{Context, Directory, Start, open_device};
use crate::answer::Session;
use crate::config::{Config, Corpus, CorpusFormat, QuestionFields, QuestionFormat, Questions, Synthesis};
use crate::data::atlas::{self, AtlasConfig};
use crate::data::records::{self, Record};
use crate::evaluate::metrics::AnswerScores;
use crate::evaluate::report::{Metrics, StageSummary};
use crate::model::{LanguageModel, Oscar, Role, StoredOscar};
use crate::prepare::Shard;
use crate::train::{Outcome, TrainingKind, lock};
use crate::{Error, Result};

/// Measures the untrained compressor; lets the generator answer the training questions from the full documents; distils those answers into
/// the compressor; measures again, and writes the report. The training's gold answers are never read. Returns the metrics, and the file that
/// shows them.
///
/// A run that is resumed keeps the teacher's answers and the checkpoints that it finds; it measures the untrained compressor again.
///
/// # Errors
/// If the output directory holds an earlier run that is neither resumed nor overwritten; if a file is missing, the device or disk fails, or
/// the run is interrupted.
pub fn quickstart(config: &Config, context: &Context<'_>) -> Result<(Metrics, PathBuf)> {
    let directory = &Directory::of(config);
    run(&config.with_adapter(), context).map_err(|error| {
        // Where nothing that took work is there, there is nothing to resume.
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
    // A training begins anew where the labels are all that there is.
    let start = if earlier.checkpoint { context.start } else { Start::New };
    let resumed = start == Start::Resume;
    let pretrained = stored_start(config)?;
    let device = open_device(config)?;
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Reader)?)?;
    let mut stages = Stages::default();
    stages.start(pretrained.as_ref(), &oscar, config, context)?;
    // Not before all is read that a mistake in the configuration could have named.
    if context.start == Start::Overwrite {
        earlier.remove()?;
    }
    let mut config =
        stages.time("data", "A seeded generator writes the encyclopedia and its questions.", || with_atlas(config))?;
    let training = Context { start, command: context.command.clone(), ..*context };
    let run = Run::open(&config, TrainingKind::Distillation, &training, &lock)?;
    let records = test_records(&config)?;
    directory.record_config(&config)?;

    let session = Session::new(oscar);
    let baseline = stages.time("measure before", "Answers before training, from vectors, full documents and none.", || {
        baseline(&session, &config, &records, context)
    })?;
    stages.em(&baseline.before.scores);
    let (train, validation) =
        stages.time(records_stage(&config), &preparation(&config), || labelled(&session, &mut config, context))?;

    device.reset_peak_memory();
    let (outcome, oscar) = stages.time(
        TrainingKind::Distillation.name(),
        "The compressor learns to give the same answers from its vectors.",
        || distill(run, session.into_oscar(), &config, &train, &validation),
    )?;
    stages.trained(&outcome);
    if outcome.interrupted {
        return Err(Error::interrupted(format!("step {} is saved in {}", outcome.steps, config.output.directory.display())));
    }
    let trained = conclude(&config, &outcome, &device, resumed, stages.0)?;
    directory.save(&oscar, &config)?;
    finish(&Session::new(oscar), &config, &records, &baseline, trained, context)
}

/// Writes the encyclopedia into the output directory, and gives back the configuration with its files in place.
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
fn corpus(directory: &Path) -> Corpus {
    Corpus::of(CorpusFormat::Beir, directory.join("corpus.jsonl"))
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

/// The training records with the teacher's answers, and as many validation records as the training measures, all of which are then what the
/// configuration names.
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

/// What the stage is called that makes the records to train on.
fn records_stage(config: &Config) -> &'static str {
    if prepares(config) { "training records" } else { "teacher's answers" }
}

/// Whether the records to train on are made as `scaledown prepare` makes them.
fn prepares(config: &Config) -> bool {
    config.retriever.is_some() && config.teacher.is_some()
}

/// What is done to have records to train on, for the report.
fn preparation(config: &Config) -> String {
    match (&config.retriever, &config.reranker, &config.teacher) {
        (Some(retriever), Some(reranker), Some(teacher)) => format!(
            "`{}` finds {} documents for each training question, of which a record keeps {}, in the order of `{}`; the teacher `{}` answers from their \
             full text.",
            retriever.plugin, config.preparation.retrieve, config.preparation.keep, reranker.plugin, teacher.plugin
        ),
        (Some(retriever), None, Some(teacher)) => format!(
            "`{}` finds {} documents for each training question, of which a record keeps {}; the teacher `{}` answers from their full text.",
            retriever.plugin, config.preparation.retrieve, config.preparation.keep, teacher.plugin
        ),
        _ => "The generator answers the training questions from the full documents.".into(),
    }
}

/// The records that `scaledown prepare` makes of the training questions, which are read where a run before has made them; and their file.
fn prepared(session: &Session, config: &Config, context: &Context<'_>) -> Result<(Vec<Record>, PathBuf)> {
    let mut own = config.clone();
    let directory = Directory::of(config).prepared();
    own.output.directory = directory.path().to_owned();
    let file = directory.records();
    if !directory.sidecar().exists() {
        let start = if directory.journal().exists() { Start::Resume } else { Start::New };
        let context = Context { start, command: context.command.clone(), ..*context };
        let made = prepare_on(&session.oscar().model.device, &own, Shard::default(), &context)?;
        let left_out: u64 = made.counts.skipped.values().sum();
        context.progress.note(&format!("{} training records; {left_out} questions were left out", made.counts.records));
    }
    Ok((records::read_labelled(&file, None, config.reranking.enabled)?, file))
}

/// The first `limit` records of a file with the teacher's answers, which are read from `labelled` where they are, and written there where not.
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
    let file = file.ok_or_else(|| Error::usage("there is nothing to train on: set `train` in [data]"))?;
    let records = label(session, config, &records::read(file, limit)?, context)?;
    if records.is_empty() {
        let message = "the generator answers none of its questions, so there is nothing to learn".to_owned();
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
        let Some(directory) = config.training.start_from.as_deref() else { return Ok(()) };
        let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy();
        let description = format!("The compressor starts from `{name}`, which was pretrained without questions.");
        self.time("start", &description, || start_from(start, oscar, config, context))
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
