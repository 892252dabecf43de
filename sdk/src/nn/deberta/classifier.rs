//! The sequence classifier: the encoder with a pooler and a linear layer.

use std::path::Path;

use super::{Deberta, DebertaConfig};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::model_directory::ModelDirectory;
use crate::nn::{ForwardMode, Linear, Params, TokenBatch};
use crate::tensor::{Device, Op, Tensor, UnaryOp};

/// `DebertaV2ForSequenceClassification`.
///
/// Parameters under its path: the encoder under `deberta`, `pooler.dense` and `classifier`.
#[derive(Debug)]
pub struct DebertaClassifier {
    encoder: Deberta,
    pooler: Linear,
    activation: UnaryOp,
    output: Linear,
}

/// The weights that a stored model may have beside the classifier: pretraining heads and unused
/// positions.
const APART: [&str; 5] =
    ["lm_predictions", "mask_predictions", "cls", "deberta.embeddings.position_ids", "deberta.embeddings.position_embeddings"];

impl DebertaClassifier {
    /// The model of a Hugging Face directory, in f32.
    ///
    /// # Errors
    /// If `config.json` describes no such model, or weights cannot be read, are missing, misshapen
    /// or not the model's.
    pub fn from_directory(directory: &Path, device: &Device) -> Result<Self> {
        let stored = ModelDirectory::open(directory)?;
        let config = DebertaConfig::from_keys(&stored.keys()?)?;
        stored.load(device, &APART, |params| DebertaClassifier::new(config, params))
    }

    /// The model at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: DebertaConfig, params: &Params) -> Result<Self> {
        let (hidden, labels) = (config.hidden_size, config.labels);
        Ok(DebertaClassifier {
            pooler: Linear::new(&params.pp("pooler.dense"), hidden, hidden, true)?,
            activation: config.pooler_activation,
            output: Linear::new(&params.pp("classifier"), hidden, labels, true)?,
            encoder: Deberta::new(config, &params.pp("deberta")).at("deberta")?,
        })
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &Deberta {
        &self.encoder
    }

    /// The logits `[batch, labels]`.
    ///
    /// # Errors
    /// Those of [`Deberta::forward`].
    pub fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let mut forward = ForwardMode::inference();
        let first = self.encoder.forward_first(batch)?;
        let pooled = self.pooler.forward(&first, &mut forward).at("pooler")?;
        let pooled = Tensor::single(Op::Unary(self.activation), &[&pooled])?;
        self.output.forward(&pooled, &mut forward).at("classifier")
    }
}
