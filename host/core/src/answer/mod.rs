//! Answers to questions over documents: from their vectors, from their full text, or from nothing.

mod batch;
mod reading;

pub use batch::{Answer, AnswerOptions, Phases, answer_all, answer_batch};
pub use reading::Reading;
