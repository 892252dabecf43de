//! `scaledown completions`: scripts that complete the command line in a shell.

use clap::Args;
use clap_complete::Shell;

use crate::terminal::Terminal;
use scaledown_host::error::Result;

/// Print a shell completion script.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "scaledown", &mut script);
        terminal.print(String::from_utf8_lossy(&script))
    }
}
