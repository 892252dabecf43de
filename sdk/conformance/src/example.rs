//! The small configurations that plugins are checked with.
//!
//! They stand in a file `conformance.toml` beside the plugin's manifest, and are written as in a
//! user's configuration, but each section is an array, as one plugin may want to be checked with
//! several:
//!
//! ```toml
//! [[compressor]]
//! plugin = "n-layers"
//! layers = 2
//!
//! [[compressor]]
//! plugin = "n-layers"
//! layers = 3
//! final_norm = true
//! ```
//!
//! - A relative path of a model or file counts from the directory of the file.
//! - `${NAME}` in a text is replaced by a value of the runner's, such as the address of a service
//!   that has to be there. `${FRESH}` is a new name each time that the component is to start with
//!   nothing, such as the name of a collection.
//! - `[[generator]]` may have the key `model` beside the plugin's own, the directory of a tiny
//!   model. Without it the generator is made of a tiny Llama with random weights.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::{Kind, Registration, registrations};
use serde_json::{Map, Value};

/// The variable of a name that is new each time that a component is to start with nothing.
pub const FRESH: &str = "FRESH";

/// The key that a generator's example may have beside the plugin's own.
const MODEL: &str = "model";

/// One configuration of one plugin.
#[derive(Clone, Debug)]
pub struct Example {
    /// The kind of the component.
    pub kind: Kind,
    /// The plugin's name.
    pub plugin: String,
    /// The keys beside `plugin`, as they are written.
    keys: Map<String, Value>,
    /// The base of relative paths.
    directory: PathBuf,
}

/// Errors of examples.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// A section or an entry is not written as it has to be.
    #[error("{path}: {place}: expected {expected}, found {found}")]
    Malformed {
        /// The file.
        path: String,
        /// The section, and the entry's number in it.
        place: String,
        /// The expected value.
        expected: String,
        /// The found value.
        found: String,
    },
    /// No such plugin is linked in.
    #[error("there is no {kind} plugin `{plugin}`, expected one of: {known}")]
    Unknown {
        /// The kind.
        kind: Kind,
        /// The plugin's name.
        plugin: String,
        /// The plugins of this kind that are linked in.
        known: String,
    },
    /// A variable has no value here.
    #[error("[{kind}] {plugin}: the key {key} needs the variable {variable}, expected a value, found none")]
    Variable {
        /// The kind.
        kind: Kind,
        /// The plugin's name.
        plugin: String,
        /// The key.
        key: String,
        /// The variable.
        variable: String,
    },
}

impl Example {
    /// The examples of a file, given its content as a value.
    ///
    /// # Errors
    /// [`ExampleError::Malformed`] if a section is not a kind of component or not an array of
    /// tables, or an entry has no `plugin`.
    pub fn read(path: &Path, content: &Value) -> Result<Vec<Self>, ExampleError> {
        let malformed = |place: String, expected: &str, found: &Value| ExampleError::Malformed {
            path: path.display().to_string(),
            place,
            expected: expected.to_owned(),
            found: found.to_string(),
        };
        let sections = content.as_object().ok_or_else(|| malformed("the file".into(), "a table", content))?;
        let mut examples = Vec::new();
        for (section, entries) in sections {
            let kind: Kind = serde_json::from_value(Value::String(section.clone()))
                .map_err(|_| malformed(format!("[[{section}]]"), "a kind of component", &Value::String(section.clone())))?;
            let list = entries.as_array().ok_or_else(|| malformed(section.clone(), "an array of tables", entries))?;
            for (number, entry) in list.iter().enumerate() {
                let place = || format!("[[{section}]] {}", number + 1);
                let mut keys = entry.as_object().cloned().ok_or_else(|| malformed(place(), "a table", entry))?;
                let plugin = keys.remove("plugin").unwrap_or_default();
                let name = plugin.as_str().ok_or_else(|| malformed(place(), "the key `plugin`, a text", &plugin))?;
                let directory = path.parent().unwrap_or(Path::new("")).to_owned();
                examples.push(Example { kind, plugin: name.to_owned(), keys, directory });
            }
        }
        Ok(examples)
    }

    /// The kind, the plugin and the keys, for people.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {} {}", self.kind, self.plugin, Value::Object(self.keys.clone()))
    }

    /// The plugin's registration.
    ///
    /// # Errors
    /// [`ExampleError::Unknown`] if no such plugin is linked in.
    pub fn registration(&self) -> Result<&'static Registration, ExampleError> {
        let of_kind = || registrations().filter(|entry| entry.kind() == self.kind);
        of_kind().find(|entry| entry.name == self.plugin).ok_or_else(|| ExampleError::Unknown {
            kind: self.kind,
            plugin: self.plugin.clone(),
            known: of_kind().map(|entry| entry.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The variables that it needs, without [`FRESH`].
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        let texts = self.keys.values().filter_map(Value::as_str);
        let mut names: Vec<String> = texts.flat_map(|text| pieces(text).1).collect();
        names.retain(|name| name != FRESH);
        names.sort();
        names.dedup();
        names
    }

    /// The plugin's own keys, with absolute paths and the values that `variable` gives.
    ///
    /// # Errors
    /// [`ExampleError::Unknown`]; [`ExampleError::Variable`] if a variable has no value.
    pub fn keys(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Value, ExampleError> {
        self.keys_of(&(self.registration()?.schema)(), variable)
    }

    /// As [`Example::keys`], for a plugin whose keys have this schema.
    pub(crate) fn keys_of(&self, schema: &Value, variable: &dyn Fn(&str) -> Option<String>) -> Result<Value, ExampleError> {
        let mut keys = Map::new();
        for (key, value) in &self.keys {
            if self.kind == Kind::Generator && key == MODEL {
                continue;
            }
            let mut value = value.clone();
            if let Value::String(text) = &mut value {
                *text = self.filled(key, text, variable)?;
                let format = schema.pointer(&format!("/properties/{key}/format")).and_then(Value::as_str);
                if matches!(format, Some("model" | "path" | "file-or-directory" | "directory")) {
                    *text = self.directory.join(&*text).to_string_lossy().into_owned();
                }
            }
            keys.insert(key.clone(), value);
        }
        Ok(Value::Object(keys))
    }

    /// The directory of a generator's model, if the example names one.
    pub(crate) fn model(&self) -> Option<PathBuf> {
        self.keys.get(MODEL).and_then(Value::as_str).map(|model| self.directory.join(model))
    }

    fn filled(&self, key: &str, text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, ExampleError> {
        let (mut filled, names) = pieces(text);
        for name in names {
            let value = variable(&name).ok_or_else(|| ExampleError::Variable {
                kind: self.kind,
                plugin: self.plugin.clone(),
                key: key.to_owned(),
                variable: name.clone(),
            })?;
            filled = filled.replace(&format!("${{{name}}}"), &value);
        }
        Ok(filled)
    }
}

/// A text, and the names of the variables in it.
fn pieces(text: &str) -> (String, Vec<String>) {
    let names = text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()));
    (text.to_owned(), names.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reported(content: Value) -> String {
        Example::read(Path::new("x/conformance.toml"), &content).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_example_is_reported() {
        assert_eq!(
            reported(json!({"retreiver": []})),
            r#"x/conformance.toml: [[retreiver]]: expected a kind of component, found "retreiver""#
        );
        assert_eq!(reported(json!({"retriever": {}})), "x/conformance.toml: retriever: expected an array of tables, found {}");
        let message = reported(json!({"retriever": [{"plugin": "a"}, {"url": "b"}]}));
        assert_eq!(message, "x/conformance.toml: [[retriever]] 2: expected the key `plugin`, a text, found null");
    }

    #[test]
    fn variables_are_listed_once_and_without_the_fresh_name() {
        let content =
            json!({"retriever": [{"plugin": "a", "url": "${HOST}:${PORT}", "collection": "c_${FRESH}", "host": "${HOST}"}]});
        let example = Example::read(Path::new("x/conformance.toml"), &content).unwrap().remove(0);
        assert_eq!(example.variables(), ["HOST", "PORT"]);
        let value = |name: &str| (name != "PORT").then(|| "h".to_owned());
        assert_eq!(example.filled("collection", "c_${FRESH}", &value).unwrap(), "c_h");
        let message = example.filled("url", "${HOST}:${PORT}", &value).unwrap_err().to_string();
        assert_eq!(message, "[retriever] a: the key url needs the variable PORT, expected a value, found none");
    }
}
