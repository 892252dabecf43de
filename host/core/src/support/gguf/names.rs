//! The architectures that a GGUF file may have, and what its weights are called.

use super::GgufError;
use super::metadata::Metadata;

/// An architecture of llama.cpp that our decoder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GgufArchitecture {
    /// Llama, Mistral, SmolLM2: rows of queries and keys stand as llama.cpp's rotary embedding
    /// wants them.
    Llama,
    Qwen2,
    Qwen3,
    Gemma2,
    Gemma3,
    Phi3,
}

const ALL: [(GgufArchitecture, &str, &str, &str); 6] = [
    (GgufArchitecture::Llama, "llama", "LlamaForCausalLM", "llama"),
    (GgufArchitecture::Qwen2, "qwen2", "Qwen2ForCausalLM", "qwen2"),
    (GgufArchitecture::Qwen3, "qwen3", "Qwen3ForCausalLM", "qwen3"),
    (GgufArchitecture::Gemma2, "gemma2", "Gemma2ForCausalLM", "gemma2"),
    (GgufArchitecture::Gemma3, "gemma3", "Gemma3ForCausalLM", "gemma3_text"),
    (GgufArchitecture::Phi3, "phi3", "Phi3ForCausalLM", "phi3"),
];

impl GgufArchitecture {
    /// The architecture of a file.
    pub(super) fn of(metadata: &Metadata) -> Result<Self, GgufError> {
        let name = metadata.text("general.architecture").unwrap_or("missing");
        let found = ALL.iter().find(|(_, own, ..)| *own == name).map(|(architecture, ..)| *architecture);
        found.ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().map(|(_, own, ..)| *own).collect();
            let more = "the teacher plugin `candle` reads more";
            metadata.error(format!("general.architecture is {name}, expected one of {}; {more}", known.join(", ")))
        })
    }

    fn entry(self) -> &'static (GgufArchitecture, &'static str, &'static str, &'static str) {
        ALL.iter().find(|(architecture, ..)| *architecture == self).unwrap_or(&ALL[0])
    }

    /// What the file's keys begin with.
    pub(super) fn prefix(self) -> &'static str {
        self.entry().1
    }

    /// The class in `transformers`.
    pub(super) fn class(self) -> &'static str {
        self.entry().2
    }

    /// The `model_type` in `transformers`.
    pub(super) fn kind(self) -> &'static str {
        self.entry().3
    }

    pub(super) fn is_gemma(self) -> bool {
        matches!(self, GgufArchitecture::Gemma2 | GgufArchitecture::Gemma3)
    }

    /// The name in `transformers` of a weight of the file; `None` for what is no parameter.
    pub(super) fn name(self, weight: &str) -> Option<String> {
        let top = match weight {
            "token_embd.weight" => Some("model.embed_tokens.weight"),
            "output.weight" => Some("lm_head.weight"),
            "output_norm.weight" => Some("model.norm.weight"),
            _ => None,
        };
        if let Some(top) = top {
            return Some(top.to_owned());
        }
        let (layer, rest) = weight.strip_prefix("blk.")?.split_once('.')?;
        let (part, kind) = rest.rsplit_once('.')?;
        let gemma = self.is_gemma();
        let own = match part {
            "attn_norm" => "input_layernorm",
            "ffn_norm" if gemma => "pre_feedforward_layernorm",
            "ffn_norm" => "post_attention_layernorm",
            "post_attention_norm" => "post_attention_layernorm",
            "post_ffw_norm" => "post_feedforward_layernorm",
            "attn_q" => "self_attn.q_proj",
            "attn_k" => "self_attn.k_proj",
            "attn_v" => "self_attn.v_proj",
            "attn_qkv" => "self_attn.qkv_proj",
            "attn_output" => "self_attn.o_proj",
            "attn_q_norm" => "self_attn.q_norm",
            "attn_k_norm" => "self_attn.k_norm",
            "ffn_gate" => "mlp.gate_proj",
            "ffn_up" if self == GgufArchitecture::Phi3 => "mlp.gate_up_proj",
            "ffn_up" => "mlp.up_proj",
            "ffn_down" => "mlp.down_proj",
            _ => return None,
        };
        Some(format!("model.layers.{layer}.{own}.{kind}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_names_of_transformers() {
        let name = |architecture: GgufArchitecture, weight: &str| architecture.name(weight).unwrap_or_default();
        assert_eq!(name(GgufArchitecture::Llama, "blk.3.attn_q.weight"), "model.layers.3.self_attn.q_proj.weight");
        assert_eq!(name(GgufArchitecture::Qwen2, "blk.0.attn_q.bias"), "model.layers.0.self_attn.q_proj.bias");
        assert_eq!(name(GgufArchitecture::Gemma3, "blk.0.ffn_norm.weight"), "model.layers.0.pre_feedforward_layernorm.weight");
        assert_eq!(name(GgufArchitecture::Phi3, "blk.0.ffn_up.weight"), "model.layers.0.mlp.gate_up_proj.weight");
        assert_eq!(name(GgufArchitecture::Llama, "token_embd.weight"), "model.embed_tokens.weight");
        assert_eq!(GgufArchitecture::Llama.name("rope_freqs.weight"), None);
    }
}
