//! Everything that the records of a run depend on.

use std::path::Path;

use scaledown_sdk::component::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::block::{Shard, Survey};
use super::config::{Preparation, PreparationConfig};
use super::error::PreparationError;
use crate::plugins::{Component, registry};
use crate::support::marks::{renamed, shaping};

/// Everything that the records of a run depend on. Shards of a run differ in `shard` alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreparationFingerprint {
    /// The version of the journal's format.
    version: u32,
    /// The shard of the questions.
    pub shard: Shard,
    /// The number of all questions.
    questions: u64,
    /// Their checksum.
    questions_checksum: u32,
    /// The checksum of the index's chunks, if one is searched.
    corpus: Option<String>,
    /// Numbers and texts of the configuration that records are made by.
    settings: Value,
    /// The tables of retriever, reranker and teacher.
    components: Value,
}

/// The version of the journal's format.
pub(super) const FORMAT: u32 = 2;

impl PreparationFingerprint {
    /// That of a configuration, whose questions are these, over an index of this checksum.
    #[must_use]
    pub fn new(config: &PreparationConfig<'_>, shard: Shard, survey: &Survey, corpus: Option<String>) -> Self {
        let mut settings = shaping("preparation", config.preparation);
        settings.insert("preparation.rerank".into(), config.preparation.reranked().into());
        settings.insert("prompt".into(), json!(config.prompt));
        PreparationFingerprint {
            version: FORMAT,
            shard,
            questions: survey.all,
            questions_checksum: survey.checksum,
            corpus,
            settings: Value::Object(settings.into_iter().collect()),
            components: json!({ "retriever": config.retriever, "reranker": config.reranker, "teacher": config.teacher }),
        }
    }

    /// The format of the journal that begins with this line.
    pub(super) fn version(line: &[u8]) -> serde_json::Result<u32> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        serde_json::from_slice(line).map(|Version { version }| version)
    }

    /// Checks that a run that began with `self` may resume with `now`. Returns the permitted
    /// differences: keys that a plugin's schema marks as `"operational": true`, such as a timeout
    /// or an address. Results must not depend on them.
    ///
    /// # Errors
    /// What differs and may not.
    pub fn check(&self, now: &PreparationFingerprint, journal: &Path) -> Result<Vec<String>, PreparationError> {
        let mut refused = Vec::new();
        let mut compare = |name: &str, was: String, is: String| {
            if was != is {
                refused.push(format!("{name} was {was} and is {is}"));
            }
        };
        compare("the format", self.version.to_string(), now.version.to_string());
        compare("the shard", self.shard.to_string(), now.shard.to_string());
        compare("the number of questions", self.questions.to_string(), now.questions.to_string());
        let sum = |fingerprint: &PreparationFingerprint| format!("{:08x}", fingerprint.questions_checksum);
        compare("the checksum of the questions", sum(self), sum(now));
        let corpus = |fingerprint: &PreparationFingerprint| fingerprint.corpus.clone().unwrap_or_else(|| "none".into());
        compare("the checksum of the corpus", corpus(self), corpus(now));
        for (name, was, is) in differences(&with_present_names(&self.settings), &now.settings) {
            compare(&name, was, is);
        }
        let mut allowed = Vec::new();
        for kind in [Kind::Retriever, Kind::Reranker, Kind::Teacher] {
            let name = kind.to_string();
            let (was, is) = (component(&self.components[&name]), component(&now.components[&name]));
            let plugin = is["plugin"].as_str().unwrap_or_default().to_owned();
            for (name, was, is) in differences(&was, &is) {
                let key = format!("{kind}.{name}");
                if registry::is_operational(kind, &plugin, &name) {
                    allowed.push(format!("{key} was {was} and is {is}"));
                } else {
                    compare(&key, was, is);
                }
            }
        }
        if refused.is_empty() {
            Ok(allowed)
        } else {
            Err(PreparationError::Changed { path: journal.to_owned(), changes: refused })
        }
    }

    /// Whether the records of another shard can be merged with these: everything that affects
    /// results is the same, including plugins and models.
    #[must_use]
    pub fn fits(&self, other: &PreparationFingerprint) -> bool {
        let here = PreparationFingerprint { shard: self.shard, ..other.clone() };
        self.shard.of == other.shard.of && self.check(&here, Path::new("")).is_ok()
    }
}

/// The settings with the present names of renamed keys.
fn with_present_names(settings: &Value) -> Value {
    let mut settings = settings.clone();
    if let Some(table) = settings.as_object_mut() {
        for (former, name) in renamed::<Preparation>("preparation") {
            table.remove(&former).map(|value| table.insert(name, value));
        }
    }
    settings
}

/// A component's table; an empty one where there is none.
fn component(value: &Value) -> Value {
    let table: Option<Component> = serde_json::from_value(value.clone()).ok();
    table.map_or_else(|| json!({ "plugin": "none" }), |_| value.clone())
}

/// The keys of two tables whose values differ, with both.
fn differences(was: &Value, is: &Value) -> Vec<(String, String, String)> {
    let (Some(was), Some(is)) = (was.as_object(), is.as_object()) else { return Vec::new() };
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    let shown = |value: Option<&Value>| value.map_or_else(|| "not set".into(), Value::to_string);
    let differing = names.into_iter().filter(|name| was.get(*name) != is.get(*name));
    differing.map(|name| (name.clone(), shown(was.get(name)), shown(is.get(name)))).collect()
}
