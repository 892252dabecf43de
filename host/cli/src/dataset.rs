//! `scaledown dataset`: make the embedded dataset and records of ready-made sets, check files of
//! records.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use scaledown_sdk::files::{FileKind, read_text};
use serde_json::json;

use super::ready_made;
use crate::terminal::{Terminal, table};
use scaledown_host::data::atlas::{self, AtlasConfig};
use scaledown_host::data::datasets::Set;
use scaledown_host::data::records::{self, RecordsSummary};
use scaledown_host::error::{Error, Result};
use scaledown_host::prepare;

/// Create and check datasets.
#[derive(Debug, Args)]
pub(super) struct DatasetCommand {
    #[command(subcommand)]
    action: DatasetAction,
}

#[derive(Debug, Subcommand)]
enum DatasetAction {
    /// Write the Atlas: a synthetic encyclopedia with questions, corpus and tokenizer.
    Atlas(Atlas),
    /// Write SQuAD (v1.1 or v2.0) as training records.
    Squad(ready_made::One),
    /// Write Natural Questions as training records. NQ-open has no documents: each record gets a
    /// generated one.
    NaturalQuestions(ready_made::One),
    /// Write TriviaQA as training records.
    TriviaQa(ready_made::One),
    /// Write HotpotQA (distractor setting) as training records.
    HotpotQa(ready_made::One),
    /// Write all four datasets into one file of training records.
    All(ready_made::Records),
    /// Merge the shards of a `prepare` into one file of records.
    Merge(Merge),
    /// Check files of records and summarise them.
    Check(DatasetCheck),
}

impl DatasetCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        match self.action {
            DatasetAction::Atlas(atlas) => atlas.run(terminal),
            DatasetAction::Squad(one) => one.run(Set::Squad, terminal),
            DatasetAction::NaturalQuestions(one) => one.run(Set::NaturalQuestions, terminal),
            DatasetAction::TriviaQa(one) => one.run(Set::TriviaQa, terminal),
            DatasetAction::HotpotQa(one) => one.run(Set::HotpotQa, terminal),
            DatasetAction::All(records) => records.run(terminal),
            DatasetAction::Merge(merge) => merge.run(terminal),
            DatasetAction::Check(check) => check.run(terminal),
        }
    }
}

#[derive(Debug, Args)]
struct Atlas {
    /// The output directory, created if missing.
    #[arg(long, short, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// The encyclopedia's settings (TOML) [default: the built-in settings].
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    settings: Option<PathBuf>,
    /// The seed; overrides the settings.
    #[arg(long)]
    seed: Option<u64>,
    /// Print a summary as JSON.
    #[arg(long)]
    json: bool,
}

impl Atlas {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let mut settings = match &self.settings {
            Some(path) => read_settings(path)?,
            None => AtlasConfig::default(),
        };
        settings.seed = self.seed.unwrap_or(settings.seed);
        let spinner = terminal.spinner("writing the Atlas");
        let summary = atlas::write(&settings, &self.out)?;
        spinner.finish_and_clear();
        if self.json {
            return terminal.print_json(&summary);
        }
        let rows: Vec<Vec<String>> =
            summary.rows.iter().map(|(file, rows)| vec![self.out.join(file).display().to_string(), rows.to_string()]).collect();
        terminal.print(table(&["FILE", "ROWS"], &rows))
    }
}

fn read_settings(path: &Path) -> Result<AtlasConfig> {
    let text = read_text(path, FileKind::Configuration).map_err(|error| Error::io(path, error))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        Error::line(path, line, error.message().replace('\n', ", "))
    })
}

#[derive(Debug, Args)]
struct Merge {
    /// The shards' output directories: `shard-0-of-8` and so on.
    #[arg(required = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    shards: Vec<PathBuf>,
    /// The output file (JSON Lines).
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Print a summary as JSON.
    #[arg(long)]
    json: bool,
}

impl Merge {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let merged = prepare::merge(&self.shards, &self.out)?;
        if self.json {
            return terminal.print_json(&merged);
        }
        terminal.print(format!("{} records of {} shards: {}", merged.records, merged.shards, self.out.display()))
    }
}

#[derive(Debug, Args)]
struct DatasetCheck {
    /// The files of records (JSON Lines or JSON).
    #[arg(required = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Print the summaries as JSON.
    #[arg(long)]
    json: bool,
}

impl DatasetCheck {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let summaries = self.files.iter().map(|file| Ok((file, records::check(file)?))).collect::<Result<Vec<_>>>()?;
        if self.json {
            let list: Vec<_> = summaries.iter().map(|(file, summary)| json!({ "file": file, "summary": summary })).collect();
            terminal.print_json(&list)?;
        } else {
            for (file, summary) in &summaries {
                terminal.print(describe(file, summary))?;
            }
        }
        let unusable: Vec<String> =
            summaries.iter().filter(|(_, summary)| !summary.is_usable()).map(|(file, summary)| blame(file, summary)).collect();
        if unusable.is_empty() { Ok(()) } else { Err(Error::failed(unusable.join("\n"))) }
    }
}

/// One line per listed invalid record, and the line numbers of the others; or that the file is
/// empty.
fn blame(file: &Path, summary: &RecordsSummary) -> String {
    let file = file.display();
    if summary.bad_records == 0 {
        return format!("{file}: contains no records");
    }
    let mut lines: Vec<String> = summary
        .bad
        .iter()
        .map(|bad| {
            let field = bad.field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default();
            format!("{file}:{}: {field}{}", bad.line, bad.message)
        })
        .collect();
    let unlisted = summary.bad_records - summary.bad.len() as u64;
    if unlisted > 0 {
        let run = |(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first}-{last}") };
        let runs: Vec<String> = summary.more_bad_lines.iter().map(run).collect();
        lines.push(format!("{file}: {unlisted} more invalid records, on lines {}", runs.join(", ")));
    }
    lines.join("\n")
}

fn describe(file: &Path, summary: &RecordsSummary) -> String {
    let extent = |extent: records::Extent| format!("{} to {}, mean {:.1}", extent.min, extent.max, extent.mean);
    let rows = [
        ("records", summary.records.to_string()),
        ("bad records", summary.bad_records.to_string()),
        ("with answer", summary.with_answer.to_string()),
        ("with gold answers", summary.with_gold_answers.to_string()),
        ("with reranking scores", summary.with_reranking_scores.to_string()),
        ("blank answers", summary.blank_answers.to_string()),
        ("blank gold answers", summary.blank_gold_answers.to_string()),
        ("blank documents", summary.blank_documents.to_string()),
        ("repeated ids", summary.duplicate_ids.to_string()),
        ("repeated queries", summary.duplicate_queries.to_string()),
        ("documents a record", extent(summary.documents)),
        ("words a query", extent(summary.query_words)),
        ("words a document", extent(summary.document_words)),
        ("words an answer", extent(summary.answer_words)),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    let mut text = table(&[&file.display().to_string(), ""], &rows);
    for (line, earlier) in &summary.duplicates {
        text.push_str(&format!("line {line} repeats the id or query of line {earlier}\n"));
    }
    let unlisted = summary.repeating - summary.duplicates.len() as u64;
    if unlisted > 0 {
        text.push_str(&format!("{unlisted} more lines repeat earlier ones\n"));
    }
    text
}
