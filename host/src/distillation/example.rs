//! A training record, tokenized.

use crate::data::Record;
use crate::model::Oscar;
use crate::sequence::Sequence;
use crate::text::Piece;
use crate::training::TrainingError;

/// A record as the models read it.
#[derive(Clone, Debug)]
pub struct Example {
    /// The prompt.
    pub prompt: Vec<Piece>,
    /// The answer's tokens, with the one that ends it; empty where there is nothing to learn from.
    pub answer: Vec<u32>,
    /// Each document with the query, as the compressor reads them.
    pub pairs: Vec<Vec<u32>>,
    /// The teacher's score of each document; empty without joint reranking.
    pub scores: Vec<f32>,
}

impl Example {
    /// Tokenizes `record` for training; its first `documents` documents are used.
    ///
    /// # Errors
    /// If the record has no answer, or no scores where the model learns relevance, or the tokenizer fails.
    pub fn for_training(record: &Record, oscar: &Oscar, documents: usize) -> Result<Self, TrainingError> {
        let mut example = Example::for_answering(record, oscar, documents)?;
        let failed = |message: &str| TrainingError::Record { record: record.id.clone(), message: message.into() };
        let answer = record.answer.as_deref().ok_or_else(|| failed("it has no answer to learn (`answer`)"))?;
        example.answer = oscar.model.tokenizer.encode(answer)?;
        example.answer.push(oscar.model.tokenizer.end_ids()[0]);
        if oscar.relevance {
            let scores = record.reranking_scores.as_deref();
            let scores = scores.ok_or_else(|| failed("it has no `reranking_scores`, which [reranking] enabled = true needs"))?;
            example.scores = scores.iter().take(documents).map(|&score| score as f32).collect();
        }
        Ok(example)
    }

    /// Tokenizes `record` for answering.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn for_answering(record: &Record, oscar: &Oscar, documents: usize) -> Result<Self, TrainingError> {
        let texts = &record.documents[..documents.min(record.documents.len())];
        let query = oscar.model.tokenizer.truncate(&record.query, oscar.lengths.query_tokens)?;
        Ok(Example {
            prompt: oscar.model.prompt.pieces(&oscar.model.tokenizer, query, texts.len())?,
            answer: Vec::new(),
            pairs: texts.iter().map(|document| oscar.pair(query, document)).collect::<Result<_, _>>()?,
            scores: Vec::new(),
        })
    }

    /// The length of the longest pair, for grouping records of like size.
    #[must_use]
    pub fn longest_pair(&self) -> usize {
        self.pairs.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The generator's input with vectors in place of documents, whose first pair is `first` of its batch, and the answer as target.
    #[must_use]
    pub fn sequence(&self, first: usize, memory_tokens: usize) -> Sequence {
        let mut sequence = Sequence::default();
        for piece in &self.prompt {
            match piece {
                Piece::Text(ids) => sequence.extend(ids, 0.0),
                Piece::Document(index) => sequence.extend_vectors(first + index, memory_tokens),
            }
        }
        sequence.extend(&self.answer, 1.0);
        sequence
    }
}
