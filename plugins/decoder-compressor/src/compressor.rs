//! The compressor.

use std::sync::Arc;

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, CompressorPlugin, PairBatch, PairTemplate};
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::decoder::{Decoder, DecoderConfig};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{ForwardMode, MemoryTokens, Params, Projection, WeightSource};
use scaledown_sdk::{Error, Result};

use crate::template::template;
use crate::{DecoderCompressorConfig, Start};

/// A small decoder with memory tokens, and a projection to the generator's space.
///
/// Parameters under its path: `model` (the decoder with its final norm), `memory_embeddings`,
/// `relevance_embedding`, `relevance_head`, and `projection`.
pub struct SmallDecoder {
    decoder: Decoder,
    memory: MemoryTokens,
    projection: Projection,
    template: PairTemplate,
}

impl CompressorPlugin for SmallDecoder {
    type Config = DecoderCompressorConfig;

    fn build(config: DecoderCompressorConfig, context: CompressorContext) -> Result<Self> {
        let inner = config.projection.unwrap_or(context.hidden_size);
        if inner == 0 {
            return Err(Error::Config("compressor.projection is 0, expected at least 1".into()));
        }
        let shape = DecoderConfig::from_directory(&config.model)?;
        let template = template(&config)?;
        let params = context.params.trained();
        let stored = model_params(&config, &shape, &params)?;
        let decoder = Decoder::new(&shape, &stored)?;
        let (table, scale) = (decoder.embedding().weight(), decoder.embedding().scale());
        Ok(SmallDecoder {
            memory: MemoryTokens::beside_scaled(&params, table, scale, context.memory_tokens, context.relevance)?,
            projection: Projection::new(&params.fresh().pp("projection"), shape.hidden, inner, context.hidden_size)?,
            decoder,
            template,
        })
    }
}

impl Compressor for SmallDecoder {
    fn template(&self) -> PairTemplate {
        self.template.clone()
    }

    fn max_positions(&self) -> Option<usize> {
        self.decoder.max_positions()
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        let input = self.memory.embed(self.decoder.embedding().weight(), batch)?;
        let states = self.decoder.forward_at(&input.places, &input.embeddings, &input.spans, forward).at("model")?;
        let vectors = self.projection.forward(&input.memory_states(&states)?, forward).at("projection")?;
        Ok(Compressed { vectors, relevance: self.memory.relevance(&states, &input)? })
    }
}

/// Where the decoder's parameters are made: a model with a head stores them under `model`, one
/// without at the top.
fn model_params(config: &DecoderCompressorConfig, shape: &DecoderConfig, params: &Params) -> Result<Params> {
    let params = params.pp("model");
    if config.init == Start::Random {
        return Ok(params.fresh());
    }
    let weights: Arc<dyn WeightSource> = Arc::new(DirectoryWeights::open(&config.model)?);
    let prefix = if weights.names().iter().any(|name| name.starts_with("model.")) { "model" } else { "" };
    let stored = params.load_strict(weights, prefix, &["lm_head"]);
    if shape.tied {
        // A file may hold the shared table under the head's name alone.
        stored.stored_as("embed_tokens.weight", "lm_head.weight");
    }
    for layer in 0..shape.layers {
        stored.tolerate(&format!("layers.{layer}.self_attn.rotary_emb.inv_freq"));
    }
    Ok(stored)
}
