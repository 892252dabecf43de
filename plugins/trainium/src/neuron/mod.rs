//! Trainium: finding Neuron's plugin, its compiler and its devices, and saying what is missing and
//! how to install it.
//!
//! What is known of the plugin comes from its documentation and from reading it. It has not run on
//! a Trainium yet.

mod config;
mod error;
mod find;
mod surroundings;

pub use config::{TrainiumConfig, open};
pub use error::NeuronError;
pub use find::{Found, Version, compiler, compiler_version, find};
pub use surroundings::NeuronEnvironment;

/// The variable that names the plugin, where the configuration does not.
pub const PLUGIN_VARIABLE: &str = "SCALEDOWN_NEURON_PLUGIN";

/// The file that is looked for.
pub const LIBRARY: &str = "libneuronpjrt.so";
