//! Questions to training records: a retriever finds documents, a reranker orders them, a teacher
//! answers from them (OSCAR, section 4.1).
//!
//! Questions are processed in [`Block`]s of fixed composition; results are written to a [`Journal`]
//! as they arrive. So a run that was killed at any moment can be resumed. A record depends on its
//! block alone, so that the records are the same to the byte, also when shards run on several
//! machines.

mod answering;
mod block;
pub mod config;
mod error;
mod fingerprint;
mod journal;
mod merge;
mod pipeline;
mod ranking;
mod records;

pub use answering::TeacherAnswer;
pub use block::{Block, Blocks, Shard, Survey};
pub use error::PreparationError;
pub use fingerprint::PreparationFingerprint;
pub use journal::{Claim, Journal, JournalEntry};
pub use merge::{Merged, merge};
pub use pipeline::{Busy, Pipeline, PipelineStage};
pub use ranking::Ranked;
pub use records::{Counts, NAME as RECORDS, Sidecar, write};

#[cfg(test)]
mod tests;
