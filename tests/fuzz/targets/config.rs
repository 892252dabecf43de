//! A configuration, with a sweep if it has one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_host::config::{Config, Overrides};

fuzz_target!(|data: &[u8]| {
    if let Ok(config) = Config::load(&file("config.toml", data), &Overrides::default()) {
        let _ = config.to_toml();
    }
});
