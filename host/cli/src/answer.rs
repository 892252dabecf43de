//! `scaledown answer`: one question over given documents.

use std::path::PathBuf;

use super::ConfigArgs;
use crate::terminal::{Terminal, table};
use scaledown_host::answer::ContextMode;
use scaledown_host::data::records::read_documents;
use scaledown_host::error::{Error, Result};
use scaledown_host::run::{self, Answered};

/// Answer one question over documents with a trained compressor.
#[derive(Debug, clap::Args)]
pub(super) struct AnswerCommand {
    #[command(flatten)]
    config: ConfigArgs,
    /// The question.
    #[arg(long, value_name = "Q")]
    query: String,
    /// The documents: a text file, one document per line; or a .json or .jsonl file of strings or
    /// of objects with `text` and optional `title`.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    documents: PathBuf,
    /// The trained model [default: `model` in the configuration's output directory].
    #[arg(long, alias = "checkpoint", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    model: Option<PathBuf>,
    /// Answer from the full documents, without compression.
    #[arg(long)]
    uncompressed: bool,
    /// Print the answer, its documents and timings as JSON.
    #[arg(long)]
    json: bool,
}

impl AnswerCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        if self.query.trim().is_empty() {
            return Err(Error::usage("--query is empty; expected a question"));
        }
        let documents = read_documents(&self.documents)?;
        let given = documents.len();
        let reading = if self.uncompressed { ContextMode::Uncompressed } else { ContextMode::Compressed };
        let config = self.config.load()?;
        let answered = run::answer(&config, self.model.as_deref(), &self.query, documents, reading)?;
        let read = answered.documents.len();
        if read < given {
            terminal.warn(format!("used the first {read} of {given} documents (evaluation.documents)"));
        }
        answered.warnings.iter().for_each(|warning| terminal.warn(warning));
        if self.json { terminal.print_json(&answered) } else { terminal.print(describe(&answered)) }
    }
}

fn describe(answered: &Answered) -> String {
    let rows: Vec<Vec<String>> = answered
        .documents
        .iter()
        .enumerate()
        .map(|(i, document)| {
            let relevance = document.relevance.map_or_else(|| "-".into(), |score| format!("{score:.3}"));
            let start: String = document.text.chars().take(70).collect();
            vec![(i + 1).to_string(), relevance, start]
        })
        .collect();
    let times = &answered.timings;
    let read = &answered.read;
    let kept = match answered.compression_rate {
        Some(rate) => format!(
            "{} tokens as {} vectors: {rate:.1}x; {} of {} documents cut",
            read.tokens, read.vectors, read.cut, read.documents
        ),
        None => format!("{} tokens; {} of {} documents cut", read.tokens, read.cut, read.documents),
    };
    format!(
        "{}\n\n{}\n{kept}\ncompress {:.1} ms, prefill {:.1} ms, decode {:.1} ms",
        answered.answer,
        table(&["DOCUMENT", "RELEVANCE", "TEXT"], &rows),
        times.compress_ms,
        times.prefill_ms,
        times.decode_ms
    )
}
