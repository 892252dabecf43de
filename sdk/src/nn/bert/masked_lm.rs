//! The masked language model: the encoder with a prediction head.

use std::path::Path;

use super::{Bert, BertConfig, Family};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::model_directory::ModelDirectory;
use crate::nn::{ForwardMode, Init, LayerNorm, Linear, Param, Params, TokenBatch};
use crate::tensor::{Device, Op, Tensor, UnaryOp};

/// `BertForMaskedLM` or `DistilBertForMaskedLM`.
///
/// Parameters under its path: the encoder under `bert` or `distilbert`; BERT's
/// `cls.predictions.transform.{dense, LayerNorm}`, `cls.predictions.bias` and, unless tied,
/// `cls.predictions.decoder.weight`; DistilBERT's `vocab_transform`, `vocab_layer_norm`,
/// `vocab_projector.bias` and, unless tied, `vocab_projector.weight`.
#[derive(Debug)]
pub struct BertMaskedLm {
    encoder: Bert,
    dense: Linear,
    activation: UnaryOp,
    norm: LayerNorm,
    weight: Option<Param>,
    bias: Param,
}

/// The weights that a stored model may have beside the masked language model.
const APART: [&str; 2] = ["bert.pooler", "cls.seq_relationship"];

/// Rows whose logits are computed at once: enough for a product to run at full speed, few enough
/// that they fit in memory.
const ROWS: usize = 512;

impl BertMaskedLm {
    /// The model of a Hugging Face directory, in f32.
    ///
    /// # Errors
    /// If `config.json` describes no such model, or weights cannot be read, are missing, misshapen
    /// or not the model's.
    pub fn from_directory(directory: &Path, device: &Device) -> Result<Self> {
        let stored = ModelDirectory::open(directory)?;
        let config = BertConfig::from_keys(&stored.keys()?)?;
        stored.load(device, &APART, |params| BertMaskedLm::new(config, params))
    }

    /// The model at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: BertConfig, params: &Params) -> Result<Self> {
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        let init = Init::Normal(0.02);
        let (dense, norm, decoder, bias) = match config.family {
            Family::Bert => {
                let head = params.pp("cls.predictions");
                let decoder = head.pp("decoder");
                // The projection has a bias of its own, which is the head's where weights are tied.
                let own = decoder.contains("bias") && (!config.tied || !head.contains("bias"));
                let (bias, other) = if own { (decoder, head.clone()) } else { (head.clone(), decoder) };
                other.tolerate("bias");
                (head.pp("transform.dense"), head.pp("transform.LayerNorm"), head.pp("decoder"), bias)
            }
            Family::DistilBert => {
                let projector = params.pp("vocab_projector");
                (params.pp("vocab_transform"), params.pp("vocab_layer_norm"), projector.clone(), projector)
            }
        };
        if config.tied {
            let table = format!("{}.embeddings.word_embeddings.weight", config.root());
            let head = if config.family == Family::Bert { "cls.predictions.decoder.weight" } else { "vocab_projector.weight" };
            params.tolerate_copy(head, &table)?;
        }
        Ok(BertMaskedLm {
            dense: Linear::new(&dense, hidden, hidden, true)?,
            activation: config.activation,
            norm: LayerNorm::new(&norm, hidden, true, config.norm_eps)?,
            weight: if config.tied { None } else { Some(decoder.get("weight", [vocabulary, hidden], init)?) },
            bias: bias.get("bias", [vocabulary], Init::ZEROS)?,
            encoder: Bert::new(config.clone(), &params.pp(config.root()))?,
        })
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &Bert {
        &self.encoder
    }

    /// The logits `[.., vocab]` of hidden states `[.., hidden]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let dense = self.dense.forward(hidden, &mut ForwardMode::inference()).at("head")?;
        let states = self.norm.forward(&Tensor::single(Op::Unary(self.activation), &[&dense])?).at("head norm")?;
        let weight = self.weight.as_ref().unwrap_or_else(|| self.encoder.table()).tensor();
        states.linear(&weight, Some(&self.bias.tensor())).at("decoder")
    }

    /// The greatest logit of each vocabulary entry over the tokens of each sequence: a vector
    /// `[vocab]` a sequence. Only real tokens are projected on the vocabulary, and the logits of
    /// few sequences are held at a time.
    ///
    /// # Errors
    /// Those of [`Bert::forward`].
    pub fn max_logits(&self, batch: &TokenBatch) -> Result<Vec<Vec<f32>>> {
        let states = self.encoder.forward(batch)?;
        let &[_, len, hidden] = states.dims() else { return Ok(Vec::new()) };
        let lengths: Vec<usize> = batch.ids.iter().map(Vec::len).collect();
        let rows = states.reshape([lengths.len() * len, hidden])?;
        let at_once = (ROWS / len).max(1);
        let mut found = Vec::with_capacity(lengths.len());
        for (i, group) in lengths.chunks(at_once).enumerate() {
            let real = group.iter().enumerate().flat_map(|(n, &real)| {
                let first = (i * at_once + n) * len;
                first as u32..(first + real) as u32
            });
            let real: Vec<u32> = real.collect();
            let logits = self.logits(&rows.embedding(&rows.device().from_slice(&real, [real.len()])?)?)?;
            let mut first = 0;
            for &real in group {
                let greatest = logits.slice(0, first, real)?.max([0], false)?;
                found.push(greatest.to_vec::<f32>()?);
                first += real;
            }
        }
        Ok(found)
    }
}
