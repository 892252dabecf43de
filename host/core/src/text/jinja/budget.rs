//! The memory that the values of a template take.

use std::cell::Cell;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::invalid;

/// The bytes that a template may handle beside what it was given.
const ALLOWED: u64 = 64 << 20;
/// How often what it was given may be handled.
const TIMES: u64 = 64;
/// How deep values may be nested.
const DEEPEST: usize = 32;
/// The maximum elements of a lazy list, such as a range.
const MOST_ELEMENTS: usize = 1_000_000;
/// The bytes that a value takes beside its text.
const VALUE: u64 = 24;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Runs `render` with a new budget, for variables of `given` bytes.
pub(super) fn within<T>(given: u64, render: impl FnOnce() -> T) -> T {
    let before = LEFT.replace(ALLOWED.saturating_add(given.saturating_mul(TIMES)));
    let result = render();
    LEFT.set(before);
    result
}

/// Takes bytes from the budget.
pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    take(bytes as u64)
}

fn take(bytes: u64) -> Result<(), Error> {
    let left = LEFT.get().checked_sub(bytes).ok_or_else(|| invalid("exceeds the memory limit of a template"))?;
    LEFT.set(left);
    Ok(())
}

/// The bytes that are left.
fn left() -> u64 {
    LEFT.get()
}

/// Lets a value pass, once its size is taken from the budget. Sizes are those of all that is in it,
/// as often as it is in it.
pub(super) fn pass(value: Value) -> Result<Value, Error> {
    take(weigh(&value, left(), 0)?)?;
    Ok(value)
}

/// The size of what a template is given.
pub(super) fn weight(value: &Value) -> u64 {
    weigh(value, u64::MAX, 0).unwrap_or(u64::MAX >> 8)
}

/// The size of a value, or more than `most`.
fn weigh(value: &Value, most: u64, depth: usize) -> Result<u64, Error> {
    if depth > DEEPEST {
        return Err(invalid("values are nested too deep, or contain themselves"));
    }
    let mut size = VALUE;
    match value.kind() {
        ValueKind::String | ValueKind::Bytes => size += value.as_str().map_or(0, str::len) as u64,
        ValueKind::Iterable | ValueKind::Seq | ValueKind::Map if value.len().is_some_and(|length| length > MOST_ELEMENTS) => {
            return Err(invalid("makes a list longer than the limit"));
        }
        // Lazy values are created while they are iterated.
        ValueKind::Seq | ValueKind::Map => {
            for item in value.try_iter()? {
                if value.kind() == ValueKind::Map {
                    size += weigh(&value.get_item(&item)?, most.saturating_sub(size), depth + 1)?;
                }
                size += weigh(&item, most.saturating_sub(size), depth + 1)?;
                if size > most {
                    break;
                }
            }
        }
        _ => {}
    }
    Ok(size)
}
