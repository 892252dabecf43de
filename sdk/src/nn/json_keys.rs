//! Typed reading of a `config.json`, with errors that name the key.

use serde_json::{Map, Value};

use crate::{Error, Result};

/// More layers than any model has.
const MOST_LAYERS: usize = 10_000;

/// The keys of a JSON object, such as a model's `config.json`. A key that is `null` counts as
/// absent.
#[derive(Clone, Copy, Debug)]
pub struct JsonKeys<'a> {
    object: &'a Map<String, Value>,
    path: &'a str,
}

impl<'a> JsonKeys<'a> {
    /// The keys of `value`, which messages call `path`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not an object.
    pub fn new(value: &'a Value, path: &'a str) -> Result<Self> {
        match value {
            Value::Object(object) => Ok(JsonKeys { object, path }),
            other => Err(Error::Config(format!("{path} is {}, expected an object", excerpt(other)))),
        }
    }

    /// The object's name in messages.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The value of `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// The names of all keys.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.object.keys().map(String::as_str)
    }

    /// Whether `key` is present, be it `null`.
    #[must_use]
    pub fn mentions(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// A positive integer that must be there.
    ///
    /// # Errors
    /// If it is missing or not a positive integer.
    pub fn size(&self, key: &str) -> Result<usize> {
        self.optional_size(key)?.ok_or_else(|| Error::Config(format!("`{key}` is missing in {}", self.path)))
    }

    /// A positive integer.
    ///
    /// # Errors
    /// If it is not a positive integer.
    pub fn optional_size(&self, key: &str) -> Result<Option<usize>> {
        self.read(key, "a positive integer", |value| {
            value.as_u64().filter(|&size| size > 0).and_then(|size| usize::try_from(size).ok())
        })
    }

    /// An integer of at least 0.
    ///
    /// # Errors
    /// If it is not an integer of at least 0.
    pub fn count(&self, key: &str) -> Result<Option<usize>> {
        self.read(key, "an integer of at least 0", |value| value.as_u64().and_then(|size| usize::try_from(size).ok()))
    }

    /// A number of layers, which must be there.
    ///
    /// # Errors
    /// If it is missing or not an integer from 0 to 10,000: what is kept for each layer of more
    /// would fill the memory.
    pub fn layers(&self, key: &str) -> Result<usize> {
        let count = self.read(key, &format!("an integer from 0 to {MOST_LAYERS}"), |value| {
            value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|&count| count <= MOST_LAYERS)
        })?;
        count.ok_or_else(|| Error::Config(format!("`{key}` is missing in {}", self.path)))
    }

    /// A finite number.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        self.read(key, "a number", Value::as_f64)
    }

    /// A number greater than 0.
    ///
    /// # Errors
    /// If it is not a number greater than 0.
    pub fn positive(&self, key: &str) -> Result<Option<f64>> {
        self.read(key, "a number greater than 0", |value| value.as_f64().filter(|&number| number > 0.0))
    }

    /// A truth value, `default` where absent.
    ///
    /// # Errors
    /// If it is not a truth value.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    /// A string.
    ///
    /// # Errors
    /// If it is not a string.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.read(key, "a string", Value::as_str)
    }

    /// Strings.
    ///
    /// # Errors
    /// If it is not a list of strings.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        self.read(key, "a list of strings", |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    /// Token ids: one integer or a list of them.
    ///
    /// # Errors
    /// If it is neither.
    pub fn ids(&self, key: &str) -> Result<Vec<u32>> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = self.read(key, "a token id or a list of token ids", |value| match value {
            Value::Array(items) => items.iter().map(id).collect(),
            one => Some(vec![id(one)?]),
        })?;
        Ok(ids.unwrap_or_default())
    }

    /// The value of `key` as `convert` reads it.
    fn read<T>(&self, key: &str, expected: &str, convert: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        convert(value).map(Some).ok_or_else(|| self.invalid(key, expected))
    }

    /// The error for a `key` with another value than `expected`.
    #[must_use]
    pub fn invalid(&self, key: &str, expected: &str) -> Error {
        let found = self.object.get(key).map_or_else(|| "missing".to_owned(), excerpt);
        Error::Config(format!("`{key}` in {} is {found}, expected {expected}", self.path))
    }
}

/// A value as a message shows it.
fn excerpt(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { format!("{}...", text.chars().take(57).collect::<String>()) }
}
