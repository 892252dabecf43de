//! What kind of checkpoint a directory holds, and its `config.json`.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use serde_json::Value;

use super::ImportError;

/// A checkpoint's configuration.
pub(super) enum Family {
    Cocom(CocomConfig),
    Pisco(PiscoConfig),
}

/// The configuration of a checkpoint of the COCOM family: PISCO, OSCAR, CLaRa, DEX-Comp.
pub(super) struct CocomConfig {
    /// `COCOM` or `CLaRa`.
    pub(super) kind: String,
    pub(super) generator: String,
    /// The compressor's own model; the generator compresses where there is none.
    pub(super) compressor: Option<String>,
    pub(super) document_tokens: usize,
    /// The vectors of each document.
    pub(super) memory_tokens: usize,
    /// Whether each memory token is a token of its own.
    pub(super) different: bool,
    /// Whether the compressor itself is stored as an adapter, and of what rank.
    pub(super) compressor_adapter: Option<usize>,
    pub(super) rank: usize,
    /// Whether there is a token `<KBTC>`.
    pub(super) kbtc: bool,
    /// How many documents a question gets.
    pub(super) documents: usize,
    /// Whether the vectors pass an MLP.
    pub(super) mlp: bool,
    /// Whether one adapter serves both roles.
    pub(super) one_adapter: bool,
}

/// The configuration of a checkpoint of naver/pisco.
pub(super) struct PiscoConfig {
    pub(super) generator: String,
    pub(super) compressor: String,
    /// Tokens a vector.
    pub(super) rate: usize,
    pub(super) rank: Option<usize>,
}

impl Family {
    /// Reads the configuration of the checkpoint in `directory`.
    ///
    /// # Errors
    /// If there is none, or it is of another kind; the error says which and what was expected.
    pub(super) fn read(directory: &Path) -> Result<Self, ImportError> {
        let path = directory.join("config.json");
        let failed = |message: String| ImportError::layout(&path, message);
        let bytes = read_bytes(&path, FileKind::ModelConfiguration).map_err(|error| failed(error.to_string()))?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        let keys = ConfigKeys { json: &json, path: &path };
        match json["model_type"].as_str() {
            Some(kind @ ("COCOM" | "CLaRa")) => Ok(Family::Cocom(cocom(&keys, kind)?)),
            Some("PISCO") => Ok(Family::Pisco(PiscoConfig {
                generator: keys.text("decoder_model_name", Some("Qwen/Qwen3-8B"))?,
                compressor: keys.text("compressor_model_name", Some("Qwen/Qwen3-0.6B"))?,
                rate: keys.size("compr_rate", 16)?,
                rank: if keys.flag("lora_decoder", true)? { Some(keys.size("lora_r_decoder", 64)?) } else { None },
            })),
            other => Err(failed(format!(
                "`model_type` is {}, expected \"COCOM\" (PISCO, OSCAR, DEX-Comp), \"CLaRa\" or \"PISCO\" (naver/pisco)",
                other.map_or_else(|| "missing".into(), |kind| format!("{kind:?}"))
            ))),
        }
    }

    /// The models that the checkpoint is made from.
    pub(super) fn models(&self) -> Vec<&str> {
        match self {
            Family::Cocom(config) => std::iter::once(config.generator.as_str()).chain(config.compressor.as_deref()).collect(),
            Family::Pisco(config) => vec![&config.generator, &config.compressor],
        }
    }
}

fn cocom(keys: &ConfigKeys<'_>, kind: &str) -> Result<CocomConfig, ImportError> {
    if keys.value("compr_linear_type").is_some_and(|kind| kind == "concat")
        && keys.path.with_file_name("model.safetensors.index.json").exists()
    {
        let message = "this is a COCOM v1 checkpoint of 2024, one file of generator and adapter; PISCO's and OSCAR's are read";
        return Err(ImportError::layout(keys.path, message));
    }
    let compressor = match keys.value("compr_model_name") {
        None => None,
        Some(_) => Some(keys.text("compr_model_name", None)?),
    };
    if compressor.as_deref() == Some("mistral_trimmed") {
        let message = "`compr_model_name` is \"mistral_trimmed\", the first layers of a model; no such checkpoint has been published, and none is read";
        return Err(ImportError::layout(keys.path, message));
    }
    for (key, wanted) in [("compr_bidirectional", false), ("sep", true)] {
        if keys.flag(key, wanted)? != wanted {
            return Err(ImportError::layout(keys.path, format!("`{key}` is {}, expected {wanted}", !wanted)));
        }
    }
    let (document_tokens, rate) = (keys.size("doc_max_length", 128)?, keys.size("compr_rate", 64)?);
    let memory_tokens = document_tokens / rate;
    if memory_tokens == 0 {
        let message =
            format!("`compr_rate` is {rate}, more than `doc_max_length`, {document_tokens}: no vector is left of a document");
        return Err(ImportError::layout(keys.path, message));
    }
    Ok(CocomConfig {
        kind: kind.to_owned(),
        generator: keys.text("decoder_model_name", Some("meta-llama/Llama-2-7b-chat-hf"))?,
        document_tokens,
        memory_tokens,
        different: keys.flag("different_mem_tokens", false)?,
        compressor_adapter: if keys.flag("lora_compressor", false)? { Some(keys.size("lora_r_compressor", 16)?) } else { None },
        rank: keys.size("lora_r", 16)?,
        kbtc: keys.flag("kbtc_training", false)?,
        documents: keys.size("generation_top_k", 5)?,
        mlp: keys.flag("compr_use_mlp", true)?,
        one_adapter: compressor.is_none() && keys.text("training_form", Some("both"))? != "both_separately",
        compressor,
    })
}

/// Typed reading of a `config.json`.
struct ConfigKeys<'a> {
    json: &'a Value,
    path: &'a Path,
}

impl ConfigKeys<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, expected: &str) -> ImportError {
        let found = self.value(key).map_or_else(|| "missing".into(), Value::to_string);
        ImportError::layout(self.path, format!("`{key}` is {found}, expected {expected}"))
    }

    fn text(&self, key: &str, default: Option<&str>) -> Result<String, ImportError> {
        let text = self.value(key).map_or(default, Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.wrong(key, "a text"))
    }

    fn size(&self, key: &str, default: usize) -> Result<usize, ImportError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| (1..=1 << 20).contains(size));
        size.ok_or_else(|| self.wrong(key, "a positive integer"))
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, ImportError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))
    }
}
