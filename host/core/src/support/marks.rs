//! Marks of configuration keys that may change when a run is resumed.
//!
//! `operational` keys do not affect results: paths, timeouts, batch sizes of inference.
//! `adjustable` keys affect results and may change deliberately, to save a run. Every other key
//! must not change; a new key is refused until it is marked.
//!
//! ```text
//! #[schemars(extend("operational" = true))]
//! pub queue: usize,
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value};

/// The mark of a key that does not affect results.
const OPERATIONAL: &str = "operational";
/// The mark of a key that affects results and may still change.
const ADJUSTABLE: &str = "adjustable";

/// The mark that gives a key's former name.
pub const RENAMED_FROM: &str = "renamed-from";

/// Every value of a section that affects results, by key (`training.seed`). Omits unset keys.
#[must_use]
pub fn shaping<T: JsonSchema + Serialize>(section: &str, value: &T) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    if let Ok(value) = serde_json::to_value(value) {
        leaves(section, without_operational(value, &schema::<T>()), &mut found);
    }
    found
}

/// The keys of a section that may change, as [`shaping`] names them.
#[must_use]
pub fn adjustable<T: JsonSchema>(section: &str) -> Vec<String> {
    let schema = schema::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    let marked = properties.into_iter().flatten().filter(|(_, schema)| has(schema, ADJUSTABLE));
    marked.map(|(name, _)| format!("{section}.{name}")).collect()
}

/// The keys of a section that were renamed, as [`shaping`] names them: the former name and the
/// present one.
#[must_use]
pub fn renamed<T: JsonSchema>(section: &str) -> Vec<(String, String)> {
    let schema = schema::<T>();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let names = properties.filter_map(|(name, schema)| Some((schema.get(RENAMED_FROM)?.as_str()?, name)));
    names.map(|(former, name)| (format!("{section}.{former}"), format!("{section}.{name}"))).collect()
}

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn has(schema: &Value, mark: &str) -> bool {
    schema.get(mark) == Some(&Value::Bool(true))
}

/// `value` without what its schema marks as operational, however deep. A key that the schema does
/// not know, such as a plugin's own, stays.
fn without_operational(value: Value, schema: &Value) -> Value {
    match value {
        Value::Object(table) => {
            let inner = |name: &str| schema.get("properties").and_then(|properties| properties.get(name));
            let kept = table.into_iter().filter(|(name, _)| !inner(name).is_some_and(|schema| has(schema, OPERATIONAL)));
            let kept: Map<String, Value> = kept
                .map(|(name, value)| {
                    let value = without_operational(value, inner(&name).unwrap_or(&Value::Null));
                    (name, value)
                })
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(items.into_iter().map(|item| without_operational(item, schema)).collect())
        }
        other => other,
    }
}

/// Every leaf value of `value`, by key.
fn leaves(key: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => table.into_iter().for_each(|(name, value)| leaves(&format!("{key}.{name}"), value, into)),
        Value::Null => {}
        other => drop(into.insert(key.to_owned(), other)),
    }
}

/// For tests that walk every key of a section: the section with one key changed at a time, and
/// whether that key is marked as operational or adjustable.
#[cfg(test)]
pub(crate) fn each_changed<T>(section: &T) -> Vec<(String, [bool; 2], T)>
where
    T: JsonSchema + Serialize + serde::de::DeserializeOwned,
{
    use serde_json::json;
    let (schema, before) = (schema::<T>(), serde_json::to_value(section).unwrap());
    let properties = schema["properties"].as_object().unwrap();
    let changed = properties.iter().map(|(name, property)| {
        let plain = [json!(1), json!(2), json!(0.5), json!(0.25), json!(true), json!(false), json!("other"), json!(["other"])];
        let named = ["enum", "oneOf"].iter().filter_map(|key| property.get(*key)?.as_array()).flatten();
        let named = named.map(|option| option.get("const").unwrap_or(option).clone());
        let more = [json!([{ "max_steps": 7 }]), json!("constant"), json!("exact"), json!("f32")];
        let value = plain.into_iter().chain(named).chain(more).find_map(|candidate| {
            let mut value = before.clone();
            value.as_object_mut()?.insert(name.clone(), candidate);
            let section: T = serde_json::from_value(value).ok()?;
            (serde_json::to_value(&section).unwrap() != before).then_some(section)
        });
        (
            name.clone(),
            [OPERATIONAL, ADJUSTABLE].map(|mark| has(property, mark)),
            value.unwrap_or_else(|| panic!("no other {name}")),
        )
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Section {
        seed: u64,
        #[schemars(extend("operational" = true))]
        queue: usize,
        #[schemars(extend("adjustable" = true, "renamed-from" = "speed"))]
        rate: f64,
        parts: Vec<Part>,
        unset: Option<u8>,
        #[serde(flatten)]
        plugin: BTreeMap<String, Value>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Part {
        steps: u64,
        #[schemars(extend("operational" = true))]
        path: String,
    }

    #[test]
    fn what_is_marked_does_not_shape() {
        let parts = vec![Part { steps: 3, path: "a".into() }];
        let plugin = BTreeMap::from([("layers".to_owned(), json!(5))]);
        let section = Section { seed: 1, queue: 2, rate: 0.5, parts, unset: None, plugin };
        let expected =
            [("s.layers", json!(5)), ("s.parts", json!([{ "steps": 3 }])), ("s.rate", json!(0.5)), ("s.seed", json!(1))];
        assert_eq!(shaping("s", &section), expected.map(|(key, value)| (key.to_owned(), value)).into());
        assert_eq!(adjustable::<Section>("s"), ["s.rate"]);
        assert_eq!(renamed::<Section>("s"), [("s.speed".to_owned(), "s.rate".to_owned())]);
    }
}
