//! Answers to questions over documents: from their vectors, from their full text, or from nothing.

mod batch;
mod lengths;
mod reading;
mod session;

pub use batch::{Answer, AnswerOptions, Answers, Phases};
pub use lengths::DocumentLengths;
pub use reading::ContextMode;
pub use session::Session;
