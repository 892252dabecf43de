//! The shape of a decoder, as a Hugging Face `config.json` describes it.

use std::path::Path;

use serde_json::Value;

use crate::nn::Init;
use crate::nn::json_keys::JsonKeys;
use crate::nn::rotary::RopeScaling;
use crate::tensor::GatedOp;
use crate::{Error, Result};

/// The architectures that this module implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the models'")]
pub enum DecoderFamily {
    Mistral,
    Llama,
    Qwen2,
}

/// The shape and settings of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// The architecture.
    pub family: DecoderFamily,
    /// The number of token ids.
    pub vocabulary: usize,
    /// The size of an embedding.
    pub hidden: usize,
    /// The inner size of an MLP.
    pub intermediate: usize,
    /// The number of layers.
    pub layers: usize,
    /// The number of query heads.
    pub heads: usize,
    /// The number of key and value heads, a divisor of `heads`.
    pub kv_heads: usize,
    /// The size of a head.
    pub head_size: usize,
    /// The activation of the MLPs.
    pub activation: GatedOp,
    /// Added to the mean square in norms.
    pub norm_eps: f64,
    /// The base of the rotary frequencies.
    pub rope_theta: f64,
    /// The stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// Whether the projections of queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// Whether the projection of attention's output has a bias.
    pub output_bias: bool,
    /// Whether the MLPs' projections have a bias.
    pub mlp_bias: bool,
    /// For each layer, the number of tokens that a query sees, itself included; `None` for all.
    pub windows: Vec<Option<usize>>,
    /// Whether the output head is the embedding table.
    pub tied: bool,
    /// The greatest number of positions that the model was made for.
    pub max_positions: Option<usize>,
    /// The token ids that end a text.
    pub eos: Vec<u32>,
}

impl DecoderConfig {
    /// The greatest number of positions that the model may read: what it was made for, stretched as
    /// its rotary frequencies are. (With `llama3` scaling, `config.json` gives the stretched
    /// number.)
    #[must_use]
    pub fn max_positions(&self) -> Option<usize> {
        let stretch = if let RopeScaling::Linear { factor } = self.rope_scaling { factor.max(1.0) } else { 1.0 };
        self.max_positions.map(|positions| (positions as f64 * stretch) as usize)
    }

    /// How a new matrix of `inputs` columns starts whose output is added to the residual stream: at
    /// half the usual scale, and less the more layers there are, so that the stream keeps its scale
    /// (Radford et al. 2019).
    pub(super) fn residual_init(&self, inputs: usize) -> Init {
        Init::Normal(0.5 / (inputs as f64 * 2.0 * self.layers as f64).sqrt())
    }

    /// How a new final norm starts: where the standard normal embedding table is the head as well,
    /// at the scale that gives logits a variance of about 1.
    pub(super) fn final_norm_init(&self) -> Init {
        if self.tied { Init::Constant(1.0 / (self.hidden as f64).sqrt()) } else { Init::ONES }
    }

    /// Reads `config.json` of a model directory.
    ///
    /// # Errors
    /// If the file cannot be read or describes no decoder of a supported family.
    pub fn from_directory(directory: &Path) -> Result<Self> {
        let path = directory.join("config.json");
        let text = crate::files::read_text(&path, crate::files::FileKind::ModelConfiguration)
            .map_err(|error| Error::io(&path, error))?;
        let json = serde_json::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))?;
        DecoderConfig::named(&json, &path.display().to_string())
    }

    /// Reads the contents of a `config.json`.
    ///
    /// # Errors
    /// If they describe no decoder of a supported family; the message names the key.
    pub fn from_json(json: &Value) -> Result<Self> {
        DecoderConfig::named(json, "config.json")
    }

    fn named(json: &Value, path: &str) -> Result<Self> {
        let keys = JsonKeys::new(json, path)?;
        let family = family(&keys)?;
        let (hidden, heads, layers) =
            (keys.size("hidden_size")?, keys.size("num_attention_heads")?, keys.layers("num_hidden_layers")?);
        let attention_bias = family == DecoderFamily::Llama && keys.flag("attention_bias", false)?;
        let (rope_theta, rope_scaling) = rope(&keys, path)?;
        let config = DecoderConfig {
            family,
            vocabulary: keys.size("vocab_size")?,
            hidden,
            intermediate: keys.size("intermediate_size")?,
            layers,
            heads,
            kv_heads: keys.optional_size("num_key_value_heads")?.unwrap_or(heads),
            head_size: keys.optional_size("head_dim")?.unwrap_or(hidden / heads),
            activation: activation(&keys)?,
            norm_eps: keys.positive("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            qkv_bias: attention_bias || family == DecoderFamily::Qwen2,
            output_bias: attention_bias,
            mlp_bias: family == DecoderFamily::Llama && keys.flag("mlp_bias", false)?,
            windows: windows(&keys, family, layers)?,
            tied: keys.flag("tie_word_embeddings", false)?,
            max_positions: keys.optional_size("max_position_embeddings")?,
            eos: keys.ids("eos_token_id")?,
        };
        config.check(&keys)?;
        Ok(config)
    }

    fn check(&self, keys: &JsonKeys<'_>) -> Result<()> {
        if self.layers == 0 {
            return Err(keys.invalid("num_hidden_layers", "at least 1"));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(keys.invalid("num_key_value_heads", &format!("a divisor of num_attention_heads ({})", self.heads)));
        }
        if self.head_size == 0 || !self.head_size.is_multiple_of(2) {
            return Err(keys.invalid("head_dim", &format!("an even number (it is {} here)", self.head_size)));
        }
        if keys.value("head_dim").is_none() && !self.hidden.is_multiple_of(self.heads) {
            return Err(keys.invalid("hidden_size", &format!("a multiple of num_attention_heads ({})", self.heads)));
        }
        Ok(())
    }
}

fn family(keys: &JsonKeys<'_>) -> Result<DecoderFamily> {
    let architectures = keys.texts("architectures")?.unwrap_or_default();
    for name in &architectures {
        match *name {
            "MistralForCausalLM" => return Ok(DecoderFamily::Mistral),
            "LlamaForCausalLM" => return Ok(DecoderFamily::Llama),
            "Qwen2ForCausalLM" => return Ok(DecoderFamily::Qwen2),
            _ => {}
        }
    }
    if !architectures.is_empty() {
        return Err(keys.invalid("architectures", "MistralForCausalLM, LlamaForCausalLM or Qwen2ForCausalLM"));
    }
    match keys.text("model_type")? {
        Some("mistral") => Ok(DecoderFamily::Mistral),
        Some("llama") => Ok(DecoderFamily::Llama),
        Some("qwen2") => Ok(DecoderFamily::Qwen2),
        _ => Err(keys.invalid("model_type", "mistral, llama or qwen2")),
    }
}

fn activation(keys: &JsonKeys<'_>) -> Result<GatedOp> {
    match keys.text("hidden_act")? {
        None | Some("silu" | "swish") => Ok(GatedOp::Silu),
        Some("gelu") => Ok(GatedOp::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh") => Ok(GatedOp::GeluTanh),
        Some(_) => Err(keys.invalid("hidden_act", "silu, gelu, gelu_new or gelu_pytorch_tanh")),
    }
}

/// The sliding window of each layer. Defaults are those of `transformers`, since it leaves them out
/// of the file.
fn windows(keys: &JsonKeys<'_>, family: DecoderFamily, layers: usize) -> Result<Vec<Option<usize>>> {
    let default = if keys.mentions("sliding_window") { None } else { Some(4096) };
    let window = keys.optional_size("sliding_window")?.or(default);
    match family {
        DecoderFamily::Llama => Ok(vec![None; layers]),
        DecoderFamily::Mistral => Ok(vec![window; layers]),
        DecoderFamily::Qwen2 => {
            let window = window.filter(|_| matches!(keys.flag("use_sliding_window", false), Ok(true)));
            keys.flag("use_sliding_window", false)?;
            let first = keys.count("max_window_layers")?.unwrap_or(28);
            let Some(types) = keys.texts("layer_types")? else {
                return Ok((0..layers).map(|layer| window.filter(|_| layer >= first)).collect());
            };
            let expected = format!("{layers} of \"full_attention\" or \"sliding_attention\"");
            if types.len() != layers {
                return Err(keys.invalid("layer_types", &expected));
            }
            let one = |kind: &str| match kind {
                "full_attention" => Ok(None),
                "sliding_attention" => Ok(window),
                _ => Err(keys.invalid("layer_types", &expected)),
            };
            types.into_iter().map(one).collect()
        }
    }
}

/// Base and stretching of the rotary frequencies: `rope_theta` and `rope_scaling`, or
/// `rope_parameters`, which newer files have. Where there are both, `rope_scaling` counts, as in
/// `transformers`.
fn rope(keys: &JsonKeys<'_>, path: &str) -> Result<(f64, RopeScaling)> {
    let theta = keys.positive("rope_theta")?;
    let found = ["rope_scaling", "rope_parameters"].into_iter().find_map(|key| Some((key, keys.value(key)?)));
    let Some((key, value)) = found else { return Ok((theta.unwrap_or(10_000.0), RopeScaling::None)) };
    let path = format!("`{key}` in {path}");
    let rope = JsonKeys::new(value, &path)?;
    let theta = rope.positive("rope_theta")?.or(theta).unwrap_or(10_000.0);
    if rope.number("partial_rotary_factor")?.is_some_and(|part| part != 1.0) {
        return Err(rope.invalid("partial_rotary_factor", "1"));
    }
    let kind_key = if rope.value("rope_type").is_some() { "rope_type" } else { "type" };
    let required = |key: &str| rope.positive(key)?.ok_or_else(|| rope.invalid(key, "a number greater than 0"));
    let scaling = match rope.text(kind_key)? {
        None | Some("default") => RopeScaling::None,
        Some("linear") => RopeScaling::Linear { factor: required("factor")? },
        Some("llama3") => RopeScaling::Llama3 {
            factor: required("factor")?,
            low_freq_factor: required("low_freq_factor")?,
            high_freq_factor: required("high_freq_factor")?,
            original_context: required("original_max_position_embeddings")?,
        },
        Some(_) => return Err(rope.invalid(kind_key, "default, linear or llama3")),
    };
    Ok((theta, scaling))
}
