//! Relative paths of a configuration, made absolute from where they were set.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

/// Rewrites every string of `value` that `schema` says is a path. `directory_of` gives, for a key path, the directory that a
/// relative path set there counts from.
///
/// A schema says so by its `format`: `path` is always a path; `model` is a path if it is written as one (`./`, `../` or `/`)
/// or if such a directory is there, and a hub id otherwise; `output-path` counts from the working directory.
pub(super) fn absolute(value: &mut Value, schema: &Value, key: &mut Vec<String>, directory_of: &dyn Fn(&[String]) -> PathBuf) {
    match value {
        Value::String(text) => {
            let resolved = match schema.get("format").and_then(Value::as_str) {
                Some("path") => Some(join(&directory_of(key), text)),
                Some("output-path") => std::env::current_dir().ok().map(|directory| join(&directory, text)),
                Some("model") => model(&directory_of(key), text),
                _ => None,
            };
            if let Some(resolved) = resolved.as_deref().and_then(Path::to_str) {
                resolved.clone_into(text);
            }
        }
        Value::Object(object) => {
            for (name, inner) in object {
                let named = schema.get("properties").and_then(|properties| properties.get(name));
                if let Some(schema) = named.or_else(|| schema.get("additionalProperties")).filter(|schema| schema.is_object()) {
                    key.push(name.clone());
                    absolute(inner, schema, key, directory_of);
                    key.pop();
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter_mut().enumerate() {
                key.push(index.to_string());
                absolute(item, schema, key, directory_of);
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
    (written_as_path || path.is_dir()).then_some(path)
}

/// `text` seen from `directory`. Leading `.` and `..` are folded into the directory, which is free of links.
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
