//! The keys of `[teacher]` and `[reranker]` with `plugin = "candle"`.

use std::path::PathBuf;

/// The configuration of the `candle` teacher.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandleTeacher {
    /// The model's hub id or directory: `config.json`, `model.safetensors` (or shards) and
    /// `tokenizer.json`. With `gguf`, where the tokenizer is, if not in that file.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "model"))]
    pub model: Option<PathBuf>,
    /// The branch, tag or commit of a hub id, which the host follows when it finds the model's
    /// directory.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// A GGUF file with the model's quantised weights.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    pub gguf: Option<PathBuf>,
    /// The element type that a model that is not quantised computes in.
    #[serde(default)]
    pub dtype: CandlePrecision,
    /// The most tokens of an answer.
    #[serde(default = "default_max_new_tokens")]
    #[schemars(range(min = 1))]
    pub max_new_tokens: usize,
    /// The most tokens of a question with its documents, the chat template's included; a longer one
    /// is refused. By default as many as the model was made for, less those of an answer, where its
    /// `config.json` says so.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_input_tokens: Option<usize>,
    /// Whether the prompt is written by the model's chat template, if it has one.
    #[serde(default = "default_chat_template")]
    pub chat_template: bool,
}

/// The element type that a model computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CandlePrecision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 16-bit "brain" floating point.
    Bf16,
}

impl CandlePrecision {
    /// The element type itself.
    pub(crate) fn dtype(self) -> candle_core::DType {
        match self {
            CandlePrecision::F32 => candle_core::DType::F32,
            CandlePrecision::Bf16 => candle_core::DType::BF16,
        }
    }
}

/// The configuration of the `candle` reranker.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandleReranker {
    /// The cross-encoder's hub id or directory: `config.json`, `model.safetensors` (or shards) and
    /// `tokenizer.json`.
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id, which the host follows when it finds the model's
    /// directory.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// The most tokens of a pair that are read, specials included: the document is cut.
    #[serde(default = "default_max_length")]
    #[schemars(range(min = 8))]
    pub max_length: usize,
}

fn default_max_new_tokens() -> usize {
    128
}

fn default_chat_template() -> bool {
    true
}

fn default_max_length() -> usize {
    512
}
