//! Shared services: atomic files, models of a hub, locks, progress, interruption, random streams.

pub mod artifact;
pub mod hub;
pub mod interrupt;
pub mod lock;
pub mod marks;
pub mod progress;
pub mod random;
