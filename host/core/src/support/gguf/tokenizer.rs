//! The `tokenizer.json` of a GGUF file.

use serde_json::{Map, Value, json};

use super::GgufError;
use super::metadata::Metadata;

/// A tokenizer as two files.
pub(super) struct GgufTokenizer {
    /// `tokenizer.json`.
    pub(super) file: Value,
    /// `tokenizer_config.json`.
    pub(super) config: Value,
}

/// How the tokenizers of llama 3 and Qwen cut texts before they merge.
const LLAMA3: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The kinds of tokens that a text never means by itself.
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// The tokenizer of a file.
pub(super) fn of(metadata: &Metadata) -> Result<GgufTokenizer, GgufError> {
    let tokens = metadata.texts("tokenizer.ggml.tokens")?;
    let mut file = match metadata.text("tokenizer.ggml.model") {
        Some("gpt2") => byte_level(metadata, &tokens)?,
        Some("llama") => sentence_pieces(metadata, &tokens)?,
        other => {
            let found = other.unwrap_or("missing");
            return Err(metadata.error(format!("tokenizer.ggml.model is {found}, expected gpt2 or llama")));
        }
    };
    if let Some(file) = file.as_object_mut() {
        file.insert("added_tokens".into(), Value::Array(added(metadata, &tokens)));
    }
    Ok(GgufTokenizer { file, config: config(metadata, &tokens) })
}

/// The tokens that stand for themselves in a text.
fn added(metadata: &Metadata, tokens: &[&str]) -> Vec<Value> {
    let kinds = metadata.list("tokenizer.ggml.token_type").iter().map(|kind| kind.to_i32().unwrap_or(0));
    let own = tokens.iter().zip(kinds).enumerate().filter(|(_, (_, kind))| [CONTROL, USER_DEFINED].contains(kind));
    let token = |(id, (content, kind)): (usize, (&&str, i32))| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": kind == CONTROL})
    };
    own.map(token).collect()
}

fn vocabulary(tokens: &[&str]) -> Value {
    Value::Object(tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id))).collect::<Map<_, _>>())
}

fn whole(normalizer: Value, pre_tokenizer: Value, decoder: Value, model: Value) -> Value {
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": decoder, "model": model})
}

/// Byte-pair merges over bytes, as GPT-2, Llama 3, Qwen and SmolLM have them.
fn byte_level(metadata: &Metadata, tokens: &[&str]) -> Result<Value, GgufError> {
    let merges = metadata.texts("tokenizer.ggml.merges")?;
    let pairs: Option<Vec<Value>> = merges.iter().map(|merge| merge.split_once(' ').map(|(a, b)| json!([a, b]))).collect();
    let pairs = pairs.ok_or_else(|| metadata.error("tokenizer.ggml.merges holds a merge that is no pair"))?;
    let level =
        |by_words: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": by_words});
    let cut = |pattern: &str| {
        let split = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        json!({"type": "Sequence", "pretokenizers": [split, level(false)]})
    };
    let kind = metadata.text("tokenizer.ggml.pre").unwrap_or("default");
    let (normalizer, pre) = match kind {
        "default" | "gpt-2" => (Value::Null, level(true)),
        "smollm" => {
            let digits = json!({"type": "Digits", "individual_digits": true});
            (Value::Null, json!({"type": "Sequence", "pretokenizers": [digits, level(true)]}))
        }
        "llama-bpe" | "llama3" | "llama-v3" => (Value::Null, cut(LLAMA3)),
        "qwen2" => (json!({"type": "NFC"}), cut(QWEN2)),
        other => {
            let known = "default, gpt-2, smollm, llama-bpe or qwen2";
            return Err(metadata.error(format!("tokenizer.ggml.pre is {other}, expected {known}")));
        }
    };
    // Llama 3 takes a word that is a token as it is, whatever the merges make of it.
    let whole_words = ["llama-bpe", "llama3", "llama-v3"].contains(&kind);
    let model = json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": whole_words,
        "vocab": vocabulary(tokens), "merges": pairs});
    Ok(whole(normalizer, pre, level(true), model))
}

/// Sentence pieces whose merges follow from the pieces' scores, as Llama 2, Mistral, Phi-3 and
/// Gemma have them.
fn sentence_pieces(metadata: &Metadata, tokens: &[&str]) -> Result<Value, GgufError> {
    let scores: Vec<f32> = metadata.list("tokenizer.ggml.scores").iter().filter_map(|score| score.to_f32().ok()).collect();
    if scores.len() != tokens.len() {
        let message =
            format!("tokenizer.ggml.scores has {} numbers, expected one for each of {} tokens", scores.len(), tokens.len());
        return Err(metadata.error(message));
    }
    let ids: std::collections::HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
    let mut merges = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        // The pieces of one token, by their ids: the merge of the smaller ids comes first.
        let cuts = token.char_indices().skip(1).map(|(at, _)| token.split_at(at));
        let mut found: Vec<(usize, usize)> = cuts.filter_map(|(left, right)| Some((*ids.get(left)?, *ids.get(right)?))).collect();
        found.sort_unstable();
        merges.extend(found.into_iter().map(|(left, right)| (scores[id], left, right)));
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let merges: Vec<Value> = merges.into_iter().map(|(_, left, right)| json!([tokens[left], tokens[right]])).collect();
    let spaced = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let prefixed = metadata.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
    let normalizer = match prefixed {
        true => json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, spaced]}),
        false => spaced,
    };
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefixed {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let unknown = metadata.integer("tokenizer.ggml.unknown_token_id").and_then(|id| tokens.get(usize::try_from(id).ok()?));
    let model = json!({"type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
        "vocab": vocabulary(tokens), "merges": merges});
    Ok(whole(normalizer, Value::Null, json!({"type": "Sequence", "decoders": decoders}), model))
}

/// The special tokens and the chat template.
fn config(metadata: &Metadata, tokens: &[&str]) -> Value {
    let token = |name: &str| {
        let id = metadata.integer(&format!("tokenizer.ggml.{name}_token_id"))?;
        tokens.get(usize::try_from(id).ok()?).copied()
    };
    json!({"bos_token": token("bos"), "eos_token": token("eos"), "unk_token": token("unknown"), "pad_token": token("padding"),
        "chat_template": metadata.text("tokenizer.chat_template")})
}
