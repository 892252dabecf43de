//! How fast a decoder of 100M random weights reads and writes, by the type in which its weights are stored:
//! `cargo run --release -p scaledown-mistral --example decode [THREADS]`.

use std::time::Instant;

use scaledown_cpu::{CpuBackend, CpuConfig};
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{ParamOptions, Params, Quantization, Span};
use scaledown_sdk::{DType, Device, Result};

const PROMPT: usize = 512;
const STEPS: usize = 32;

/// Reads a prompt in each row of a batch and writes some tokens: the tokens a second of both, all rows together.
fn measure(model: &CausalLm, batch: usize) -> Result<(f64, f64)> {
    let device = model.decoder().device().clone();
    let ids: Vec<u32> = (0..(batch * PROMPT) as u32).map(|at| at * 7919 % 32_000).collect();
    let embeddings = model.embed(&device.from_slice(&ids, [batch, PROMPT])?)?;
    let started = Instant::now();
    let (_, mut cache) = model.prefill(&embeddings, &vec![Span::padded_right(PROMPT); batch], STEPS)?;
    let read = started.elapsed().as_secs_f64();
    let started = Instant::now();
    for step in 0..STEPS as u32 {
        model.decode(&device.from_slice(&vec![step; batch], [batch])?, &mut cache)?;
    }
    Ok(((batch * PROMPT) as f64 / read, (batch * STEPS) as f64 / started.elapsed().as_secs_f64()))
}

fn main() -> Result<()> {
    let threads = std::env::args().nth(1).and_then(|threads| threads.parse().ok());
    let config = serde_json::json!({
        "architectures": ["MistralForCausalLM"], "vocab_size": 32_000, "hidden_size": 768, "intermediate_size": 2048,
        "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 4, "rms_norm_eps": 1e-5, "rope_theta": 10_000.0,
        "tie_word_embeddings": false,
    });
    println!("{:<6} {:>12} {:>6} {:>14} {:>14}", "type", "linear MiB", "batch", "read tokens/s", "write tokens/s");
    for (dtype, quantization) in
        [(DType::F32, None), (DType::BF16, None), (DType::F32, Some(Quantization::Q8_0)), (DType::F32, Some(Quantization::Q4_0))]
    {
        let device = Device::new(CpuBackend::new(CpuConfig { threads })?);
        let params = Params::random(ParamOptions { device, dtype, trainable: false, seed: 1, lora: None, quantization });
        let model = CausalLm::new(DecoderConfig::from_json(&config)?, &params)?;
        let linear =
            params.all().into_iter().filter(|param| param.name().ends_with("proj.weight") || param.name().starts_with("lm_head"));
        let bytes: usize = linear.map(|param| param.tensor().spec().bytes()).sum();
        for batch in [1, 8] {
            let (read, write) = measure(&model, batch)?;
            let name = quantization.map_or(dtype, Quantization::dtype).to_string();
            println!("{name:<6} {:>12.1} {batch:>6} {read:>14.1} {write:>14.1}", bytes as f64 / f64::from(1 << 20));
        }
    }
    Ok(())
}
