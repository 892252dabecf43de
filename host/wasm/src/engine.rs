//! The engine that compiles and runs components: one a process.

use std::sync::OnceLock;
use std::time::Duration;

use scaledown_sdk::{Error, Result};
use wasmtime::{Config, Engine};

/// How often a running component is looked at: whether its time is over, and whether the user wants
/// to stop.
const TICK: Duration = Duration::from_millis(10);

/// The stack of a component. A thread of the host has 2 MiB, of which the host's own calls take the
/// rest.
const STACK: usize = 1 << 20;

static ENGINE: OnceLock<std::result::Result<Engine, String>> = OnceLock::new();

/// The engine.
///
/// # Errors
/// If this machine cannot run WebAssembly.
pub(crate) fn engine() -> Result<&'static Engine> {
    let made = ENGINE.get_or_init(|| make().map_err(|error| format!("{error:#}")));
    made.as_ref().map_err(|message| Error::Plugin { plugin: "WebAssembly".into(), message: message.clone() })
}

fn make() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true).max_wasm_stack(STACK);
    let engine = Engine::new(&config)?;
    let ticking = engine.clone();
    let tick = move || loop {
        std::thread::sleep(TICK);
        ticking.increment_epoch();
    };
    std::thread::Builder::new().name("plugin clock".into()).spawn(tick)?;
    Ok(engine)
}
