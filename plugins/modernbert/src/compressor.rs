//! The compressor.

use std::path::Path;
use std::sync::Arc;

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, CompressorPlugin, PairBatch, PairTemplate};
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::modernbert::{ModernBertConfig, ModernBertModel};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{ForwardMode, MemoryTokens, Params, Projection, WeightSource};
use scaledown_sdk::{Error, Result};

use crate::{EncoderInit, ModernBertCompressorConfig};

/// The weights that a stored model may have on top of the encoder.
const HEADS: [&str; 3] = ["head", "decoder", "classifier"];

/// A ModernBERT encoder with memory tokens, and a projection to the generator's space.
///
/// Parameters under its path: `model` (the encoder), `memory_embeddings`, `relevance_embedding`,
/// `relevance_head`, and `projection`.
pub struct ModernBertCompressor {
    encoder: ModernBertModel,
    memory: MemoryTokens,
    projection: Projection,
    template: PairTemplate,
}

impl CompressorPlugin for ModernBertCompressor {
    type Config = ModernBertCompressorConfig;

    fn build(config: ModernBertCompressorConfig, context: CompressorContext) -> Result<Self> {
        let inner = config.projection.unwrap_or(context.hidden_size);
        if inner == 0 {
            return Err(Error::Config("compressor.projection is 0, expected at least 1".into()));
        }
        let model = ModernBertConfig::from_directory(&config.model)?;
        let params = context.params.trained();
        let hidden = model.hidden_size;
        let template = template(&config.model, &model)?;
        let stored = encoder_params(&config, &params)?;
        if model.tied {
            stored.stored_as("embeddings.tok_embeddings.weight", "decoder.weight");
        }
        let encoder = ModernBertModel::new(model, &stored)?;
        Ok(ModernBertCompressor {
            memory: MemoryTokens::new(&params, encoder.table(), context.memory_tokens, context.relevance)?,
            projection: Projection::new(&params.fresh().pp("projection"), hidden, inner, context.hidden_size)?,
            encoder,
            template,
        })
    }
}

impl Compressor for ModernBertCompressor {
    fn template(&self) -> PairTemplate {
        self.template.clone()
    }

    fn max_positions(&self) -> Option<usize> {
        Some(self.encoder.config().max_positions)
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        let input = self.memory.embed(self.encoder.table(), batch)?;
        let states = self.encoder.forward_at(&input.places, &input.embeddings, &input.spans, forward).at("model")?;
        let vectors = self.projection.forward(&input.memory_states(&states)?, forward).at("projection")?;
        Ok(Compressed { vectors, relevance: self.memory.relevance(&states, &input)? })
    }
}

/// Where the encoder's parameters are made: `ModernBertModel` stores them at the top,
/// `ModernBertForMaskedLM` under `model`.
fn encoder_params(config: &ModernBertCompressorConfig, params: &Params) -> Result<Params> {
    let params = params.pp("model");
    if config.init == EncoderInit::Random {
        return Ok(params.fresh());
    }
    let weights: Arc<dyn WeightSource> = Arc::new(DirectoryWeights::open(&config.model)?);
    let prefix = if weights.names().iter().any(|name| name.starts_with("model.")) { "model" } else { "" };
    Ok(params.load_strict(weights, prefix, &HEADS))
}

fn template(directory: &Path, config: &ModernBertConfig) -> Result<PairTemplate> {
    let id = |key: &str, id: Option<u32>| {
        let missing =
            || Error::Config(format!("{}: {key} is missing, expected a token id", directory.join("config.json").display()));
        id.map(|id| vec![id]).ok_or_else(missing)
    };
    let separator = id("sep_token_id", config.sep_token_id)?;
    Ok(PairTemplate {
        tokenizer: directory.join("tokenizer.json").exists().then(|| directory.to_owned()),
        prefix: id("cls_token_id", config.cls_token_id)?,
        suffix: separator.clone(),
        separator,
    })
}
