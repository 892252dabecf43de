//! Former names: keys that were renamed, and the aliases of plugins.
//!
//! A key's schema gives its former name as `"renamed-from"`. Every layer is rewritten before the
//! layers are merged, so that the rest of the program knows the present names only.

use figment::value::{Dict, Value};

use super::layers::Layer;
use super::{ConfigError, Origin, Problem, schema};
use crate::plugins::registry;
use crate::support::marks::RENAMED_FROM;

/// Replaces each plugin's alias with its name.
pub(super) fn replace_aliases(layers: &mut [Layer]) {
    for kind in schema::COMPONENTS {
        let tables = layers.iter_mut().filter_map(|layer| layer.values.get_mut(&kind.to_string()));
        for table in tables {
            let Value::Dict(_, table) = table else { continue };
            if let Some(Value::String(_, plugin)) = table.get_mut("plugin")
                && let Some(registration) = registry::find(kind, plugin)
            {
                registration.name.clone_into(plugin);
            }
        }
    }
}

/// Gives every key its present name. Returns a note for each key that had a former one.
///
/// # Errors
/// If a layer has both names of a key.
pub(super) fn replace_keys(layers: &mut [Layer], schema: &serde_json::Value) -> Result<Vec<Problem>, ConfigError> {
    let mut renames = Vec::new();
    collect(schema, &mut Vec::new(), &mut renames);
    let mut notes = Vec::new();
    for layer in layers {
        for rename in &renames {
            notes.extend(rename.apply(layer)?);
        }
    }
    Ok(notes)
}

/// A key of the table `table` that was renamed.
#[derive(Debug)]
struct Rename {
    table: Vec<String>,
    former: String,
    present: String,
}

impl Rename {
    fn apply(&self, layer: &mut Layer) -> Result<Option<Problem>, ConfigError> {
        let Some(table) = self.table.iter().try_fold(&mut layer.values, |table, part| inner(table, part)) else {
            return Ok(None);
        };
        let Some(value) = table.remove(&self.former) else { return Ok(None) };
        let has_both = table.insert(self.present.clone(), value).is_some();
        let key = [self.table.as_slice(), std::slice::from_ref(&self.former)].concat();
        let origin = match &layer.origin {
            Origin::File { path, .. } => {
                Origin::File { path: path.clone(), line: layer.lines.line(key.iter().map(String::as_str)) }
            }
            other => other.clone(),
        };
        layer.lines.rename(&self.table, &self.former, &self.present);
        let (key, present) = (key.join("."), &self.present);
        if has_both {
            return Err(ConfigError::one(origin, key, format!("set beside `{present}`, its new name; remove one of them")));
        }
        Ok(Some(Problem { origin, key, message: format!("renamed to `{present}`; the old name still works") }))
    }
}

fn inner<'a>(table: &'a mut Dict, key: &str) -> Option<&'a mut Dict> {
    match table.get_mut(key)? {
        Value::Dict(_, inner) => Some(inner),
        _ => None,
    }
}

fn collect(schema: &serde_json::Value, table: &mut Vec<String>, renames: &mut Vec<Rename>) {
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(former) = property.get(RENAMED_FROM).and_then(serde_json::Value::as_str) {
            renames.push(Rename { table: table.clone(), former: former.to_owned(), present: name.clone() });
        }
        table.push(name.clone());
        collect(property, table, renames);
        table.pop();
    }
}
