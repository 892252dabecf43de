//! The configuration of `plugin = "pjrt"`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use scaledown_sdk::component::{DevicePlugin, Registration, inventory};
use scaledown_sdk::{Device, Error, Result};

use crate::device::{DeviceSettings, PjrtBackend};
use crate::pjrt::{Api, Client, OptionValue};

/// The configuration of a device behind a PJRT plugin.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PjrtConfig {
    /// The plugin: a shared library that exports GetPjrtApi.
    #[schemars(extend("operational" = true))]
    pub library: PathBuf,
    /// Which of the plugin's devices computes, counted from 0.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub device: usize,
    /// Options of the plugin's compiler by name, as XLA_FLAGS has them without the dashes in front.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub options: BTreeMap<String, OptionValue>,
    /// A directory in which compiled modules are kept for later runs; none are kept by default.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub cache: Option<PathBuf>,
    /// The number of modules above which a warning says that shapes change too often.
    #[serde(default = "warn_above")]
    #[schemars(extend("operational" = true))]
    pub warn_above: usize,
    /// Compile everything and run nothing: what is read is zero. It fills the cache.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub compile_only: bool,
}

fn warn_above() -> usize {
    DeviceSettings::new("").warn_above
}

inventory::submit! {
    Registration::device::<Pjrt>("pjrt", "Computes on a device behind any PJRT plugin: XLA's CPU, TPU, a vendor's.")
}

struct Pjrt;

impl DevicePlugin for Pjrt {
    type Config = PjrtConfig;

    fn build(config: PjrtConfig) -> Result<Device> {
        Ok(Device::new(open(config)?))
    }
}

/// The device of a configuration.
///
/// # Errors
/// [`Error::Config`] if the library is no plugin, or has no such device.
pub fn open(config: PjrtConfig) -> Result<PjrtBackend> {
    let refused = |error: &dyn std::fmt::Display| Error::Config(format!("the pjrt device cannot be used: {error}"));
    let api = Api::load(&config.library).map_err(|error| refused(&error))?;
    let client = Client::new(api).map_err(|error| refused(&error))?;
    let mut settings = DeviceSettings::new("pjrt");
    settings.device = config.device;
    settings.options.flags = config.options;
    if client.platform() == "cpu" {
        // Otherwise the greater of a number and NaN may be the number.
        settings.options.flags.entry("xla_cpu_enable_fast_min_max".into()).or_insert(OptionValue::Flag(false));
    }
    settings.environment = std::env::var("XLA_FLAGS").unwrap_or_default();
    settings.cache = config.cache;
    settings.warn_above = config.warn_above;
    settings.compile_only = config.compile_only;
    PjrtBackend::new(client, settings)
}
