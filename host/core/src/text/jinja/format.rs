//! Python's two ways to format a text: `'%s' % x` and `'{}'.format(x)`.

use minijinja::value::ValueKind;
use minijinja::{Error, FormatStyle, Value, format_filter};

use super::{budget, invalid, is_compound, python};

/// The widest that a field may be.
const WIDEST: usize = 4;

/// `format % arguments`: a list of them, a dictionary, or one.
pub(super) fn remainder(left: &Value, right: &Value) -> Result<Value, Error> {
    let Some(text) = left.as_str() else {
        return remainder_of_numbers(left, right);
    };
    let arguments: Vec<Value> = match right.kind() {
        ValueKind::Seq | ValueKind::Iterable => right.try_iter()?.collect(),
        _ => vec![right.clone()],
    };
    printf(text, &arguments).map(Value::from)
}

/// Python's `%` has the sign of the divisor.
fn remainder_of_numbers(left: &Value, right: &Value) -> Result<Value, Error> {
    let undefined = || invalid(format!("unsupported operand types for %: {} and {}", left.kind(), right.kind()));
    if let (Ok(left), Ok(right)) = (i64::try_from(left.clone()), i64::try_from(right.clone())) {
        let remainder = left.checked_rem(right).ok_or_else(|| invalid("integer modulo by zero"))?;
        let turned = remainder != 0 && (remainder < 0) != (right < 0);
        return Ok(Value::from(if turned { remainder + right } else { remainder }));
    }
    let (left, right) = (f64::try_from(left.clone()).ok(), f64::try_from(right.clone()).ok());
    let (left, right) = left.zip(right).ok_or_else(undefined)?;
    let remainder = left % right;
    Ok(Value::from(if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) { remainder + right } else { remainder }))
}

/// The filter `format` and the operator `%`.
pub(super) fn printf(text: &str, arguments: &[Value]) -> Result<String, Error> {
    check(text, '%')?;
    let (text, arguments) = without_reprs(text, arguments)?;
    let arguments = pythonic(&arguments)?;
    budget::charge(text.len())?;
    let formatted = format_filter(FormatStyle::Printf, &text, &arguments)?;
    budget::charge(formatted.len())?;
    Ok(formatted)
}

/// The same with `%s` for `%r`, which the engine does not know, of what `repr` makes of its
/// argument.
fn without_reprs(text: &str, arguments: &[Value]) -> Result<(String, Vec<Value>), Error> {
    let (mut written, mut arguments, mut rest, mut next) = (String::new(), arguments.to_vec(), text, 0);
    while let Some(at) = rest.find('%') {
        let field = &rest[at + 1..];
        let end = field.find(|letter: char| letter == '%' || letter.is_ascii_alphabetic());
        // A name in brackets refers to a dictionary and takes no position in the list.
        let Some(end) = end.filter(|_| !field.starts_with('(')) else {
            let skipped = at + 1 + usize::from(field.starts_with('('));
            written.push_str(&rest[..skipped]);
            rest = &rest[skipped..];
            continue;
        };
        let (before, kind) = (at + 1 + end, field.as_bytes()[end]);
        written.push_str(&rest[..before]);
        if matches!(kind, b'r' | b'a')
            && let Some(argument) = arguments.get_mut(next)
        {
            *argument = Value::from(python::repr(argument)?);
            written.push('s');
        } else {
            written.push(char::from(kind));
        }
        next += usize::from(kind != b'%');
        rest = &rest[before + 1..];
    }
    written.push_str(rest);
    Ok((written, arguments))
}

/// The method `format`.
pub(super) fn braces(text: &str, arguments: &[Value]) -> Result<String, Error> {
    check(text, '{')?;
    let arguments = pythonic(arguments)?;
    budget::charge(text.len())?;
    let formatted = format_filter(FormatStyle::StrFormat, text, &arguments)?;
    budget::charge(formatted.len())?;
    Ok(formatted)
}

/// Arguments formatted as in Python: other values become strings.
fn pythonic(arguments: &[Value]) -> Result<Vec<Value>, Error> {
    let argument = |value: &Value| match value.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Seq | ValueKind::Iterable => python::text(value).map(Value::from),
        _ => {
            if is_compound(value) {
                budget::pass(value.clone())
            } else {
                Ok(value.clone())
            }
        }
    };
    arguments.iter().map(argument).collect()
}

/// Refuses fields that are wider than any template needs: they are a way to fill the memory.
fn check(text: &str, mark: char) -> Result<(), Error> {
    for (at, _) in text.match_indices(mark) {
        let end = if mark == '%' { char::is_alphabetic } else { |letter: char| letter == '}' };
        let field = text[at + 1..].split(end).next().unwrap_or_default();
        let widest = field.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        if widest > WIDEST || (mark == '%' && field.starts_with(['*', '.', '-', '0']) && field.contains('*')) || field == "*" {
            return Err(invalid("a field of a format is wider than a template may make it"));
        }
    }
    Ok(())
}
