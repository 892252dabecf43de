//! Python's behaviour that templates use: text forms, and methods of strings, dictionaries and
//! lists.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::{budget, format, invalid};

/// `str(value)`.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(String::new()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        _ => repr(value),
    }
}

/// `repr(value)`.
pub(super) fn repr(value: &Value) -> Result<String, Error> {
    let mut output = String::new();
    write_repr(value, 0, &mut output)?;
    Ok(output)
}

fn write_repr(value: &Value, depth: usize, output: &mut String) -> Result<(), Error> {
    if depth > 32 {
        return Err(invalid("values are nested too deep, or contain themselves"));
    }
    let before = output.len();
    match value.kind() {
        ValueKind::Undefined => output.push_str("Undefined"),
        ValueKind::None => output.push_str("None"),
        ValueKind::Bool => output.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => output.push_str(&number(value)),
        ValueKind::String => quote(value.as_str().unwrap_or_default(), output),
        ValueKind::Seq | ValueKind::Iterable => {
            output.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                output.push_str(if index > 0 { ", " } else { "" });
                budget::charge(2)?;
                write_repr(&item, depth + 1, output)?;
            }
            output.push(']');
            return Ok(());
        }
        ValueKind::Map => {
            output.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                output.push_str(if index > 0 { ", " } else { "" });
                budget::charge(4)?;
                write_repr(&key, depth + 1, output)?;
                output.push_str(": ");
                write_repr(&value.get_item(&key)?, depth + 1, output)?;
            }
            output.push('}');
            return Ok(());
        }
        _ => output.push_str(&value.to_string()),
    }
    budget::charge(output.len() - before)
}

/// A number as Python writes it.
pub(super) fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(float) = f64::try_from(value.clone()) else { return value.to_string() };
    if float.is_nan() || float.is_infinite() {
        return format!("{float}").to_lowercase();
    }
    let exponent = if float == 0.0 { 0.0 } else { float.abs().log10().floor() };
    if !(-4.0..16.0).contains(&exponent) {
        let written = format!("{float:e}");
        let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{float:?}")
}

fn quote(text: &str, output: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    output.push(mark);
    for letter in text.chars() {
        match letter {
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            letter if letter == mark => output.extend(['\\', letter]),
            control if control < ' ' || control == '\u{7f}' => output.push_str(&format!("\\x{:02x}", u32::from(control))),
            other => output.push(other),
        }
    }
    output.push(mark);
}

/// A method that minijinja's values do not have.
pub(super) fn method(_: &State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let result = match value.kind() {
        ValueKind::String => string(value.as_str().unwrap_or_default(), name, arguments),
        ValueKind::Map => dictionary(value, name, arguments),
        ValueKind::Seq | ValueKind::Iterable => list(value, name, arguments),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }?;
    Ok(result)
}

fn string(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    budget::charge(text.len())?;
    if let Some(answer) = question(text, name) {
        let () = from_args(arguments)?;
        return Ok(Value::from(answer));
    }
    match name {
        "upper" | "lower" | "casefold" | "capitalize" | "title" | "swapcase" => {
            let () = from_args(arguments)?;
            Ok(Value::from(cased(text, name)))
        }
        "strip" | "lstrip" | "rstrip" => strip(text, name, arguments),
        "startswith" | "endswith" => ends(text, name, arguments),
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(arguments)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(arguments)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" | "rpartition" => {
            let (mark,): (&str,) = from_args(arguments)?;
            let parts = if name == "partition" { text.split_once(mark) } else { text.rsplit_once(mark) };
            let parts = match parts {
                Some((before, after)) => [before, mark, after],
                None if name == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Ok(parts.into_iter().map(Value::from).collect())
        }
        "split" | "rsplit" => split(text, name == "rsplit", arguments),
        "splitlines" => {
            let (keep, options): (Option<bool>, Kwargs) = from_args(arguments)?;
            let keep = keep.or(options.get("keepends")?).unwrap_or(false);
            options.assert_all_used()?;
            Ok(lines(text).map(|(line, end)| if keep { format!("{line}{end}") } else { line.to_owned() }).collect())
        }
        "find" | "rfind" | "index" | "rindex" => find(text, name, arguments),
        "count" => {
            let (what,): (&str,) = from_args(arguments)?;
            Ok(Value::from(if what.is_empty() { text.chars().count() + 1 } else { text.matches(what).count() }))
        }
        "replace" => {
            let (old, new, count, options): (&str, &str, Option<i64>, Kwargs) = from_args(arguments)?;
            let count = count.or(options.get("count")?).unwrap_or(-1);
            options.assert_all_used()?;
            replace(text, old, new, usize::try_from(count).ok()).map(Value::from)
        }
        "join" => {
            let (parts,): (&Value,) = from_args(arguments)?;
            join(text, parts).map(Value::from)
        }
        "zfill" | "ljust" | "rjust" | "center" => pad(text, name, arguments),
        "expandtabs" => {
            let (width,): (Option<usize>,) = from_args(arguments)?;
            expand(text, width.unwrap_or(8)).map(Value::from)
        }
        "format" => format::braces(text, arguments).map(Value::from),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// The methods `is...`.
fn question(text: &str, name: &str) -> Option<bool> {
    let all = |is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    let cased = |is: fn(char) -> bool, not: fn(char) -> bool| text.chars().any(is) && !text.chars().any(not);
    Some(match name {
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isspace" => all(char::is_whitespace),
        "isascii" => text.is_ascii(),
        "islower" => cased(char::is_lowercase, char::is_uppercase),
        "isupper" => cased(char::is_uppercase, char::is_lowercase),
        "istitle" => text.chars().any(char::is_alphabetic) && cased_as_title(text) == text,
        "isidentifier" => {
            text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        }
        _ => return None,
    })
}

pub(super) fn cased(text: &str, name: &str) -> String {
    match name {
        "upper" => text.to_uppercase(),
        "lower" | "casefold" => text.to_lowercase(),
        "title" => cased_as_title(text),
        "capitalize" => {
            let mut letters = text.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters.as_str().to_lowercase().chars()).collect())
                .unwrap_or_default()
        }
        _ => text
            .chars()
            .map(|c| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() })
            .collect(),
    }
}

/// A capital after every non-letter.
fn cased_as_title(text: &str) -> String {
    let mut inside = false;
    let mut output = String::with_capacity(text.len());
    for letter in text.chars() {
        if inside {
            output.extend(letter.to_lowercase())
        } else {
            output.extend(letter.to_uppercase())
        }
        inside = letter.is_alphabetic();
    }
    output
}

fn strip(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (letters,): (Option<&str>,) = from_args(arguments)?;
    let is = |letter: char| letters.map_or_else(|| is_space(letter), |letters| letters.contains(letter));
    Ok(Value::from(match name {
        "strip" => text.trim_matches(is),
        "lstrip" => text.trim_start_matches(is),
        _ => text.trim_end_matches(is),
    }))
}

/// White space as `str.isspace` has it.
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{1c}'..='\u{1f}')
}

fn ends(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (what,): (&Value,) = from_args(arguments)?;
    let one = |what: &Value| {
        let what = what.as_str().ok_or_else(|| invalid(format!("{name}: expected a text or texts, not {}", what.kind())))?;
        Ok::<_, Error>(if name == "startswith" { text.starts_with(what) } else { text.ends_with(what) })
    };
    if what.as_str().is_some() || !matches!(what.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return one(what).map(Value::from);
    }
    for what in what.try_iter()? {
        if one(&what)? {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

fn split(text: &str, from_end: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (mark, most, options): (Option<&str>, Option<i64>, Kwargs) = from_args(arguments)?;
    let mark = mark.or(options.get("sep")?);
    let most = most.or(options.get("maxsplit")?).unwrap_or(-1);
    options.assert_all_used()?;
    let most = usize::try_from(most).unwrap_or(usize::MAX - 1);
    budget::charge(text.len().saturating_mul(8))?;
    let mut parts: Vec<&str> = match (mark, from_end) {
        (Some(""), _) => return Err(invalid("empty separator")),
        (Some(mark), false) => text.splitn(most + 1, mark).collect(),
        (Some(mark), true) => text.rsplitn(most + 1, mark).collect(),
        (None, from_end) => words(text, most, from_end),
    };
    if from_end {
        parts.reverse();
    }
    Ok(parts.into_iter().map(Value::from).collect())
}

/// The words of a text, last first if `from_end`; after `most` of them, the rest is one.
fn words(text: &str, most: usize, from_end: bool) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    loop {
        rest = if from_end { rest.trim_end_matches(is_space) } else { rest.trim_start_matches(is_space) };
        if rest.is_empty() {
            return parts;
        }
        let at = if from_end { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(at) = at.filter(|_| parts.len() < most) else {
            parts.push(rest);
            return parts;
        };
        if from_end {
            let after = rest[at..].chars().next().map_or(rest.len(), |space| at + space.len_utf8());
            parts.push(&rest[after..]);
            rest = &rest[..at];
        } else {
            parts.push(&rest[..at]);
            rest = &rest[at..];
        }
    }
}

/// Lines with what ends them, as Python parts them.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end =
            |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let at = rest.find(is_end).unwrap_or(rest.len());
        let length = if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(0, char::len_utf8) };
        let found = (&rest[..at], &rest[at..at + length]);
        rest = &rest[at + length..];
        Some(found)
    })
}

/// Where a text stands in another, in characters.
fn find(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (what, from, to): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let place = |index: i64| {
        let length = starts.len() as i64 - 1;
        usize::try_from(if index < 0 { (index + length).max(0) } else { index.min(length) }).unwrap_or(0)
    };
    let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(i64::MAX)));
    let part = text.get(starts[from]..starts[to]).unwrap_or_default();
    let at = if name.starts_with('r') { part.rfind(what) } else { part.find(what) };
    match at {
        Some(at) => Ok(Value::from(from + part[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(invalid("substring not found")),
    }
}

pub(super) fn replace(text: &str, old: &str, new: &str, most: Option<usize>) -> Result<String, Error> {
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    budget::charge(found.min(most.unwrap_or(usize::MAX)).saturating_mul(new.len()).saturating_add(text.len()))?;
    Ok(match most {
        Some(most) => text.replacen(old, new, most),
        None => text.replace(old, new),
    })
}

pub(super) fn join(mark: &str, parts: &Value) -> Result<String, Error> {
    let mut output = String::new();
    for (index, part) in parts.try_iter()?.enumerate() {
        let part = text(&part)?;
        budget::charge(part.len() + mark.len())?;
        output.push_str(if index > 0 { mark } else { "" });
        output.push_str(&part);
    }
    Ok(output)
}

fn pad(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(arguments)?;
    let mut letters = fill.unwrap_or(if name == "zfill" { "0" } else { " " }).chars();
    let (Some(fill), None) = (letters.next(), letters.next()) else {
        return Err(invalid("The fill character must be exactly one character long"));
    };
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    budget::charge(missing.saturating_mul(4))?;
    let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(Value::from(match name {
        "ljust" => format!("{text}{}", fills(missing)),
        "rjust" => format!("{}{text}", fills(missing)),
        "center" => {
            let left = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", fills(left), fills(missing - left))
        }
        _ => {
            let sign = text.len() - text.strip_prefix(['-', '+']).unwrap_or(text).len();
            format!("{}{}{}", &text[..sign], fills(missing), &text[sign..])
        }
    }))
}

fn expand(text: &str, width: usize) -> Result<String, Error> {
    budget::charge(text.matches('\t').count().saturating_mul(width).saturating_add(text.len()))?;
    let (mut output, mut column) = (String::new(), 0);
    for letter in text.chars() {
        match letter {
            '\t' if width > 0 => {
                let gap = width - column % width;
                output.extend(std::iter::repeat_n(' ', gap));
                column += gap;
            }
            '\t' => {}
            '\n' | '\r' => {
                output.push(letter);
                column = 0;
            }
            other => {
                output.push(other);
                column += 1;
            }
        }
    }
    Ok(output)
}

fn dictionary(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let keys = || Ok::<_, Error>(value.try_iter()?.collect::<Vec<Value>>());
    match name {
        "get" => {
            let (key, default): (&Value, Option<Value>) = from_args(arguments)?;
            let found = value.get_item(key)?;
            Ok(if found.is_undefined() { default.unwrap_or_else(|| Value::from(())) } else { found })
        }
        "keys" | "values" | "items" => {
            let () = from_args(arguments)?;
            let mut found = Vec::new();
            for key in keys()? {
                found.push(match name {
                    "keys" => key,
                    "values" => value.get_item(&key)?,
                    _ => Value::from(vec![key.clone(), value.get_item(&key)?]),
                });
            }
            Ok(Value::from(found))
        }
        "copy" => Ok(value.clone()),
        "pop" | "update" | "setdefault" | "clear" | "popitem" => {
            Err(invalid(format!("a template cannot change a value ({name})")))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn list(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    match name {
        "count" => {
            let (what,): (&Value,) = from_args(arguments)?;
            Ok(Value::from(value.try_iter()?.filter(|item| item == what).count()))
        }
        "index" => {
            let (what,): (&Value,) = from_args(arguments)?;
            value.try_iter()?.position(|item| item == *what).map(Value::from).ok_or_else(|| invalid("not in the list"))
        }
        "copy" => Ok(value.clone()),
        "append" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort" | "clear" => {
            Err(invalid(format!("a template cannot change a value ({name})")))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}
