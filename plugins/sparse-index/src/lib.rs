#![doc = include_str!("../README.md")]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
mod builder;
mod deletions;
mod error;
#[cfg(test)]
mod full_disk;
mod index;
mod kernel;
mod layout;
mod maintenance;
mod manifest;
mod search;
mod segment;
mod segment_writer;
mod sorter;
mod storage;
mod top;
mod weights;
mod window;

pub use builder::{Builder, IndexSettings};
pub use error::{Error, Result};
pub use index::{DocumentHit, Info, SparseIndex};
pub use maintenance::{compact, delete};
pub use segment_writer::Duplicates;
pub use weights::{Quantisation, StoredWeights};
