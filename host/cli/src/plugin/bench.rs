//! `scaledown plugin bench`: how long a plugin takes, beside its native twin.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scaledown_sdk::component::{Compressor, CompressorContext, Factory, Kind, PairBatch, Registration};
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params, Widths};
use scaledown_sdk::{DType, Device};
use serde_json::{Value, json};

use super::inspect::name_of;
use crate::terminal::{Terminal, table};
use crate::wasm;
use scaledown_host::config::{Component, PluginFile};
use scaledown_host::error::{Error, Result};
use scaledown_host::plugins::registry;

/// Measure how long a compressor in a .wasm file takes, beside a built-in one of the same source.
#[derive(Debug, clap::Args)]
pub(super) struct PluginBench {
    /// The plugin, a .wasm file.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// The built-in plugin to compare with; if not given, the one of the file's name, if there is
    /// one.
    #[arg(long, value_name = "NAME")]
    twin: Option<String>,
    /// The plugin's keys, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    keys: String,
    /// A generator's `config.json`, which sizes are taken from.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    generator: PathBuf,
    /// Pairs a batch.
    #[arg(long, default_value_t = 8)]
    pairs: usize,
    /// Tokens a pair.
    #[arg(long, default_value_t = 128)]
    tokens: usize,
    /// Measured rounds; native and plugin take turns in each.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A compressor that is measured.
struct Subject {
    compressor: Box<dyn Compressor>,
    params: Params,
}

impl PluginBench {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let name = name_of(&self.file);
        let began = Instant::now();
        let file = PluginFile { path: Some(self.file.clone()), ..PluginFile::default() };
        let plugin = wasm::open(&name, &file, &Arc::default())?;
        let ready = began.elapsed();
        let entries = plugin.registrations()?;
        let own = entries.iter().find(|entry| entry.kind() == Kind::Compressor);
        let own = own.ok_or_else(|| Error::usage(format!("{name} is no compressor; only compressors are measured here")))?;
        let twin = self.twin.as_deref().unwrap_or(&name);
        let twin = registry::find(Kind::Compressor, twin);
        let device = registry::device(&Component::new("auto"))?;
        let mut subjects = vec![("plugin", self.subject(own, &device)?)];
        if let Some(twin) = twin {
            subjects.push(("native", self.subject(twin, &device)?));
        }
        let mut times: Vec<(&str, Vec<Duration>, Vec<Duration>)> =
            subjects.iter().map(|(title, _)| (*title, Vec::new(), Vec::new())).collect();
        for round in 0..=self.rounds {
            for ((_, subject), (_, steps, inferences)) in subjects.iter().zip(&mut times) {
                let (step, inference) = (self.step(subject)?, self.inference(subject)?);
                // The first round warms up.
                if round > 0 {
                    steps.push(step);
                    inferences.push(inference);
                }
            }
        }
        let milliseconds = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        let rows: Vec<(&str, f64, f64)> =
            times.iter_mut().map(|(title, steps, inferences)| (*title, milliseconds(steps), milliseconds(inferences))).collect();
        if self.json {
            let row = |(title, step, inference): &(&str, f64, f64)| json!({ "which": title, "step_ms": step, "inference_ms": inference });
            return terminal.print_json(
                &json!({ "ready_ms": ready.as_secs_f64() * 1e3, "times": rows.iter().map(row).collect::<Vec<_>>() }),
            );
        }
        let shown: Vec<Vec<String>> = rows
            .iter()
            .map(|(title, step, inference)| vec![(*title).to_owned(), format!("{step:.2}"), format!("{inference:.2}")])
            .collect();
        terminal.note(format!("ready in {:.1} ms", ready.as_secs_f64() * 1e3));
        terminal.print(table(&["WHICH", "STEP (ms)", "INFERENCE (ms)"], &shown))
    }

    fn subject(&self, entry: &Registration, device: &Device) -> Result<Subject> {
        let Factory::Compressor(make) = entry.factory else {
            return Err(Error::usage(format!("{} is no compressor", entry.name)));
        };
        let keys: Value = serde_json::from_str(&self.keys).map_err(|error| Error::usage(format!("--keys: {error}")))?;
        let text = std::fs::read(&self.generator).map_err(|error| Error::io(&self.generator, error))?;
        let generator: Value = serde_json::from_slice(&text).map_err(|error| Error::data(self.generator.display(), error))?;
        let hidden = generator.get("hidden_size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let hidden_size = hidden.ok_or_else(|| Error::data(self.generator.display(), "has no hidden_size"))?;
        let options =
            ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed: 1, lora: None, quantization: None };
        let params = Params::random(options);
        let context = CompressorContext {
            params: params.clone(),
            generator,
            generator_weights: None,
            generator_params: None,
            hidden_size,
            memory_tokens: 8,
            relevance: false,
        };
        Ok(Subject { compressor: make(keys, context)?, params })
    }

    fn batch(&self) -> PairBatch {
        let row =
            |row: usize| (0..self.tokens).map(|place| u32::try_from((row * 31 + place * 7) % 97 + 3).unwrap_or(3)).collect();
        PairBatch { ids: (0..self.pairs).map(row).collect(), memory_tokens: 8, relevance: false, widths: Widths::Exact }
    }

    /// A forward and a backward pass.
    fn step(&self, subject: &Subject) -> Result<Duration> {
        let began = Instant::now();
        let compressed = subject.compressor.compress(&self.batch(), &mut ForwardMode::training(1, false))?;
        let loss = compressed.vectors.square()?.mean_all()?;
        let gradients = loss.backward()?;
        let first = subject.params.trainable().iter().find_map(|param| gradients.get(&param.tensor()).cloned());
        first.map(|gradient| gradient.to_data()).transpose()?;
        Ok(began.elapsed())
    }

    fn inference(&self, subject: &Subject) -> Result<Duration> {
        let began = Instant::now();
        let vectors =
            scaledown_sdk::tensor::no_grad(|| subject.compressor.compress(&self.batch(), &mut ForwardMode::inference()))?.vectors;
        vectors.to_data()?;
        Ok(began.elapsed())
    }
}
