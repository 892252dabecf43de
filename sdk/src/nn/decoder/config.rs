//! The shape of a decoder, as a Hugging Face `config.json` describes it.

use std::path::Path;

use serde_json::Value;

use super::DecoderFamily;
use super::by_reach::ByReach;
use super::config_rope::Rope;
use crate::nn::json_keys::JsonKeys;
use crate::nn::rotary::RopeScaling;
use crate::nn::{Init, Params, RmsNorm, Rotary};
use crate::tensor::GatedOp;
use crate::{Error, Result};

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
    /// Whether the weight of a norm is stored less 1.
    pub centred_norms: bool,
    /// Whether what attention and the MLP add to the residual stream is normalised, too.
    pub output_norms: bool,
    /// Whether each head's queries and keys are normalised before they are turned.
    pub qk_norms: bool,
    /// What token embeddings are multiplied by before the first layer.
    pub embedding_scale: f64,
    /// What the scores of attention are multiplied by.
    pub attention_scale: f64,
    /// The bound `c` of the scores of attention, which become `c tanh(score / c)`.
    pub attention_cap: Option<f64>,
    /// The bound of the logits, likewise.
    pub logit_cap: Option<f64>,
    /// Whether the projections of queries, keys and values are one matrix, and gate and up another
    /// (Phi-3).
    pub fused: bool,
    /// The base of the rotary frequencies.
    pub rope_theta: f64,
    /// The stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// The base of the rotary frequencies in layers with a window, where it is another; they are
    /// not stretched.
    pub local_rope_theta: Option<f64>,
    /// How many elements of a head are turned, the first ones; an even number.
    pub rotary_size: usize,
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
        match self.rope_scaling {
            // Gemma's files, unlike Llama's, give the stretched number with `linear` too.
            RopeScaling::Linear { factor } if !self.family.is_gemma() => {
                self.max_positions.map(|positions| (positions as f64 * factor.max(1.0)) as usize)
            }
            // Beyond, all frequencies would be others.
            RopeScaling::Long { original_context, .. } => Some(original_context as usize),
            _ => self.max_positions,
        }
    }

    /// How a new matrix of `inputs` columns starts whose output is added to the residual stream: at
    /// half the usual scale, and less the more layers there are, so that the stream keeps its scale
    /// (Radford et al. 2019).
    pub(super) fn residual_init(&self, inputs: usize) -> Init {
        Init::Normal(0.5 / (inputs as f64 * 2.0 * self.layers as f64).sqrt())
    }

    /// A norm of `size` elements as this decoder has them.
    pub(super) fn norm(&self, params: &Params, size: usize) -> Result<RmsNorm> {
        if self.centred_norms {
            return RmsNorm::centred(params, size, self.norm_eps, Init::ZEROS);
        }
        RmsNorm::new(params, size, self.norm_eps)
    }

    /// The final norm. A new one starts, where the standard normal embedding table is the head as
    /// well, at the scale that gives logits a variance of about 1.
    pub(super) fn final_norm(&self, params: &Params) -> Result<RmsNorm> {
        let start = if self.tied { 1.0 / (self.hidden as f64).sqrt() } else { 1.0 };
        if self.centred_norms {
            return RmsNorm::centred(params, self.hidden, self.norm_eps, Init::Constant(start - 1.0));
        }
        RmsNorm::with_init(params, self.hidden, self.norm_eps, Init::Constant(start))
    }

    /// The rotary embeddings of the layers.
    pub(super) fn rotary(&self, params: &Params) -> ByReach<Rotary> {
        let rotary = |theta, scaling| Rotary::new(self.rotary_size, theta, scaling, params.device(), params.dtype());
        ByReach {
            global: rotary(self.rope_theta, self.rope_scaling.clone()),
            local: self.local_rope_theta.map(|theta| rotary(theta, RopeScaling::None)),
        }
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
        let family = DecoderFamily::of(&keys)?;
        family.check(&keys)?;
        let (hidden, heads, layers) =
            (keys.size("hidden_size")?, keys.size("num_attention_heads")?, keys.layers("num_hidden_layers")?);
        let gemma = family.is_gemma();
        let head_size = keys.optional_size("head_dim")?;
        let default_size = match family {
            DecoderFamily::Qwen3 => 128,
            _ if gemma => 256,
            _ => hidden / heads,
        };
        let head_size = head_size.unwrap_or(default_size);
        let attention_bias = !matches!(family, DecoderFamily::Mistral | DecoderFamily::Qwen2 | DecoderFamily::Phi3)
            && keys.flag("attention_bias", false)?;
        let rope = Rope::read(&keys, family)?;
        let scale = if gemma { keys.positive("query_pre_attn_scalar")?.unwrap_or(256.0) } else { head_size as f64 };
        let cap = |key: &str, default: f64| {
            let default = (family == DecoderFamily::Gemma2 && !keys.mentions(key)).then_some(default);
            Ok::<_, Error>(if gemma { keys.positive(key)?.or(default) } else { None })
        };
        let config = DecoderConfig {
            family,
            vocabulary: keys.size("vocab_size")?,
            hidden,
            intermediate: keys.size("intermediate_size")?,
            layers,
            heads,
            kv_heads: keys.optional_size("num_key_value_heads")?.unwrap_or(heads),
            head_size,
            activation: activation(&keys, gemma)?,
            norm_eps: keys.positive("rms_norm_eps")?.unwrap_or(if family == DecoderFamily::Phi3 { 1e-5 } else { 1e-6 }),
            centred_norms: gemma,
            output_norms: gemma,
            qk_norms: matches!(family, DecoderFamily::Qwen3 | DecoderFamily::Gemma3),
            embedding_scale: if gemma { (hidden as f64).sqrt() } else { 1.0 },
            attention_scale: scale.powf(-0.5),
            attention_cap: cap("attn_logit_softcapping", 50.0)?,
            logit_cap: cap("final_logit_softcapping", 30.0)?,
            fused: family == DecoderFamily::Phi3,
            rope_theta: rope.theta,
            rope_scaling: rope.scaling,
            local_rope_theta: rope.local_theta,
            rotary_size: (head_size as f64 * rope.part) as usize,
            qkv_bias: attention_bias || family == DecoderFamily::Qwen2,
            output_bias: attention_bias,
            mlp_bias: family == DecoderFamily::Llama && keys.flag("mlp_bias", false)?,
            windows: family.windows(&keys, layers)?,
            tied: keys.flag("tie_word_embeddings", gemma)?,
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
        if self.rotary_size == 0 || !self.rotary_size.is_multiple_of(2) {
            let found =
                format!("such that an even number of a head's {} elements is turned, not {}", self.head_size, self.rotary_size);
            return Err(keys.invalid("partial_rotary_factor", &found));
        }
        if let RopeScaling::Long { factors, .. } = &self.rope_scaling
            && factors.len() != self.rotary_size / 2
        {
            let found = format!("one factor for each of the {} rotary frequencies, not {}", self.rotary_size / 2, factors.len());
            return Err(keys.invalid("rope_scaling", &found));
        }
        let implied = keys.value("head_dim").is_none() && !self.family.is_gemma() && self.family != DecoderFamily::Qwen3;
        if implied && !self.hidden.is_multiple_of(self.heads) {
            return Err(keys.invalid("hidden_size", &format!("a multiple of num_attention_heads ({})", self.heads)));
        }
        Ok(())
    }
}

fn activation(keys: &JsonKeys<'_>, gemma: bool) -> Result<GatedOp> {
    // Gemma's first files name another function under `hidden_act` than the one that counts.
    let key = if gemma { "hidden_activation" } else { "hidden_act" };
    match keys.text(key)? {
        None if gemma => Ok(GatedOp::GeluTanh),
        None | Some("silu" | "swish") => Ok(GatedOp::Silu),
        Some("gelu") => Ok(GatedOp::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh") => Ok(GatedOp::GeluTanh),
        Some(_) => Err(keys.invalid(key, "silu, gelu, gelu_new or gelu_pytorch_tanh")),
    }
}
