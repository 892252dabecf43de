//! Reading `config.json`.

use serde_json::{Value, json};

use super::{DecoderConfig, DecoderFamily};
use crate::nn::RopeScaling;
use crate::tensor::GatedOp;

fn minimal(architecture: &str) -> Value {
    json!({
        "architectures": [architecture], "vocab_size": 10, "hidden_size": 16, "intermediate_size": 8,
        "num_hidden_layers": 3, "num_attention_heads": 4,
    })
}

fn with(architecture: &str, keys: Value) -> Value {
    let (Value::Object(mut config), Value::Object(keys)) = (minimal(architecture), keys) else { unreachable!() };
    config.extend(keys);
    Value::Object(config)
}

fn read(architecture: &str, keys: Value) -> DecoderConfig {
    DecoderConfig::from_json(&with(architecture, keys)).unwrap()
}

fn error(architecture: &str, keys: Value) -> String {
    DecoderConfig::from_json(&with(architecture, keys)).unwrap_err().to_string()
}

#[test]
fn defaults_are_those_of_transformers() {
    let mistral = read("MistralForCausalLM", json!({}));
    assert_eq!(mistral.family, DecoderFamily::Mistral);
    assert_eq!((mistral.kv_heads, mistral.head_size, mistral.rope_theta), (4, 4, 10_000.0));
    assert_eq!(mistral.windows, [Some(4096); 3]);
    assert_eq!(mistral.activation, GatedOp::Silu);
    assert!(!mistral.qkv_bias && !mistral.tied && mistral.eos.is_empty());
    assert_eq!(read("MistralForCausalLM", json!({"sliding_window": null})).windows, [None; 3]);
    let qwen2 = read("Qwen2ForCausalLM", json!({}));
    assert!(qwen2.qkv_bias && !qwen2.output_bias);
    assert_eq!(qwen2.windows, [None; 3]);
    assert_eq!(read("LlamaForCausalLM", json!({"sliding_window": 3})).windows, [None; 3]);
}

#[test]
fn windows_of_qwen2_begin_at_a_layer_or_follow_the_list() {
    let keys = json!({"use_sliding_window": true, "sliding_window": 5, "max_window_layers": 2});
    assert_eq!(read("Qwen2ForCausalLM", keys).windows, [None, None, Some(5)]);
    let types = json!(["sliding_attention", "full_attention", "full_attention"]);
    let keys = json!({"use_sliding_window": true, "sliding_window": 5, "layer_types": types});
    assert_eq!(read("Qwen2ForCausalLM", keys).windows, [Some(5), None, None]);
    let message = error("Qwen2ForCausalLM", json!({"layer_types": ["full_attention"]}));
    assert!(message.contains("layer_types") && message.contains('3'), "{message}");
}

#[test]
fn rope_is_read_from_old_and_new_keys() {
    let llama3 = RopeScaling::Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 32.0 };
    let scaling = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32});
    let old = read("LlamaForCausalLM", json!({"rope_theta": 5e5, "rope_scaling": scaling}));
    assert_eq!((old.rope_theta, old.rope_scaling), (5e5, llama3.clone()));
    let mut parameters = scaling.clone();
    parameters["rope_theta"] = json!(5e5);
    let new = read("LlamaForCausalLM", json!({"rope_parameters": parameters}));
    assert_eq!((new.rope_theta, new.rope_scaling), (5e5, llama3));
    let linear = read("LlamaForCausalLM", json!({"rope_scaling": {"type": "linear", "factor": 2.0}}));
    assert_eq!(linear.rope_scaling, RopeScaling::Linear { factor: 2.0 });
    let both = json!({"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 7.0}});
    assert_eq!(read("LlamaForCausalLM", both).rope_scaling, RopeScaling::Linear { factor: 2.0 });
}

#[test]
fn gemma_has_what_its_files_leave_out() {
    let gemma2 = read("Gemma2ForCausalLM", json!({"head_dim": 8, "hidden_act": "gelu", "sliding_window": 5}));
    assert_eq!((gemma2.attention_cap, gemma2.logit_cap), (Some(50.0), Some(30.0)));
    assert_eq!((gemma2.attention_scale, gemma2.embedding_scale), (1.0 / 16.0, 4.0));
    assert_eq!(gemma2.windows, [Some(5), None, Some(5)]);
    assert_eq!(gemma2.activation, GatedOp::GeluTanh);
    assert!(gemma2.tied && gemma2.centred_norms && gemma2.output_norms && !gemma2.qk_norms);
    assert_eq!(read("Gemma2ForCausalLM", json!({"attn_logit_softcapping": null})).attention_cap, None);
    let gemma3 = read("Gemma3ForCausalLM", json!({"sliding_window": 5, "sliding_window_pattern": 2}));
    assert_eq!((gemma3.rope_theta, gemma3.local_rope_theta), (1e6, Some(1e4)));
    assert_eq!((gemma3.attention_cap, gemma3.head_size, gemma3.qk_norms), (None, 256, true));
    assert_eq!(gemma3.windows, [Some(5), None, Some(5)]);
    let message = error("Gemma3ForCausalLM", json!({"use_bidirectional_attention": true}));
    assert!(message.contains("use_bidirectional_attention"), "{message}");
}

#[test]
fn long_rope_counts_within_the_original_context() {
    let scaling = json!({"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]});
    let keys = json!({"rope_scaling": scaling, "partial_rotary_factor": 0.5, "max_position_embeddings": 64,
        "original_max_position_embeddings": 16});
    let phi = read("Phi3ForCausalLM", keys.clone());
    assert_eq!((phi.rotary_size, phi.max_positions(), phi.fused), (2, Some(16), true));
    let RopeScaling::Long { magnitude, .. } = phi.rope_scaling else { panic!("{:?}", phi.rope_scaling) };
    assert_eq!(magnitude, (1.0 + 4.0_f64.ln() / 16.0_f64.ln()).sqrt());
    let mut wrong = keys;
    wrong["rope_scaling"]["short_factor"] = json!([1.0, 2.0]);
    let message = error("Phi3ForCausalLM", wrong);
    assert!(message.contains("rope_scaling") && message.contains('1'), "{message}");
    let message = error("Phi3ForCausalLM", json!({"partial_rotary_factor": 0.1}));
    assert!(message.contains("partial_rotary_factor"), "{message}");
    let message = error("Phi3ForCausalLM", json!({"resid_pdrop": 0.1}));
    assert!(message.contains("resid_pdrop"), "{message}");
}

#[test]
fn errors_name_the_key_and_what_is_supported() {
    let message = error("GPT2LMHeadModel", json!({}));
    assert!(message.contains("GPT2LMHeadModel") && message.contains("MistralForCausalLM"), "{message}");
    let message = error("LlamaForCausalLM", json!({"hidden_size": "wide"}));
    assert!(message.contains("`hidden_size` in config.json is \"wide\", expected a positive integer"), "{message}");
    let message = error("LlamaForCausalLM", json!({"num_hidden_layers": 1_000_000_000_000_u64}));
    assert!(
        message.contains("`num_hidden_layers` in config.json is 1000000000000, expected an integer from 0 to 10000"),
        "{message}"
    );
    let message = error("LlamaForCausalLM", json!({"num_hidden_layers": 0}));
    assert!(message.contains("`num_hidden_layers` in config.json is 0, expected at least 1"), "{message}");
    let message = error("LlamaForCausalLM", json!({"vocab_size": null}));
    assert!(message.contains("`vocab_size` is missing"), "{message}");
    let message = error("LlamaForCausalLM", json!({"num_key_value_heads": 3}));
    assert!(message.contains("num_key_value_heads") && message.contains("divisor"), "{message}");
    let message = error("LlamaForCausalLM", json!({"hidden_act": "relu2"}));
    assert!(message.contains("hidden_act") && message.contains("silu"), "{message}");
    let message = error("LlamaForCausalLM", json!({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}));
    assert!(message.contains("rope_type") && message.contains("llama3"), "{message}");
    let message = error("LlamaForCausalLM", json!({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}));
    assert!(message.contains("low_freq_factor"), "{message}");
    let message = DecoderConfig::from_json(&json!([1])).unwrap_err().to_string();
    assert!(message.contains("expected an object"), "{message}");
}
