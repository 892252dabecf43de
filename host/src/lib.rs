//! ScaleDown, the host library: configuration, the catalogue of components, pipelines and the command line.

pub mod answering;
pub mod artifact;
pub mod atlas;
pub mod automatic_device;
pub mod bench;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod corpus;
pub mod data;
pub mod dataset;
pub mod distillation;
pub mod doctor;
pub mod embedded;
pub mod error;
pub mod evaluation;
pub mod hub;
pub mod index;
pub mod inspect;
pub mod interrupt;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod pipeline;
pub mod preparation;
pub mod pretraining;
pub mod questions;
pub mod report;
pub mod sequence;
pub mod terminal;
pub mod text;
pub mod tracking;
pub mod training;
pub mod wasm;

pub use error::{Error, Result};
