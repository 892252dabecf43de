//! Validates values against a JSON schema and reports problems in terms of the configuration file.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value};

use super::problem::{Origin, nearest};
use super::{Problem, schema, types};
use crate::plugins;

/// Everything in `value` that `schema` does not allow. `prefix` is the key of `value` itself;
/// `origin_of` says where a key was set.
pub(super) fn problems(
    value: &Value,
    schema: &Value,
    prefix: &[String],
    origin_of: &dyn Fn(&[String]) -> Origin,
) -> Vec<Problem> {
    let validator = match jsonschema::draft202012::options().with_keyword("type", types::keyword).build(schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the plugin's JSON schema is invalid: {error}");
            return vec![Problem { origin: origin_of(prefix), key: prefix.join("."), message }];
        }
    };
    let mut seen = BTreeSet::new();
    let found = validator.iter_errors(value).flat_map(|error| explain(&error, schema));
    found
        .filter_map(|(relative, message)| {
            let key: Vec<String> = prefix.iter().cloned().chain(relative).collect();
            let joined = key.join(".");
            seen.insert(joined.clone()).then(|| Problem { origin: origin_of(&key), key: joined, message })
        })
        .collect()
}

/// The invalid keys (relative to the checked value) with messages.
fn explain(error: &ValidationError<'_>, schema: &Value) -> Vec<(Vec<String>, String)> {
    let key: Vec<String> = segments(error.instance_path().as_str());
    let schema_path = error.schema_path().as_str();
    let violated = schema_path.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent)).unwrap_or(schema);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                let key = key.iter().cloned().chain([name.clone()]).collect();
                (key, unknown_key(name, &property_names(violated)))
            })
            .collect(),
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let expected = violated.pointer(&format!("/properties/{name}")).map(expectation).unwrap_or_else(|| "a value".into());
            let key = key.iter().cloned().chain([name.to_owned()]).collect();
            vec![(key, format!("is missing; expected {expected}"))]
        }
        _ => vec![(key, mismatch(error.instance(), violated))],
    }
}

fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn property_names(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|properties| properties.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn unknown_key(name: &str, allowed: &[&str]) -> String {
    let hint = nearest(name, allowed.iter().copied()).map(|nearest| format!("did you mean `{nearest}`? ")).unwrap_or_default();
    let mut allowed = allowed.to_vec();
    allowed.sort_unstable();
    match allowed.as_slice() {
        [] => "unknown key; expected none".into(),
        allowed => format!("unknown key; {hint}expected one of {}", allowed.join(", ")),
    }
}

fn mismatch(found: &Value, schema: &Value) -> String {
    // A `writeOnly` key may contain a secret by mistake.
    if schema.get("writeOnly").and_then(Value::as_bool) == Some(true) {
        return format!("found a hidden value, expected {}", expectation(schema));
    }
    let options = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let hint = found
        .as_str()
        .and_then(|found| nearest(found, options.iter().filter_map(Value::as_str)))
        .map(|nearest| format!("; did you mean \"{nearest}\"?"))
        .unwrap_or_default();
    match how_to_build_in(found, schema) {
        Some(message) => message,
        None => format!("found {}, expected {}{hint}", shown(found), expectation(schema)),
    }
}

/// How to build in a shipped plugin that this program lacks.
fn how_to_build_in(found: &Value, schema: &Value) -> Option<String> {
    let kind = serde_json::from_value(schema.get(schema::BUILT_IN)?.clone()).ok()?;
    plugins::how_to_build_in(kind, found.as_str()?)
}

/// A value for a message, truncated.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let (kind, text) = match value {
        Value::Object(_) => return "a table".into(),
        Value::Array(_) => ("the list ", value.to_string()),
        Value::String(_) => ("the string ", value.to_string()),
        _ => ("", value.to_string()),
    };
    if text.chars().count() > LONGEST {
        format!("{kind}{}...", text.chars().take(LONGEST).collect::<String>())
    } else {
        format!("{kind}{text}")
    }
}

/// A schema's constraint in words.
fn expectation(schema: &Value) -> String {
    let Some(object) = schema.as_object() else { return "nothing".into() };
    if let Some(expected) = object.get("x-expected").and_then(Value::as_str) {
        return expected.to_owned();
    }
    if let Some(constant) = object.get("const") {
        return constant.to_string();
    }
    if let Some(options) = object.get("enum").and_then(Value::as_array) {
        if options.is_empty() {
            return "nothing: no plugin of this kind is built in".into();
        }
        let options = options.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        return match object.get(schema::BUILT_IN).and_then(Value::as_str) {
            Some(kind) => format!("one of the built-in {kind} plugins: {options}"),
            None => format!("one of {options}"),
        };
    }
    if let Some(options) = ["anyOf", "oneOf"].iter().find_map(|key| object.get(*key)).and_then(Value::as_array) {
        return options.iter().map(expectation).collect::<Vec<_>>().join(", or ");
    }
    let types: Vec<&str> = match object.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "another value".into(),
    };
    types.iter().map(|name| typed(name, object)).collect::<Vec<_>>().join(" or ")
}

fn typed(name: &str, schema: &Map<String, Value>) -> String {
    match name {
        "integer" => format!("an integer{}", range(schema)),
        "number" => format!("a number{}", range(schema)),
        "boolean" => "true or false".into(),
        "string" if schema.get("minLength").and_then(Value::as_u64) > Some(0) => "a non-empty string".into(),
        "string" => "a string".into(),
        "array" => match schema.get("items") {
            Some(items) => format!("a list, each element {}", expectation(items)),
            None => "a list".into(),
        },
        "object" => "a table".into(),
        other => other.to_owned(),
    }
}

fn range(schema: &Map<String, Value>) -> String {
    let limit = |key: &str| schema.get(key).filter(|limit| limit.is_number());
    match (limit("minimum"), limit("maximum"), limit("exclusiveMinimum"), limit("exclusiveMaximum")) {
        (Some(least), Some(most), ..) => format!(" from {least} to {most}"),
        (Some(least), None, _, Some(above)) => format!(" of at least {least} and below {above}"),
        (Some(least), ..) => format!(" of at least {least}"),
        (None, Some(most), Some(below), _) => format!(" above {below} and at most {most}"),
        (None, Some(most), ..) => format!(" of at most {most}"),
        (None, None, Some(below), Some(above)) => format!(" above {below} and below {above}"),
        (None, None, Some(below), None) => format!(" above {below}"),
        (None, None, None, Some(above)) => format!(" below {above}"),
        (None, None, None, None) => String::new(),
    }
}
