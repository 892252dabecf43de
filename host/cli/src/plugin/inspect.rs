//! `scaledown plugin inspect`: what a file says of itself, before anything of it runs.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::terminal::Terminal;
use crate::wasm;
use scaledown_host::error::{Error, Result};
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_wasm::{Contract, Offer, VERSION, manifest};

/// Show what a plugin's file imports and exports, without running anything of it.
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The plugin, a .wasm file.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What imports let a plugin do, if its permissions grant it.
const WANTS: [(&str, &str); 9] = [
    ("scaledown:plugin/files@", "read and write files"),
    ("scaledown:plugin/http@", "send requests to services"),
    ("scaledown:plugin/config@", "read environment variables"),
    ("scaledown:plugin/clock@", "read the clock"),
    ("scaledown:plugin/components@", "call other components"),
    ("wasi:filesystem/", "read and write files (WASI)"),
    ("wasi:clocks/", "read the clock (WASI)"),
    ("wasi:cli/environment@", "read environment variables (WASI)"),
    ("wasi:sockets/", "open sockets (WASI; never granted)"),
];

/// A file's name without its ending.
pub(super) fn name_of(file: &Path) -> String {
    file.file_stem().map_or_else(|| "plugin".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What plugins ask the user to grant, as lines of `[plugins.NAME.permissions]`.
pub(super) fn asked(offers: &[Offer]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for table in offers.iter().filter_map(|offer| offer.description.permissions.as_ref()?.as_object()) {
        let written = table.iter().filter_map(|(key, value)| {
            let value = toml::Value::try_from(value).ok()?;
            Some(shown(&format!("{key} = {value}")))
        });
        lines.extend(written);
    }
    lines.sort();
    lines.dedup();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") }
}

/// A text of a stranger, on one line.
fn shown(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

impl Inspect {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let bytes = read_bytes(&self.file, FileKind::Component).map_err(|error| Error::io(&self.file, error))?;
        let name = name_of(&self.file);
        let of_file = |error: scaledown_sdk::Error| Error::data(self.file.display(), error);
        let contract = Contract::read(&name, &bytes).map_err(of_file)?;
        let fit = contract.check(&name).map_err(of_file);
        let kinds: Vec<String> = contract.kinds().iter().map(ToString::to_string).collect();
        let versions = contract.versions();
        let wants: Vec<&str> = WANTS
            .into_iter()
            .filter(|(start, _)| contract.imports.iter().any(|import| import.starts_with(start)))
            .map(|(_, what)| what)
            .collect();
        let digest = wasm::digest(&bytes);
        let offers = manifest(&name, &bytes)?;
        if self.json {
            terminal.print_json(&json!({
                "sha256": digest, "bytes": bytes.len(), "interface": versions, "kinds": kinds, "imports": contract.imports,
                "exports": contract.exports, "can_ask_for": wants, "offers": offers, "fits": fit.is_ok(),
                "problem": fit.as_ref().err().map(ToString::to_string),
            }))?;
        } else {
            let listed = |names: &[String]| names.iter().map(|name| format!("\n  {name}")).collect::<String>();
            let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
            let says = |offer: &Offer| {
                let about = &offer.description;
                format!("{} {} {}: {}\n  licence: {}\n", offer.kind, about.name, about.version, about.description, about.license)
            };
            let about: String = offers.iter().flatten().map(says).collect();
            let asks = offers.as_deref().map_or_else(|| "unknown before it runs (`scaledown plugin check`)".to_owned(), asked);
            terminal.print(format!(
                "{about}kinds: {}\ninterface: {} (this host: {VERSION})\nsha256: {digest}\nbytes: {}\nasks for: {asks}\ncan ask for: {}\nimports:{}\nexports:{}\n",
                or_none(kinds.join(", ")),
                or_none(versions.join(", ")),
                bytes.len(),
                or_none(wants.join("; ")),
                listed(&contract.imports),
                listed(&contract.exports),
            ))?;
        }
        fit
    }
}
