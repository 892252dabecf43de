//! `scaledown bench`: the project's benchmarks.

use clap::{Args, Subcommand};
use serde_json::json;

use super::SettingArgs;
use crate::terminal::{Terminal, table};
use scaledown_host::config::Config;
use scaledown_host::error::Result;
use scaledown_host::evaluate::bench::{self, Measurement, Timing};
use scaledown_host::plugins::registry;

/// Benchmark training, decoding and answering on random models of a fixed shape.
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One OSCAR training step: compressor, generator, backward, AdamW.
    Step {
        #[command(flatten)]
        options: Options,
        /// Recompute each layer in the backward pass instead of storing it.
        #[arg(long)]
        checkpointing: bool,
    },
    /// Greedy decoding of 64 tokens at batch 1 and 8.
    Decode {
        #[command(flatten)]
        options: Options,
        /// Quantise the weights, as `generator.quantization` does: bf16, q8_0 or q4_0.
        #[arg(long)]
        quantization: Option<String>,
    },
    /// A question over 10 documents, compressed and uncompressed.
    Rag {
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Measured runs.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Warm-up runs.
    #[arg(long, default_value_t = 1)]
    warmup: usize,
    #[command(flatten)]
    settings: SettingArgs,
    /// Print the measurements as JSON.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let (What::Step { options, .. } | What::Decode { options, .. } | What::Rag { options }) = &self.what;
        let device = registry::device(&Config::from_defaults(&options.settings.overrides()?)?.device)?;
        let timing = Timing { runs: options.runs, warmup: options.warmup };
        let spinner = terminal.spinner("measuring");
        let measurements = match &self.what {
            What::Step { checkpointing, .. } => vec![bench::step(&device, timing, *checkpointing)?],
            What::Decode { quantization, .. } => bench::decode(&device, timing, quantization.as_deref())?,
            What::Rag { .. } => bench::rag(&device, timing)?,
        };
        spinner.finish_and_clear();
        if options.json {
            let implementation = format!("scaledown {}", env!("CARGO_PKG_VERSION"));
            return terminal.print_json(&json!({ "implementation": implementation, "measurements": measurements }));
        }
        let rows: Vec<Vec<String>> = measurements.iter().map(row).collect();
        terminal.print(table(&["WHAT", "MEDIAN", "TOKENS/S", "OF GEMM RATE", "PEAK MEMORY"], &rows))
    }
}

fn row(measurement: &Measurement) -> Vec<String> {
    vec![
        measurement.name.clone(),
        format!("{:.1} ms", measurement.median_ms),
        format!("{:.0}", measurement.tokens_per_second),
        format!("{:.0} % of {:.0} GFLOP/s", 100.0 * measurement.gemm_fraction, measurement.gemm_gflops),
        format!("{:.0} MiB", measurement.peak_memory_bytes as f64 / f64::from(1 << 20)),
    ]
}
