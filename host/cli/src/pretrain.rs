//! `scaledown pretrain`: a small language model from random weights, or a compressor on plain text.

use super::ConfigArgs;
use super::train::RunArgs;
use crate::terminal::Terminal;
use scaledown_host::error::Result;
use scaledown_host::run;

/// Pretrain a compressor on text, or a small language model.
#[derive(Debug, clap::Args)]
pub(super) struct Pretrain {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Pretrain {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        self.run.run(&self.config.load()?, terminal, run::pretrain)
    }
}
