//! `scaledown plugin publish`: a plugin to a registry.

use std::path::PathBuf;
use std::sync::Arc;

use super::inspect::name_of;
use super::oci::{Client, Published, Reference};
use crate::terminal::Terminal;
use crate::wasm;
use scaledown_host::config::PluginFile;
use scaledown_host::error::{Error, Result};
use scaledown_sdk::files::{FileKind, read_bytes};

/// Publish a plugin to an OCI registry, from which others install it by its name.
#[derive(Debug, clap::Args)]
pub(super) struct Publish {
    /// The plugin, a .wasm file.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Where to: REGISTRY/NAME:VERSION, as in registry.example.org/acme/pool:1.2.0.
    reference: String,
    /// Speak plain HTTP to the registry. One on this machine is spoken to so anyway.
    #[arg(long)]
    insecure: bool,
}

impl Publish {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let reference = Reference::parse(&self.reference, None)?;
        if !reference.is_semver() {
            let message = "expected a version of three numbers, as in 1.2.0";
            return Err(Error::usage(format!("{}: {message}", self.reference)));
        }
        let name = name_of(&self.file);
        let content = read_bytes(&self.file, FileKind::Component).map_err(|error| Error::io(&self.file, error))?;
        // What does not run here is not published; the file must not change in between.
        let sha256 = Some(wasm::digest(&content));
        let file = PluginFile { path: Some(self.file.clone()), sha256, ..PluginFile::default() };
        let plugin = wasm::open(&name, &file, &Arc::default())?;
        let offers = plugin.offers()?;
        let described = offers.first().map(|offer| offer.description.clone()).unwrap_or_default();
        let contract = plugin.contract();
        let spinner = terminal.spinner("publishing");
        Client::new(&reference, self.insecure).publish(&Published {
            content: &content,
            imports: &contract.imports,
            exports: &contract.exports,
            annotations: vec![
                ("version", reference.version.clone()),
                ("description", described.description),
                ("licenses", described.license),
                ("url", described.homepage),
            ],
            created: created(),
        })?;
        drop(spinner);
        terminal.print(format!("{reference}: sha256 {}\n", plugin.digest()))
    }
}

/// The present time as RFC 3339 writes it.
fn created() -> String {
    let now = time::OffsetDateTime::now_utc();
    now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
