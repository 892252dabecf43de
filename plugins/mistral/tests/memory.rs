//! The memory that gradient checkpointing saves, in bytes, as counted by the device.

mod support;

use scaledown_sdk::nn::ForwardMode;
use serde_json::json;
use support::{batch, model, params, tokens};

/// Peak memory of a forward and a backward pass, beyond parameters and inputs.
fn activations(checkpointing: bool) -> u64 {
    let mut config = support::mistral();
    config["num_hidden_layers"] = json!(8);
    let params = params(None);
    let model = model(&config, &params);
    let device = params.device();
    let batch = batch(device, &(0..4).map(|row| tokens(row, 48)).collect::<Vec<_>>(), false);
    let embeddings = model.embed(&batch.ids).unwrap().detach();
    let before = device.memory().live;
    device.reset_peak_memory();
    let hidden = model.forward(&embeddings, &batch.spans(), &mut ForwardMode::training(1, checkpointing)).unwrap();
    let loss = hidden.square().unwrap().sum_all().unwrap();
    drop(hidden);
    drop(loss.backward().unwrap());
    device.memory().peak - before
}

#[test]
fn checkpointing_at_least_halves_the_memory_of_activations() {
    let (kept, recomputed) = (activations(false), activations(true));
    assert!(recomputed * 2 <= kept, "{recomputed} bytes with checkpointing, {kept} without");
}
