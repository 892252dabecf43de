//! `scaledown config`: check, show, schema.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{ConfigArgs, SettingArgs};
use crate::terminal::Terminal;
use scaledown_host::config::{self, Config, Preflight, Problem};
use scaledown_host::error::{Error, Result};

/// Check and print configurations.
#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    action: ConfigAction,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Check configurations and the local models and files that they name. Runs and downloads
    /// nothing.
    Check(ConfigCheck),
    /// Print the resolved configuration as one TOML file.
    Show(Show),
    /// Print the JSON schema of configurations, including plugins.
    Schema,
}

#[derive(Debug, Args)]
struct ConfigCheck {
    /// The configurations (TOML).
    #[arg(required = true, value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingArgs,
    /// Treat missing models and files as errors. Otherwise they are warnings: an earlier command
    /// may make them.
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON.
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
            ConfigAction::Check(check) => check.run(terminal),
            ConfigAction::Show(show) => show.run(terminal),
            ConfigAction::Schema => terminal.print_json(&config::json_schema()),
        }
    }
}

#[derive(Serialize)]
struct Outcome {
    file: PathBuf,
    valid: bool,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl ConfigCheck {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let overrides = self.settings.overrides()?;
        let outcomes: Vec<Outcome> = self
            .files
            .into_iter()
            .map(|file| {
                let lines = |problems: &[Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
                let (problems, warnings) = match Config::check(&file, &overrides) {
                    Ok(Preflight { missing, notes }) if self.strict => (lines(&missing), lines(&notes)),
                    Ok(Preflight { missing, notes }) => (Vec::new(), [lines(&missing), lines(&notes)].concat()),
                    Err(error) => (lines(error.problems()), Vec::new()),
                };
                Outcome { file, valid: problems.is_empty(), problems, warnings }
            })
            .collect();
        if self.json {
            terminal.print_json(&outcomes)?;
        } else {
            for outcome in outcomes.iter().filter(|outcome| outcome.valid) {
                outcome.warnings.iter().for_each(|warning| terminal.warn(warning));
                terminal.print(format!("{}: ok\n", outcome.file.display()))?;
            }
        }
        let problems: Vec<String> = outcomes.into_iter().flat_map(|outcome| outcome.problems).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::failed(problems.join("\n"))) }
    }
}

impl Show {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let config = self.config.load()?;
        if self.json { terminal.print_json(&config) } else { terminal.print(config.to_toml()?) }
    }
}
