//! What may be missing on a machine with a Trainium, and the command that installs it.

use std::path::PathBuf;

use super::find::Version;
use super::{LIBRARY, PLUGIN_VARIABLE};

/// Where AWS keeps Neuron's Python packages.
const INDEX: &str = "--extra-index-url https://pip.repos.neuron.amazonaws.com";

/// Why there is no Trainium to compute on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NeuronError {
    /// There is no plugin.
    #[error(
        "{LIBRARY} was not found: neither `plugin_path` nor {PLUGIN_VARIABLE} names it, there is no libneuronpjrt-path on PATH, and no \
         virtual environment has it ({}). Install it: python3 -m pip install 'libneuronxla>=3.0' {INDEX}", looked_at(.0)
    )]
    NoPlugin(Vec<PathBuf>),
    /// A configured file does not exist.
    #[error("{named} names {path}, which does not exist")]
    NoFile {
        /// Who names it.
        named: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The plugin wants an interpreter.
    #[error(
        "libneuronxla {version} ({path}) needs Python inside the process, and ScaleDown has none; 3.0 and newer do not. Install a newer one: \
         python3 -m pip install --upgrade 'libneuronxla>=3.0' {INDEX}"
    )]
    NeedsPython {
        /// The version that is installed.
        version: Version,
        /// The plugin.
        path: PathBuf,
    },
    /// The compiler is missing.
    #[error(
        "neuronx-cc, which compiles for Trainium, is not on PATH. Install it: python3 -m pip install neuronx-cc {INDEX}; or put the bin \
         directory of the virtual environment that has it on PATH"
    )]
    NoCompiler,
    /// The runtime library is missing.
    #[error("{message}. Install Neuron's runtime: sudo apt-get install -y aws-neuronx-runtime-lib aws-neuronx-collectives")]
    NoRuntime {
        /// The loader's own words.
        message: String,
    },
    /// The driver or the device is missing.
    #[error(
        "{message}. There is no /dev/neuron0: this is no instance with a Trainium, or its driver is missing: sudo apt-get install -y \
         aws-neuronx-dkms"
    )]
    NoDevice {
        /// The plugin's own words.
        message: String,
    },
    /// Anything else that the plugin says.
    #[error("{0}")]
    Plugin(String),
}

fn looked_at(places: &[PathBuf]) -> String {
    if places.is_empty() {
        return "there is none".into();
    }
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}
