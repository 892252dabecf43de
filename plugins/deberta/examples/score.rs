//! Times the scoring of documents, tokenization included:
//! `cargo run --release -p scaledown-deberta --example score MODEL TEXTS [RUNS]`, where `TEXTS` is
//! a JSON list of a query and its documents. Prints the milliseconds of each run as JSON; a first
//! run is not counted.

use std::time::Instant;

use scaledown_deberta::{CrossEncoder, CrossEncoderConfig};
use scaledown_sdk::component::{Reranker, RerankerContext, RerankerPlugin};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, texts, rest @ ..] = arguments.as_slice() else { return Err("expected MODEL TEXTS [RUNS]".into()) };
    let runs: usize = rest.first().map_or(Ok(5), |runs| runs.parse())?;
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(texts)?)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let [query, documents @ ..] = texts.as_slice() else { return Err("expected a query and documents".into()) };
    let config: CrossEncoderConfig = serde_json::from_value(serde_json::json!({"model": model}))?;
    let reranker = CrossEncoder::build(config, RerankerContext { device: scaledown_cpu::device()? })?;
    reranker.score(query, documents)?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        reranker.score(query, documents)?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}
