//! What was found, as lines for a person and as JSON.

use serde_json::{Value, json};

/// What was found so far. Lines are printed at once: a run that is cut off leaves what it had.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Value>,
    problems: usize,
}

impl Table {
    /// A measurement.
    pub(crate) fn row(&mut self, section: &str, name: &str, value: f64, unit: &str) {
        println!("{section:<12} {name:<64} {value:>12.3} {unit}");
        self.rows.push(json!({"section": section, "name": name, "value": value, "unit": unit}));
    }

    /// Something that is no number.
    pub(crate) fn text(&mut self, section: &str, name: &str, text: &str) {
        println!("{section:<12} {name:<64} {text}");
        self.rows.push(json!({"section": section, "name": name, "text": text}));
    }

    /// Something that is wrong.
    pub(crate) fn problem(&mut self, section: &str, problem: &str) {
        println!("{section:<12} FAILED {problem}");
        self.rows.push(json!({"section": section, "problem": problem}));
        self.problems += 1;
    }

    /// Whether something was wrong.
    pub(crate) fn failed(&self) -> bool {
        self.problems > 0
    }

    /// Writes everything as JSON.
    pub(crate) fn write(&self, file: &str) -> std::io::Result<()> {
        std::fs::write(file, format!("{:#}\n", Value::Array(self.rows.clone())))
    }
}
