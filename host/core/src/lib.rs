//! ScaleDown, the host library: configuration, data, retrieval, models, training, evaluation, and
//! the runs that commands are made of.
//!
//! It links no plugin: a program that uses it names the crates of those it wants, as the
//! `scaledown` binary does.

pub mod answer;
pub mod config;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod model;
pub mod plugins;
pub mod prepare;
pub mod retrieval;
pub mod run;
pub mod support;
pub mod text;
pub mod train;

pub use error::{Error, Result};
