//! The teacher: a question and documents to the answer that a compressor is to learn.

use std::path::Path;

use crate::Result;
use crate::tensor::Device;

/// A question, with the documents that it is to be answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The question.
    pub query: &'a str,
    /// The documents, most relevant first.
    pub documents: &'a [String],
    /// The system message; may be empty.
    pub system: &'a str,
    /// The user's message that the configuration's prompt makes of the query and the documents.
    pub message: &'a str,
}

/// Answers questions from whole documents. Its greedy answers are the labels of the distillation
/// (OSCAR, arXiv 2504.07109, section 3).
pub trait Teacher: Send + Sync {
    /// One answer a question, in their order. An answer depends on no other question, so that work
    /// may be cut in any way.
    ///
    /// # Errors
    /// If the model or service fails. An error of the kind [`Error::Input`](crate::Error) means
    /// that one of these questions cannot be answered and a retry is useless; the host then asks
    /// them one at a time.
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>>;

    /// How many questions a call is best given.
    fn batch_size(&self) -> usize {
        1
    }

    /// How many calls may be made at a time: more than one for a service that answers several
    /// requests at once.
    fn concurrency(&self) -> usize {
        1
    }
}

/// A model's tokenizer with its chat template, as the host reads them.
pub trait ChatTokenizer: Send + Sync {
    /// The tokens of a conversation of a system message (if it is not empty) and a user's message,
    /// up to where the answer begins. A model without a chat template, or one whose template is not
    /// wanted, gets the two texts with a blank line between them.
    ///
    /// # Errors
    /// If the template refuses the messages, or the tokenizer fails.
    fn encode_chat(&self, system: &str, user: &str, template: bool) -> Result<Vec<u32>>;

    /// The text of tokens, without special ones.
    ///
    /// # Errors
    /// If an id is none of the tokenizer's.
    fn decode(&self, ids: &[u32]) -> Result<String>;

    /// The ids that end an answer.
    fn end_ids(&self) -> &[u32];
}

/// The context that a teacher is built in.
pub struct TeacherContext {
    /// The device that a model runs on.
    pub device: Device,
    /// Opens the tokenizer of a model's directory.
    pub tokenizer: fn(&Path) -> Result<Box<dyn ChatTokenizer>>,
}

/// A teacher that a plugin offers.
pub trait TeacherPlugin: Teacher + Sized + 'static {
    /// Its configuration: the keys of `[teacher]` beside `plugin`.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// Makes the teacher.
    ///
    /// # Errors
    /// If the configuration cannot be used, or a model cannot be read.
    fn build(config: Self::Config, context: TeacherContext) -> Result<Self>;
}
