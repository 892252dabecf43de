//! The replaceable components: what is linked in, and how one is made.

pub mod automatic_device;
pub mod files;
pub mod loader;
pub mod registry;
mod shipped;
mod spec;

pub use shipped::{how_to_build_in, shipped};
pub use spec::Component;
