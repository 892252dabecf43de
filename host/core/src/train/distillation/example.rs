//! A training record, tokenized.

use crate::data::records::{Fault, Record, fault};
use crate::model::sequence::Sequence;
use crate::model::{Oscar, Prompted};
use crate::text::Piece;
use crate::train::TrainingError;

/// A record as the models read it.
#[derive(Clone, Debug)]
pub struct DistillationExample {
    /// The question and its documents.
    pub prompted: Prompted,
    /// The answer's tokens, with the one that ends it; empty where there is nothing to learn from.
    pub answer: Vec<u32>,
    /// The teacher's score of each document; empty without joint reranking.
    pub scores: Vec<f32>,
}

impl DistillationExample {
    /// Tokenizes `record` for training; its first `documents` documents are used.
    ///
    /// # Errors
    /// If the record lacks an answer or required scores, exceeds a model's maximum length, or the
    /// tokenizer fails.
    pub fn for_training(record: &Record, oscar: &Oscar, documents: usize) -> Result<Self, TrainingError> {
        let texts = &record.documents[..documents.min(record.documents.len())];
        let prompted = oscar.compressed(&record.query, texts)?;
        let failed =
            |(field, message): Fault| TrainingError::Record { record: record.id.clone(), line: record.line, field, message };
        let answer =
            record.answer.as_deref().ok_or_else(|| failed(fault("answer", "missing; training needs it as the target")))?;
        let mut example = DistillationExample { prompted, answer: oscar.model.tokenizer.encode(answer)?, scores: Vec::new() };
        example.answer.push(oscar.model.tokenizer.end_ids()[0]);
        if oscar.relevance {
            let scores = record.reranking_scores.as_deref();
            let scores =
                scores.ok_or_else(|| failed(fault("reranking_scores", "missing; reranking.enabled = true needs them")))?;
            example.scores = scores.iter().take(documents).map(|&score| score as f32).collect();
        }
        example.fits(oscar).map_err(failed)?;
        Ok(example)
    }

    /// Checks that the models can read the example, before a training meets it at some step.
    fn fits(&self, oscar: &Oscar) -> Result<(), Fault> {
        let own = oscar.lengths.memory_tokens + usize::from(oscar.relevance);
        if let Some(limit) = oscar.compressor.max_positions().filter(|limit| self.longest_pair() + own > *limit) {
            let message = format!(
                "a document with the question and memory tokens takes {} positions; the compressor's maximum is {limit}; lower compression.document_tokens or compression.query_tokens",
                self.longest_pair() + own
            );
            return Err(fault("documents", &message));
        }
        let positions = self.sequence(0).rows.len();
        if let Some(limit) = oscar.model.generator.max_positions().filter(|limit| positions > *limit) {
            let message = format!(
                "the prompt, the vectors of {} documents and the answer take {positions} positions; the generator's maximum is {limit}; shorten the answer, or lower data.documents or compression.memory_tokens",
                self.prompted.pairs.len()
            );
            return Err(fault("answer", &message));
        }
        self.is_in_vocabulary(oscar)
    }

    /// Checks that the generator, and a compressor that shares its tokenizer, have a vector for
    /// each token.
    fn is_in_vocabulary(&self, oscar: &Oscar) -> Result<(), Fault> {
        let vocabulary = oscar.model.generator.vocabulary();
        let prompt = self.prompted.prompt.iter().filter_map(|piece| match piece {
            Piece::Text(ids) => Some(ids),
            Piece::Document(_) => None,
        });
        let pairs = self.prompted.pairs.iter().filter(|_| !oscar.has_own_tokenizer());
        match prompt.chain([&self.answer]).chain(pairs).flatten().find(|&&id| id as usize >= vocabulary) {
            None => Ok(()),
            Some(id) => {
                let message = format!(
                    "the tokenizer gives token id {id}, the generator's vocabulary has {vocabulary}; tokenizer and generator do not match"
                );
                Err((None, message))
            }
        }
    }

    /// The length of the longest pair, for grouping records of like size.
    #[must_use]
    pub fn longest_pair(&self) -> usize {
        self.prompted.pairs.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The generator's input with vectors in place of documents, whose first pair is `first` of its
    /// batch, and the answer as target.
    #[must_use]
    pub fn sequence(&self, first: usize) -> Sequence {
        let mut sequence = self.prompted.sequence(first);
        sequence.extend(&self.answer, 1.0);
        sequence
    }
}
