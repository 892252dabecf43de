//! `scaledown evaluate`: quality and speed of a trained compressor, before and after, against the
//! uncompressed generator.

use std::path::{Path, PathBuf};

use super::outcome::Trained;
use super::{Context, Directory, open_device};
use crate::answer::{AnswerOptions, ContextMode, DocumentLengths, Session};
use crate::config::Config;
use crate::data::records::{self, Record};
use crate::evaluate::report::{self, Environment, EvaluationReport, Memory, Metrics, ReadDocuments, Sample};
use crate::evaluate::{self, Evaluated, measure_speed};
use crate::model::{LanguageModel, Oscar, Role, StoredOscar};
use crate::train::{self, tracking};
use crate::{Error, Result};

/// The measurements before training.
pub struct Baseline {
    /// The compressed model before training.
    pub before: Evaluated,
    /// The generator reading the full documents.
    pub uncompressed: Evaluated,
    /// The generator without documents.
    pub closed_book: Evaluated,
}

/// Evaluates the model that a training of `config` wrote, or the one in `checkpoint`, and writes
/// the report.
///
/// # Errors
/// If a file is missing or unusable, the device fails, or another run has locked the output
/// directory.
pub fn evaluate(config: &Config, checkpoint: Option<&Path>, context: &Context<'_>) -> Result<(Metrics, PathBuf)> {
    let directory = checkpoint.map_or_else(|| Directory::of(config).model(), Path::to_owned);
    let config = &config.with_adapter();
    let stored = StoredOscar::open(&directory)?;
    // Its output directory may be locked by a training.
    let _lock = train::lock(&config.output.directory)?;
    let trained = Trained::beside(&directory)?;
    let start = super::train::stored_start(config)?;
    let records = test_records(config)?;
    let device = open_device(config)?;
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Adapted)?)?;
    stored.check(&oscar)?;
    super::train::init_from(start.as_ref(), &oscar, config, context)?;
    let session = Session::new(oscar);
    let baseline = baseline(&session, config, &records, context)?;
    stored.load(session.oscar())?;
    if let Some(vectors) = &config.compression.vectors {
        session.oscar().attach_vectors(vectors)?;
    }
    finish(&session, config, &records, &baseline, trained, context)
}

/// The records to evaluate on.
///
/// # Errors
/// If the configuration names none, or they cannot be read.
pub fn test_records(config: &Config) -> Result<Vec<Record>> {
    let path = config.data.test.as_deref();
    let path = path.ok_or_else(|| Error::usage("no evaluation records: set `test` in [data]"))?;
    Ok(records::read_scored(path, config.evaluation.examples)?)
}

/// Measures the compressor before training, and the generator with full documents and with none.
///
/// # Errors
/// If a record cannot be tokenized or the device fails.
pub fn baseline(session: &Session, config: &Config, records: &[Record], context: &Context<'_>) -> Result<Baseline> {
    let run = |reading, title| answer(session, config, records, reading, title, context);
    let uncompressed = run(ContextMode::Uncompressed, "full documents")?;
    if let Some(warning) = uncompressed.lengths.warning(session.oscar().lengths.document_tokens) {
        context.progress.warn(&warning);
    }
    Ok(Baseline {
        uncompressed,
        closed_book: run(ContextMode::ClosedBook, "no documents")?,
        before: run(ContextMode::Compressed, "before training")?,
    })
}

/// Measures the trained model, with its adapter merged into the generator, and writes the report,
/// or the metrics alone if the configuration wants no report. Returns the metrics, and the file
/// that shows them. No training must follow.
///
/// # Errors
/// If the device fails or a file cannot be written.
pub fn finish(
    session: &Session,
    config: &Config,
    records: &[Record],
    baseline: &Baseline,
    mut trained: Trained,
    context: &Context<'_>,
) -> Result<(Metrics, PathBuf)> {
    let oscar = session.oscar();
    oscar.merge_adapters()?;
    let after = answer(session, config, records, ContextMode::Compressed, "after training", context)?;
    if let Some(last) = trained.stages.last_mut() {
        last.em = Some(after.scores.em);
    }
    let spinner = context.progress.spinner("measuring the speed");
    let speed = measure_speed(session, records, &config.evaluation)?;
    drop(spinner);
    let rows = evaluate::side_by_side(records, &baseline.uncompressed.answers, &after.answers);
    report::write_answers(&config.output.directory, &rows)?;
    let metrics = Metrics {
        before: Some(baseline.before.scores),
        after: after.scores,
        uncompressed: Some(baseline.uncompressed.scores),
        without_documents: Some(baseline.closed_book.scores),
        speed: Some(speed),
        training: trained.summary,
        examples: after.answers.len() as u64,
        ranking: evaluate::ranking(records, &after.answers),
        compression_rate: Some(after.lengths.compression_rate()),
        documents: Some(read_documents(&after.lengths)),
        paired_f1: evaluate::paired_f1(&rows),
        kept_facts: Some(evaluate::kept_facts(records, &baseline.uncompressed.answers, &after.answers)),
        peak_memory_bytes: Some(Memory {
            compressed: after.peak_memory,
            uncompressed: baseline.uncompressed.peak_memory,
            training: trained.peak_memory,
        }),
        stages: trained.stages,
        environment: Some(Environment::detect(oscar.model.device.name())),
    };
    if !config.output.report {
        let path = report::write_metrics(&config.output.directory, &metrics)?;
        return Ok((metrics, path));
    }
    let report = EvaluationReport {
        title: "ScaleDown".into(),
        metrics,
        training: tracking::read(&Directory::of(config).log())?,
        config: config.to_toml()?,
        samples: samples(oscar, records, baseline, &after, config)?,
    };
    let written = report::write(&config.output.directory, &report)?;
    tracing::info!(page = %written.page.display(), "report written");
    Ok((report.metrics, written.page))
}

fn answer(
    session: &Session,
    config: &Config,
    records: &[Record],
    reading: ContextMode,
    title: &str,
    context: &Context<'_>,
) -> Result<Evaluated> {
    let options = AnswerOptions {
        reading,
        documents: config.evaluation.documents,
        max_new_tokens: config.evaluation.max_new_tokens,
        stop: config.evaluation.stop.clone(),
        sampling: config.evaluation.sampling(),
        batch: config.evaluation.batch_size,
        widths: config.evaluation.widths,
        ignore_end: false,
    };
    let evaluated = evaluate::evaluate(session, records, &options, title, context.progress)?;
    let seconds = evaluated.elapsed.as_secs_f64();
    tracing::info!(reading = title, answers = evaluated.answers.len(), em = evaluated.scores.em, seconds, "answers scored");
    if context.progress.cancelled() {
        return Err(Error::interrupted("evaluation interrupted; wrote nothing"));
    }
    Ok(evaluated)
}

/// The documents that answers were made from.
pub(super) fn read_documents(lengths: &DocumentLengths) -> ReadDocuments {
    let DocumentLengths { documents, cut, tokens, vectors } = *lengths;
    ReadDocuments { documents: documents as u64, cut: cut as u64, tokens: tokens as u64, vectors: vectors as u64 }
}

/// The first questions, with the parts of the documents that were read.
fn samples(oscar: &Oscar, records: &[Record], baseline: &Baseline, after: &Evaluated, config: &Config) -> Result<Vec<Sample>> {
    let read = |document: &String| -> Result<String> {
        let read = oscar.model.tokenizer.truncate(document, oscar.lengths.document_tokens)?;
        Ok(if read.len() < document.len() { format!("{read} ...") } else { read.to_owned() })
    };
    let text = |evaluated: &Evaluated, i: usize| evaluated.answers.get(i).map(|answer| answer.text.clone());
    let sample = |(i, record): (usize, &Record)| -> Result<Sample> {
        let documents = record.documents.iter().take(config.evaluation.documents).map(read).collect::<Result<_>>()?;
        Ok(Sample {
            question: record.query.clone(),
            gold: record.gold_answers.clone(),
            uncompressed: text(&baseline.uncompressed, i),
            before: text(&baseline.before, i),
            after: text(after, i).unwrap_or_default(),
            documents,
            relevance: after
                .answers
                .get(i)
                .and_then(|answer| answer.relevance.as_ref())
                .map(|scores| scores.iter().map(|&s| f64::from(s)).collect()),
        })
    };
    records.iter().enumerate().take(config.output.samples).map(sample).collect()
}
