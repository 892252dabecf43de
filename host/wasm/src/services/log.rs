//! What the user reads in a plugin's name.

use crate::bindings::scaledown::plugin::log::{Host, Level};
use crate::imports::Imports;

/// The most characters of a message.
const LONGEST: usize = 2_000;

/// How the SDK begins the message of a panic, after which the component gives up.
const PANIC: &str = "panicked: ";

impl Host for Imports {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if let (Level::Error, Some(words)) = (level, message.strip_prefix(PANIC)) {
            // The error of the call says it.
            self.last_words = Some(format!("it panicked: {}", shortened(words)));
            return Ok(());
        }
        let (plugin, message) = (self.plugin.name(), shortened(&message));
        match level {
            Level::Error => tracing::error!(plugin, "{message}"),
            Level::Warn => tracing::warn!(plugin, "{message}"),
            Level::Info => tracing::info!(plugin, "{message}"),
            Level::Debug => tracing::debug!(plugin, "{message}"),
        }
        Ok(())
    }
}

/// A message on one line, without control characters, and cut where it is long.
pub(crate) fn shortened(message: &str) -> String {
    let plain = message.chars().take(LONGEST).map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut plain: String = plain.collect();
    if message.chars().nth(LONGEST).is_some() {
        plain.push_str("...");
    }
    plain.trim_end().to_owned()
}
