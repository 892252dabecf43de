//! The encoder.

use scaledown_sdk::component::{SparseEncoder, SparseVector};
use scaledown_sdk::nn::bert::BertMaskedLm;
use scaledown_sdk::nn::{TokenBatch, length_batches};
use scaledown_sdk::{Device, Error, Result};
use tokenizers::Tokenizer;

use crate::SpladeConfig;
use crate::terms::Selection;
use crate::tokenizer::{self, special_ids};

/// A masked language model whose predictions at a text's tokens are the text's terms.
pub struct Splade {
    model: BertMaskedLm,
    tokenizer: Tokenizer,
    batch_tokens: usize,
    documents: Selection,
    queries: Selection,
}

impl Splade {
    /// Makes the encoder of `config`, whose model is a local directory, on `device`.
    ///
    /// # Errors
    /// If the directory holds no BERT or DistilBERT masked language model or no tokenizer that fits
    /// it, or `max_length` is more than the model reads.
    pub fn new(config: &SpladeConfig, device: &Device) -> Result<Self> {
        let model = BertMaskedLm::from_directory(&config.model, device)?;
        let reads = model.encoder().config().max_positions;
        let most = config.max_length.unwrap_or(reads);
        if most > reads || most < 3 {
            let model = config.model.display();
            return Err(Error::Config(format!("max_length is {most}, expected 3 to {reads}, the maximum of {model}")));
        }
        let tokenizer = tokenizer::open(&config.model, most)?;
        let (known, vocabulary) = (tokenizer.get_vocab_size(true), model.encoder().config().vocab_size);
        if known > vocabulary {
            let path = config.model.display();
            let message = format!("{path}: the tokenizer has {known} tokens, the model {vocabulary}; they do not match");
            return Err(Error::Config(message));
        }
        let excluded = if config.special_terms { Vec::new() } else { special_ids(&tokenizer) };
        let selection = |most| Selection { threshold: config.threshold, most, excluded: excluded.clone() };
        Ok(Splade {
            batch_tokens: config.batch_tokens,
            documents: selection(config.document_terms),
            queries: selection(config.query_terms),
            model,
            tokenizer,
        })
    }

    fn encode(&self, texts: &[&str], selection: &Selection) -> Result<Vec<SparseVector>> {
        let TokenBatch { mut ids, mut types } = tokenizer::encode(&self.tokenizer, texts)?;
        let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
        let mut vectors = vec![SparseVector::default(); texts.len()];
        // A tokenizer that adds no specials makes nothing of an empty text, which then has no
        // terms.
        let batches = length_batches(&lengths, self.batch_tokens).into_iter();
        for batch in batches.map(|batch| batch.into_iter().filter(|&i| lengths[i] > 0).collect::<Vec<_>>()) {
            if batch.is_empty() {
                continue;
            }
            let take = |rows: &mut [Vec<u32>]| batch.iter().map(|&i| std::mem::take(&mut rows[i])).collect();
            let logits = self.model.max_logits(&TokenBatch { ids: take(&mut ids), types: take(&mut types) })?;
            for (&index, logits) in batch.iter().zip(logits) {
                vectors[index] = selection.terms(&logits);
            }
        }
        Ok(vectors)
    }
}

impl SparseEncoder for Splade {
    fn vocabulary(&self) -> usize {
        self.model.encoder().config().vocab_size
    }

    fn encode_documents(&self, texts: &[&str]) -> Result<Vec<SparseVector>> {
        self.encode(texts, &self.documents)
    }

    fn encode_queries(&self, texts: &[&str]) -> Result<Vec<SparseVector>> {
        self.encode(texts, &self.queries)
    }
}
