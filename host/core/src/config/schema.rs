//! The JSON schema of a configuration: the host's sections, and each component's plugins.

use scaledown_sdk::component::Kind;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Config;
use crate::plugins::{automatic_device, registry};

/// The tables of [`Config`] that hold a component; each is named as the component's kind.
pub(super) const COMPONENTS: [Kind; 6] =
    [Kind::Device, Kind::Generator, Kind::Compressor, Kind::Retriever, Kind::Reranker, Kind::Teacher];

/// The key of a schema that says of which kind the plugins in its `enum` are; for messages.
pub(super) const BUILT_IN: &str = "x-built-in";

/// The schema of the host's own sections; a component's keys beside the host's are open.
fn host() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    simplify(&mut schema);
    schema
}

/// The schema of a configuration whose components are made by the plugins that `choice` names, kind
/// by kind.
pub(super) fn for_plugins<'a>(choice: impl Fn(Kind) -> Option<&'a str>) -> Value {
    let mut schema = host();
    for kind in COMPONENTS {
        let Some(section) = schema.pointer_mut(&format!("/properties/{kind}")) else { continue };
        if let Some(plugin) = section.pointer_mut("/properties/plugin").and_then(Value::as_object_mut) {
            plugin.insert("enum".into(), registry::names(kind).into());
            plugin.insert(BUILT_IN.into(), json!(kind));
        }
        match choice(kind).and_then(|name| registry::find(kind, name)) {
            Some(registration) if registration.name == automatic_device::NAME => add_all_devices(section),
            Some(registration) => add_plugin(section, (registration.schema)()),
            None => {}
        }
    }
    schema
}

/// Adds the keys of every device, one of which is taken when it is made.
fn add_all_devices(section: &mut Value) {
    for entry in registry::entries().filter(|entry| entry.kind() == Kind::Device && entry.name != automatic_device::NAME) {
        let mut schema = (entry.schema)();
        if let Some(schema) = schema.as_object_mut() {
            // Another device does not know these keys.
            schema.remove("required");
        }
        add_plugin(section, schema);
    }
}

/// Adds a plugin's own keys to the host's keys of a component table, and closes the table to
/// others.
fn add_plugin(section: &mut Value, mut plugin: Value) {
    simplify(&mut plugin);
    let (Some(section), Some(plugin)) = (section.as_object_mut(), plugin.as_object_mut()) else { return };
    if let (Some(Value::Object(known)), Some(Value::Object(own))) = (section.get_mut("properties"), plugin.remove("properties")) {
        for (name, property) in own {
            known.entry(name).or_insert(property);
        }
    }
    if let (Some(Value::Array(known)), Some(Value::Array(own))) = (section.get_mut("required"), plugin.remove("required")) {
        known.extend(own);
    }
    section.insert("additionalProperties".into(), plugin.remove("additionalProperties").unwrap_or(Value::Bool(false)));
}

/// The JSON schema of a configuration file, with the keys of every plugin that is linked in.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = host();
    for kind in COMPONENTS {
        let Some(section) = schema.pointer_mut(&format!("/properties/{kind}")) else { continue };
        let alternatives = registry::entries().filter(|entry| entry.kind() == kind).map(|entry| {
            let mut alternative = section.clone();
            add_plugin(&mut alternative, (entry.schema)());
            if let Some(object) = alternative.as_object_mut() {
                object.insert("description".into(), entry.description.into());
            }
            if let Some(plugin) = alternative.pointer_mut("/properties/plugin").and_then(Value::as_object_mut) {
                match entry.aliases {
                    [] => plugin.insert("const".into(), entry.name.into()),
                    aliases => plugin.insert("enum".into(), [&[entry.name], aliases].concat().into()),
                };
            }
            alternative
        });
        let alternatives: Vec<Value> = alternatives.collect();
        let description = section.get("description").cloned();
        if !alternatives.is_empty() {
            *section = json!({ "description": description, "oneOf": alternatives });
        }
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(
            "extends".into(),
            json!({ "type": "string", "description": "Base configuration, relative to this file. Values here override its values." }),
        );
    }
    schema
}

/// Sets the keys that a table lacks and its schema has a default for, so that a result does not
/// depend on a default that later changes.
pub(super) fn fill_defaults(value: &mut Value, schema: &Value) {
    let (Some(table), Some(properties)) = (value.as_object_mut(), schema.get("properties").and_then(Value::as_object)) else {
        return;
    };
    for (name, property) in properties {
        match (table.get_mut(name), property.get("default")) {
            (Some(inner), _) => fill_defaults(inner, property),
            (None, Some(default)) if !default.is_null() => drop(table.insert(name.clone(), default.clone())),
            (None, _) => {}
        }
    }
}

/// Puts a schema into the plain form that messages are made from: TOML has no null, and a list of
/// constants is an `enum`.
pub(super) fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            drop_null(object);
            merge_constants(object);
            refuse_empty(object);
            object.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| option.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

/// Paths and models must not be empty, even if the schema does not say so.
fn refuse_empty(object: &mut Map<String, Value>) {
    const NAMES: [&str; 6] = ["path", "directory", "file-or-directory", "output-path", "model", "tokenizer"];
    if object.get("format").and_then(Value::as_str).is_some_and(|format| NAMES.contains(&format)) {
        object.entry("minLength").or_insert(json!(1));
    }
}

fn merge_constants(object: &mut Map<String, Value>) {
    let Some(Value::Array(options)) = object.get("oneOf") else { return };
    let constants: Option<Vec<Value>> = options.iter().map(|option| option.get("const").cloned()).collect();
    let Some(constants) = constants else { return };
    let described: Vec<String> = options
        .iter()
        .filter_map(|option| Some(format!("`{}`: {}", option.get("const")?.as_str()?, option.get("description")?.as_str()?)))
        .collect();
    object.remove("oneOf");
    object.insert("enum".into(), Value::Array(constants));
    if !described.is_empty() {
        let own = object.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{own}\n{}", described.join("\n")).trim().to_owned();
        object.insert("description".into(), description.into());
    }
}
