//! The plugin's keys, and the environment variables that it may read.

use crate::bindings::scaledown::plugin::config;
use crate::imports::{Answer, Imports};
use crate::services::permission::quoted;

impl config::Host for Imports {
    fn keys(&mut self) -> wasmtime::Result<String> {
        Ok(self.setting.keys.clone())
    }

    fn variable(&mut self, name: String) -> Answer<Option<String>> {
        if !self.plugin.settings().permissions.env.contains(&name) {
            let line = format!("env = [{}]", quoted(&name));
            return Ok(Err(self.denied(&format!("read the environment variable {name}"), &line)));
        }
        Ok(Ok(std::env::var(&name).ok()))
    }
}
