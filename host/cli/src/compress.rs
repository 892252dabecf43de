//! `scaledown compress`: the vectors of documents, computed once.

use std::path::PathBuf;

use super::ConfigArgs;
use crate::terminal::Terminal;
use scaledown_host::error::Result;
use scaledown_host::run;
use scaledown_host::support::interrupt::Interrupt;

/// Compute documents' vectors once, with a compressor that does not read the question.
#[derive(Debug, clap::Args)]
pub(super) struct Compress {
    #[command(flatten)]
    config: ConfigArgs,
    /// The trained model, if not that of the configuration's output directory.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    checkpoint: Option<PathBuf>,
    /// Records whose documents to compress, in place of the configuration's corpus.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    records: Option<PathBuf>,
    /// The directory of vectors to write or continue; `compression.vectors` names it for
    /// answers and training.
    #[arg(long, value_name = "VECTORS", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

impl Compress {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let progress = terminal.watch(Interrupt::listen()?);
        let config = self.config.load()?;
        let done = run::compress(&config, self.checkpoint.as_deref(), self.records.as_deref(), &self.out, &progress)?;
        if self.json {
            return terminal.print_json(&done);
        }
        let stopped = if done.interrupted { "; interrupted; run the same command to continue" } else { "" };
        terminal.print(format!("{} documents compressed, {} in {}{stopped}", done.computed, done.stored, self.out.display()))
    }
}
