//! The command line: one file a subcommand, each a thin call of the library.
//!
//! To add a subcommand: write `src/NAME.rs` with a struct that derives [`clap::Args`] and a
//! `run(self, terminal: &Terminal) -> Result<()>`, and name it in `Command` and in
//! `Command::run`.

mod again;
mod answer;
mod bench;
mod completions;
mod compress;
mod config;
mod corpus;
mod dataset;
#[cfg(feature = "device-check")]
mod device;
pub mod doctor;
pub mod embedded;
mod evaluate;
mod evaluate_run;
mod import;
mod index;
mod inspect;
mod label;
pub mod logging;
mod plugin;
mod prepare;
mod pretrain;
mod quickstart;
mod ready_made;
mod retrieve;
mod sweep;
pub mod terminal;
mod train;
#[cfg(feature = "wasm")]
mod wasm;

// The built-in plugins: each is found because its crate is linked in.
#[cfg(feature = "adapter")]
use scaledown_adapter as _;
#[cfg(feature = "bm25")]
use scaledown_bm25 as _;
#[cfg(feature = "candle")]
use scaledown_candle as _;
#[cfg(feature = "cpu")]
use scaledown_cpu as _;
#[cfg(feature = "cuda")]
use scaledown_cuda as _;
#[cfg(feature = "deberta")]
use scaledown_deberta as _;
#[cfg(feature = "decoder")]
use scaledown_decoder_compressor as _;
#[cfg(feature = "milvus")]
use scaledown_milvus as _;
#[cfg(feature = "mistral")]
use scaledown_mistral as _;
#[cfg(feature = "modernbert")]
use scaledown_modernbert as _;
#[cfg(feature = "n-layers")]
use scaledown_n_layers as _;
#[cfg(feature = "openai")]
use scaledown_openai as _;
#[cfg(feature = "qdrant")]
use scaledown_qdrant as _;
#[cfg(feature = "splade")]
use scaledown_splade as _;
#[cfg(feature = "trainium")]
use scaledown_trainium as _;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::terminal::Terminal;
use scaledown_host::config::{Config, Overrides};
use scaledown_host::error::{Error, Result};

/// Train, measure and run document compressors that make retrieval-augmented generation faster.
#[derive(Debug, Parser)]
#[command(name = "scaledown", version, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    /// Print only results and errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Quickstart(quickstart::Quickstart),
    Train(train::Train),
    Sweep(sweep::SweepCommand),
    Pretrain(pretrain::Pretrain),
    Evaluate(evaluate::Evaluate),
    EvaluateRun(evaluate_run::EvaluateRun),
    Answer(answer::AnswerCommand),
    Compress(compress::Compress),
    Dataset(dataset::DatasetCommand),
    Corpus(corpus::CorpusCommand),
    Index(index::IndexCommand),
    Retrieve(retrieve::Retrieve),
    Prepare(prepare::Prepare),
    Bench(bench::Bench),
    Config(config::ConfigCommand),
    Plugin(plugin::PluginCommand),
    Import(import::Import),
    #[cfg(feature = "device-check")]
    Device(device::DeviceCommand),
    Inspect(inspect::InspectCommand),
    Label(label::Label),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl Command {
    fn run(self, terminal: &Terminal) -> Result<()> {
        match self {
            Command::Quickstart(command) => command.run(terminal),
            Command::Train(command) => command.run(terminal),
            Command::Sweep(command) => command.run(terminal),
            Command::Pretrain(command) => command.run(terminal),
            Command::Evaluate(command) => command.run(terminal),
            Command::EvaluateRun(command) => command.run(terminal),
            Command::Answer(command) => command.run(terminal),
            Command::Compress(command) => command.run(terminal),
            Command::Dataset(command) => command.run(terminal),
            Command::Corpus(command) => command.run(terminal),
            Command::Index(command) => command.run(terminal),
            Command::Retrieve(command) => command.run(terminal),
            Command::Prepare(command) => command.run(terminal),
            Command::Bench(command) => command.run(terminal),
            Command::Config(command) => command.run(terminal),
            Command::Plugin(command) => command.run(terminal),
            Command::Import(command) => command.run(terminal),
            #[cfg(feature = "device-check")]
            Command::Device(command) => command.run(terminal),
            Command::Inspect(command) => command.run(terminal),
            Command::Label(command) => command.run(terminal),
            Command::Doctor(command) => command.run(terminal),
            Command::Completions(command) => command.run(terminal),
        }
    }
}

/// A configuration file and its overrides.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration (TOML).
    #[arg(value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
}

impl ConfigArgs {
    /// Loads and checks the configuration.
    pub(crate) fn load(&self) -> Result<Config> {
        Ok(Config::load(&self.file, &self.settings.overrides()?)?)
    }
}

/// Overrides of a configuration.
#[derive(Debug, Args)]
pub(crate) struct SettingArgs {
    /// Override a configuration key, as in `--set training.seed=1`. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl SettingArgs {
    /// The overrides, with those of the environment below them.
    pub(crate) fn overrides(&self) -> Result<Overrides> {
        let has_key =
            |setting: &String| setting.split_once('=').is_some_and(|(key, _)| key.split('.').all(|part| !part.trim().is_empty()));
        match self.set.iter().find(|setting| !has_key(setting)) {
            Some(setting) => {
                let shown = Overrides::shown(setting);
                Err(Error::usage(format!("--set {shown}: expected KEY=VALUE, as in `--set training.seed=1`")))
            }
            None => Ok(Overrides::from_process(&self.set)),
        }
    }
}

/// Runs the `scaledown` command line of this process and returns its exit code: 0, 1 for an error,
/// 2 for wrong usage, 130 after an interruption.
///
/// A binary with plugins of its own is this call, and their crates linked in:
///
/// ```no_run
/// // use my_plugin as _;
/// fn main() -> std::process::ExitCode {
///     scaledown::main()
/// }
/// ```
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    sweep::end_with_parent();
    logging::start(cli.quiet);
    #[cfg(feature = "wasm")]
    wasm::install();
    let terminal = Terminal::new(cli.quiet);
    match cli.command.run(&terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            terminal.fail(&error.sentence());
            ExitCode::from(error.exit_code())
        }
    }
}

/// The whole command line, for completions and for checks of the documentation.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }

    #[test]
    fn every_subcommand_and_argument_is_described() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "`{}` has no description", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{}: `{}` has no description", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&super::command());
    }
}
