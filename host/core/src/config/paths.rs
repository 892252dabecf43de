//! External names in a configuration, by the `format` of a key's schema; makes relative paths
//! absolute.
//!
//! `path` is a file, `directory` a directory, and `file-or-directory` either; `model` or
//! `tokenizer` is a directory if it is written as one (`./`, `../` or `/`) or if such a directory
//! is there, and a hub id otherwise; `output-path` counts from the working directory;
//! `generator-layers` is a number of the generator's layers.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::support::gguf::is_gguf;

/// Rewrites every string of `value` that `schema` says is a path. `directory_of` gives, for a key
/// path, the directory that a relative path set there counts from.
pub(super) fn absolute(value: &mut Value, schema: &Value, directory_of: &dyn Fn(&[String]) -> PathBuf) {
    visit(value, schema, &mut Vec::new(), &mut |key, schema, value| {
        let Value::String(text) = value else { return };
        // An empty value names nothing.
        if text.is_empty() {
            return;
        }
        let resolved = match format(schema) {
            "path" | "directory" | "file-or-directory" => Some(join(&directory_of(key), text)),
            "output-path" => std::env::current_dir().ok().map(|directory| join(&directory, text)),
            "model" | "tokenizer" => model(&directory_of(key), text),
            _ => None,
        };
        if let Some(resolved) = resolved.as_deref().and_then(Path::to_str) {
            resolved.clone_into(text);
        }
    });
}

/// The kind of names that a schema's values are, if any.
pub(super) fn format(schema: &Value) -> &str {
    schema.get("format").and_then(Value::as_str).unwrap_or_default()
}

/// Calls `found` with the key path, schema and value of every part of `value` that `schema`
/// describes.
pub(super) fn visit(
    value: &mut Value,
    schema: &Value,
    key: &mut Vec<String>,
    found: &mut dyn FnMut(&[String], &Value, &mut Value),
) {
    found(key, schema, value);
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let named = schema.get("properties").and_then(|properties| properties.get(name));
                if let Some(schema) = named.or_else(|| schema.get("additionalProperties")).filter(|schema| schema.is_object()) {
                    key.push(name.clone());
                    visit(inner, schema, key, found);
                    key.pop();
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter_mut().enumerate() {
                key.push(index.to_string());
                visit(item, schema, key, found);
                key.pop();
            }
        }
        _ => {}
    }
}

/// The directory that a model's name means, or nothing if it is a hub id.
fn model(directory: &Path, text: &str) -> Option<PathBuf> {
    let written_as_path =
        ["./", "../"].iter().any(|start| text.starts_with(start)) || text == "." || text == ".." || Path::new(text).is_absolute();
    let path = join(directory, text);
    // No hub id names a single file.
    (written_as_path || path.is_dir() || is_gguf(text)).then_some(path)
}

/// `text` seen from `directory`. Leading `.` and `..` are folded into the directory, which is free
/// of links.
fn join(directory: &Path, text: &str) -> PathBuf {
    let mut path = directory.to_owned();
    let mut leading = true;
    for component in Path::new(text).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if leading => {
                path.pop();
            }
            other => {
                leading = false;
                path.push(other);
            }
        }
    }
    path
}
