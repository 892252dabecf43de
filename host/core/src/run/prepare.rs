//! `scaledown prepare`: questions and a corpus to training records.

use std::path::{Path, PathBuf};
use std::time::Instant;

use scaledown_sdk::Device;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Context, Directory, RunStart, open_device};
use crate::config::Config;
use crate::data::questions::QuestionSource;
use crate::plugins::registry;
use crate::prepare::{
    Blocks, Busy, Counts, Journal, Pipeline, PreparationError, PreparationFingerprint, RECORDS, Shard, Sidecar, Survey, write,
};
use crate::retrieval::{self, IndexError, SearchIndex};
use crate::support::hub;
use crate::{Error, Result};

/// The results and costs of a preparation.
#[derive(Clone, Debug, Serialize)]
pub struct Prepared {
    /// The file of records.
    pub records: PathBuf,
    /// The counts of the questions.
    pub counts: Counts,
    /// The questions of this run's shard.
    pub questions: u64,
    /// Seconds from the first question to the last answer; of a resumed run, since it was resumed.
    pub seconds: f64,
    /// The processor time of the whole process meanwhile, over `seconds`: how many cores were busy
    /// on average.
    pub cores: f64,
    /// The stages.
    pub stages: Vec<StageReport>,
}

/// How long a stage worked.
#[derive(Clone, Debug, Serialize)]
pub struct StageReport {
    /// Its name.
    pub name: &'static str,
    /// Seconds that it worked and did not wait; of calls that run side by side, all together.
    pub busy_seconds: f64,
}

/// Retrieves, reranks and answers the questions of `config` in `shard`, and writes the records to
/// the output directory. The index is built first, if there is none.
///
/// # Errors
/// If the directory holds an earlier run that is neither resumed nor overwritten; if a component
/// fails, the disk is full, or the user interrupts. Progress is journaled; a resumed run does only
/// the rest.
pub fn prepare(config: &Config, shard: Shard, context: &Context<'_>) -> Result<Prepared> {
    let mut config = config.clone();
    if shard.of > 1 {
        // The index is shared, the rest is the shard's own.
        config.index.directory = Some(config.index_directory());
        config.output.directory = Directory::of(&config).shard(shard).path().to_owned();
    }
    prepare_on(&open_device(&config)?, &config, shard, context)
}

/// As [`prepare`], on a device that is open already.
pub(super) fn prepare_on(device: &Device, config: &Config, shard: Shard, context: &Context<'_>) -> Result<Prepared> {
    let directory = Directory::of(config);
    let place = directory.journal();
    look(directory.path(), &place, context)?;
    let spinner = context.progress.spinner("reading the questions");
    let source = QuestionSource::open(config.require_questions()?, config.corpus.as_ref())?;
    let survey = Survey::of(&source, &config.preparation, shard)?;
    drop(spinner);
    if let Some(first) = &survey.first_malformed {
        context.progress.warn(&format!("skipped {} malformed questions; the first: {first}", survey.malformed));
    }
    let index = if survey.to_find > 0 { open_index(config, device, context)? } else { None };
    let reranker = config.reranker.as_ref().map(|table| registry::reranker(table, device)).transpose()?;
    let teacher = registry::teacher(config.require_teacher()?, device)?;
    let corpus = index.as_ref().map(SearchIndex::checksum);
    let fingerprint = PreparationFingerprint::new(&config.for_preparation(), shard, &survey, corpus);
    let mut journal = open_journal(&place, &fingerprint, context)?;
    directory.record_config(config)?;
    let pipeline = Pipeline {
        index: index.as_ref(),
        reranker: reranker.as_deref(),
        teacher: &*teacher,
        prompt: &config.prompt,
        config: &config.preparation,
    };
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let busy = pipeline.run(Blocks::open(&source, &config.preparation, shard)?, &mut journal, survey.questions, context.progress);
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    // An error of a request that was cancelled by the interrupt.
    if context.progress.cancelled() {
        return Err(Error::interrupted("progress is journaled"));
    }
    let (busy, recorded) = (busy?, journal.recorded()?);
    let mut counts = Counts { malformed: survey.malformed, ..Counts::default() };
    let records = directory.records();
    let (records_per_block, checksum) =
        write(&records, Blocks::open(&source, &config.preparation, shard)?, &recorded, index.as_ref(), &mut counts)?;
    let value = serde_json::to_value(config).map_err(Error::failed)?;
    let sidecar = Sidecar {
        scaledown: env!("CARGO_PKG_VERSION").into(),
        fingerprint,
        revisions: revisions(&value),
        config: value,
        counts: counts.clone(),
        records_per_block,
        checksum,
    };
    sidecar.write(&directory.sidecar())?;
    // A small shard may have none.
    if counts.records == 0 && survey.questions > 0 {
        let reason = counts.skipped.iter().max_by_key(|(_, count)| **count).map_or("there are none", |(reason, _)| reason);
        let reported = format!("{}: no record from {} questions: {reason}", directory.path().display(), survey.questions);
        return Err(Error::failed(reported));
    }
    let cores = cpu / seconds.max(1e-9);
    Ok(Prepared { records, counts, questions: survey.questions, seconds, cores, stages: reports(busy) })
}

fn reports(busy: Busy) -> Vec<StageReport> {
    let stages = [("retrieve", busy.retrieve), ("rerank", busy.rerank), ("answer", busy.answer)];
    stages.map(|(name, busy)| StageReport { name, busy_seconds: busy.as_secs_f64() }).into()
}

/// Inspects an earlier run before anything else.
fn look(directory: &Path, journal: &Path, context: &Context<'_>) -> Result<()> {
    let (place, command) = (directory.display(), &context.command);
    match (context.start, journal.exists()) {
        (RunStart::New, true) => Err(Error::usage(format!(
            "{place} contains an earlier run; use `{command} --resume` to continue it, or `{command} --overwrite` to start over"
        ))),
        // A finished run has a journal; without one, existing files must not be replaced.
        (RunStart::Resume, false) => match made(journal).into_iter().find(|path| path.exists()) {
            Some(path) => Err(Error::usage(format!(
                "{} contains records but no journal to resume from; start over with `{command} --overwrite`",
                path.display()
            ))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The index of the corpus, whose files are checked, or which is built where there is none; `None`
/// without a retriever.
fn open_index(config: &Config, device: &Device, context: &Context<'_>) -> Result<Option<SearchIndex>> {
    if config.retriever.is_none() {
        return Ok(None);
    }
    let own = &config.for_index()?;
    let index = match SearchIndex::open(own, device) {
        Err(error) if matches!(error.downcast_ref(), Some(IndexError::Missing(_))) => {
            config.require_corpus()?;
            match retrieval::build(own, device, false, context.progress) {
                // Another run has made it meanwhile.
                Err(error) if matches!(error.downcast_ref(), Some(IndexError::Exists(_))) => SearchIndex::open(own, device)?,
                built => return built.map(Some),
            }
        }
        opened => opened?,
    };
    let spinner = context.progress.spinner("checking the index");
    index.verify()?;
    drop(spinner);
    Ok(Some(index))
}

/// The final output of the preparation with this journal.
fn made(journal: &Path) -> [PathBuf; 2] {
    [Sidecar::NAME, RECORDS].map(|name| journal.with_file_name(name))
}

fn open_journal(place: &Path, fingerprint: &PreparationFingerprint, context: &Context<'_>) -> Result<Journal> {
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
    }
    let made = made(place);
    if context.start == RunStart::Resume && place.exists() {
        if let Some((journal, earlier)) = Journal::open(place)? {
            for changed in earlier.check(fingerprint, place)? {
                context.progress.warn(&format!("since the run began, {changed}"));
            }
            return Ok(journal);
        }
        // A run that has ended had a journal.
        if let Some(path) = made.iter().find(|path| path.exists()) {
            let lost = "the journal is empty although records exist".to_owned();
            return Err(PreparationError::Damaged {
                path: place.to_owned(),
                line: 1,
                message: format!("{lost}: {}", path.display()),
            }
            .into());
        }
    }
    // The results of an earlier run must not pass for this one's before it has ended.
    let claim = Journal::claim(place)?;
    for path in &made {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path, error)),
            _ => {}
        }
    }
    Ok(claim.begin(fingerprint)?)
}

/// The commits of the models that were named by hub ids, by the section that names each.
fn revisions(config: &Value) -> Map<String, Value> {
    // They were fetched when the components were made.
    let settings = hub::HubSettings { offline: true, ..hub::HubSettings::from_environment() };
    let mut revisions = Map::new();
    for section in ["retriever", "reranker", "teacher"] {
        let text = |key: &str| config.pointer(&format!("/{section}/{key}")).and_then(Value::as_str);
        let Some(model) = text("model").filter(|model| !Path::new(model).is_dir()) else { continue };
        // The cache keeps each commit in a directory of its name.
        let commit = settings.resolve(model, text("revision")).ok();
        let commit = commit.as_ref().and_then(|directory| directory.file_name());
        if let Some(commit) = commit {
            revisions.insert(section.into(), commit.to_string_lossy().into());
        }
    }
    revisions
}

/// The processor time of this process so far, in seconds, over all cores.
fn cpu_seconds() -> f64 {
    let milliseconds = || -> std::result::Result<u64, sysinfo::Error> {
        let id = sysinfo::get_current_pid()?;
        let mut system = sysinfo::System::new()?;
        system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[id]), true);
        Ok(system.process(id).map_or(0, sysinfo::Process::accumulated_cpu_time))
    };
    // It is for information only: where the system does not tell, it is 0.
    milliseconds().map_or(0.0, |milliseconds| milliseconds as f64 / 1e3)
}
