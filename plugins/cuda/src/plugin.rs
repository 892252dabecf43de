//! The device as a plugin: its configuration, and what `auto` makes of it.

use std::path::PathBuf;
use std::sync::Arc;

use scaledown_sdk::component::{DevicePlugin, Registration, inventory};
use scaledown_sdk::{Device, Error, Result};

use crate::backend::CudaBackend;
use crate::card::{Cache, Card};
use crate::error::{CudaError, NAME};
use crate::libraries::search;

/// The configuration of the CUDA device.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CudaConfig {
    /// The number of the card, from 0 on, in the order of the driver (which `CUDA_VISIBLE_DEVICES`
    /// changes).
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub card: usize,
    /// The directory in which compiled kernels are kept; by default one in the user's cache.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub kernel_cache: Option<PathBuf>,
}

/// The CUDA device as a plugin.
pub struct CudaPlugin;

inventory::submit! {
    Registration::device::<CudaPlugin>(NAME, "Computes on an NVIDIA card (compute capability 8.0 or later).")
}

impl DevicePlugin for CudaPlugin {
    const PREFERENCE: u8 = 100;

    type Config = CudaConfig;

    fn build(config: CudaConfig) -> Result<Device> {
        device(&config).map_err(|error| Error::Config(format!("the {NAME} device cannot be used: {error}")))
    }
}

/// A device on a card.
///
/// # Errors
/// If a library is missing, or there is no such card, or it is too old.
pub fn device(config: &CudaConfig) -> std::result::Result<Device, CudaError> {
    let cache = config.kernel_cache.clone().or_else(default_cache).map_or_else(Cache::none, Cache::at);
    let card = Card::open(config.card, &search::directories(), cache)?;
    Ok(Device::new(CudaBackend::new(Arc::new(card))?))
}

/// The directory of compiled kernels in the user's cache.
fn default_cache() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
    Some(cache.join("scaledown").join("cuda"))
}
