//! `scaledown plugin`: what can be chosen in a configuration.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::terminal::{Terminal, table};
use scaledown_host::error::Result;
use scaledown_host::plugins::registry;

/// List plugins.
#[derive(Debug, Args)]
pub(super) struct PluginCommand {
    #[command(subcommand)]
    action: PluginAction,
}

#[derive(Debug, Subcommand)]
enum PluginAction {
    /// List all plugins: kind, names and description.
    List {
        /// Print JSON, with each plugin's schema.
        #[arg(long)]
        json: bool,
    },
}

impl PluginCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let PluginAction::List { json } = self.action;
        if json {
            let plugins: Vec<Value> = registry::entries()
                .map(|entry| json!({ "kind": entry.kind(), "name": entry.name, "aliases": entry.aliases, "description": entry.description, "schema": (entry.schema)() }))
                .collect();
            return terminal.print_json(&plugins);
        }
        let rows: Vec<Vec<String>> = registry::entries()
            .map(|entry| {
                let names = [&[entry.name], entry.aliases].concat().join(", ");
                vec![entry.kind().to_string(), names, entry.description.to_owned()]
            })
            .collect();
        terminal.print(table(&["KIND", "NAME", "DESCRIPTION"], &rows))
    }
}
