//! `scaledown evaluate`: measure a trained compressor.

use std::path::{Path, PathBuf};

use super::ConfigArgs;
use super::again::command_line;
use crate::terminal::{Terminal, table};
use scaledown_host::error::Result;
use scaledown_host::evaluate::metrics::AnswerScores;
use scaledown_host::evaluate::report::Metrics;
use scaledown_host::run::{self, Context, RunStart};
use scaledown_host::support::interrupt::Interrupt;

/// Measure a trained compressor's quality and speed against full documents, before and after
/// training.
#[derive(Debug, clap::Args)]
pub(super) struct Evaluate {
    #[command(flatten)]
    config: ConfigArgs,
    /// The trained model [default: `model` in the configuration's output directory].
    #[arg(long, alias = "checkpoint", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    model: Option<PathBuf>,
    /// Print the metrics as JSON.
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let progress = terminal.watch(Interrupt::listen()?);
        let context = Context { progress: &progress, start: RunStart::New, command: command_line() };
        let (metrics, shown) = run::evaluate(&self.config.load()?, self.model.as_deref(), &context)?;
        if self.json { terminal.print_json(&metrics) } else { terminal.print(summarise(&metrics, &shown)) }
    }
}

/// The metrics as a table, and the file that shows them.
pub(super) fn summarise(metrics: &Metrics, shown: &Path) -> String {
    let row = |name: &str, scores: Option<&AnswerScores>| {
        let cell = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.3}"));
        let values = [scores.map(|s| s.em), scores.map(|s| s.f1), scores.map(|s| s.matched), scores.map(|s| s.rouge_l)];
        std::iter::once(name.to_owned()).chain(values.map(cell)).collect::<Vec<_>>()
    };
    let rows = [
        row("compressed, before training", metrics.before.as_ref()),
        row("compressed, after training", Some(&metrics.after)),
        row("full documents", metrics.uncompressed.as_ref()),
        row("no documents", metrics.without_documents.as_ref()),
    ];
    let mut text = table(&["ANSWERS FROM", "EM", "F1", "MATCH", "ROUGE-L"], &rows);
    if let Some(speed) = &metrics.speed {
        text.push_str(&format!(
            "\nTime per question: {:.1} ms compressed, {:.1} ms uncompressed ({:.2}x; {})",
            speed.compressed.total_ms, speed.uncompressed.total_ms, speed.speedup, speed.protocol
        ));
    }
    let what = if shown.extension().is_some_and(|ending| ending == "html") { "report is" } else { "metrics are in" };
    text.push_str(&format!("\nThe {what} {}", shown.display()));
    text
}
