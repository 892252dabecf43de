//! A compressor and the generator that reads its vectors.

use std::sync::OnceLock;
use std::time::Instant;

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, LEARNING_RATE, PairBatch, PairTemplate};
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::{ForwardMode, ParamGroup, ParamOptions, Params};

use super::LanguageModel;
use super::config::{Compression, CompressorConfig};
use super::language_model::{dtype, log_loaded};
use super::vectors::VectorStore;
use crate::Result;
use crate::plugins::registry;
use crate::text::{Encoded, TextError, Tokenizer};

/// A compressor and the generator that reads its vectors (OSCAR, arXiv 2504.07109).
pub struct Oscar {
    /// The generator.
    pub model: LanguageModel,
    /// The compressor.
    pub compressor: Box<dyn Compressor>,
    /// The compressor's parameters.
    pub compressor_params: Params,
    /// The lengths of the compressor's input and output.
    pub lengths: Compression,
    /// Whether the compressor scores documents.
    pub relevance: bool,
    template: PairTemplate,
    tokenizer: Option<Tokenizer>,
    /// Vectors that were computed before.
    pub(super) vectors: OnceLock<VectorStore>,
}

impl Oscar {
    /// Builds the compressor that `config` describes for `model`.
    ///
    /// # Errors
    /// If the compressor cannot be made for this generator, or its weights or tokenizer cannot be
    /// read.
    pub fn new(config: &CompressorConfig<'_>, model: LanguageModel) -> Result<Self> {
        let started = Instant::now();
        let options = ParamOptions {
            device: model.device.clone(),
            dtype: dtype(config.dtype),
            trainable: true,
            seed: config.seed.wrapping_add(1),
            lora: None,
            quantization: None,
        };
        let compressor_params = Params::random(options);
        let context = CompressorContext {
            params: compressor_params.clone(),
            generator: model.config_json()?,
            generator_weights: model.weights.clone(),
            generator_params: Some(model.params.clone()),
            hidden_size: model.generator.hidden_size(),
            memory_tokens: config.compression.memory_tokens,
            relevance: config.reranking.enabled,
        };
        let compressor = registry::compressor(config.compressor, context)?;
        compressor_params.finish()?;
        log_loaded("compressor", &compressor_params, started);
        let template = compressor.template();
        let tokenizer = template.tokenizer.as_deref().map(Tokenizer::from_directory).transpose()?;
        Ok(Oscar {
            model,
            compressor,
            compressor_params,
            lengths: config.compression.clone(),
            relevance: config.reranking.enabled,
            template,
            tokenizer,
            vectors: OnceLock::new(),
        })
    }

    /// A (query, document) pair as the compressor reads it, without its memory tokens.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn pair(&self, query: &str, document: &str) -> std::result::Result<Vec<u32>, TextError> {
        let document = self.own_tokenizer().encode_truncated(document, self.lengths.document_tokens)?;
        Ok(self.written(&self.own_query(query)?, &document))
    }

    /// The query with each of the documents, as [`Oscar::pair`]; `encoded` are the documents in the
    /// generator's tokens, where the compressor reads those.
    pub(super) fn pairs(
        &self,
        query: &str,
        documents: &[String],
        encoded: Option<&[Encoded]>,
    ) -> std::result::Result<Vec<Vec<u32>>, TextError> {
        let query = self.own_query(query)?;
        match encoded {
            Some(encoded) => Ok(encoded.iter().map(|document| self.written(&query, &document.ids)).collect()),
            None => {
                let ids = |document| self.own_tokenizer().encode_truncated(document, self.lengths.document_tokens);
                documents.iter().map(|document| Ok(self.written(&query, &ids(document)?))).collect()
            }
        }
    }

    /// The tokenizer that the compressor reads with.
    fn own_tokenizer(&self) -> &Tokenizer {
        self.tokenizer.as_ref().unwrap_or(&self.model.tokenizer)
    }

    /// The query in the compressor's tokens; none where it does not read it.
    fn own_query(&self, query: &str) -> std::result::Result<Vec<u32>, TextError> {
        if !self.lengths.query {
            return Ok(Vec::new());
        }
        self.own_tokenizer().encode_truncated(query, self.lengths.query_tokens)
    }

    /// A pair as the compressor's template writes it; a document alone where the compressor does
    /// not read the query.
    fn written(&self, query: &[u32], document: &[u32]) -> Vec<u32> {
        let PairTemplate { prefix, separator, suffix, .. } = &self.template;
        match self.lengths.query {
            true => [prefix.as_slice(), query, separator, document, suffix].concat(),
            false => [prefix.as_slice(), document, suffix].concat(),
        }
    }

    /// The vectors of a batch of pairs: those that were computed before, where they are attached.
    ///
    /// # Errors
    /// Those of the compressor, with its name in their path; or if stored vectors are damaged.
    pub fn compress(&self, pairs: &PairBatch, forward: &mut ForwardMode) -> scaledown_sdk::Result<Compressed> {
        match self.vectors.get() {
            Some(store) => self.kept(store, pairs).at("stored vectors"),
            None => self.compute(pairs, forward),
        }
    }

    /// The vectors that the compressor makes of a batch of pairs.
    pub(super) fn compute(&self, pairs: &PairBatch, forward: &mut ForwardMode) -> scaledown_sdk::Result<Compressed> {
        self.compressor.compress(pairs, forward).at("compressor")
    }

    /// The tokenizers that read a document: the generator's, and the compressor's where it has its
    /// own.
    #[must_use]
    pub fn tokenizers(&self) -> Vec<&Tokenizer> {
        std::iter::once(&self.model.tokenizer).chain(self.tokenizer.as_ref()).collect()
    }

    /// Whether the compressor reads tokens of its own, and not the generator's.
    #[must_use]
    pub fn has_own_tokenizer(&self) -> bool {
        self.tokenizer.is_some()
    }

    /// Merges the generator's adapter into its weights, which makes answers faster, unless the
    /// compressor computes with them too. No training can follow.
    ///
    /// # Errors
    /// If the device fails.
    pub fn merge_adapters(&self) -> Result<()> {
        if self.compressor.shares_generator() {
            return Ok(());
        }
        Ok(self.model.generator.merge_adapters()?)
    }

    /// What is trained, each part at its own peak learning rate.
    #[must_use]
    pub fn param_groups(&self, lr_generator: f64, lr_compressor: Option<f64>) -> Vec<ParamGroup> {
        let group = |name: &str, params: &Params, lr| ParamGroup { name: name.into(), params: params.trainable(), lr };
        let generator = group("generator", &self.model.params, lr_generator);
        // What is stored has no gradient.
        if self.vectors.get().is_some() {
            return vec![generator];
        }
        vec![generator, group("compressor", &self.compressor_params, lr_compressor.unwrap_or(LEARNING_RATE))]
    }

    /// The parts of a checkpoint with their file names.
    #[must_use]
    pub fn stored(&self) -> Vec<(&'static str, Params)> {
        vec![("generator", self.model.params.clone()), ("compressor", self.compressor_params.clone())]
    }
}
