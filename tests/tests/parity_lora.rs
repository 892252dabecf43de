//! Adapters in PEFT's layout, against PEFT.

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::peft::SavedAdapter;
use scaledown_sdk::nn::{Forward, Params};
use scaledown_sdk::{DType, Device, Result};
use scaledown_tests::parity::{Fixture, Report, Tolerance, devices, directory, mask, mean_cross_entropy, options, weights};

const BASE: &str = "mistral";
/// What PEFT puts before the names of parameters.
const PREFIX: &str = "base_model.model.";

/// The model with the adapter that PEFT saved.
fn load(adapter: &str, device: &Device) -> Result<(CausalLm, Params)> {
    let saved = SavedAdapter::open(directory(adapter))?;
    let options = options(device, DType::F32, Some(saved.config().clone()));
    let params = Params::random(options).initialised_from(weights(BASE)?, "");
    let model = CausalLm::new(DecoderConfig::from_directory(&directory(BASE))?, &params)?;
    params.finish()?;
    saved.restore(&params)?;
    Ok((model, params))
}

fn compare(adapter: &str, device: &Device) -> Result<()> {
    let recorded = Fixture::read(&format!("{adapter}/expected.safetensors"));
    let case = recorded.under("adapter/");
    let mut report = Report::new(&format!("{adapter} on {}", device.name()), Tolerance::F32);
    let (model, params) = load(adapter, device)?;
    let mask = mask(&case, "in.attention_mask");
    let embeddings = model.embed(&case.upload("in.input_ids", device))?;

    let logits = model.logits(&model.forward(&embeddings, &mask, &mut Forward::training(0, false))?)?;
    report.rows("logits", &logits, case.get("logits"), &mask.concat());
    let loss = mean_cross_entropy(&logits, &case.upload("in.targets", device))?;
    report.tensor("loss", &loss, case.get("loss"));
    let gradients = loss.backward()?;
    let expected = case.under("grad.");
    assert_eq!(gradients.len(), expected.iter().count(), "{adapter}: gradients, and none of a frozen weight");
    for param in params.trainable() {
        match gradients.get(&param.tensor()) {
            Some(ours) => report.tensor(param.name(), ours, expected.get(&format!("{PREFIX}{}", param.name()))),
            None => report.problem(&format!("the gradient of {} is missing", param.name())),
        }
    }

    model.merge_adapters()?;
    let merged = model.logits(&model.forward(&embeddings, &mask, &mut Forward::inference())?)?;
    report.rows("merged logits", &merged, recorded.get("merged/logits"), &mask.concat());
    report.finish();
    Ok(())
}

#[test]
fn an_adapter_on_all_linear_layers_agrees_with_peft() {
    for device in devices() {
        compare("lora-all-linear", &device).expect("the model runs");
    }
}

#[test]
fn an_adapter_on_some_layers_agrees_with_peft() {
    for device in devices() {
        compare("lora-subset", &device).expect("the model runs");
    }
}
