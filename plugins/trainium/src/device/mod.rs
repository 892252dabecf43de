//! The lazy device: it notes instructions, and compiles and runs them as modules at a read, a
//! synchronisation or a cut.

mod backend;
mod bounds;
mod cell;
mod disk;
mod flush;
mod modules;
mod parts;
mod plan;
mod settings;
mod structure;
#[cfg(test)]
mod tests;

pub use backend::PjrtBackend;
pub use modules::Stats;
pub use settings::DeviceSettings;
