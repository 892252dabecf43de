//! The references in `docs/` are those of the command line and the schema.
//!
//! `SCALEDOWN_WRITE_FIXTURES=1 cargo test --workspace --test binary references` writes them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use scaledown_host::plugins::{registry, shipped};
use serde_json::{Map, Value};

const NOTICE: &str = "<!-- Generated. Write it again with:\n\
    SCALEDOWN_WRITE_FIXTURES=1 cargo test --workspace --test binary references -->\n";

/// The sections of a configuration, in the order of the pipeline.
const SECTIONS: [&str; 20] = [
    "device",
    "generator",
    "compressor",
    "compression",
    "reranking",
    "prompt",
    "corpus",
    "questions",
    "index",
    "retriever",
    "reranker",
    "teacher",
    "preparation",
    "data",
    "training",
    "pretraining",
    "evaluation",
    "plugins",
    "components",
    "sweep",
];

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// Compares a reference with its file, except for `missing` plugins, or writes the file if asked
/// to.
fn compare(name: &str, expected: &str, missing: &[&str]) {
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        assert!(missing.is_empty(), "only the workspace's build has all plugins; {missing:?} are missing");
        std::fs::write(document(name), expected).unwrap();
    }
    let found = without_plugins(&std::fs::read_to_string(document(name)).unwrap_or_default(), missing);
    let differing = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differing.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    assert!(
        found == expected,
        "docs/{name} differs from line {} on, which should be {:?}; write it again as its first line says",
        line + 1,
        expected.lines().nth(line)
    );
}

/// A reference without the sections of these plugins, which this build lacks.
fn without_plugins(text: &str, names: &[&str]) -> String {
    let mut kept = true;
    let lines = text.split_inclusive('\n').filter(|line| {
        if line.starts_with("## ") {
            kept = true;
        } else if let Some(plugin) = line.strip_prefix("### `plugin = \"") {
            kept = !names.iter().any(|name| plugin.starts_with(&format!("{name}\"")));
        }
        kept
    });
    lines.collect()
}

#[test]
fn references_of_the_command_line() {
    let mut text = format!("# Command-line reference\n\n{NOTICE}\n");
    text.push_str("`--quiet` (`-q`) prints only results and errors; every command takes it.\n");
    let mut command = scaledown::command().term_width(100);
    command.build();
    for command in command.get_subcommands() {
        add_command(command, "scaledown", &mut text);
    }
    compare("command-line.md", &text, &[]);
}

fn add_command(command: &clap::Command, parent: &str, text: &mut String) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    if command.has_subcommands() {
        command.get_subcommands().for_each(|inner| add_command(inner, &name, text));
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(text, "\n## `{name}`\n\n{about}\n\n| argument | meaning |\n| --- | --- |").unwrap();
    for argument in command.get_arguments() {
        let Some(shown) = shown_argument(argument) else { continue };
        writeln!(text, "| {shown} | {} |", cell(&help(argument))).unwrap();
    }
}

/// How an argument is written; `None` if it is hidden or common to all commands.
fn shown_argument(argument: &clap::Arg) -> Option<String> {
    if argument.is_hide_set() || ["help", "version", "quiet"].contains(&argument.get_id().as_str()) {
        return None;
    }
    let values: Vec<String> = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let value = if argument.get_action().takes_values() { values.join(" ") } else { String::new() };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    Some(match argument.get_long() {
        Some(long) => format!("{short}`--{long}{}`", if value.is_empty() { String::new() } else { format!(" {value}") }),
        None => format!("`{value}`"),
    })
}

fn help(argument: &clap::Arg) -> String {
    let mut help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let more = !values.is_empty() || !argument.get_default_values().is_empty();
    if more && !help.is_empty() && !help.ends_with('.') && argument.get_action().takes_values() {
        help.push('.');
    }
    if !values.is_empty() && argument.get_action().takes_values() {
        write!(help, " One of {}.", values.join(", ")).unwrap();
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && !argument.is_hide_default_value_set() && argument.get_action().takes_values() {
        write!(help, " Default: `{}`.", defaults.join(" ")).unwrap();
    }
    help
}

/// A text as one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn references_of_the_configuration() {
    let schema = scaledown_host::config::json_schema();
    let mut text = format!("# Configuration reference\n\n{NOTICE}\n");
    text.push_str(
        "A configuration is a TOML file. `extends = \"base.toml\"` starts from another file. Environment\n\
         variables (`SCALEDOWN_TRAINING__SEED=1`) override files, `--set training.seed=1` overrides both.\n\
         `scaledown config check` validates a file, `scaledown config schema` prints the JSON schema.\n\n\
         Keys marked * affect no results, and may change when a run is resumed.\n",
    );
    for name in SECTIONS.iter().chain(&["output"]) {
        let section = &schema["properties"][name];
        writeln!(text, "\n## `[{name}]`\n\n{}", description(section)).unwrap();
        match section["oneOf"].as_array() {
            Some(plugins) => plugins.iter().for_each(|plugin| add_plugin(name, plugin, &mut text)),
            None => add_table(name, section, &mut text),
        }
        // A section of tables that have names of their own.
        if section["additionalProperties"]["properties"].is_object() {
            let path = format!("{name}.NAME");
            writeln!(text, "\n### `[{path}]`\n\n{}", description(&section["additionalProperties"])).unwrap();
            add_table(&path, &section["additionalProperties"], &mut text);
        }
    }
    let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(known.len(), SECTIONS.len() + 2, "{known:?}: a section is missing here");
    let missing: Vec<&str> =
        shipped().filter(|(kind, name)| registry::find(*kind, name).is_none()).map(|(_, name)| name).collect();
    compare("configuration.md", &text, &missing);
}

fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn add_plugin(section: &str, schema: &Value, text: &mut String) {
    let plugin = &schema["properties"]["plugin"];
    let aliases: Vec<&str> = plugin["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (name, aliases) = match aliases.split_first() {
        Some((name, aliases)) => {
            (*name, format!(" (or {})", aliases.iter().map(|name| format!("`\"{name}\"`")).collect::<Vec<_>>().join(", ")))
        }
        None => (plugin["const"].as_str().unwrap(), String::new()),
    };
    writeln!(text, "\n### `plugin = \"{name}\"`{aliases}\n\n{}", description(schema)).unwrap();
    add_table(section, schema, text);
}

/// The keys of a table, and after them those of the tables in it.
fn add_table(path: &str, schema: &Value, text: &mut String) {
    let nothing = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&nothing);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (mut rows, mut tables) = (String::new(), Vec::new());
    for (name, property) in properties.iter().filter(|(name, _)| *name != "plugin") {
        if let Some((inner, list)) = inner_table(property) {
            tables.push((name, inner, list));
        }
        let mark = if property["operational"] == true { " *" } else { "" };
        let former = property["renamed-from"].as_str().map(|name| format!(" Formerly `{name}`.")).unwrap_or_default();
        let default = match (property.get("default"), required.contains(&name.as_str())) {
            (Some(default), _) if !default.is_object() => format!("`{default}`"),
            (_, true) => "required".to_owned(),
            _ => String::new(),
        };
        let row = [format!("`{name}`{mark}"), kind(property), default, description(property) + &former];
        writeln!(rows, "| {} |", row.map(|part| cell(&part)).join(" | ")).unwrap();
    }
    if !rows.is_empty() {
        writeln!(text, "\n| key | type | default | description |\n| --- | --- | --- | --- |\n{}", rows.trim_end()).unwrap();
    }
    for (name, inner, is_list) in tables {
        let path = format!("{path}.{name}");
        let title = if is_list { format!("[[{path}]]") } else { format!("[{path}]") };
        writeln!(text, "\n### `{title}`\n\n{}", description(inner)).unwrap();
        add_table(&path, inner, text);
    }
}

/// The table that a key holds, or whose list it holds, and whether it is a list.
fn inner_table(property: &Value) -> Option<(&Value, bool)> {
    let has_keys = |schema: &&Value| schema["properties"].is_object();
    let options = ["anyOf", "oneOf"].iter().filter_map(|key| property[*key].as_array()).flatten();
    if let Some(inner) = std::iter::once(property).chain(options).find(has_keys) {
        return Some((inner, false));
    }
    Some(&property["items"]).filter(has_keys).map(|items| (items, true))
}

/// The type of a key in words.
fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(options) = ["anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array()) {
        return options.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "any".to_owned(),
    };
    names.iter().map(|name| named(name, schema)).collect::<Vec<_>>().join(" or ")
}

fn named(name: &str, schema: &Value) -> String {
    let bound = |key: &str, words: &str| schema.get(key).map(|bound| format!(" {words} {bound}")).unwrap_or_default();
    let range = || {
        let bounds = [("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<")];
        bounds.map(|(key, words)| bound(key, words)).concat()
    };
    match name {
        "object" => "table".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"])),
        "string" => match schema["format"].as_str() {
            Some(format) => format!("string ({})", format.replace('-', " ")),
            None => "string".to_owned(),
        },
        "integer" | "number" => format!("{name}{}", range()),
        other => other.to_owned(),
    }
}
