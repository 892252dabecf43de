//! `tojson` as `transformers` has it: Python's `json.dumps`.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::{budget, invalid};

/// How a value is written.
struct JsonStyle {
    ascii: bool,
    indent: Option<String>,
    item: String,
    key: String,
    sorted: bool,
}

/// The filter `tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn tojson(value: &Value, ensure_ascii: Option<bool>, indent: Option<Value>, options: Kwargs) -> Result<String, Error> {
    let ascii = ensure_ascii.or(options.get("ensure_ascii")?).unwrap_or(false);
    let indent = match indent.or(options.get("indent")?).filter(|indent| !indent.is_none() && !indent.is_undefined()) {
        None => None,
        Some(indent) => Some(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(indent.as_usize().filter(|width| *width <= 64).ok_or_else(|| invalid("tojson: bad indent"))?),
        }),
    };
    let separators: Option<Value> = options.get("separators")?;
    let (item, key) = match separators.filter(|separators| !separators.is_none()) {
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
        Some(separators) => {
            let text = |index: usize| separators.get_item_by_index(index).ok().and_then(|text| Some(text.as_str()?.to_owned()));
            let both = text(0).zip(text(1));
            both.ok_or_else(|| invalid("tojson: separators must be two texts"))?
        }
    };
    let style = JsonStyle { ascii, indent, item, key, sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false) };
    options.assert_all_used()?;
    let mut output = String::new();
    style.write(value, 0, &mut output)?;
    Ok(output)
}

impl JsonStyle {
    fn write(&self, value: &Value, depth: usize, output: &mut String) -> Result<(), Error> {
        let before = output.len();
        match value.kind() {
            ValueKind::None => output.push_str("null"),
            ValueKind::Bool => output.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => output.push_str(&number(value)),
            ValueKind::String => quote(value.as_str().unwrap_or_default(), self.ascii, output),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                return self
                    .list(items.len(), ('[', ']'), depth, output, |index, output| self.write(&items[index], depth + 1, output));
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                return self.list(keys.len(), ('{', '}'), depth, output, |index, output| {
                    quote(&key(&keys[index])?, self.ascii, output);
                    output.push_str(&self.key);
                    self.write(&value.get_item(&keys[index])?, depth + 1, output)
                });
            }
            other => return Err(invalid(format!("Object of type {other} is not JSON serializable"))),
        }
        budget::charge(output.len() - before)
    }

    fn list(
        &self,
        length: usize,
        brackets: (char, char),
        depth: usize,
        output: &mut String,
        mut item: impl FnMut(usize, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        budget::charge(2)?;
        output.push(brackets.0);
        for index in 0..length {
            let before = output.len();
            if index > 0 {
                output.push_str(&self.item);
            }
            self.line(depth + 1, output);
            budget::charge(output.len() - before)?;
            item(index, output)?;
        }
        if length > 0 {
            self.line(depth, output);
        }
        output.push(brackets.1);
        Ok(())
    }

    fn line(&self, depth: usize, output: &mut String) {
        if let Some(indent) = &self.indent {
            output.push('\n');
            (0..depth).for_each(|_| output.push_str(indent));
        }
    }
}

/// A key as text: `json.dumps` writes numbers and truth values so.
fn key(key: &Value) -> Result<String, Error> {
    Ok(match key.kind() {
        ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
        ValueKind::Number => number(key),
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => key.is_true().to_string(),
        other => return Err(invalid(format!("keys must be str, int, float, bool or None, not {other}"))),
    })
}

fn number(value: &Value) -> String {
    super::python::number(value).replace("inf", "Infinity").replace("nan", "NaN")
}

/// A JSON string, with no escape but those that JSON and Python want.
fn quote(text: &str, ascii: bool, output: &mut String) {
    output.push('"');
    for letter in text.chars() {
        match letter {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\u{8}' => output.push_str("\\b"),
            '\u{c}' => output.push_str("\\f"),
            control if control < ' ' => output.push_str(&format!("\\u{:04x}", u32::from(control))),
            other if ascii && !other.is_ascii() => {
                other.encode_utf16(&mut [0; 2]).iter().for_each(|unit| output.push_str(&format!("\\u{unit:04x}")));
            }
            other => output.push(other),
        }
    }
    output.push('"');
}
