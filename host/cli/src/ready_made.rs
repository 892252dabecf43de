//! `scaledown dataset squad` and its like: ready-made sets as training records.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::terminal::{Terminal, table};
use scaledown_host::data::datasets::{self, DatasetSource, Set, WrittenDataset};
use scaledown_host::error::Result;
use scaledown_host::support::hub;
use scaledown_host::support::interrupt::Interrupt;

/// Which questions, and where their records go.
#[derive(Debug, Args)]
pub(super) struct Records {
    /// The file to write, JSON Lines.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// The most records to write of a set; all, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    num_examples: Option<u64>,
    /// The part of the set. A local copy is one part, whatever this says.
    #[arg(long, value_enum, default_value = "train")]
    split: DatasetSplit,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

/// A set, from the hub or from a file.
#[derive(Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    records: Records,
    /// A local copy in the set's original format, compressed (.gz, .zst) or not, or a Parquet file of the hub's; otherwise the hub is asked.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DatasetSplit {
    Train,
    #[value(alias = "dev")]
    Validation,
    Test,
}

impl DatasetSplit {
    fn name(self) -> &'static str {
        match self {
            DatasetSplit::Train => "train",
            DatasetSplit::Validation => "validation",
            DatasetSplit::Test => "test",
        }
    }
}

impl One {
    pub(super) fn run(self, set: Set, terminal: &Terminal) -> Result<()> {
        self.records.write(&[set], self.from.as_deref(), terminal)
    }
}

impl Records {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        self.write(&Set::ALL, None, terminal)
    }

    fn write(self, sets: &[Set], from: Option<&std::path::Path>, terminal: &Terminal) -> Result<()> {
        let limit = self.num_examples.and_then(|number| usize::try_from(number).ok());
        let mut hub = hub::HubSettings::from_environment();
        hub.progress &= terminal.is_interactive();
        let source = DatasetSource { file: from, split: self.split.name(), limit, hub: &hub };
        let written = datasets::collect(sets, source, &self.out, &terminal.watch(Interrupt::manual()))?;
        if self.json {
            return terminal.print_json(&json!({ "out": self.out, "sets": written }));
        }
        let row = |written: &WrittenDataset| {
            let counts = [written.records, written.without_answer, written.without_documents].map(|count| count.to_string());
            std::iter::once(written.set.name().to_owned()).chain(counts).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = written.iter().map(row).collect();
        terminal.print(
            table(&["SET", "RECORDS", "WITHOUT ANSWER", "WITHOUT DOCUMENTS"], &rows)
                + &format!("\nWritten to {}", self.out.display()),
        )
    }
}
