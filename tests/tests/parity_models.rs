//! Logits, hidden states, losses and every parameter's gradient of whole models, against PyTorch.

use scaledown_sdk::DType;
use scaledown_sdk::nn::decoder::CausalLm;
use scaledown_sdk::nn::{ForwardMode, Params, Span};
use scaledown_tests::parity::{
    ComparisonReport, Fixture, Model, Tolerance, decoder_config, devices, directory, encoder_config, options, weights,
};

/// The families that came later.
const NEWER: [&str; 5] = ["qwen3", "gemma2", "gemma3", "phi3", "phi4-mini"];

/// Compares the cases of one model that are computed in `dtype`.
fn compare(name: &str, dtype: DType, tolerance: Tolerance, cases: &[&str]) {
    let recorded = Fixture::read(&format!("{name}/expected.safetensors"));
    for device in devices() {
        let model = Model::load(name, &device, dtype).unwrap_or_else(|error| panic!("{name}: {error}"));
        for case in cases {
            let subject = format!("{name}, {case}, on {}", device.name());
            let mut report = ComparisonReport::new(&subject, tolerance);
            let run = model.compare(&recorded.under(&format!("{case}/")), &device, &mut report);
            run.unwrap_or_else(|error| panic!("{subject}: {error}"));
            report.finish();
        }
    }
}

fn f32(name: &str) {
    compare(name, DType::F32, Tolerance::F32, &["right", "left", "embeds"]);
}

fn bf16(name: &str) {
    compare(name, DType::BF16, Tolerance::BF16, &["bf16"]);
}

#[test]
fn mistral_with_a_sliding_window_and_grouped_queries() {
    f32("mistral");
    bf16("mistral");
}

#[test]
fn mistral_with_a_head_size_of_its_own() {
    f32("mistral-head-dim");
    bf16("mistral-head-dim");
}

#[test]
fn llama_2() {
    f32("llama2");
    bf16("llama2");
}

#[test]
fn llama_3_with_scaled_rope_and_tied_embeddings() {
    f32("llama3");
    bf16("llama3");
}

#[test]
fn llama_with_biases() {
    f32("llama-bias");
    bf16("llama-bias");
}

#[test]
fn qwen_2_with_tied_embeddings() {
    f32("qwen2");
    bf16("qwen2");
}

#[test]
fn qwen_2_with_a_window_in_some_layers() {
    f32("qwen2-window");
    bf16("qwen2-window");
}

#[test]
fn qwen_3_with_norms_of_queries_and_keys() {
    f32("qwen3");
    bf16("qwen3");
}

#[test]
fn gemma_2_with_bounded_scores_and_windows_in_every_other_layer() {
    f32("gemma2");
    bf16("gemma2");
}

#[test]
fn gemma_3_with_another_rotary_base_in_local_layers() {
    f32("gemma3");
    bf16("gemma3");
}

#[test]
fn phi_3_with_fused_projections_and_a_window() {
    f32("phi3");
    bf16("phi3");
}

#[test]
fn phi_4_with_heads_that_are_turned_in_part() {
    f32("phi4-mini");
    bf16("phi4-mini");
}

#[test]
fn modernbert_beyond_its_local_window() {
    f32("modernbert");
    bf16("modernbert");
}

#[test]
fn modernbert_with_biases_and_its_own_output_weights() {
    f32("modernbert-bias");
    bf16("modernbert-bias");
}

#[test]
fn both_styles_of_a_configuration_mean_the_same() {
    for name in
        ["mistral", "mistral-head-dim", "llama2", "llama3", "llama-bias", "qwen2", "qwen2-window"].into_iter().chain(NEWER)
    {
        let [newer, older] = ["config.json", "config.v4.json"].map(|file| decoder_config(name, file).expect(name));
        assert_eq!(newer, older, "{name}");
    }
    for name in ["modernbert", "modernbert-bias"] {
        let [newer, older] = ["config.json", "config.v4.json"].map(|file| encoder_config(name, file).expect(name));
        assert_eq!(newer, older, "{name}");
    }
}

#[test]
fn a_forward_pass_costs_what_pytorch_counts() {
    let counts: serde_json::Value = serde_json::from_slice(&std::fs::read(directory("flops.json")).unwrap()).unwrap();
    let [batch, length] = ["batch", "length"].map(|key| usize::try_from(counts[key].as_u64().unwrap()).unwrap());
    for device in devices() {
        for (name, expected) in counts["forward"].as_object().unwrap() {
            let params = Params::load(options(&device, DType::F32, None), weights(name).unwrap());
            let model = CausalLm::new(decoder_config(name, "config.json").unwrap(), &params).unwrap();
            let ids = device.from_slice(&vec![1_u32; batch * length], [batch, length]).unwrap();
            let (embeddings, mask) = (model.embed(&ids).unwrap(), vec![Span::padded_right(length); batch]);
            let before = device.usage();
            let hidden = model.forward(&embeddings, &mask, &mut ForwardMode::inference()).unwrap();
            model.logits(&hidden).unwrap();
            let flops = (device.usage() - before).flops;
            assert_eq!(flops, expected.as_u64().unwrap(), "{name} on {}", device.name());
        }
    }
}
