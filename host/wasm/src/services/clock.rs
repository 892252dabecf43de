//! Time.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::scaledown::plugin::clock;
use crate::imports::{Answer, Imports};

impl clock::Host for Imports {
    fn now(&mut self) -> Answer<u64> {
        if !self.plugin.settings().permissions.clock {
            return Ok(Err(self.denied("read the clock", "clock = true")));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Ok(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)))
    }
}
