//! `scaledown train`: distil a compressor.

use super::ConfigArgs;
use super::again::command_line;
use crate::terminal::Terminal;
use scaledown_host::config::Config;
use scaledown_host::error::{Error, Result};
use scaledown_host::run::{self, Context, Directory, RunStart};
use scaledown_host::support::interrupt::Interrupt;
use scaledown_host::train::TrainingOutcome;

/// Train a compressor by distillation.
#[derive(Debug, clap::Args)]
pub(super) struct Train {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Compile every program of the training for a device that keeps them, and run nothing.
    #[arg(long, conflicts_with = "resume")]
    precompile: bool,
}

/// How a training is run.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Resume from the newest checkpoint, if there is one.
    #[arg(long)]
    resume: bool,
    /// Print a summary as JSON.
    #[arg(long)]
    json: bool,
}

impl Train {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let config = self.config.load()?;
        if !self.precompile {
            return self.run.run(&config, terminal, run::train);
        }
        let progress = terminal.watch(Interrupt::listen()?);
        let context = Context { progress: &progress, start: RunStart::New, command: command_line() };
        let done = run::precompile(&config, &context)?;
        if self.run.json {
            return terminal.print_json(&done);
        }
        terminal.print(format!("the programs of {} steps are compiled, in {:.0} s", done.steps, done.seconds))
    }
}

impl RunArgs {
    /// Runs a training until its end, or until it is interrupted.
    pub(super) fn run(
        &self,
        config: &Config,
        terminal: &Terminal,
        train: fn(&Config, &Context<'_>) -> Result<TrainingOutcome>,
    ) -> Result<()> {
        let start = if self.resume { RunStart::Resume } else { RunStart::New };
        let progress = terminal.watch(Interrupt::listen()?);
        let outcome = train(config, &Context { progress: &progress, start, command: command_line() })?;
        if outcome.interrupted {
            return Err(Error::interrupted(format!("saved step {}; continue with --resume", outcome.steps)));
        }
        if self.json {
            return terminal.print_json(&outcome);
        }
        let model = Directory::of(config).model();
        terminal.print(format!(
            "{} steps in {:.0} s, final loss {:.4}; model: {}",
            outcome.steps,
            outcome.seconds,
            outcome.final_loss,
            model.display()
        ))
    }
}
