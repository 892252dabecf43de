//! `scaledown plugin`: what can be chosen in a configuration, and the making of plugins.

#[cfg(feature = "wasm")]
mod bench;
#[cfg(feature = "wasm")]
mod build;
#[cfg(feature = "wasm")]
mod check;
#[cfg(feature = "wasm")]
mod inspect;
#[cfg(feature = "wasm")]
mod install;
#[cfg(feature = "wasm")]
pub(crate) mod installed;
mod list;
#[cfg(feature = "wasm")]
mod new;
#[cfg(feature = "wasm")]
mod oci;
#[cfg(feature = "wasm")]
mod publish;

use clap::{Args, Subcommand};

use crate::terminal::Terminal;
use scaledown_host::error::Result;

/// List, make and check plugins.
#[derive(Debug, Args)]
pub(super) struct PluginCommand {
    #[command(subcommand)]
    action: PluginAction,
}

#[derive(Debug, Subcommand)]
enum PluginAction {
    List(list::List),
    #[cfg(feature = "wasm")]
    New(new::New),
    #[cfg(feature = "wasm")]
    Build(build::PluginBuild),
    #[cfg(feature = "wasm")]
    Check(check::PluginCheck),
    #[cfg(feature = "wasm")]
    Inspect(inspect::Inspect),
    #[cfg(feature = "wasm")]
    Bench(bench::PluginBench),
    #[cfg(feature = "wasm")]
    Uninstall(install::Uninstall),
    #[cfg(feature = "wasm")]
    Install(install::Install),
    #[cfg(feature = "wasm")]
    Publish(publish::Publish),
}

impl PluginCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        match self.action {
            PluginAction::List(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::New(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Build(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Check(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Inspect(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Bench(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Uninstall(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Install(command) => command.run(terminal),
            #[cfg(feature = "wasm")]
            PluginAction::Publish(command) => command.run(terminal),
        }
    }
}
