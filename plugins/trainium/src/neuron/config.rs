//! The configuration of `plugin = "trainium"`.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::{DevicePlugin, Registration, inventory};
use scaledown_sdk::{DType, Device, Error, Result};

use super::error::NeuronError;
use super::find::{Found, compiler, compiler_version, find};
use super::surroundings::NeuronEnvironment;
use crate::device::{DeviceSettings, PjrtBackend};
use crate::pjrt::{Api, Client, LoadError};

const NAME: &str = "trainium";

/// The version of the interface that Neuron's plugin is asked to speak.
const API_VERSION: &str = "0.81";

/// The variable that says which cores a process has.
const CORES: &str = "NEURON_RT_VISIBLE_CORES";

/// The configuration of a Trainium.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainiumConfig {
    /// Neuron's plugin, libneuronpjrt.so; by default it is looked for.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub plugin_path: Option<PathBuf>,
    /// The core that computes, counted from 0. A process has one core, and a training one
    /// process.
    #[serde(default)]
    #[schemars(extend("operational" = true))]
    pub core: usize,
    /// A directory in which compiled modules are kept for later runs; by default scaledown/modules
    /// in the user's cache directory.
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
    DeviceSettings::new(NAME).warn_above
}

inventory::submit! {
    Registration::device::<Trainium>(NAME, "Computes on an AWS Trainium, through Neuron's PJRT plugin.")
}

struct Trainium;

impl DevicePlugin for Trainium {
    const PREFERENCE: u8 = 10;

    type Config = TrainiumConfig;

    fn build(config: TrainiumConfig) -> Result<Device> {
        Ok(Device::new(open(&config, &NeuronEnvironment::of_this_process())?))
    }
}

/// The device of a configuration.
///
/// # Errors
/// [`Error::Config`], which says what is missing and how to install it.
pub fn open(config: &TrainiumConfig, surroundings: &NeuronEnvironment) -> Result<PjrtBackend> {
    let refused = |error: NeuronError| Error::Config(format!("the trainium device cannot be used: {error}"));
    let found = find(config.plugin_path.as_deref(), surroundings).map_err(refused)?;
    let compiler = compiler(&found, surroundings).map_err(refused)?;
    prepare(config.core, compiler.as_deref(), surroundings);
    let client = client(&found, surroundings).map_err(refused)?;
    tracing::debug!(library = %found.library.display(), version = ?found.version, "Neuron's plugin is loaded");
    let mut settings = settings(config, surroundings);
    // The compiler is a package of its own, of which the plugin's version says nothing.
    if let Some(version) = compiler_version(&found, surroundings) {
        settings.environment.push_str(&format!(" neuronx-cc {version}"));
    }
    PjrtBackend::new(client, settings)
}

fn settings(config: &TrainiumConfig, surroundings: &NeuronEnvironment) -> DeviceSettings {
    let mut settings = DeviceSettings::new(NAME);
    settings.dtypes = vec![DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool];
    settings.narrow = true;
    // Portable artifacts are confirmed to be taken; text is not.
    settings.portable = true;
    settings.environment = surroundings.variable("NEURON_CC_FLAGS").unwrap_or_default().to_owned();
    settings.cache = config.cache.clone().or_else(|| {
        let home = || Some(Path::new(surroundings.variable("HOME")?).join(".cache"));
        let caches = surroundings.variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
        Some(caches?.join("scaledown/modules"))
    });
    settings.warn_above = config.warn_above;
    settings.compile_only = config.compile_only;
    settings
}

/// Sets what the plugin reads from the environment when it is loaded. What the user has set stays.
fn prepare(core: usize, compiler: Option<&Path>, surroundings: &NeuronEnvironment) {
    let core = core.to_string();
    let wanted = [
        ("NEURON_INTERNAL_PJRT_C_API_VERSION", API_VERSION),
        (CORES, core.as_str()),
        // Rounding to nearest is what the contract says.
        ("NEURON_RT_STOCHASTIC_ROUNDING_EN", "0"),
    ];
    for (name, value) in wanted {
        if surroundings.variable(name).is_none() {
            set(name, value);
        }
    }
    if let Some(compiler) = compiler {
        let path = surroundings.variable("PATH").unwrap_or_default();
        let directories = std::iter::once(compiler.to_owned()).chain(std::env::split_paths(path));
        if let Ok(path) = std::env::join_paths(directories) {
            set("PATH", path);
        }
    }
    if let Some(set) = surroundings.variable(CORES)
        && set != core
        && core != "0"
    {
        tracing::warn!("ignoring core = {core}: {CORES} is already {set}, and a process has one core");
    }
    if surroundings.variable("NEURON_RT_STOCHASTIC_ROUNDING_EN").is_some_and(|value| value != "0") {
        tracing::warn!("NEURON_RT_STOCHASTIC_ROUNDING_EN is set: results differ from run to run");
    }
}

fn set(name: &str, value: impl AsRef<std::ffi::OsStr>) {
    // SAFETY: a device is made before its process has threads that read the environment.
    unsafe { std::env::set_var(name, value) };
}

fn client(found: &Found, surroundings: &NeuronEnvironment) -> std::result::Result<std::sync::Arc<Client>, NeuronError> {
    let api = Api::load(&found.library).map_err(|error| match error {
        LoadError::Library { message, .. } if message.contains("libnrt") => NeuronError::NoRuntime { message },
        other => NeuronError::Plugin(other.to_string()),
    })?;
    Client::new(api).map_err(|failure| match surroundings.dev.join("neuron0").exists() {
        true => NeuronError::Plugin(failure.to_string()),
        false => NeuronError::NoDevice { message: failure.to_string() },
    })
}
