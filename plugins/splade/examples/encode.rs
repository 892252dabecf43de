//! Times the encoding of texts, tokenization included:
//! `cargo run --release -p scaledown-splade --example encode MODEL TEXTS [RUNS]`, where `TEXTS` is
//! a JSON list of strings. Prints the milliseconds of each run as JSON; a first run is not counted.

use std::time::Instant;

use scaledown_sdk::component::SparseEncoder;
use scaledown_splade::{Splade, SpladeConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, texts, rest @ ..] = arguments.as_slice() else { return Err("expected MODEL TEXTS [RUNS]".into()) };
    let runs: usize = rest.first().map_or(Ok(5), |runs| runs.parse())?;
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(texts)?)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let config: SpladeConfig = serde_json::from_value(serde_json::json!({"model": model}))?;
    let encoder = Splade::new(&config, &scaledown_cpu::device()?)?;
    encoder.encode_documents(&texts)?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        encoder.encode_documents(&texts)?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}
