//! The `config.json` of BERT and DistilBERT.

use crate::Result;
use crate::nn::JsonKeys;
use crate::nn::activation::activation;
use crate::nn::model_directory::labels;
use crate::tensor::UnaryOp;

/// How the weights are named, and what the models have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `BertModel`: token types, weights under `bert`.
    Bert,
    /// `DistilBertModel`: no token types, weights under `distilbert`.
    DistilBert,
}

/// The configuration of a BERT or DistilBERT encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Which of the two it is.
    pub family: Family,
    /// The number of token ids.
    pub vocab_size: usize,
    /// The size of a hidden state.
    pub hidden_size: usize,
    /// The size of the feed-forward layers' inner states.
    pub intermediate_size: usize,
    /// The number of attention heads, a divisor of `hidden_size`.
    pub heads: usize,
    /// The number of layers.
    pub layers: usize,
    /// The model's maximum tokens.
    pub max_positions: usize,
    /// The number of token types; 0 where the model knows none.
    pub token_types: usize,
    /// The activation of the feed-forward layers and of the masked language model's head.
    pub activation: UnaryOp,
    /// Added to the variance by the norms.
    pub norm_eps: f64,
    /// Whether the output weight of the masked language model is that of the token embeddings.
    pub tied: bool,
    /// The number of labels of a classifier.
    pub labels: usize,
}

impl BertConfig {
    /// Reads the keys of a `config.json`; absent ones have the defaults of transformers.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) that names the key which is missing, of a wrong
    /// type, or of a value that these models do not have.
    pub fn from_keys(keys: &JsonKeys<'_>) -> Result<Self> {
        let config = match keys.text("model_type")? {
            Some("bert") => BertConfig::bert(keys)?,
            Some("distilbert") => BertConfig::distilbert(keys)?,
            _ => return Err(keys.invalid("model_type", "bert or distilbert")),
        };
        if !config.hidden_size.is_multiple_of(config.heads) {
            let key = if config.family == Family::Bert { "num_attention_heads" } else { "n_heads" };
            return Err(keys.invalid(key, &format!("a divisor of the hidden size ({})", config.hidden_size)));
        }
        Ok(config)
    }

    fn bert(keys: &JsonKeys<'_>) -> Result<Self> {
        if keys.text("position_embedding_type")?.is_some_and(|kind| kind != "absolute") {
            return Err(keys.invalid("position_embedding_type", "absolute"));
        }
        Ok(BertConfig {
            family: Family::Bert,
            vocab_size: keys.size("vocab_size")?,
            hidden_size: keys.size("hidden_size")?,
            intermediate_size: keys.size("intermediate_size")?,
            heads: keys.size("num_attention_heads")?,
            layers: keys.layers("num_hidden_layers")?,
            max_positions: keys.optional_size("max_position_embeddings")?.unwrap_or(512),
            token_types: keys.optional_size("type_vocab_size")?.unwrap_or(2),
            activation: activation(keys, "hidden_act", UnaryOp::Gelu)?,
            norm_eps: keys.positive("layer_norm_eps")?.unwrap_or(1e-12),
            tied: keys.flag("tie_word_embeddings", true)?,
            labels: labels(keys)?,
        })
    }

    fn distilbert(keys: &JsonKeys<'_>) -> Result<Self> {
        Ok(BertConfig {
            family: Family::DistilBert,
            vocab_size: keys.size("vocab_size")?,
            hidden_size: keys.size("dim")?,
            intermediate_size: keys.size("hidden_dim")?,
            heads: keys.size("n_heads")?,
            layers: keys.layers("n_layers")?,
            max_positions: keys.optional_size("max_position_embeddings")?.unwrap_or(512),
            token_types: 0,
            activation: activation(keys, "activation", UnaryOp::Gelu)?,
            norm_eps: 1e-12,
            tied: keys.flag("tie_word_embeddings", true)?,
            labels: labels(keys)?,
        })
    }

    /// The path of the encoder's weights.
    pub(super) fn root(&self) -> &'static str {
        match self.family {
            Family::Bert => "bert",
            Family::DistilBert => "distilbert",
        }
    }
}
