//! The compressor.

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, CompressorPlugin, PairBatch, PairTemplate};
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::decoder::{Decoder, DecoderConfig};
use scaledown_sdk::nn::{ForwardMode, MemoryTokens};
use scaledown_sdk::{Error, Result};

use crate::AdapterConfig;

/// The generator's decoder under an adapter of its own, with memory tokens.
///
/// Parameters under its path: the adapter
/// (`adapter.model.layers.0.self_attn.q_proj.lora_A.weight ..`), `memory_embeddings`,
/// `relevance_embedding` and `relevance_head`.
pub struct AdaptedGenerator {
    decoder: Decoder,
    memory: MemoryTokens,
    template: PairTemplate,
}

impl CompressorPlugin for AdaptedGenerator {
    type Config = AdapterConfig;

    fn build(config: AdapterConfig, context: CompressorContext) -> Result<Self> {
        let shape = DecoderConfig::from_json(&context.generator).at("the generator")?;
        let generator = context.generator_params.ok_or_else(|| {
            Error::Config(
                "the compressor `adapter` is the generator under a second adapter, and there is no generator here".into(),
            )
        })?;
        let params = context.params.trained();
        if generator.dtype() != params.dtype() {
            return Err(Error::Config(format!(
                "the compressor `adapter` shares the generator's weights, which are {}, and is to compute in {}; leave generator.dtype out, \
                 or give it the value of training.dtype",
                generator.dtype(),
                params.dtype()
            )));
        }
        // Under a path of its own: an optimizer tells parameters by their names, and the
        // generator's adapter has these.
        let shared = params.pp("adapter").sharing(&generator, config.lora);
        let decoder = Decoder::new(&shape, &shared.pp("model")).at("the generator")?;
        shared.finish().at("compressor.lora")?;
        let (table, scale) = (decoder.embedding().weight(), decoder.embedding().scale());
        let memory = MemoryTokens::beside_scaled(&params, table, scale, context.memory_tokens, context.relevance)?;
        let template =
            PairTemplate { tokenizer: None, prefix: config.prefix, separator: config.separator, suffix: config.suffix };
        Ok(AdaptedGenerator { decoder, memory, template })
    }
}

impl Compressor for AdaptedGenerator {
    fn template(&self) -> PairTemplate {
        self.template.clone()
    }

    fn max_positions(&self) -> Option<usize> {
        self.decoder.max_positions()
    }

    fn shares_generator(&self) -> bool {
        true
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        let input = self.memory.embed(self.decoder.embedding().weight(), batch)?;
        let states = self.decoder.forward_at(&input.places, &input.embeddings, &input.spans, forward).at("model")?;
        Ok(Compressed { vectors: input.memory_states(&states)?, relevance: self.memory.relevance(&states, &input)? })
    }
}
