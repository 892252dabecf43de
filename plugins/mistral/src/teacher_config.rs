//! The keys of `[teacher]` with `plugin = "mistral"`.

use std::path::PathBuf;

use scaledown_sdk::DType;
use scaledown_sdk::nn::Quantization;

/// The configuration of the `mistral` teacher.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeacherConfig {
    /// The model's hub id or directory: `config.json`, `model.safetensors` (or shards) and
    /// `tokenizer.json`.
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// The element type of the computation. bf16 takes half the memory of f32; CPUs are faster in
    /// f32.
    #[serde(default)]
    pub dtype: TeacherPrecision,
    /// Quantises the weights of linear layers and the embedding table, for less memory and faster
    /// decoding: bf16 (16 bits per weight), or GGML's blocks of 32: q8_0 (8.5 bits) or q4_0 (4.5
    /// bits, 8.5 for the table). Norms, and layers whose input size is not a multiple of 32, keep
    /// `dtype`.
    #[serde(default)]
    pub quantization: Option<Quantization>,
    /// Maximum tokens of an answer.
    #[serde(default = "default_max_new_tokens")]
    #[schemars(range(min = 1))]
    pub max_new_tokens: usize,
    /// Maximum tokens of a question with its documents and chat template; longer ones are refused.
    /// Default: the model's maximum less `max_new_tokens`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_input_tokens: Option<usize>,
    /// Questions per batch.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 1), extend("operational" = true))]
    #[schemars(extend("renamed-from" = "batch"))]
    pub batch_size: usize,
    /// Applies the model's chat template, if it has one.
    #[serde(default = "default_chat_template")]
    pub chat_template: bool,
}

/// The element type that a teacher computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TeacherPrecision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 16-bit "brain" floating point.
    Bf16,
}

impl TeacherPrecision {
    /// The element type itself.
    pub(crate) fn dtype(self) -> DType {
        match self {
            TeacherPrecision::F32 => DType::F32,
            TeacherPrecision::Bf16 => DType::BF16,
        }
    }
}

fn default_max_new_tokens() -> usize {
    128
}

fn default_batch_size() -> usize {
    8
}

fn default_chat_template() -> bool {
    true
}
