//! `scaledown doctor`: what this machine offers.

pub mod examination;

use clap::Args;

use examination::Examination;

use crate::terminal::Terminal;
use scaledown_host::error::Result;

/// Report this machine's devices, memory, threads, CPU features, caches and disk space.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let examination = Examination::of_this_machine();
        if self.json { terminal.print_json(&examination) } else { terminal.print(examination.to_string()) }
    }
}
