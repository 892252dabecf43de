//! Modules and depth: a model of more layers has no more modules.

mod common;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{
    ForwardMode, LoraConfig, LoraPreset, LoraTarget, Optimizer, OptimizerConfig, ParamGroup, Params, Span, clip_scale,
};
use scaledown_sdk::{DType, Device, Result};
use scaledown_trainium::device::Stats;

fn config(layers: usize) -> DecoderConfig {
    let json = serde_json::json!({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 96, "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 512, "sliding_window": null,
        "tie_word_embeddings": false, "eos_token_id": 2
    });
    DecoderConfig::from_json(&json).expect("a configuration")
}

/// Three steps of a decoder with `layers` layers, and what they cost.
fn trained(layers: usize, lora: bool, checkpointing: bool) -> Result<Stats> {
    const LEN: usize = 16;
    let backend = common::backend();
    let device = Device::new(backend.clone());
    let adapter =
        lora.then_some(LoraConfig { r: 4, alpha: 8.0, dropout: 0.1, target: LoraTarget::Preset(LoraPreset::AllLinear) });
    let params = Params::random(common::training::options(&device, DType::F32, adapter));
    let model = CausalLm::new(config(layers), &params)?;
    let group = ParamGroup { name: "model".into(), params: params.trainable(), lr: 1e-2 };
    let mut optimizer = Optimizer::new(vec![group], OptimizerConfig::default())?;
    device.cut()?;
    for step in 0..3_u32 {
        let ids: Vec<u32> = (0..2 * LEN as u32).map(|i| (i * 7 + step * 13) % 96).collect();
        let targets: Vec<i64> = ids.iter().map(|&id| i64::from((id + 7) % 96)).collect();
        let x = model.embed(&device.from_slice(&ids, [2, LEN])?)?;
        let spans = [Span::padded_right(LEN), Span::padded_right(LEN - 3)];
        let states = model.forward(&x, &spans, &mut ForwardMode::training(u64::from(step), checkpointing))?;
        let logits = model.logits(&states)?.reshape([2 * LEN, 96])?;
        let loss = logits.cross_entropy(&device.from_slice(&targets, [2 * LEN])?)?.mean_all()?;
        let kept = loss.detach();
        drop((x, states, logits));
        let gradients = loss.backward()?;
        let norm = optimizer.gradient_norm(&gradients)?.expect("gradients");
        let scale = clip_scale(&norm, 1.0, &[&kept])?;
        optimizer.step(gradients, 1.0, &scale)?;
        assert!(device.read(&[&norm, &kept])?.iter().all(|number| number.to_f64()[0].is_finite()));
        device.cut()?;
    }
    Ok(backend.stats())
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn the_number_of_modules_does_not_grow_with_depth() {
    for (lora, checkpointing) in [(true, false), (false, true)] {
        let stats: Vec<Stats> = [4, 8, 16].map(|layers| trained(layers, lora, checkpointing).expect("steps")).to_vec();
        for stats in &stats {
            println!("adapters {lora}, checkpointing {checkpointing}: {stats:?}");
        }
        assert_eq!(stats[0].compiles, stats[1].compiles, "4 and 8 layers");
        assert_eq!(stats[1].compiles, stats[2].compiles, "8 and 16 layers");
        assert_eq!(stats[0].largest, stats[2].largest, "the largest module");
    }
}
