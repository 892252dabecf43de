//! A compiled component.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::{Error, Result};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// A component, compiled for this machine. Any number of instances can be made of it; they share
/// nothing.
#[derive(Clone)]
pub struct WasmComponent {
    name: String,
    engine: Engine,
    component: Component,
}

impl WasmComponent {
    /// Reads and compiles the component in a file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Plugin`] if the component is invalid.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read_bytes(path, FileKind::Component).map_err(|error| Error::io(path, error))?;
        WasmComponent::compile(&path.display().to_string(), &bytes)
    }

    /// Compiles a component. Messages call it `name`.
    ///
    /// # Errors
    /// [`Error::Plugin`] if `bytes` are no valid component.
    pub fn compile(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        config.wasm_component_model(true);
        let engine = Engine::new(&config).map_err(|error| failure(name, &error))?;
        let component = Component::from_binary(&engine, bytes).map_err(|error| failure(name, &error))?;
        Ok(WasmComponent { name: name.to_owned(), engine, component })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn component(&self) -> &Component {
        &self.component
    }
}

/// The error of a component that could not be compiled, did not fit the contract, or trapped.
pub(super) fn failure(name: &str, error: &wasmtime::Error) -> Error {
    // The root cause says what went wrong; the outer ones add a backtrace of the guest.
    Error::Plugin { plugin: name.to_owned(), message: error.root_cause().to_string() }
}
