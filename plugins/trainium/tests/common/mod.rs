//! A device on a real plugin: XLA's for the CPU, which `.ci/pjrt` fetches.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod places;
pub mod programs;
pub mod training;

use std::path::PathBuf;

use scaledown_trainium::device::PjrtBackend;
use scaledown_trainium::pjrt::OptionValue;
use scaledown_trainium::{PjrtConfig, open};

/// The plugin that tests run on.
pub fn library() -> PathBuf {
    std::env::var_os("SCALEDOWN_PJRT_PLUGIN").expect("SCALEDOWN_PJRT_PLUGIN names a plugin; .ci/pjrt fetches one").into()
}

/// A configuration that compiles quickly and runs slowly.
pub fn config() -> PjrtConfig {
    let mut config = PjrtConfig { library: library(), warn_above: usize::MAX, ..PjrtConfig::default() };
    config.options.insert("xla_backend_optimization_level".into(), OptionValue::Integer(0));
    config.options.insert("xla_llvm_disable_expensive_passes".into(), OptionValue::Flag(true));
    config
}

/// A device of [`config`].
pub fn backend() -> PjrtBackend {
    open(config()).expect("a device")
}
