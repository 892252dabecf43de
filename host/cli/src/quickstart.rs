//! `scaledown quickstart`: train and measure the embedded default.

use std::path::PathBuf;

use super::SettingArgs;
use super::again::command_line;
use super::evaluate::summarise;
use crate::embedded;
use crate::terminal::Terminal;
use scaledown_host::config::Config;
use scaledown_host::error::Result;
use scaledown_host::run::{self, Context, RunStart};
use scaledown_host::support::interrupt::Interrupt;

/// Train and measure a compressor on built-in data, and write a report.
#[derive(Debug, clap::Args)]
pub(super) struct Quickstart {
    /// The configuration (TOML) [default: `configs/quickstart.toml` in the repository, else the
    /// built-in configuration].
    #[arg(value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingArgs,
    /// Resume an interrupted run.
    #[arg(long)]
    resume: bool,
    /// Replace the run in the output directory.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Print the metrics as JSON.
    #[arg(long)]
    json: bool,
}

impl Quickstart {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let file = self.file.map_or_else(embedded::configuration, Ok)?;
        let config = Config::load(&file, &self.settings.overrides()?)?;
        let start = match (self.resume, self.overwrite) {
            (true, _) => RunStart::Resume,
            (_, true) => RunStart::Overwrite,
            _ => RunStart::New,
        };
        let progress = terminal.watch(Interrupt::listen()?);
        let context = Context { progress: &progress, start, command: command_line() };
        let (metrics, shown) = run::quickstart(&config, &context)?;
        if self.json { terminal.print_json(&metrics) } else { terminal.print(summarise(&metrics, &shown)) }
    }
}
