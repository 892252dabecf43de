//! Batched generation.

mod support;

use std::ops::ControlFlow;

use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::component::{Generator, GeneratorContext, GeneratorInput, GeneratorPlugin};
use scaledown_sdk::nn::{Decoding, Finish, ForwardMode, GenerateOptions, Sampling, generate};
use support::{batch, mistral, params, tokens};

fn generator() -> MistralGenerator {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.json"), mistral().to_string()).unwrap();
    let context = GeneratorContext { params: params(None), directory: directory.path().to_owned() };
    let params = context.params.clone();
    let generator = MistralGenerator::build(MistralConfig::default(), context).unwrap();
    for param in params.all().into_iter().filter(|param| param.tensor().shape().rank() == 2) {
        param.set(&param.tensor().affine(12.0, 0.0).unwrap()).unwrap();
    }
    generator
}

fn prompts(generator: &dyn Generator, sequences: &[Vec<u32>]) -> GeneratorInput {
    let batch = batch(generator.device(), sequences, true);
    GeneratorInput { embeddings: generator.embed(&batch.ids).unwrap(), spans: batch.spans() }
}

fn options(max_new_tokens: usize, sampling: Sampling) -> GenerateOptions {
    GenerateOptions { max_new_tokens, end_ids: Vec::new(), sampling }
}

/// Greedy decoding that recomputes the whole sequence for each token.
fn greedy(generator: &MistralGenerator, prompt: &[u32], steps: usize) -> Vec<u32> {
    let mut sequence = prompt.to_vec();
    for _ in 0..steps {
        let input = prompts(generator, &[sequence.clone()]);
        let hidden = generator.forward(&input, &mut ForwardMode::inference()).unwrap();
        let last = hidden.slice(1, sequence.len() - 1, 1).unwrap();
        let best = generator.logits(&last).unwrap().arg_max().unwrap().to_vec::<i64>().unwrap();
        sequence.push(u32::try_from(best[0]).unwrap());
    }
    sequence.split_off(prompt.len())
}

#[test]
fn greedy_decoding_takes_the_most_probable_token_of_each_sequence() {
    let generator = generator();
    let sequences = [tokens(1, 7), tokens(2, 3), tokens(3, 5)];
    let made = generate(&generator, &prompts(&generator, &sequences), options(9, Sampling::Greedy)).unwrap();
    for (generated, sequence) in made.iter().zip(&sequences) {
        assert_eq!(generated.tokens, greedy(&generator, sequence, 9));
        assert_eq!(generated.finish, Finish::Length);
    }
}

#[test]
fn sequences_end_each_for_itself() {
    let generator = generator();
    let sequences = [tokens(1, 7), tokens(2, 3)];
    let input = prompts(&generator, &sequences);
    let whole = generate(&generator, &input, options(9, Sampling::Greedy)).unwrap();
    let end = whole[0].tokens[3];
    let before = whole[0].tokens.iter().position(|&token| token == end).unwrap();
    let ended = GenerateOptions { end_ids: vec![end], ..options(9, Sampling::Greedy) };
    let made = generate(&generator, &input, ended).unwrap();
    assert_eq!(made[0].tokens, whole[0].tokens[..before]);
    assert_eq!(made[0].finish, Finish::End);

    let decoding = Decoding::start(&generator, &input, options(9, Sampling::Greedy)).unwrap();
    let stop = |row: usize, tokens: &[u32]| {
        if row == 1 && tokens.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let made = decoding.run(&mut { stop }).unwrap();
    assert_eq!(made[0].tokens, whole[0].tokens);
    assert_eq!((made[1].tokens.len(), made[1].finish), (2, Finish::Stopped));
}

#[test]
fn sampling_follows_the_seed() {
    let generator = generator();
    let input = prompts(&generator, &[tokens(1, 7), tokens(2, 3)]);
    let sample = |temperature, top_p, seed| {
        generate(&generator, &input, options(12, Sampling::TopP { temperature, top_p, seed })).unwrap()
    };
    assert_eq!(sample(1.0, 0.95, 1), sample(1.0, 0.95, 1));
    assert_ne!(sample(1.0, 0.95, 1), sample(1.0, 0.95, 2));
    let greedy = generate(&generator, &input, options(12, Sampling::Greedy)).unwrap();
    assert_eq!(sample(1.0, 1e-9, 3), greedy);
    assert_ne!(sample(1.5, 1.0, 3), greedy);
}

#[test]
fn nothing_to_decode_is_an_error() {
    let generator = generator();
    let input = prompts(&generator, &[tokens(1, 4)]);
    assert!(generate(&generator, &input, options(0, Sampling::Greedy)).is_err());
}
