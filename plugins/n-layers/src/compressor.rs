//! The compressor.

use std::sync::Arc;

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, CompressorPlugin, PairBatch, PairTemplate};
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::decoder::{Decoder, DecoderConfig};
use scaledown_sdk::nn::{ForwardMode, MemoryTokens};
use scaledown_sdk::{Error, Result};

use crate::NLayersConfig;

/// The first layers of a decoder, with memory tokens.
///
/// Parameters under its path: `model` (`embed_tokens`, `layers.0 ..`, and `norm` if there is a
/// final norm, named as the generator's), `memory_embeddings`, `relevance_embedding` and
/// `relevance_head`.
pub struct NLayers {
    decoder: Decoder,
    memory: MemoryTokens,
}

impl CompressorPlugin for NLayers {
    type Config = NLayersConfig;

    /// Lower than that of other compressors, since the layers know the generator's space already
    /// (OSCAR, table 7).
    const LEARNING_RATE: f64 = 5e-5;

    fn build(config: NLayersConfig, context: CompressorContext) -> Result<Self> {
        let generator = DecoderConfig::from_json(&context.generator).at("the generator")?;
        if !(1..=generator.layers).contains(&config.layers) {
            return Err(Error::Config(format!(
                "compressor.layers is {}, expected 1 to {}, the number of the generator's layers",
                config.layers, generator.layers
            )));
        }
        // Trained, whatever the generator's own parameters are: these are copies, under names of
        // their own.
        let params = context.params.trained();
        let copied = match &context.generator_weights {
            Some(weights) => params.initialised_from(Arc::clone(weights), ""),
            None => params.fresh(),
        };
        if generator.tied {
            copied.tolerate_copy("lm_head.weight", "model.embed_tokens.weight")?;
        }
        let decoder = Decoder::first_layers(&generator, &copied.pp("model"), config.layers, config.final_norm)?;
        let (table, scale) = (decoder.embedding().weight(), decoder.embedding().scale());
        let memory = MemoryTokens::beside_scaled(&params, table, scale, context.memory_tokens, context.relevance)?;
        Ok(NLayers { decoder, memory })
    }
}

impl Compressor for NLayers {
    fn template(&self) -> PairTemplate {
        PairTemplate::default()
    }

    fn max_positions(&self) -> Option<usize> {
        self.decoder.max_positions()
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        let input = self.memory.embed(self.decoder.embedding().weight(), batch)?;
        let states = self.decoder.forward_at(&input.places, &input.embeddings, &input.spans, forward).at("model")?;
        Ok(Compressed { vectors: input.memory_states(&states)?, relevance: self.memory.relevance(&states, &input)? })
    }
}
