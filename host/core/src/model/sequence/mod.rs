//! Sequences of token and document embeddings, and the language-model loss on them.

mod batch;
mod loss;

pub use batch::{PadSide, Row, Sequence, SequenceBatch};
pub use loss::{TokenLoss, token_loss};
