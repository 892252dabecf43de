//! Devices that compile: any plugin of the PJRT interface, and through it Trainium.
//!
//! [`device`] notes what it is asked for and runs it as whole modules; [`stablehlo`] lowers
//! instructions to StableHLO and writes programs down; [`pjrt`] is the plugin's interface, and
//! [`neuron`] finds Trainium's.

pub mod device;
pub mod neuron;
pub mod pjrt;
pub mod stablehlo;

mod config;

pub use config::{PjrtConfig, open};
