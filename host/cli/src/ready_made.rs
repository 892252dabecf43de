//! `scaledown dataset squad` and its like: ready-made sets as training records.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::terminal::{Terminal, table};
use scaledown_host::data::datasets::{self, DatasetSource, Set, WrittenDataset};
use scaledown_host::error::Result;
use scaledown_host::support::hub;
use scaledown_host::support::interrupt::Interrupt;

/// The records to write.
#[derive(Debug, Args)]
pub(super) struct Records {
    /// The output file (JSON Lines).
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Maximum number of records per dataset [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    num_examples: Option<u64>,
    /// Dataset split; ignored with --from.
    #[arg(long, value_enum, default_value = "train")]
    split: DatasetSplit,
    /// Print a summary as JSON.
    #[arg(long)]
    json: bool,
}

/// A dataset, from the hub or from a file.
#[derive(Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    records: Records,
    /// A local copy: the dataset's original format (.gz and .zst too) or a Parquet file of the hub
    /// [default: download from the hub].
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
