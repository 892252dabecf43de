//! The architectures, and what each of them fixes without saying so in `config.json`.

use crate::Result;
use crate::nn::JsonKeys;

/// The architectures that this module implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the models'")]
pub enum DecoderFamily {
    Mistral,
    Llama,
    Qwen2,
    Qwen3,
    Gemma2,
    Gemma3,
    Phi3,
}

/// Each architecture by the class and the `model_type` that `transformers` gives it.
const FAMILIES: [(DecoderFamily, &str, &str); 7] = [
    (DecoderFamily::Mistral, "MistralForCausalLM", "mistral"),
    (DecoderFamily::Llama, "LlamaForCausalLM", "llama"),
    (DecoderFamily::Qwen2, "Qwen2ForCausalLM", "qwen2"),
    (DecoderFamily::Qwen3, "Qwen3ForCausalLM", "qwen3"),
    (DecoderFamily::Gemma2, "Gemma2ForCausalLM", "gemma2"),
    (DecoderFamily::Gemma3, "Gemma3ForCausalLM", "gemma3_text"),
    (DecoderFamily::Phi3, "Phi3ForCausalLM", "phi3"),
];

impl DecoderFamily {
    /// The family of the class or the `model_type` that `transformers` calls by this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FAMILIES.iter().find(|(_, class, kind)| [class, kind].contains(&&name)).map(|(family, ..)| *family)
    }

    /// The family of a `config.json`: that of its `architectures`, or else of its `model_type`.
    pub(super) fn of(keys: &JsonKeys<'_>) -> Result<Self> {
        let architectures = keys.texts("architectures")?.unwrap_or_default();
        let found = |names: &[&str]| names.iter().find_map(|name| DecoderFamily::named(name));
        let (key, family, expected) = match keys.text("model_type")? {
            _ if !architectures.is_empty() => ("architectures", found(&architectures), list(|(_, class, _)| *class)),
            kind => ("model_type", found(kind.as_slice()), list(|(_, _, kind)| *kind)),
        };
        family.ok_or_else(|| keys.invalid(key, &expected))
    }

    /// Whether the family is one of Gemma's.
    pub(super) fn is_gemma(self) -> bool {
        matches!(self, DecoderFamily::Gemma2 | DecoderFamily::Gemma3)
    }

    /// The sliding window of each layer, the query itself counted; `None` for all tokens. Defaults
    /// are those of `transformers`, which leaves them out of the file.
    pub(super) fn windows(self, keys: &JsonKeys<'_>, layers: usize) -> Result<Vec<Option<usize>>> {
        let default = if keys.mentions("sliding_window") { None } else { Some(4096) };
        let window = keys.optional_size("sliding_window")?.or(default);
        match self {
            DecoderFamily::Llama => Ok(vec![None; layers]),
            DecoderFamily::Mistral => Ok(vec![window; layers]),
            DecoderFamily::Phi3 => Ok(vec![keys.optional_size("sliding_window")?; layers]),
            DecoderFamily::Qwen2 | DecoderFamily::Qwen3 => {
                let window = window.filter(|_| matches!(keys.flag("use_sliding_window", false), Ok(true)));
                keys.flag("use_sliding_window", false)?;
                let first = keys.count("max_window_layers")?.unwrap_or(28);
                by_type(keys, layers, window, |layer| layer >= first)
            }
            DecoderFamily::Gemma2 => by_type(keys, layers, window, |layer| layer.is_multiple_of(2)),
            DecoderFamily::Gemma3 => {
                let every = keys.optional_size("sliding_window_pattern")?.unwrap_or(6);
                by_type(keys, layers, window, |layer| !(layer + 1).is_multiple_of(every))
            }
        }
    }

    /// Refuses settings of the family that this module does not compute.
    pub(super) fn check(self, keys: &JsonKeys<'_>) -> Result<()> {
        if self.is_gemma() && keys.flag("use_bidirectional_attention", false)? {
            return Err(keys.invalid("use_bidirectional_attention", "false: a decoder reads from left to right"));
        }
        for key in ["resid_pdrop", "embd_pdrop"] {
            if self == DecoderFamily::Phi3 && keys.number(key)?.unwrap_or(0.0) != 0.0 {
                return Err(keys.invalid(key, "0"));
            }
        }
        Ok(())
    }
}

/// The names of all families, for a message.
fn list(name: impl Fn(&(DecoderFamily, &'static str, &'static str)) -> &'static str) -> String {
    let names: Vec<&str> = FAMILIES.iter().map(name).collect();
    names.split_last().map_or_else(String::new, |(last, others)| format!("{} or {last}", others.join(", ")))
}

/// A window in the layers that `layer_types` marks, or else in those that `is_local` names.
fn by_type(
    keys: &JsonKeys<'_>,
    layers: usize,
    window: Option<usize>,
    is_local: impl Fn(usize) -> bool,
) -> Result<Vec<Option<usize>>> {
    let Some(types) = keys.texts("layer_types")? else {
        return Ok((0..layers).map(|layer| window.filter(|_| is_local(layer))).collect());
    };
    let invalid = || keys.invalid("layer_types", &format!("{layers} of \"full_attention\" or \"sliding_attention\""));
    if types.len() != layers {
        return Err(invalid());
    }
    let one = |kind: &str| match kind {
        "full_attention" => Ok(None),
        "sliding_attention" => Ok(window),
        _ => Err(invalid()),
    };
    types.into_iter().map(one).collect()
}
