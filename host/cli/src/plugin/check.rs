//! `scaledown plugin check`: whether a plugin keeps what its kind promises.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scaledown_conformance::{ConformanceReport, Example, Setting, check_entry};
use serde_json::{Map, Value, json};

use super::inspect::{asked, name_of};
use crate::terminal::Terminal;
use crate::wasm;
use scaledown_host::config::{Component, PluginFile};
use scaledown_host::error::{Error, Result};
use scaledown_host::plugins::registry;
use scaledown_host::text::open_chat_tokenizer;
use scaledown_sdk::files::{FileKind, read_text};
use scaledown_wasm::Offer;

/// Check a plugin against what its kind promises: shapes, determinism, empty and huge inputs,
/// gradients.
#[derive(Debug, clap::Args)]
pub(super) struct PluginCheck {
    /// The plugin, a .wasm file.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Configurations to check it with: `[[KIND]]` tables of its keys. If not given,
    /// `conformance.toml` beside the file or in this directory; without one, the plugin's defaults.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    examples: Option<PathBuf>,
    /// A configuration file whose table `[plugins.NAME]`, of the plugin's file name, has its
    /// permissions and limits.
    #[arg(long, value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl PluginCheck {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let name = name_of(&self.file);
        let file = PluginFile { path: Some(self.file.clone()), ..self.granted(&name)? };
        let plugin = wasm::open(&name, &file, &Arc::default())?;
        let offers = plugin.offers()?;
        if !self.json {
            introduce(terminal, &offers)?;
        }
        let entries = plugin.registrations()?;
        let examples = self.examples()?;
        let device = registry::device(&Component::new("auto"))?;
        let mut reports: Vec<ConformanceReport> = Vec::new();
        for entry in &entries {
            let mut own: Vec<Example> = examples.iter().filter(|example| example.kind == entry.kind()).cloned().collect();
            if own.is_empty() {
                let content = json!({ entry.kind().to_string(): [{ "plugin": name }] });
                own = Example::read(Path::new("conformance.toml"), &content).map_err(Error::failed)?;
            }
            for example in own {
                let scratch = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), error))?;
                let setting = Setting {
                    device: device.clone(),
                    scratch: scratch.path().to_owned(),
                    tokenizer: open_chat_tokenizer,
                    variable: &|name| std::env::var(name).ok(),
                };
                reports.push(check_entry(entry, &example, &setting).map_err(Error::failed)?);
            }
        }
        let failed = reports.iter().filter(|report| !report.passed()).count();
        if self.json {
            let checks = |report: &ConformanceReport| -> Vec<Value> {
                report
                    .checks
                    .iter()
                    .map(|check| json!({ "check": check.name, "outcome": format!("{:?}", check.outcome) }))
                    .collect()
            };
            let reports: Vec<Value> = reports
                .iter()
                .map(|report| json!({ "subject": report.subject, "passed": report.passed(), "checks": checks(report) }))
                .collect();
            terminal.print_json(&json!({ "sha256": plugin.digest(), "reports": reports }))?;
        } else {
            for report in &reports {
                terminal.print(report.to_string())?;
            }
        }
        match failed {
            0 => Ok(()),
            _ => Err(Error::failed(format!("{failed} of {} checked configurations of {name} fail", reports.len()))),
        }
    }

    /// The permissions and limits of the plugin in a configuration.
    fn granted(&self, name: &str) -> Result<PluginFile> {
        let Some(path) = &self.config else { return Ok(PluginFile::default()) };
        let text = read_text(path, FileKind::Configuration).map_err(|error| Error::io(path, error))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| Error::data(path.display(), error.message()))?;
        let own = table.get("plugins").and_then(|plugins| plugins.get(name)).cloned();
        let own = own.unwrap_or_else(|| toml::Table::new().into());
        own.try_into().map_err(|error: toml::de::Error| Error::data(path.display(), error.message()))
    }

    /// The configurations to check with.
    fn examples(&self) -> Result<Vec<Example>> {
        const NAME: &str = "conformance.toml";
        let beside = self.file.parent().unwrap_or(Path::new("")).join(NAME);
        let path = self.examples.clone().or_else(|| [beside, PathBuf::from(NAME)].into_iter().find(|path| path.is_file()));
        let Some(path) = path else { return Ok(Vec::new()) };
        let text = read_text(&path, FileKind::Configuration).map_err(|error| Error::io(&path, error))?;
        let table: Map<String, Value> =
            toml::from_str(&text).map_err(|error| Error::data(path.display(), error.message().to_owned()))?;
        Example::read(&path, &Value::Object(table)).map_err(Error::failed)
    }
}

/// Says what a plugin is and asks for.
fn introduce(terminal: &Terminal, offers: &[Offer]) -> Result<()> {
    for offer in offers {
        let described = &offer.description;
        let keys = described.schema.as_ref().and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        let keys = keys.map(|keys| keys.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default();
        terminal.print(format!(
            "{} {} {}: {}\n  licence: {}\n  keys: {keys}\n  asks for: {}\n",
            offer.kind,
            described.name,
            described.version,
            described.description,
            described.license,
            asked(std::slice::from_ref(offer))
        ))?;
    }
    Ok(())
}
