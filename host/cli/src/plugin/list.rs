//! `scaledown plugin list`: the plugins that a configuration can name.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::terminal::{Terminal, table};
use scaledown_host::config::{Config, Overrides};
use scaledown_host::error::Result;
use scaledown_host::plugins::registry;

/// List all plugins: kind, name, where each comes from and what it is.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// A configuration, whose plugins from files are listed too, if it chooses them.
    #[arg(value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Print JSON, with the schema of each plugin's keys.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        if let Some(file) = &self.file {
            Config::load(file, &Overrides::from_process(&[]))?;
        }
        if self.json {
            let plugins: Vec<Value> = registry::entries()
                .map(|entry| {
                    json!({
                        "kind": entry.kind(),
                        "name": entry.name,
                        "description": entry.description,
                        "sha256": entry.digest,
                        "schema": (entry.schema)(),
                    })
                })
                .collect();
            return terminal.print_json(&plugins);
        }
        let source = |digest: Option<&str>| digest.map_or_else(|| "built in".to_owned(), |digest| format!("sha256:{digest:.12}"));
        let rows: Vec<Vec<String>> = registry::entries()
            .map(|entry| {
                vec![entry.kind().to_string(), entry.name.to_owned(), source(entry.digest), entry.description.to_owned()]
            })
            .collect();
        terminal.print(table(&["KIND", "NAME", "SOURCE", "DESCRIPTION"], &rows))
    }
}
