//! The `config.json` of a GGUF file.

use scaledown_sdk::nn::WeightSource;
use serde_json::{Map, Value, json};

use super::GgufError;
use super::metadata::Metadata;
use super::names::GgufArchitecture;
use super::weights::GgufWeights;

/// The configuration as `transformers` would write it.
pub(super) fn of(metadata: &Metadata, architecture: GgufArchitecture, weights: &GgufWeights) -> Result<Value, GgufError> {
    let key = |name: &str| format!("{}.{name}", architecture.prefix());
    let size = |name: &str| metadata.required(&key(name));
    let (hidden, heads, layers) = (size("embedding_length")?, size("attention.head_count")?, size("block_count")?);
    let table = weights.spec("model.embed_tokens.weight").ok_or_else(|| metadata.error("token_embd.weight is missing"))?;
    let head_size = metadata.integer(&key("attention.key_length")).unwrap_or(hidden / heads.max(1));
    let mut config = Map::new();
    let mut set = |name: &str, value: Value| config.insert(name.to_owned(), value);
    set("architectures", json!([architecture.class()]));
    set("model_type", json!(architecture.kind()));
    set("vocab_size", json!(table.shape.rows()));
    set("hidden_size", json!(hidden));
    set("intermediate_size", json!(size("feed_forward_length")?));
    set("num_hidden_layers", json!(layers));
    set("num_attention_heads", json!(heads));
    set("num_key_value_heads", json!(metadata.integer(&key("attention.head_count_kv")).unwrap_or(heads)));
    set("head_dim", json!(head_size));
    set("rms_norm_eps", json!(metadata.number(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-6)));
    set("max_position_embeddings", json!(size("context_length")?));
    set("rope_theta", json!(metadata.number(&key("rope.freq_base")).unwrap_or(10_000.0)));
    set("tie_word_embeddings", json!(weights.spec("lm_head.weight").is_none()));
    set("bos_token_id", json!(metadata.integer("tokenizer.ggml.bos_token_id")));
    set("eos_token_id", json!(ends(metadata)));
    set("sliding_window", json!(metadata.integer(&key("attention.sliding_window"))));
    for (ours, theirs) in
        [("attn_logit_softcapping", "attn_logit_softcapping"), ("final_logit_softcapping", "final_logit_softcapping")]
    {
        set(ours, json!(metadata.number(&key(theirs))));
    }
    if architecture.is_gemma() {
        // The two largest models scale by the width of a head of equal parts; the files do not say
        // so.
        let large = matches!((architecture, layers), (GgufArchitecture::Gemma2, 46) | (GgufArchitecture::Gemma3, 62));
        set("query_pre_attn_scalar", json!(if large { hidden / heads.max(1) } else { head_size }));
    }
    if let Some(turned) = metadata.integer(&key("rope.dimension_count")).filter(|&turned| turned < head_size) {
        set("partial_rotary_factor", json!(turned as f64 / head_size as f64));
    }
    if let Some(scaling) = scaling(metadata, architecture, weights)? {
        set("rope_scaling", scaling);
        let original = metadata.integer(&key("rope.scaling.original_context_length")).map_or(size("context_length"), Ok)?;
        set("original_max_position_embeddings", json!(original));
    }
    Ok(Value::Object(config))
}

/// The ids that end an answer: those of a text and of a turn.
fn ends(metadata: &Metadata) -> Vec<u64> {
    let keys = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
    let mut ids: Vec<u64> = keys.iter().filter_map(|key| metadata.integer(key)).collect();
    ids.dedup();
    ids
}

/// The stretching of the rotary frequencies: a factor for all, or one for each that the file has as
/// a tensor.
fn scaling(metadata: &Metadata, architecture: GgufArchitecture, weights: &GgufWeights) -> Result<Option<Value>, GgufError> {
    let key = |name: &str| format!("{}.rope.scaling.{name}", architecture.prefix());
    if let Some(factors) = weights.rotary_factors()? {
        let magnitude = metadata.number(&key("attn_factor")).unwrap_or(1.0);
        return Ok(Some(json!({"rope_type": "longrope", "short_factor": factors, "attention_factor": magnitude})));
    }
    match (metadata.text(&key("type")), metadata.number(&key("factor"))) {
        (Some("linear"), Some(factor)) => Ok(Some(json!({"rope_type": "linear", "factor": factor}))),
        (None | Some("none" | "linear" | "longrope"), _) => Ok(None),
        (Some(other), _) => Err(metadata.error(format!("`{}` is {other}, expected none, linear or longrope", key("type")))),
    }
}
