//! Padding, batches and decoding with a cache give what each sequence gives alone.

mod support;

use proptest::prelude::*;
use scaledown_sdk::nn::decoder::CausalLm;
use scaledown_sdk::nn::{ForwardMode, Span};
use scaledown_sdk::{Device, Tensor};
use serde_json::{Value, json};
use support::{assert_close, batch, llama3, mistral, model, params, qwen2, tokens};

const TOLERANCE: f32 = 2e-4;

fn ids(device: &Device, ids: &[u32]) -> Tensor {
    device.from_slice(ids, [ids.len()]).unwrap()
}

/// The logits of every token of a sequence that is read alone and without a cache.
fn alone(model: &CausalLm, sequence: &[u32]) -> Vec<f32> {
    let batch = batch(model.decoder().device(), &[sequence.to_vec()], false);
    let hidden = model.forward(&model.embed(&batch.ids).unwrap(), &batch.spans(), &mut ForwardMode::inference()).unwrap();
    model.logits(&hidden).unwrap().to_vec().unwrap()
}

fn check_padding(config: &Value, lengths: &[usize], left: bool) {
    let model = model(config, &params(None));
    let width = model.config().vocabulary;
    let sequences: Vec<_> = lengths.iter().zip(1..).map(|(&len, seed)| tokens(seed, len)).collect();
    let batch = batch(model.decoder().device(), &sequences, left);
    let hidden = model.forward(&model.embed(&batch.ids).unwrap(), &batch.spans(), &mut ForwardMode::inference()).unwrap();
    let logits: Vec<f32> = model.logits(&hidden).unwrap().to_vec().unwrap();
    for ((row, sequence), mask) in logits.chunks(batch.mask[0].len() * width).zip(&sequences).zip(&batch.mask) {
        let real: Vec<f32> = row.chunks(width).zip(mask).filter(|(_, real)| **real).flat_map(|(row, _)| row.to_vec()).collect();
        assert_close(&real, &alone(&model, sequence), TOLERANCE);
    }
}

fn check_decoding(config: &Value, lengths: &[usize], steps: usize) {
    let model = model(config, &params(None));
    let width = model.config().vocabulary;
    let whole: Vec<_> = lengths.iter().zip(1..).map(|(&len, seed)| tokens(seed, len + steps)).collect();
    let prompts: Vec<_> = whole.iter().zip(lengths).map(|(tokens, &len)| tokens[..len].to_vec()).collect();
    let batch = batch(model.decoder().device(), &prompts, true);
    let device = model.decoder().device();
    let (logits, mut cache) = model.prefill(&model.embed(&batch.ids).unwrap(), &batch.spans(), steps).unwrap();
    let mut seen: Vec<Vec<f32>> = vec![logits.to_vec().unwrap()];
    for step in 0..steps {
        let next: Vec<u32> = whole.iter().zip(lengths).map(|(tokens, &len)| tokens[len + step]).collect();
        seen.push(model.decode(&ids(device, &next), &mut cache).unwrap().to_vec().unwrap());
    }
    for (row, (tokens, &len)) in whole.iter().zip(lengths).enumerate() {
        let expected = alone(&model, tokens);
        let decoded: Vec<f32> = seen.iter().flat_map(|step| step[row * width..(row + 1) * width].to_vec()).collect();
        assert_close(&decoded, &expected[(len - 1) * width..], TOLERANCE);
    }
    let full = model.decode(&ids(device, &vec![1; lengths.len()]), &mut cache).unwrap_err();
    assert!(full.to_string().contains("room"), "{full}");
}

#[test]
fn padding_on_either_side_changes_nothing() {
    for config in [mistral(), qwen2(), llama3()] {
        for left in [false, true] {
            check_padding(&config, &[9, 4, 12], left);
        }
    }
}

#[test]
fn decoding_with_a_cache_is_reading_the_whole() {
    for config in [mistral(), qwen2(), llama3()] {
        check_decoding(&config, &[9, 4, 12], 8);
        check_decoding(&config, &[6], 8);
        check_decoding(&config, &[5, 5], 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_lengths_will_do(lengths in proptest::collection::vec(1_usize..14, 1..5), steps in 1_usize..7, left: bool) {
        check_padding(&mistral(), &lengths, left);
        check_decoding(&qwen2(), &lengths, steps);
    }
}

#[test]
fn hidden_states_begin_with_the_embeddings_and_end_after_the_norm() {
    let model = model(&mistral(), &params(None));
    let batch = batch(model.decoder().device(), &[tokens(3, 6)], false);
    let embeddings = model.embed(&batch.ids).unwrap();
    let states = model.hidden_states(&embeddings, &batch.spans(), &mut ForwardMode::inference()).unwrap();
    let last = model.forward(&embeddings, &batch.spans(), &mut ForwardMode::inference()).unwrap();
    assert_eq!(states.len(), 3);
    assert_eq!(states[0].to_vec::<f32>().unwrap(), embeddings.to_vec::<f32>().unwrap());
    assert_eq!(states[2].to_vec::<f32>().unwrap(), last.to_vec::<f32>().unwrap());
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = model(&mistral(), &params(None));
    let device = model.decoder().device();
    let right = batch(device, &[tokens(1, 3), tokens(2, 5)], false);
    let embeddings = model.embed(&right.ids).unwrap();
    let error = model.prefill(&embeddings, &right.spans(), 2).unwrap_err();
    assert!(error.to_string().contains("sequence 0"), "{error}");
    let error = model.forward(&embeddings, &right.spans()[..1], &mut ForwardMode::inference()).unwrap_err();
    assert!(error.to_string().contains("spans"), "{error}");
    let error = model.forward(&right.ids, &right.spans(), &mut ForwardMode::inference()).unwrap_err();
    assert!(error.to_string().contains("[batch, seq, 24]"), "{error}");
    let left = batch(device, &[tokens(1, 3)], true);
    let (_, mut cache) = model.prefill(&model.embed(&left.ids).unwrap(), &left.spans(), 2).unwrap();
    let error = model.decode(&ids(device, &[1, 2]), &mut cache).unwrap_err();
    assert!(error.to_string().contains("1 sequences"), "{error}");
}

#[test]
fn a_sequence_beyond_the_models_positions_is_refused_before_it_is_read() {
    let limited = |mut config: Value, positions: usize| {
        config["max_position_embeddings"] = json!(positions);
        model(&config, &params(None))
    };
    // The window is 5 tokens, and the model was made for 8 nevertheless.
    let model = limited(mistral(), 8);
    let prompt = |length: usize| {
        let batch = batch(model.decoder().device(), &[tokens(1, length), tokens(2, 3)], true);
        (model.embed(&batch.ids).unwrap(), batch.spans())
    };
    let (whole, mask) = prompt(8);
    assert!(model.forward(&whole, &mask, &mut ForwardMode::inference()).is_ok());
    assert!(model.prefill(&whole, &mask, 0).is_ok());
    let error = model.prefill(&whole, &mask, 1).unwrap_err().to_string();
    assert!(error.contains("8 positions and 1 new ones exceed the model's 8"), "{error}");
    // Padding before a prompt takes no position of the model's.
    let padded = batch(model.decoder().device(), &[tokens(1, 9)], true);
    let padded = model.embed(&padded.ids).unwrap();
    assert!(model.prefill(&padded, &[Span::padded_left(8, 9)], 0).is_ok());
    let (long, mask) = prompt(9);
    let error = model.forward(&long, &mask, &mut ForwardMode::inference()).unwrap_err().to_string();
    assert!(error.contains("9 positions exceed the model's 8 (max_position_embeddings)"), "{error}");

    let context = |config: Value| limited(config, 8).config().max_positions();
    let mut stretched = qwen2();
    stretched["rope_parameters"] = json!({"rope_theta": 1e6, "rope_type": "linear", "factor": 4.0});
    assert_eq!((context(qwen2()), context(stretched), context(llama3())), (Some(8), Some(32), Some(8)));
}
