//! What every room needs: files that are whole or not there, models of a hub and in GGUF files,
//! locks, progress, interruption, random streams.

pub mod artifact;
pub mod gguf;
pub mod hub;
pub mod interrupt;
pub mod lock;
pub mod marks;
pub mod progress;
pub mod random;
