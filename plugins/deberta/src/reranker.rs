//! The reranker.

use scaledown_sdk::component::{Reranker, RerankerContext, RerankerPlugin};
use scaledown_sdk::nn::{TokenBatch, length_batches};
use scaledown_sdk::{Error, Result};

use crate::CrossEncoderConfig;
use crate::model::Model;
use crate::pairs::Pairs;

/// A sequence classifier that reads a query and a document together.
pub struct CrossEncoder {
    model: Model,
    pairs: Pairs,
    batch_tokens: usize,
}

impl RerankerPlugin for CrossEncoder {
    type Config = CrossEncoderConfig;

    fn build(config: CrossEncoderConfig, context: RerankerContext) -> Result<Self> {
        let model = Model::open(&config.model, &context.device)?;
        model.check()?;
        let path = config.model.display();
        let reads = model.max_positions();
        let most = config.max_length.unwrap_or(reads);
        if most > reads || most < 4 {
            return Err(Error::Config(format!("max_length is {most}, expected 4 to {reads}, the maximum of {path}")));
        }
        let pairs = Pairs::open(&config.model, most)?;
        let (known, vocabulary) = (pairs.vocabulary(), model.vocabulary());
        if known > vocabulary {
            let message = format!("{path}: the tokenizer has {known} tokens, the model {vocabulary}; they do not match");
            return Err(Error::Config(message));
        }
        Ok(CrossEncoder { model, pairs, batch_tokens: config.batch_tokens })
    }
}

impl Reranker for CrossEncoder {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let TokenBatch { mut ids, mut types } = self.pairs.encode(query, documents)?;
        let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
        let mut scores = vec![0.0; documents.len()];
        for batch in length_batches(&lengths, self.batch_tokens) {
            let take = |rows: &mut [Vec<u32>]| batch.iter().map(|&i| std::mem::take(&mut rows[i])).collect();
            let found = self.model.scores(&TokenBatch { ids: take(&mut ids), types: take(&mut types) })?;
            for (&index, score) in batch.iter().zip(found) {
                scores[index] = score;
            }
        }
        Ok(scores)
    }
}
