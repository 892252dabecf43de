//! Pretraining sequences of a language model: documents with questions and answers, or plain text.

use super::source::Text;
use crate::data::records::PretrainingRecord;
use crate::model::sequence::Sequence;
use crate::text::{Piece, PromptTemplate, TextError, Tokenizer};

/// The loss weights of targets other than answers.
#[derive(Clone, Copy, Debug)]
pub struct TargetWeights {
    /// Of document tokens.
    pub document: f32,
    /// Of what stands after the documents: the questions.
    pub question: f32,
}

/// Documents, and after them each question with its answer, all written as the prompt has them.
///
/// Answers, with the token that ends them, are targets of weight 1; documents and questions of the
/// given weights.
///
/// # Errors
/// If the prompt cannot be rendered or the tokenizer fails.
pub(super) fn questions(
    record: &PretrainingRecord,
    prompt: &PromptTemplate,
    tokenizer: &Tokenizer,
    document_tokens: usize,
    weights: TargetWeights,
) -> Result<Sequence, TextError> {
    let mut sequence = Sequence::default();
    for (number, question) in record.questions.iter().enumerate() {
        let pieces = prompt.pieces(tokenizer, &question.query, record.documents.len())?;
        // The text before and between the documents is the same for each question, and is read
        // once.
        let last = pieces.iter().rposition(|piece| matches!(piece, Piece::Document(_))).map_or(0, |last| last + 1);
        for (place, piece) in pieces.iter().enumerate().skip(if number == 0 { 0 } else { last }) {
            match piece {
                Piece::Text(ids) => sequence.extend(ids, if place >= last { weights.question } else { 0.0 }),
                Piece::Document(index) => {
                    let ids = tokenizer.encode_truncated(&record.documents[*index], document_tokens)?;
                    sequence.extend(&ids, weights.document);
                }
            }
        }
        sequence.extend(&tokenizer.encode(&question.answer)?, 1.0);
        sequence.extend(&tokenizer.end_ids()[..1], 1.0);
    }
    Ok(sequence)
}

/// A text, each of its tokens a target, and the token that ends it where it ends.
///
/// # Errors
/// If the tokenizer fails.
pub(super) fn text(text: &Text, tokenizer: &Tokenizer, most_tokens: usize) -> Result<Sequence, TextError> {
    let mut sequence = Sequence::default();
    sequence.extend(&tokenizer.encode_truncated(&text.text, most_tokens)?, 1.0);
    if !text.continued {
        sequence.extend(&tokenizer.end_ids()[..1], 1.0);
    }
    Ok(sequence)
}
