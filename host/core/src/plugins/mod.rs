//! The registry of components and their creation.

pub mod automatic_device;
pub mod registry;
mod shipped;
mod spec;

pub use shipped::{how_to_build_in, shipped, shipped_aliases};
pub use spec::Component;
