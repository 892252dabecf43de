//! `scaledown config`: check, show, schema.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{ConfigArgs, Settings};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::terminal::Terminal;

/// Check, show and describe configurations.
#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check configurations without running or downloading anything.
    Check(Check),
    /// Print a configuration with everything it extends, as one TOML file that reproduces it.
    Show(Show),
    /// Print the JSON schema of configurations, plugins included.
    Schema,
}

#[derive(Debug, Args)]
struct Check {
    /// The configurations, TOML files.
    #[arg(required = true, value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON instead of TOML.
    #[arg(long)]
    json: bool,
}

impl ConfigCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        match self.action {
            Action::Check(check) => check.run(terminal),
            Action::Show(show) => show.run(terminal),
            Action::Schema => terminal.print_json(&config::json_schema()),
        }
    }
}

#[derive(Serialize)]
struct Outcome {
    file: PathBuf,
    valid: bool,
    problems: Vec<String>,
}

impl Check {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let overrides = self.settings.overrides()?;
        let outcomes: Vec<Outcome> = self
            .files
            .into_iter()
            .map(|file| {
                let problems = match Config::load(&file, &overrides) {
                    Ok(_) => Vec::new(),
                    Err(error) => error.problems().iter().map(ToString::to_string).collect(),
                };
                Outcome { file, valid: problems.is_empty(), problems }
            })
            .collect();
        if self.json {
            terminal.print_json(&outcomes)?;
        } else {
            for outcome in outcomes.iter().filter(|outcome| outcome.valid) {
                terminal.print(format!("{}: ok\n", outcome.file.display()))?;
            }
        }
        let problems: Vec<String> = outcomes.into_iter().flat_map(|outcome| outcome.problems).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::Failed(problems.join("\n"))) }
    }
}

impl Show {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let config = self.config.load()?;
        if self.json { terminal.print_json(&config) } else { terminal.print(config.to_toml()?) }
    }
}
