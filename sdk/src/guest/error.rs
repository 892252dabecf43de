//! Errors on their way between guest and host.

use super::bindings::scaledown::plugin::types::Error as WitError;
use crate::Error;

impl From<Error> for WitError {
    fn from(error: Error) -> Self {
        let (kind, message) = kind_and_message(&error);
        kind(message)
    }
}

/// The interface's case for an error, and its message without what the case says already.
fn kind_and_message(error: &Error) -> (fn(String) -> WitError, String) {
    match error {
        Error::Config(message) => (WitError::Config, message.clone()),
        Error::Input(message) => (WitError::Input, message.clone()),
        Error::At { path, source } => {
            let (kind, message) = kind_and_message(source);
            (kind, format!("in {path}: {message}"))
        }
        other => (WitError::Failed, other.to_string()),
    }
}

/// The error of a call of the host, made for the instruction or parameter `what`.
pub(crate) fn from_host(what: &'static str, error: WitError) -> Error {
    match error {
        WitError::Config(message) => Error::Config(message),
        WitError::Input(message) => Error::Input(message),
        WitError::Failed(message) => Error::Host { what, message },
    }
}
