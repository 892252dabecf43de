//! From text to token ids and back: tokenizers, chat templates and the generator's prompt.

mod chat;
mod chat_tokenizer;
pub mod config;
mod jinja;
mod prompt;
mod stop;
mod tokenizer;

pub use chat::ChatTemplate;
pub use chat_tokenizer::open_chat_tokenizer;
pub use prompt::{Piece, PromptTemplate};
pub use stop::{StopStrings, StopWatch};
pub(crate) use tokenizer::parsed;
pub use tokenizer::{Encoded, TextError, Tokenizer};
