//! How fast a decoder reads and writes, by the type in which its weights are stored:
//! `cargo run --release --example decode -- [--model DIRECTORY] [--threads N] [--read N] [--write
//! N] [--batch N] [TYPE ...]`.
//!
//! Without a model, weights are random, of the shape of SmolLM2-135M: time depends on shapes alone.
//! Reading is measured from nothing, and so is writing, as `llama-bench` does. One line a type:
//! type, MiB of all weights, tokens a second read, and written.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use scaledown_cpu::{CpuBackend, CpuConfig};
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{ParamOptions, Params, Quantization, Span};
use scaledown_sdk::{DType, Device, Error, Result};

struct Options {
    model: Option<PathBuf>,
    threads: Option<usize>,
    read: usize,
    write: usize,
    batch: usize,
    types: Vec<String>,
}

fn options() -> Result<Options> {
    let mut options = Options { model: None, threads: None, read: 512, write: 64, batch: 1, types: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| Error::Input(format!("{argument} needs a value")));
        let number = |text: String| text.parse().map_err(|_| Error::Input(format!("{text:?} is not a number")));
        match argument.as_str() {
            "--model" => options.model = Some(value()?.into()),
            "--threads" => options.threads = Some(number(value()?)?),
            "--read" => options.read = number(value()?)?,
            "--write" => options.write = number(value()?)?,
            "--batch" => options.batch = number(value()?)?,
            _ => options.types.push(argument),
        }
    }
    if options.types.is_empty() {
        options.types = ["f32", "bf16", "q8_0", "q4_0"].map(str::to_owned).to_vec();
    }
    Ok(options)
}

/// The format of a type's name; `None` for f32.
fn quantization(name: &str) -> Result<Option<Quantization>> {
    if name == "f32" {
        return Ok(None);
    }
    let named = serde_json::from_value(name.into()).map(Some);
    named.map_err(|_| Error::Input(format!("{name:?} is not a type; expected f32, bf16, q8_0 or q4_0")))
}

fn load(options: &Options, quantization: Option<Quantization>) -> Result<(CausalLm, usize)> {
    let device = Device::new(CpuBackend::new(CpuConfig { threads: options.threads })?);
    let settings = ParamOptions { device, dtype: DType::F32, trainable: false, seed: 1, lora: None, quantization };
    let (params, shape) = match &options.model {
        Some(directory) => {
            (Params::load(settings, Arc::new(DirectoryWeights::open(directory)?)), DecoderConfig::from_directory(directory)?)
        }
        None => (Params::random(settings), DecoderConfig::from_json(&smollm2())?),
    };
    let model = CausalLm::new(shape, &params)?;
    params.finish()?;
    let bytes = params.all().iter().map(|param| param.tensor().spec().bytes()).sum();
    Ok((model, bytes))
}

/// The shape of SmolLM2-135M.
fn smollm2() -> serde_json::Value {
    serde_json::json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": 49_152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "rms_norm_eps": 1e-5, "rope_theta": 100_000.0,
        "tie_word_embeddings": true,
    })
}

/// Reads a prompt of `read` tokens in each row of a batch and then writes `write` tokens: the
/// seconds that both take.
fn seconds(model: &CausalLm, batch: usize, read: usize, write: usize) -> Result<(f64, f64)> {
    let device = model.decoder().device().clone();
    let ids: Vec<u32> = (0..(batch * read) as u32).map(|at| at * 7919 % 32_000).collect();
    let started = Instant::now();
    let embeddings = model.embed(&device.from_slice(&ids, [batch, read])?)?;
    let (logits, mut cache) = model.prefill(&embeddings, &vec![Span::padded_right(read); batch], write)?;
    logits.to_data()?;
    let reading = started.elapsed().as_secs_f64();
    let started = Instant::now();
    for step in 0..write as u32 {
        model.decode(&device.from_slice(&vec![step; batch], [batch])?, &mut cache)?.to_data()?;
    }
    Ok((reading, started.elapsed().as_secs_f64()))
}

fn main() -> Result<()> {
    let options = options()?;
    println!("{:<6} {:>8} {:>14} {:>15}", "type", "MiB", "read tokens/s", "write tokens/s");
    for name in &options.types {
        let (model, bytes) = load(&options, quantization(name)?)?;
        // What comes first also asks for memory.
        seconds(&model, options.batch, options.read, 2)?;
        let (reading, _) = seconds(&model, options.batch, options.read, 0)?;
        let (_, writing) = seconds(&model, options.batch, 1, options.write)?;
        let rate = |tokens: usize, seconds: f64| (options.batch * tokens) as f64 / seconds;
        let (reading, writing) = (rate(options.read, reading), rate(options.write, writing));
        println!("{name:<6} {:>8.1} {reading:>14.1} {writing:>15.1}", bytes as f64 / f64::from(1 << 20));
    }
    Ok(())
}
