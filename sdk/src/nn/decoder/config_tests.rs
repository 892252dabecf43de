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
    assert_eq!((old.rope_theta, old.rope_scaling), (5e5, llama3));
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
