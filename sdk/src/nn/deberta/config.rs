//! The `config.json` of DeBERTa-v2 and DeBERTa-v3.

use serde_json::Value;

use crate::Result;
use crate::nn::JsonKeys;
use crate::nn::activation::activation;
use crate::nn::model_directory::labels;
use crate::tensor::UnaryOp;

/// The configuration of a DeBERTa-v2 or v3 encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DebertaConfig {
    /// The number of token ids.
    pub vocab_size: usize,
    /// The size of a hidden state.
    pub hidden_size: usize,
    /// The size of a token embedding, projected on `hidden_size` where it differs.
    pub embedding_size: usize,
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
    /// Whether absolute positions are added to the token embeddings.
    pub absolute_positions: bool,
    /// The relative positions of the attention; `None` for plain attention.
    pub relative: Option<Relative>,
    /// The activation of the feed-forward layers.
    pub activation: UnaryOp,
    /// The activation of the classifier's pooler.
    pub pooler_activation: UnaryOp,
    /// Added to the variance by the norms.
    pub norm_eps: f64,
    /// The number of labels of the classifier.
    pub labels: usize,
}

/// How the attention reads relative positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    /// The greatest distinguished distance.
    pub max_distance: usize,
    /// The number of buckets on either side, in which far distances share one; `None` for one each.
    pub buckets: Option<usize>,
    /// Whether contents attend to positions.
    pub content_to_position: bool,
    /// Whether positions attend to contents.
    pub position_to_content: bool,
    /// Whether positions are projected as contents are.
    pub shared_projections: bool,
    /// Whether the embeddings of positions are normalised.
    pub normalised: bool,
}

impl DebertaConfig {
    /// Reads the keys of a `config.json`; absent ones have the defaults of transformers'
    /// `DebertaV2Config`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) that names the key which is missing, of a wrong
    /// type, or of a value that this model does not have.
    pub fn from_keys(keys: &JsonKeys<'_>) -> Result<Self> {
        if keys.text("model_type")? != Some("deberta-v2") {
            return Err(keys.invalid("model_type", "deberta-v2"));
        }
        if keys.count("conv_kernel_size")?.unwrap_or(0) != 0 {
            let expected = "0 or none: the convolution of DeBERTa-v2 xlarge is not supported; DeBERTa-v3 models have none";
            return Err(keys.invalid("conv_kernel_size", expected));
        }
        let hidden_size = keys.size("hidden_size")?;
        for key in ["attention_head_size", "pooler_hidden_size"] {
            let expected =
                if key == "pooler_hidden_size" { hidden_size } else { hidden_size / keys.size("num_attention_heads")? };
            if keys.optional_size(key)?.is_some_and(|size| size != expected) {
                return Err(keys.invalid(key, &expected.to_string()));
            }
        }
        let max_positions = keys.optional_size("max_position_embeddings")?.unwrap_or(512);
        let config = DebertaConfig {
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            embedding_size: keys.optional_size("embedding_size")?.unwrap_or(hidden_size),
            intermediate_size: keys.size("intermediate_size")?,
            heads: keys.size("num_attention_heads")?,
            layers: keys.layers("num_hidden_layers")?,
            max_positions,
            token_types: keys.count("type_vocab_size")?.unwrap_or(0),
            absolute_positions: keys.flag("position_biased_input", true)?,
            relative: if keys.flag("relative_attention", false)? {
                Some(Relative::from_keys(keys, max_positions)?)
            } else {
                None
            },
            activation: activation(keys, "hidden_act", UnaryOp::Gelu)?,
            pooler_activation: activation(keys, "pooler_hidden_act", UnaryOp::Gelu)?,
            norm_eps: keys.positive("layer_norm_eps")?.unwrap_or(1e-7),
            labels: labels(keys)?,
        };
        if !hidden_size.is_multiple_of(config.heads) {
            return Err(keys.invalid("num_attention_heads", &format!("a divisor of hidden_size ({hidden_size})")));
        }
        Ok(config)
    }
}

impl Relative {
    fn from_keys(keys: &JsonKeys<'_>, max_positions: usize) -> Result<Self> {
        let kinds = position_kinds(keys)?;
        // Both are -1 where they are not used.
        let positive = |key: &str| -> Result<Option<usize>> {
            Ok(keys.number(key)?.filter(|&number| number >= 1.0).map(|number| number as usize))
        };
        let norms = keys.text("norm_rel_ebd")?.unwrap_or("none").to_lowercase();
        let max_distance = positive("max_relative_positions")?.unwrap_or(max_positions);
        let buckets = positive("position_buckets")?;
        if buckets.is_some_and(|buckets| buckets < 4 || buckets / 2 + 1 >= max_distance) {
            return Err(keys.invalid("position_buckets", &format!("-1, or at least 4 and less than 2 * {max_distance} - 2")));
        }
        Ok(Relative {
            max_distance,
            buckets,
            content_to_position: kinds.iter().any(|kind| kind == "c2p"),
            position_to_content: kinds.iter().any(|kind| kind == "p2c"),
            shared_projections: keys.flag("share_att_key", false)?,
            normalised: norms.split('|').any(|norm| norm.trim() == "layer_norm"),
        })
    }
}

/// `pos_att_type`: `"p2c|c2p"`, or a list.
fn position_kinds(keys: &JsonKeys<'_>) -> Result<Vec<String>> {
    let kinds: Vec<String> = match keys.value("pos_att_type") {
        Some(Value::Array(_)) => keys.texts("pos_att_type")?.unwrap_or_default().into_iter().map(str::to_lowercase).collect(),
        _ => {
            let text = keys.text("pos_att_type")?.unwrap_or_default().to_lowercase();
            text.split('|').map(|kind| kind.trim().to_owned()).filter(|kind| !kind.is_empty()).collect()
        }
    };
    match kinds.iter().all(|kind| kind == "c2p" || kind == "p2c") {
        true => Ok(kinds),
        false => Err(keys.invalid("pos_att_type", "c2p, p2c or both")),
    }
}
