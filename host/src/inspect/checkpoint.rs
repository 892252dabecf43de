//! A model of any supported architecture.

use std::path::Path;
use std::sync::Arc;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::encoder::{EncoderConfig, MaskedLm};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{Forward, ParamOptions, Params};
use scaledown_sdk::{DType, Device, Tensor};

use super::summary::{ModelKind, read_config};
use crate::Result;

/// A model as its directory describes it.
pub enum Checkpoint {
    /// A causal language model.
    Decoder(CausalLm),
    /// A masked language model.
    Encoder(MaskedLm),
}

impl Checkpoint {
    /// Reads the model in `directory`; its weights become `dtype`.
    ///
    /// # Errors
    /// If its architecture is not supported, or weights are missing, superfluous or misshapen.
    pub fn load(directory: &Path, device: &Device, dtype: DType) -> Result<Self> {
        let config = read_config(directory)?;
        let options = ParamOptions { device: device.clone(), dtype, trainable: false, seed: 0, lora: None, quantization: None };
        let params = Params::load(options, Arc::new(DirectoryWeights::open(directory)?));
        let model = match ModelKind::of(&config) {
            ModelKind::Decoder => Checkpoint::Decoder(CausalLm::new(DecoderConfig::from_directory(directory)?, &params)?),
            ModelKind::Encoder => Checkpoint::Encoder(MaskedLm::new(EncoderConfig::from_directory(directory)?, &params)?),
        };
        params.finish()?;
        Ok(model)
    }

    /// The logits of token ids `[batch, seq]`, and all hidden states as `transformers` counts them.
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or the mask does not fit.
    pub fn forward(&self, ids: &Tensor, mask: &[Vec<bool>]) -> Result<(Tensor, Vec<Tensor>)> {
        let mut forward = Forward::inference();
        let states = match self {
            Checkpoint::Decoder(model) => model.hidden_states(&model.embed(ids)?, mask, &mut forward)?,
            Checkpoint::Encoder(model) => {
                let embeddings = model.encoder().table().tensor().embedding(ids)?;
                model.encoder().hidden_states(&embeddings, mask, &mut forward)?
            }
        };
        let last = states.last().unwrap_or(ids);
        let logits = match self {
            Checkpoint::Decoder(model) => model.logits(last)?,
            Checkpoint::Encoder(model) => model.logits(last, &mut forward)?,
        };
        Ok((logits, states))
    }
}
