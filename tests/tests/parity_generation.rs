//! Greedy decoding with a KV cache, against `generate` of transformers.

use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::component::{Generator, GeneratorContext, GeneratorInput, GeneratorPlugin};
use scaledown_sdk::nn::{GenerateOptions, Params, Sampling, Span, generate};
use scaledown_sdk::{DType, Device, Result};
use scaledown_tests::parity::{Fixture, devices, directory, mask, options, weights};

const MODELS: [&str; 10] =
    ["mistral", "llama2", "llama3", "qwen2", "qwen2-window", "qwen3", "gemma2", "gemma3", "phi3", "phi4-mini"];

fn load(name: &str, device: &Device) -> Result<MistralGenerator> {
    let params = Params::load(options(device, DType::F32, None), weights(name)?).frozen();
    MistralGenerator::build(MistralConfig::default(), GeneratorContext { params, directory: directory(name) })
}

/// Greedy tokens of each row of the case, at most `most`.
fn decode(model: &MistralGenerator, case: &Fixture, most: usize, end_ids: Vec<u32>) -> Result<Vec<Vec<i64>>> {
    let embeddings = model.embed(&case.upload("in.input_ids", model.device()))?;
    let prompts =
        GeneratorInput { embeddings, spans: Span::of_masks(&mask(case, "in.attention_mask")).expect("padding on one side") };
    let options = GenerateOptions { max_new_tokens: most, end_ids, sampling: Sampling::Greedy };
    let rows = generate(model, &prompts, options)?;
    Ok(rows.into_iter().map(|row| row.tokens.into_iter().map(i64::from).collect()).collect())
}

#[test]
fn greedy_decoding_of_different_lengths_agrees_with_transformers() {
    let recorded = Fixture::read("generation.safetensors");
    for device in devices() {
        for name in MODELS {
            let model = load(name, &device).unwrap_or_else(|error| panic!("{name}: {error}"));
            compare(&format!("{name} on {}", device.name()), &model, &recorded.under(&format!("{name}/")));
        }
    }
}

fn compare(subject: &str, model: &MistralGenerator, case: &Fixture) {
    let free = case.rows("tokens");
    let decode = |end| decode(model, case, free[0].len(), end).unwrap_or_else(|error| panic!("{subject}: {error}"));
    assert_eq!(decode(Vec::new()), free, "{subject}");

    let end = case.integers("eos")[0];
    let until_end = |row: Vec<i64>| row.into_iter().take_while(|&token| token != end).collect();
    let stopped: Vec<Vec<i64>> = case.rows("stopped").into_iter().map(until_end).collect();
    assert_eq!(decode(vec![u32::try_from(end).expect("a token id")]), stopped, "{subject}, stopped by {end}");
}
