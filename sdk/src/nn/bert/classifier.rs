//! The sequence classifier: the encoder with a pooler and a linear layer.

use std::path::Path;

use super::{Bert, BertConfig, Family};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::model_directory::ModelDirectory;
use crate::nn::{ForwardMode, Linear, Params, TokenBatch};
use crate::tensor::{Device, Tensor};

/// `BertForSequenceClassification`.
///
/// Parameters under its path: the encoder under `bert`, `bert.pooler.dense` and `classifier`.
#[derive(Debug)]
pub struct BertClassifier {
    encoder: Bert,
    pooler: Linear,
    output: Linear,
}

impl BertClassifier {
    /// The model of a Hugging Face directory, in f32.
    ///
    /// # Errors
    /// If `config.json` describes no such model, or weights cannot be read, are missing, misshapen
    /// or not the model's.
    pub fn from_directory(directory: &Path, device: &Device) -> Result<Self> {
        let stored = ModelDirectory::open(directory)?;
        let config = BertConfig::from_keys(&stored.keys()?)?;
        stored.load(device, &[], |params| BertClassifier::new(config, params))
    }

    /// The model at the path of `params`.
    ///
    /// # Errors
    /// If the model is not BERT's, or weights cannot be read.
    pub fn new(config: BertConfig, params: &Params) -> Result<Self> {
        config.expect(Family::Bert, "bert for a sequence classifier")?;
        let (hidden, labels, root) = (config.hidden_size, config.labels, params.pp(config.root()));
        Ok(BertClassifier {
            pooler: Linear::new(&root.pp("pooler.dense"), hidden, hidden, true)?,
            output: Linear::new(&params.pp("classifier"), hidden, labels, true)?,
            encoder: Bert::new(config, &root)?,
        })
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &Bert {
        &self.encoder
    }

    /// The logits `[batch, labels]`.
    ///
    /// # Errors
    /// Those of [`Bert::forward`].
    pub fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let mut forward = ForwardMode::inference();
        let first = self.encoder.forward_first(batch)?;
        let pooled = self.pooler.forward(&first, &mut forward).at("pooler")?.tanh()?;
        self.output.forward(&pooled, &mut forward).at("classifier")
    }
}
