//! `scaledown label`: the generator's answers as labels.

use std::path::PathBuf;

use super::ConfigArgs;
use super::again::command_line;
use crate::terminal::Terminal;
use scaledown_host::error::Result;
use scaledown_host::run::{self, Context, RunStart};
use scaledown_host::support::interrupt::Interrupt;

/// Give records the generator's own answers from their full documents, as labels to train on.
#[derive(Debug, clap::Args)]
pub(super) struct Label {
    #[command(flatten)]
    config: ConfigArgs,
    /// The records to answer.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    records: PathBuf,
    /// The file of labelled records to write.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Keep only records whose answer holds one of their right answers.
    #[arg(long)]
    right: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

impl Label {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let progress = terminal.watch(Interrupt::listen()?);
        let context = Context { progress: &progress, start: RunStart::New, command: command_line() };
        let done = run::label_file(&self.config.load()?, &self.records, &self.out, self.right, &context)?;
        if self.json {
            return terminal.print_json(&done);
        }
        terminal.print(format!("{} of {} records: {}", done.written, done.read, self.out.display()))
    }
}
