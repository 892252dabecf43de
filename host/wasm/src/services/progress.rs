//! How far long work is.

use scaledown_sdk::component::stop::stop_requested;

use crate::bindings::scaledown::plugin::progress::Host;
use crate::imports::Imports;
use crate::services::log::shortened;

impl Host for Imports {
    fn report(&mut self, what: String, done: u64, total: Option<u64>) -> wasmtime::Result<bool> {
        tracing::info!(plugin = self.plugin.name(), done, total, "{}", shortened(&what));
        Ok(stop_requested())
    }
}
