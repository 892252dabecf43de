//! The replaceable components: what is linked in, and how one is made.

pub mod registry;
mod shipped;

pub use shipped::{how_to_build_in, shipped};
