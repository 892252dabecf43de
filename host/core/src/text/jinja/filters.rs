//! Filters that Python's Jinja has and minijinja lacks, writes otherwise, or lets grow without a
//! limit.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, Value};

use super::{budget, format, guard, invalid, is_compound, json, python};

/// The maximum of `batch` and `slice`.
const MOST: usize = 100_000;
/// The widest that a line is set in.
const WIDEST: usize = 10_000;

/// Adds them to an environment.
pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter(guard::PASS, budget::pass);
    environment.add_filter(guard::REMAINDER, |left: &Value, right: &Value| format::remainder(left, right));
    environment.add_filter("tojson", json::tojson);
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_filter("upper", |value: &Value| cased(value, "upper"));
    environment.add_filter("lower", |value: &Value| cased(value, "lower"));
    environment.add_filter("capitalize", |value: &Value| cased(value, "capitalize"));
    environment.add_filter("trim", trim);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("format", |value: &str, arguments: Rest<Value>| format::printf(value, &arguments));
    environment.add_filter("indent", indent);
    environment.add_filter("center", center);
    environment.add_filter("wordcount", |value: &Value| Ok::<_, Error>(python::text(value)?.split_whitespace().count()));
    environment.add_filter("batch", batch);
    environment.add_filter("slice", slice);
    environment.add_filter("round", round);
    environment.add_filter("list", list);
    // Python's iterables and sequences.
    environment.add_test("iterable", |value: &Value| is_compound(value) || value.as_str().is_some() || value.is_undefined());
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Undefined)
    });
}

fn cased(value: &Value, name: &str) -> Result<String, Error> {
    let text = python::text(value)?;
    budget::charge(text.len())?;
    Ok(python::cased(&text, name))
}

fn trim(value: &Value, letters: Option<&str>) -> Result<String, Error> {
    let text = python::text(value)?;
    budget::charge(text.len())?;
    let is = |letter: char| letters.map_or_else(|| python::is_space(letter), |letters| letters.contains(letter));
    Ok(text.trim_matches(is).to_owned())
}

fn replace(value: &Value, old: &Value, new: &Value, most: Option<usize>) -> Result<String, Error> {
    python::replace(&python::text(value)?, &python::text(old)?, &python::text(new)?, most)
}

fn join(value: &Value, mark: Option<&str>, options: Kwargs) -> Result<String, Error> {
    let mark = mark.or(options.get("d")?).unwrap_or_default();
    let attribute: Option<&str> = options.get("attribute")?;
    options.assert_all_used()?;
    match attribute {
        Some(name) => {
            let parts = value.try_iter()?.map(|item| item.get_attr(name)).collect::<Result<Vec<_>, _>>()?;
            python::join(mark, &Value::from(parts))
        }
        None if value.is_undefined() => Ok(String::new()),
        None => python::join(mark, value),
    }
}

/// Python's `round`, which takes the even neighbour of a number that lies in the middle; or upwards
/// (`ceil`) or downwards (`floor`).
fn round(value: &Value, precision: Option<i32>, method: Option<&str>, named: Kwargs) -> Result<Value, Error> {
    let precision = precision.or(named.get("precision")?).unwrap_or(0);
    let method = method.or(named.get("method")?).unwrap_or("common").to_owned();
    named.assert_all_used()?;
    if value.is_integer() && precision >= 0 {
        return Ok(value.clone());
    }
    let number = f64::try_from(value.clone()).map_err(|_| invalid(format!("cannot round {}", value.kind())))?;
    if !(-300..=300).contains(&precision) || !number.is_finite() {
        return Err(invalid(format!("cannot round {number} to {precision} places")));
    }
    let scale = 10f64.powi(precision);
    Ok(Value::from(match method.as_str() {
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        "common" if precision < 0 => (number * scale).round_ties_even() / scale,
        // Its digits are exact, which a product's are not.
        "common" => format!("{number:.*}", precision.unsigned_abs() as usize).parse().unwrap_or(number),
        other => return Err(invalid(format!("cannot round by {other:?}"))),
    }))
}

/// `indent(width=4, first=false, blank=false)`.
fn indent(
    value: &Value,
    width: Option<Value>,
    first: Option<bool>,
    blank: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let width: Option<Value> = width.or(options.get("width")?);
    let first = first.or(options.get("first")?).unwrap_or(false);
    let blank = blank.or(options.get("blank")?).unwrap_or(false);
    options.assert_all_used()?;
    let by = match width {
        None => "    ".to_owned(),
        Some(width) => match width.as_str() {
            Some(text) => text.to_owned(),
            None => {
                let width = width.as_usize().filter(|width| *width <= WIDEST);
                " ".repeat(width.ok_or_else(|| invalid("indent: the width is no number of spaces that a template may use"))?)
            }
        },
    };
    let text = python::text(value)?;
    budget::charge(text.matches('\n').count().saturating_add(1).saturating_mul(by.len()).saturating_add(text.len()))?;
    let mut output = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            output.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty() || (index == 0 && first)) {
            output.push_str(&by);
        }
        output.push_str(line);
    }
    Ok(output)
}

fn center(value: &Value, width: Option<usize>) -> Result<String, Error> {
    let (text, width) = (python::text(value)?, width.unwrap_or(80));
    if width > WIDEST {
        return Err(invalid("center: the width is more than a template may use"));
    }
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    Ok(format!("{}{text}{}", " ".repeat(left), " ".repeat(missing - left)))
}

/// `batch(count, fill_with)`: rows of as many, the last filled up.
fn batch(value: &Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    if count == 0 || count > MOST {
        return Err(invalid(format!("batch: expected a number from 1 to {MOST}")));
    }
    let items: Vec<Value> = elements(value)?;
    let row = |row: &[Value]| {
        let mut row = row.to_vec();
        if let Some(fill) = &fill {
            row.resize(count, fill.clone());
        }
        budget::pass(Value::from(row))
    };
    Ok(Value::from(items.chunks(count).map(row).collect::<Result<Vec<_>, _>>()?))
}

/// `slice(count, fill_with)`: as many columns, the first ones longer by one where it does not come
/// out even.
fn slice(value: &Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    if count == 0 || count > MOST {
        return Err(invalid(format!("slice: expected a number from 1 to {MOST}")));
    }
    let items: Vec<Value> = elements(value)?;
    let (each, longer) = (items.len() / count, items.len() % count);
    let (mut columns, mut at) = (Vec::new(), 0);
    for index in 0..count {
        let length = each + usize::from(index < longer);
        let mut column = items[at..at + length].to_vec();
        at += length;
        if let Some(fill) = fill.as_ref().filter(|_| longer > 0 && index >= longer) {
            column.push(fill.clone());
        }
        columns.push(budget::pass(Value::from(column))?);
    }
    Ok(Value::from(columns))
}

fn list(value: &Value) -> Result<Value, Error> {
    elements(value).map(Value::from)
}

/// The elements of a list, the keys of a dictionary, the characters of a text.
fn elements(value: &Value) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    if let Some(text) = value.as_str() {
        budget::charge(text.len().saturating_mul(24))?;
        return Ok(text.chars().map(|letter| Value::from(letter.to_string())).collect());
    }
    for item in value.try_iter()? {
        budget::charge(24)?;
        items.push(item);
    }
    Ok(items)
}
