//! Distillation: a compressor learns to let the generator answer as the teacher does from full
//! documents.

mod example;
mod objective;

pub use example::DistillationExample;
pub use objective::Distillation;
