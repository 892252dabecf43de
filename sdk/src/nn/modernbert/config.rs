//! ModernBERT's `config.json`, as transformers 4 and transformers 5 write it.

use std::path::Path;

use serde_json::Value;

use crate::nn::JsonKeys;
use crate::tensor::{GatedOp, UnaryOp};
use crate::{Error, Result};

/// The attention of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionKind {
    /// Every token attends to every other.
    Full,
    /// A token attends to those within half the window on either side.
    Sliding,
}

/// The configuration of a ModernBERT encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModernBertConfig {
    /// The number of token ids.
    pub vocab_size: usize,
    /// The size of a hidden state.
    pub hidden_size: usize,
    /// The size of the feed-forward layers' inner states.
    pub intermediate_size: usize,
    /// The number of attention heads, a divisor of `hidden_size` into even parts.
    pub heads: usize,
    /// The reach of each layer's attention; as many as there are layers.
    pub layers: Vec<AttentionKind>,
    /// The greatest distance at which a local layer's token sees another.
    pub local_distance: usize,
    /// The base of the rotary frequencies in global layers.
    pub global_rope_theta: f64,
    /// The base of the rotary frequencies in local layers.
    pub local_rope_theta: f64,
    /// The model's maximum tokens.
    pub max_positions: usize,
    /// The activation of the feed-forward layers.
    pub activation: GatedOp,
    /// The activation of the prediction head.
    pub head_activation: UnaryOp,
    /// Added to the variance by the norms.
    pub norm_eps: f64,
    /// Whether norms have a bias.
    pub norm_bias: bool,
    /// Whether the attention's linear layers have a bias.
    pub attention_bias: bool,
    /// Whether the feed-forward layers have a bias.
    pub mlp_bias: bool,
    /// Whether the prediction head's linear layer has a bias.
    pub head_bias: bool,
    /// Whether the output projection on the vocabulary has a bias.
    pub decoder_bias: bool,
    /// Whether the output projection's weight is that of the token embeddings.
    pub tied: bool,
    /// The probability with which an input embedding's element is dropped in training.
    pub embedding_dropout: f64,
    /// The probability with which a feed-forward layer's inner element is dropped in training.
    pub mlp_dropout: f64,
    /// The standard deviation of new weights.
    pub initializer_range: f64,
    /// The id of the token that starts a text.
    pub cls_token_id: Option<u32>,
    /// The id of the token that ends a text.
    pub sep_token_id: Option<u32>,
}

impl ModernBertConfig {
    /// Reads `config.json` of a model directory.
    ///
    /// # Errors
    /// If the file cannot be read or does not describe a ModernBERT encoder.
    pub fn from_directory(directory: &Path) -> Result<Self> {
        let path = directory.join("config.json");
        let text = crate::files::read_text(&path, crate::files::FileKind::ModelConfiguration)
            .map_err(|error| Error::io(&path, error))?;
        let json = serde_json::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))?;
        ModernBertConfig::named(&json, &path.display().to_string())
    }

    /// Reads the contents of a `config.json`; absent keys have the defaults of transformers'
    /// `ModernBertConfig`.
    ///
    /// # Errors
    /// [`Error::Config`] that names the key which is missing, of a wrong type, or of a value that
    /// this encoder does not have.
    pub fn from_json(json: &Value) -> Result<Self> {
        ModernBertConfig::named(json, "config.json")
    }

    fn named(json: &Value, path: &str) -> Result<Self> {
        let keys = JsonKeys::new(json, path)?;
        if keys.text("model_type")?.is_some_and(|kind| kind != "modernbert") {
            return Err(keys.invalid("model_type", "modernbert"));
        }
        let (global_rope_theta, local_rope_theta) = rope_thetas(&keys)?;
        let config = ModernBertConfig {
            vocab_size: keys.size("vocab_size")?,
            hidden_size: keys.size("hidden_size")?,
            intermediate_size: keys.size("intermediate_size")?,
            heads: keys.size("num_attention_heads")?,
            layers: layers(&keys)?,
            local_distance: keys.optional_size("local_attention")?.unwrap_or(128) / 2,
            global_rope_theta,
            local_rope_theta,
            max_positions: keys.optional_size("max_position_embeddings")?.unwrap_or(8192),
            activation: activation(&keys, "hidden_activation")?,
            head_activation: unary(activation(&keys, "classifier_activation")?),
            norm_eps: keys.positive("norm_eps")?.unwrap_or(1e-5),
            norm_bias: keys.flag("norm_bias", false)?,
            attention_bias: keys.flag("attention_bias", false)?,
            mlp_bias: keys.flag("mlp_bias", false)?,
            head_bias: keys.flag("classifier_bias", false)?,
            decoder_bias: keys.flag("decoder_bias", true)?,
            tied: keys.flag("tie_word_embeddings", true)?,
            embedding_dropout: probability(&keys, "embedding_dropout")?,
            mlp_dropout: probability(&keys, "mlp_dropout")?,
            initializer_range: keys.positive("initializer_range")?.unwrap_or(0.02),
            cls_token_id: keys.ids("cls_token_id")?.first().copied(),
            sep_token_id: keys.ids("sep_token_id")?.first().copied(),
        };
        if !config.hidden_size.is_multiple_of(2 * config.heads) {
            let allowed = format!("a divisor of hidden_size ({}) into even parts", config.hidden_size);
            return Err(keys.invalid("num_attention_heads", &allowed));
        }
        if keys.number("attention_dropout")?.unwrap_or(0.0) != 0.0 {
            return Err(keys.invalid("attention_dropout", "0, since attention probabilities are never stored"));
        }
        Ok(config)
    }

    /// The size of an attention head.
    #[must_use]
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }
}

/// The reach of each layer: `layer_types`, or every n-th layer global, as older files have it.
fn layers(keys: &JsonKeys<'_>) -> Result<Vec<AttentionKind>> {
    let count = keys.layers("num_hidden_layers")?;
    let every = keys.optional_size("global_attn_every_n_layers")?.unwrap_or(3);
    let Some(types) = keys.texts("layer_types")? else {
        return Ok((0..count)
            .map(|i| if i.is_multiple_of(every) { AttentionKind::Full } else { AttentionKind::Sliding })
            .collect());
    };
    let expected = format!("{count} of \"full_attention\" or \"sliding_attention\"");
    if types.len() != count {
        return Err(keys.invalid("layer_types", &expected));
    }
    let reach = |kind: &str| match kind {
        "full_attention" => Ok(AttentionKind::Full),
        "sliding_attention" => Ok(AttentionKind::Sliding),
        _ => Err(keys.invalid("layer_types", &expected)),
    };
    types.into_iter().map(reach).collect()
}

/// The bases of the rotary frequencies of global and of local layers: in `rope_parameters`, or
/// under keys of their own, as older files have them.
fn rope_thetas(keys: &JsonKeys<'_>) -> Result<(f64, f64)> {
    const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];
    if keys.value("rope_scaling").is_some() {
        return Err(keys.invalid("rope_scaling", "null, since this encoder's rotary frequencies are not stretched"));
    }
    let path = format!("`rope_parameters` in {}", keys.path());
    let newer = keys.value("rope_parameters").map(|value| JsonKeys::new(value, &path)).transpose()?;
    if let Some(other) = newer.and_then(|newer| newer.names().find(|name| !KINDS.contains(name))) {
        return Err(Error::Config(format!("`{other}` in {path} is unknown, expected {} and {}", KINDS[0], KINDS[1])));
    }
    let older = [keys.positive("global_rope_theta")?, keys.positive("local_rope_theta")?];
    let global = newer.map_or(Ok(None), |newer| theta(&newer, KINDS[0]))?.or(older[0]).unwrap_or(160_000.0);
    // A file that says `null` has local layers turn as global ones do.
    let default = if keys.mentions("local_rope_theta") { global } else { 10_000.0 };
    let local = newer.map_or(Ok(None), |newer| theta(&newer, KINDS[1]))?.or(older[1]).unwrap_or(default);
    Ok((global, local))
}

fn theta(parameters: &JsonKeys<'_>, kind: &str) -> Result<Option<f64>> {
    let Some(rope) = parameters.value(kind) else { return Ok(None) };
    let path = format!("`rope_parameters.{kind}`{}", parameters.path().trim_start_matches("`rope_parameters`"));
    let rope = JsonKeys::new(rope, &path)?;
    match rope.text("rope_type")? {
        None | Some("default") => rope.positive("rope_theta"),
        Some(_) => Err(rope.invalid("rope_type", "default")),
    }
}

fn activation(keys: &JsonKeys<'_>, key: &str) -> Result<GatedOp> {
    match keys.text(key)? {
        None | Some("gelu") => Ok(GatedOp::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh") => Ok(GatedOp::GeluTanh),
        Some("silu" | "swish") => Ok(GatedOp::Silu),
        Some(_) => Err(keys.invalid(key, "gelu, gelu_new, gelu_pytorch_tanh or silu")),
    }
}

fn unary(activation: GatedOp) -> UnaryOp {
    match activation {
        GatedOp::Silu => UnaryOp::Silu,
        GatedOp::Gelu => UnaryOp::Gelu,
        GatedOp::GeluTanh => UnaryOp::GeluTanh,
    }
}

fn probability(keys: &JsonKeys<'_>, key: &str) -> Result<f64> {
    let p = keys.number(key)?.unwrap_or(0.0);
    if (0.0..1.0).contains(&p) { Ok(p) } else { Err(keys.invalid(key, "a probability in [0, 1)")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(extra: Value) -> Result<ModernBertConfig> {
        let mut config = json!({
            "model_type": "modernbert", "vocab_size": 48, "hidden_size": 24, "intermediate_size": 20,
            "num_hidden_layers": 4, "num_attention_heads": 3, "local_attention": 8
        });
        if let (Some(config), Some(extra)) = (config.as_object_mut(), extra.as_object()) {
            config.extend(extra.clone());
        }
        ModernBertConfig::from_json(&config)
    }

    #[test]
    fn both_styles_mean_the_same() {
        let v4 = parse(json!({"global_attn_every_n_layers": 3, "global_rope_theta": 5000.0, "local_rope_theta": 100.0}));
        let v5 = parse(json!({
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 5000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}
            }
        }));
        let (v4, v5) = (v4.unwrap(), v5.unwrap());
        assert_eq!(v4, v5);
        assert_eq!(v4.layers, [AttentionKind::Full, AttentionKind::Sliding, AttentionKind::Sliding, AttentionKind::Full]);
        assert_eq!((v4.local_distance, v4.global_rope_theta, v4.local_rope_theta), (4, 5000.0, 100.0));
    }

    #[test]
    fn a_local_base_that_is_null_is_the_global_one() {
        let thetas = |extra: Value| parse(extra).map(|config| (config.global_rope_theta, config.local_rope_theta)).unwrap();
        assert_eq!(thetas(json!({"global_rope_theta": 5000.0, "local_rope_theta": null})), (5000.0, 5000.0));
        assert_eq!(thetas(json!({"global_rope_theta": 5000.0})), (5000.0, 10_000.0));
    }

    #[test]
    fn models_that_differ_by_configuration_only_are_read() {
        // ModernBERT-large and Ettin's encoder of 17 million parameters, as their files have it.
        let large = json!({"architectures": ["ModernBertForMaskedLM"], "hidden_size": 1024, "intermediate_size": 2624,
            "num_hidden_layers": 28, "num_attention_heads": 16, "local_attention": 128, "vocab_size": 50368,
            "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0});
        let ettin = json!({"architectures": ["ModernBertForMaskedLM"], "hidden_size": 256, "intermediate_size": 384,
            "num_hidden_layers": 7, "num_attention_heads": 4, "local_attention": 128, "vocab_size": 50368, "is_causal": false,
            "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 160000.0, "sparse_prediction": true});
        let large = parse(large).unwrap();
        assert_eq!((large.layers.len(), large.head_size(), large.local_distance), (28, 64, 64));
        let ettin = parse(ettin).unwrap();
        assert_eq!((ettin.layers.len(), ettin.head_size(), ettin.local_rope_theta), (7, 64, 160_000.0));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let cases = [
            (json!({"model_type": "bert"}), "`model_type` in config.json is \"bert\""),
            (json!({"num_attention_heads": 5}), "`num_attention_heads` in config.json is 5"),
            (json!({"hidden_size": 0}), "`hidden_size` in config.json is 0"),
            (json!({"layer_types": ["full_attention"]}), "`layer_types` in config.json is"),
            (json!({"layer_types": ["full_attention", "x", "x", "x"]}), "`layer_types` in config.json is"),
            (json!({"global_attn_every_n_layers": 0}), "`global_attn_every_n_layers` in config.json is 0"),
            (
                json!({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}),
                "`rope_type` in `rope_parameters.full_attention` in config.json is \"yarn\"",
            ),
            (json!({"rope_scaling": {"rope_type": "yarn"}}), "`rope_scaling` in config.json is"),
            (json!({"rope_parameters": {"rope_theta": 5.0}}), "`rope_theta` in `rope_parameters` in config.json is unknown"),
            (json!({"hidden_activation": "mish"}), "`hidden_activation` in config.json is \"mish\""),
            (json!({"attention_dropout": 0.1}), "`attention_dropout` in config.json is 0.1"),
            (json!({"mlp_dropout": 1.5}), "`mlp_dropout` in config.json is 1.5"),
            (json!({"vocab_size": "many"}), "`vocab_size` in config.json is \"many\""),
        ];
        for (extra, expected) in cases {
            let message = parse(extra).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
