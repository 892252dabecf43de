//! `scaledown dataset squad` and its like: ready-made sets as training records.

use std::cell::Cell;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use scaledown_host::data::datasets::{self, Set, Written};
use scaledown_host::error::{Error, Result};
use scaledown_host::support::artifact::write_file_with;
use scaledown_host::support::hub;
use scaledown_host::support::terminal::{Terminal, table};

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
    split: Split,
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
enum Split {
    Train,
    #[value(alias = "dev")]
    Validation,
    Test,
}

impl Split {
    fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
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
        let same = |from: &std::path::Path| Some(from.canonicalize().ok()? == self.out.canonicalize().ok()?);
        if from.and_then(same) == Some(true) {
            let told = format!(
                "{}: it is what is read, and writing the records would replace it; choose another --out",
                self.out.display()
            );
            return Err(Error::Usage(told));
        }
        let limit = self.num_examples.and_then(|number| usize::try_from(number).ok());
        let mut hub = hub::Settings::from_environment();
        hub.progress &= terminal.is_interactive();
        let written = write_file_with(&self.out, |file| {
            let mut all = Vec::with_capacity(sets.len());
            for &set in sets {
                let examples = match from {
                    Some(path) => datasets::from_file(set, path)?,
                    None => datasets::from_hub(set, self.split.name(), &hub)?,
                };
                // The ids of several sets are told apart.
                let prefix = if sets.len() > 1 { format!("{}-", set.name()) } else { String::new() };
                let bar = terminal.spinner(set.name());
                let count = Cell::new(0_u64);
                let step = || {
                    count.set(count.get() + 1);
                    bar.set_message(format!("{} records", count.get()));
                };
                let written = datasets::write(set, examples, limit, &prefix, file, &step)?;
                bar.finish_and_clear();
                told(&written, limit, from.is_some(), terminal)?;
                all.push(written);
            }
            Ok::<_, Error>(all)
        })?;
        if self.json {
            return terminal.print_json(&json!({ "out": self.out, "sets": written }));
        }
        let row = |written: &Written| {
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

/// Warns of what a user may not expect of the records, and refuses to write none.
fn told(written: &Written, limit: Option<usize>, local: bool, terminal: &Terminal) -> Result<()> {
    let name = written.set.name();
    if written.records == 0 {
        let hint = match (written.set, written.without_documents) {
            (Set::TriviaQa, 1..) => {
                "; unpack its archive whole: the pages' texts are looked for in `evidence`, beside the file or its directory"
            }
            _ => "",
        };
        let Written { without_answer, without_documents, .. } = written;
        return Err(Error::Failed(format!(
            "{name}: no question can be trained on: {without_answer} have no answer, {without_documents} no documents{hint}"
        )));
    }
    if let Some(limit) = limit.filter(|limit| written.records < *limit) {
        terminal.warn(format!("{name}: there are {} records, fewer than the {limit} that were asked for", written.records));
    }
    if local && written.set == Set::NaturalQuestions {
        terminal.note("NQ-open has no documents: the document of a record is made of its question and answers");
    }
    Ok(())
}
