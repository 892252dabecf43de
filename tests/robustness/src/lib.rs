//! Damaged files of every format that is read, and kills of every command that writes: what the
//! tests in `tests/` share.

mod damage;
mod models;
mod mutation;
mod place;
mod random;

pub use damage::{Read, read};
pub use models::{TRAIN, reseal, reseal_vectors};
pub use mutation::mutated;
pub use place::{Ended, Place};
pub use random::Random;

/// A number of the environment.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}, expected a number")))
}
