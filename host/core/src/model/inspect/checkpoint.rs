//! A model of any supported architecture.

use std::path::Path;
use std::sync::Arc;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::modernbert::{self, ModernBertConfig, ModernBertModel};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params, WeightSource, bert, deberta};
use scaledown_sdk::{DType, Device, Tensor};

use super::architecture::Architecture;
use super::forward::Tokens;
use super::summary::read_config;
use crate::Result;

/// A model as its directory describes it, in f32.
pub enum InspectedModel {
    /// A causal language model.
    Decoder(CausalLm),
    /// A ModernBERT with its masked language model's head.
    ModernBertMaskedLm(modernbert::ModernBertMaskedLm),
    /// A ModernBERT without a head.
    ModernBert(ModernBertModel),
    /// A BERT or DistilBERT with its masked language model's head.
    BertMaskedLm(bert::BertMaskedLm),
    /// A BERT with a classifier on top.
    BertClassifier(bert::BertClassifier),
    /// A DeBERTa with a classifier on top.
    DebertaClassifier(deberta::DebertaClassifier),
}

impl InspectedModel {
    /// Reads the model in `directory`.
    ///
    /// # Errors
    /// If its architecture is not supported, or weights are missing, superfluous or misshapen.
    pub fn load(directory: &Path, device: &Device) -> Result<Self> {
        let config = read_config(directory)?;
        Ok(match Architecture::of(&config, &directory.join("config.json"))? {
            Architecture::Decoder => InspectedModel::Decoder(load(directory, device, |params, _| {
                CausalLm::new(DecoderConfig::from_directory(directory)?, params)
            })?),
            Architecture::ModernBertMaskedLm => InspectedModel::ModernBertMaskedLm(load(directory, device, |params, _| {
                modernbert::ModernBertMaskedLm::new(ModernBertConfig::from_directory(directory)?, params)
            })?),
            Architecture::ModernBert => InspectedModel::ModernBert(load(directory, device, |params, weights| {
                let under_model = weights.spec("model.embeddings.tok_embeddings.weight").is_some();
                let params = if under_model { params.pp("model") } else { params.clone() };
                ModernBertModel::new(ModernBertConfig::from_directory(directory)?, &params)
            })?),
            Architecture::BertMaskedLm => InspectedModel::BertMaskedLm(bert::BertMaskedLm::from_directory(directory, device)?),
            Architecture::BertClassifier => {
                InspectedModel::BertClassifier(bert::BertClassifier::from_directory(directory, device)?)
            }
            Architecture::DebertaClassifier => {
                InspectedModel::DebertaClassifier(deberta::DebertaClassifier::from_directory(directory, device)?)
            }
        })
    }

    /// The logits of tokens `[batch, seq]` (none without a head), and all hidden states as
    /// `transformers` counts them.
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or the mask does not fit, or is one that the model cannot
    /// read.
    pub fn forward(&self, tokens: &Tokens, device: &Device) -> Result<(Option<Tensor>, Vec<Tensor>)> {
        let mut forward = ForwardMode::inference();
        match self {
            InspectedModel::Decoder(model) => {
                let states = model.hidden_states(&model.embed(&tokens.ids(device)?)?, &tokens.spans()?, &mut forward)?;
                Ok((states.last().map(|last| model.logits(last)).transpose()?, states))
            }
            InspectedModel::ModernBertMaskedLm(model) => {
                let states = modern(model.encoder(), tokens, device, &mut forward)?;
                Ok((states.last().map(|last| model.logits(last, &mut forward)).transpose()?, states))
            }
            InspectedModel::ModernBert(model) => Ok((None, modern(model, tokens, device, &mut forward)?)),
            InspectedModel::BertMaskedLm(model) => {
                let states = tokens.padded(model.encoder().hidden_states(&tokens.texts()?)?)?;
                Ok((states.last().map(|last| model.logits(last)).transpose()?, states))
            }
            InspectedModel::BertClassifier(model) => {
                let texts = tokens.texts()?;
                Ok((Some(model.forward(&texts)?), tokens.padded(model.encoder().hidden_states(&texts)?)?))
            }
            InspectedModel::DebertaClassifier(model) => {
                let texts = tokens.texts()?;
                Ok((Some(model.forward(&texts)?), tokens.padded(model.encoder().hidden_states(&texts)?)?))
            }
        }
    }
}

/// A model of all the weights in `directory`.
fn load<M>(
    directory: &Path,
    device: &Device,
    make: impl FnOnce(&Params, &dyn WeightSource) -> scaledown_sdk::Result<M>,
) -> Result<M> {
    let options =
        ParamOptions { device: device.clone(), dtype: DType::F32, trainable: false, seed: 0, lora: None, quantization: None };
    let weights = Arc::new(DirectoryWeights::open(directory)?);
    let params = Params::load(options, weights.clone());
    let model = make(&params, &*weights)?;
    params.finish()?;
    Ok(model)
}

fn modern(encoder: &ModernBertModel, tokens: &Tokens, device: &Device, forward: &mut ForwardMode) -> Result<Vec<Tensor>> {
    let embeddings = encoder.table().tensor().embedding(&tokens.ids(device)?)?;
    Ok(encoder.hidden_states(&embeddings, &tokens.spans()?, forward)?)
}
