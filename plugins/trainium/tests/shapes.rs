//! A step of a Mistral-7B's shapes, compiled and not run: its weights would not fit most machines
//! that tests run on.

mod common;

use std::sync::Arc;
use std::time::Instant;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{
    ForwardMode, LoraConfig, LoraPreset, LoraTarget, Optimizer, OptimizerConfig, ParamGroup, Params, Span, WeightSource,
    clip_scale,
};
use scaledown_sdk::{DType, Device, Error, Result, TensorData, TensorSpec};
use scaledown_trainium::{PjrtConfig, open};

const LAYERS: usize = 8;
const ROWS: usize = 2;
const LEN: usize = 256;
const VOCABULARY: usize = 32_000;
const HIDDEN: usize = 4096;
const INNER: usize = 14336;

/// Weights that are all zero, and take no time to make.
struct Zeros;

impl Zeros {
    fn shape(name: &str) -> Option<Vec<usize>> {
        let part = name.trim_end_matches(".weight").rsplit('.').next()?;
        Some(match part {
            "embed_tokens" | "lm_head" => vec![VOCABULARY, HIDDEN],
            "q_proj" | "o_proj" => vec![HIDDEN, HIDDEN],
            "k_proj" | "v_proj" => vec![HIDDEN / 4, HIDDEN],
            "gate_proj" | "up_proj" => vec![INNER, HIDDEN],
            "down_proj" => vec![HIDDEN, INNER],
            "norm" | "input_layernorm" | "post_attention_layernorm" => vec![HIDDEN],
            _ => return None,
        })
    }
}

impl WeightSource for Zeros {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        Some(TensorSpec::new(DType::BF16, Zeros::shape(name)?))
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        let spec = self.spec(name).ok_or_else(|| Error::Weights(format!("there is no {name}")))?;
        let bytes = vec![0; spec.bytes()];
        TensorData::new(spec, bytes)
    }
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn a_step_of_a_7b_is_planned_in_milliseconds() {
    let config = serde_json::json!({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": VOCABULARY, "hidden_size": HIDDEN,
        "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": 32, "num_key_value_heads": 8,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 32768, "sliding_window": null,
        "tie_word_embeddings": false, "eos_token_id": 2
    });
    let backend = open(PjrtConfig { compile_only: true, ..common::config() }).expect("a device");
    let device = Device::new(backend.clone());
    let lora = LoraConfig { r: 16, alpha: 32.0, dropout: 0.05, target: LoraTarget::Preset(LoraPreset::AllLinear) };
    let params = Params::load(common::training::options(&device, DType::BF16, Some(lora)), Arc::new(Zeros));
    let model = CausalLm::new(DecoderConfig::from_json(&config).expect("a configuration"), &params).expect("a model");
    let group = ParamGroup { name: "model".into(), params: params.trainable(), lr: 1e-4 };
    let mut optimizer = Optimizer::new(vec![group], OptimizerConfig::default()).expect("an optimizer");
    device.cut().expect("modules");
    println!("building: {:?}", backend.stats());
    println!("weights and states: {:.2} GiB", device.memory().live as f64 / f64::from(1 << 30));
    let mut last = 0.0;
    for step in 0..3_u32 {
        let (before, began) = (backend.stats(), Instant::now());
        device.reset_peak_memory();
        let ids: Vec<u32> = (0..(ROWS * LEN) as u32).map(|i| (i * 7 + step * 13) % VOCABULARY as u32).collect();
        let targets: Vec<i64> = ids.iter().map(|&id| i64::from((id + 7) % VOCABULARY as u32)).collect();
        let x = model.embed(&device.from_slice(&ids, [ROWS, LEN]).expect("ids")).expect("embeddings");
        let spans = [Span::padded_right(LEN), Span::padded_right(LEN - 9)];
        let states = model.forward(&x, &spans, &mut ForwardMode::training(u64::from(step), false)).expect("states");
        let logits = model.logits(&states).and_then(|logits| logits.reshape([ROWS * LEN, VOCABULARY])).expect("logits");
        let losses = logits.cross_entropy(&device.from_slice(&targets, [ROWS * LEN]).expect("targets")).expect("losses");
        let loss = losses.mean_all().expect("a loss");
        let kept = loss.detach();
        drop((x, states, logits, losses));
        let gradients = loss.backward().expect("gradients");
        let norm = optimizer.gradient_norm(&gradients).expect("a norm").expect("gradients");
        let scale = clip_scale(&norm, 1.0, &[&kept]).expect("a factor");
        optimizer.step(gradients, 1.0, &scale).expect("a step");
        device.read(&[&norm, &kept]).expect("numbers");
        device.cut().expect("modules");
        let after = backend.stats();
        let compiling = after.compile_seconds - before.compile_seconds;
        last = after.host_seconds - before.host_seconds;
        println!(
            "step {step}: {} modules compiled in {compiling:.1} s, {} instructions, {:.1} ms to plan and emit, {:.1} ms in all without compiling, \
             peak {:.2} GiB",
            after.compiles - before.compiles,
            after.instructions - before.instructions,
            last * 1e3,
            (began.elapsed().as_secs_f64() - compiling) * 1e3,
            device.memory().peak as f64 / f64::from(1 << 30),
        );
    }
    println!("{:?}", backend.stats());
    assert!(last < 0.05, "a step took {last} s of the host");
}
