//! The architectures that can be looked into.

use scaledown_sdk::nn::decoder::DecoderFamily;
use serde_json::Value;

use crate::{Error, Result};

/// A `config.json`'s architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Architecture {
    /// A causal language model, such as `MistralForCausalLM`.
    Decoder,
    /// `ModernBertForMaskedLM`.
    ModernBertMaskedLm,
    /// `ModernBertModel`.
    ModernBert,
    /// `BertForMaskedLM`, `DistilBertForMaskedLM`.
    BertMaskedLm,
    /// `BertForSequenceClassification`.
    BertClassifier,
    /// `DebertaV2ForSequenceClassification`.
    DebertaClassifier,
}

/// The names of all architectures, for messages.
const NAMES: [(&str, Architecture); 13] = [
    ("MistralForCausalLM", Architecture::Decoder),
    ("LlamaForCausalLM", Architecture::Decoder),
    ("Qwen2ForCausalLM", Architecture::Decoder),
    ("Qwen3ForCausalLM", Architecture::Decoder),
    ("Gemma2ForCausalLM", Architecture::Decoder),
    ("Gemma3ForCausalLM", Architecture::Decoder),
    ("Phi3ForCausalLM", Architecture::Decoder),
    ("ModernBertForMaskedLM", Architecture::ModernBertMaskedLm),
    ("ModernBertModel", Architecture::ModernBert),
    ("BertForMaskedLM", Architecture::BertMaskedLm),
    ("DistilBertForMaskedLM", Architecture::BertMaskedLm),
    ("BertForSequenceClassification", Architecture::BertClassifier),
    ("DebertaV2ForSequenceClassification", Architecture::DebertaClassifier),
];

impl Architecture {
    /// The architecture of the model whose `config.json`, at `path`, says this.
    ///
    /// # Errors
    /// If it is none of these.
    pub(super) fn of(config: &Value, path: &std::path::Path) -> Result<Self> {
        let name = config["architectures"][0].as_str();
        let family = config["model_type"].as_str();
        let known = name.and_then(|name| NAMES.iter().find(|(known, _)| *known == name)).map(|&(_, architecture)| architecture);
        match (known, name, family) {
            (Some(architecture), ..) => Ok(architecture),
            (None, None, Some("modernbert")) => Ok(Architecture::ModernBertMaskedLm),
            (None, None, Some(family)) if DecoderFamily::named(family).is_some() => Ok(Architecture::Decoder),
            _ => {
                let found = name.or(family).map_or_else(|| "missing".to_owned(), |name| format!("{name:?}"));
                let names: Vec<&str> = NAMES.iter().map(|&(name, _)| name).collect();
                let message = format!(
                    "the model's architecture (`architectures[0]` or `model_type`) is {found}, expected one of {}",
                    names.join(", ")
                );
                Err(Error::data(path.display(), message))
            }
        }
    }
}
