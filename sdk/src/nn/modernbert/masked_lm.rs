//! The masked language model: the encoder with a prediction head.

use super::{ModernBertConfig, ModernBertModel};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Init, LayerNorm, Linear, Param, Params};
use crate::tensor::{Op, Tensor, UnaryOp};

/// `ModernBertForMaskedLM`.
///
/// Parameters under its path: `model` (an [`ModernBertModel`]), `head.dense`, `head.norm`,
/// `decoder.bias`, and `decoder.weight` unless tied.
#[derive(Debug)]
pub struct ModernBertMaskedLm {
    encoder: ModernBertModel,
    dense: Linear,
    activation: UnaryOp,
    norm: LayerNorm,
    weight: Option<Param>,
    bias: Option<Param>,
}

impl ModernBertMaskedLm {
    /// The model at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: ModernBertConfig, params: &Params) -> Result<Self> {
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        let (head, decoder) = (params.pp("head"), params.pp("decoder"));
        if config.tied {
            params.tolerate_copy("decoder.weight", "model.embeddings.tok_embeddings.weight")?;
        }
        let weight = || decoder.get("weight", [vocabulary, hidden], config.output_init());
        Ok(ModernBertMaskedLm {
            dense: Linear::with_init(&head.pp("dense"), hidden, hidden, config.head_bias, config.output_init())?,
            activation: config.head_activation,
            norm: LayerNorm::new(&head.pp("norm"), hidden, config.norm_bias, config.norm_eps)?,
            weight: if config.tied { None } else { Some(weight()?) },
            bias: if config.decoder_bias { Some(decoder.get("bias", [vocabulary], Init::ZEROS)?) } else { None },
            encoder: ModernBertModel::new(config, &params.pp("model"))?,
        })
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &ModernBertModel {
        &self.encoder
    }

    /// The logits `[.., vocab]` of final hidden states `[.., hidden]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn logits(&self, hidden: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let dense = self.dense.forward(hidden, forward).at("head.dense")?;
        let states = self.norm.forward(&Tensor::single(Op::Unary(self.activation), &[&dense])?).at("head.norm")?;
        let weight = self.weight.as_ref().unwrap_or_else(|| self.encoder.table()).tensor();
        states.linear(&weight, self.bias.as_ref().map(Param::tensor).as_ref()).at("decoder")
    }
}
