//! What a component exports is made once, by `build`, and used by the calls after it.

use std::sync::{Mutex, Once, PoisonError};

use super::bindings::scaledown::plugin::log::{Level, write};
use super::bindings::scaledown::plugin::types::Error as WitError;
use crate::Error;
use crate::tensor::begin_call;

/// What a component has built.
#[derive(Debug)]
pub struct Slot<C>(Mutex<Option<C>>);

impl<C> Slot<C> {
    /// A slot with nothing in it.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a static needs a constant")]
    pub const fn new() -> Self {
        Slot(Mutex::new(None))
    }

    /// Runs `build`, and keeps what it makes.
    pub(crate) fn build<T>(&self, build: impl FnOnce() -> crate::Result<(C, T)>) -> Result<T, WitError> {
        begin();
        let (made, value) = build()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        Ok(value)
    }

    /// Runs a call on what was built.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&mut C) -> crate::Result<T>) -> Result<T, WitError> {
        begin();
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = slot.as_mut().ok_or_else(|| WitError::Failed("it was called before `build`".into()))?;
        Ok(call(made)?)
    }
}

/// What every call of an export begins with: the host records, and hears of a panic.
pub(crate) fn begin() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let text = panic.payload();
            let text = text.downcast_ref::<String>().map(String::as_str).or(text.downcast_ref::<&str>().copied());
            let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
            write(Level::Error, &format!("panicked: {}{place}", text.unwrap_or("without a message")));
        }));
    });
    begin_call();
}

/// A component's keys.
pub(crate) fn keys<C: serde::de::DeserializeOwned>(config: &str) -> crate::Result<C> {
    serde_json::from_str(config).map_err(|error| Error::Config(error.to_string()))
}

/// What an author says of a component, beside its keys.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its licence.
    pub license: &'static str,
    /// Where to read more.
    pub homepage: &'static str,
    /// What it asks the user to grant, a JSON object as `[plugins.NAME.permissions]`; empty if
    /// nothing.
    pub permissions: &'static str,
}

/// What a component says of itself, as JSON.
#[must_use]
pub fn describe<C: schemars::JsonSchema>(about: About, learning_rate: Option<f64>) -> String {
    let About { name, description, version, license, homepage, permissions } = about;
    let schema = crate::component::schema::<C>();
    let mut described = serde_json::json!({
        "name": name, "version": version, "description": description, "license": license, "homepage": homepage, "schema": schema,
    });
    if let Some(rate) = learning_rate {
        described["learning_rate"] = rate.into();
    }
    if !permissions.is_empty() {
        // The host refuses invalid JSON, and JSON that is not a table.
        described["permissions"] = serde_json::from_str(permissions).unwrap_or_else(|_| permissions.into());
    }
    described.to_string()
}

/// What the crate that a macro is used in says of itself.
#[doc(hidden)]
#[macro_export]
macro_rules! about {
    ($name:literal, $description:literal $(, $permissions:literal)?) => {
        $crate::guest::About {
            name: $name,
            description: $description,
            version: env!("CARGO_PKG_VERSION"),
            license: env!("CARGO_PKG_LICENSE"),
            homepage: env!("CARGO_PKG_HOMEPAGE"),
            permissions: concat!($($permissions)?),
        }
    };
}
