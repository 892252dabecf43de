//! What a GGUF file says of itself.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use scaledown_sdk::component::caught;

use super::GgufError;

/// The keys and the tensors' places of a file.
pub(super) struct Metadata {
    pub(super) path: PathBuf,
    pub(super) content: Content,
}

impl Metadata {
    /// Reads the head of a file.
    pub(super) fn read(path: &Path) -> Result<Self, GgufError> {
        let failed = |message: String| GgufError::new(path, message);
        let file = scaledown_sdk::files::open_regular(path).map_err(|error| failed(error.to_string()))?;
        let mut file = BufReader::new(file);
        let read = caught(|| Content::read(&mut file)).map_err(&failed)?;
        let content = read.map_err(|error| failed(format!("not a readable GGUF file ({error})")))?;
        Ok(Metadata { path: path.to_owned(), content })
    }

    /// An error of this file.
    pub(super) fn error(&self, message: impl Into<String>) -> GgufError {
        GgufError::new(&self.path, message)
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    /// An integer.
    pub(super) fn integer(&self, key: &str) -> Option<u64> {
        match self.value(key)? {
            Value::U8(value) => Some(u64::from(*value)),
            Value::U16(value) => Some(u64::from(*value)),
            Value::U32(value) => Some(u64::from(*value)),
            Value::U64(value) => Some(*value),
            Value::I32(value) => u64::try_from(*value).ok(),
            Value::I64(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// An integer that must be there.
    pub(super) fn required(&self, key: &str) -> Result<u64, GgufError> {
        self.integer(key).ok_or_else(|| self.error(format!("`{key}` is missing, expected a number")))
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::F32(value) => Some(f64::from(*value)),
            Value::F64(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.to_string().ok().map(String::as_str)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.value(key)?.to_bool().ok()
    }

    /// A list.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.value(key).and_then(|value| value.to_vec().ok()).map_or(&[], Vec::as_slice)
    }

    /// A list of texts that must be there.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&str>, GgufError> {
        let texts: Option<Vec<&str>> = self.list(key).iter().map(|value| value.to_string().ok().map(String::as_str)).collect();
        texts.filter(|texts| !texts.is_empty()).ok_or_else(|| self.error(format!("`{key}` is missing, expected a list of texts")))
    }
}
