//! Adapters in PEFT's layout, against PEFT.
//!
//! With `SCALEDOWN_WRITE_ADAPTERS=DIR`, adapters that are written here are left there, for
//! `parity/compare_adapters.py` to load with PEFT.

use std::path::{Path, PathBuf};

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::peft::{SavedAdapter, save_adapter};
use scaledown_sdk::nn::safetensors::write_safetensors;
use scaledown_sdk::nn::{ForwardMode, LoraConfig, LoraTarget, Params, Span, WeightSource};
use scaledown_sdk::{DType, Device, Result};
use scaledown_tests::parity::{
    ComparisonReport, Fixture, Tolerance, devices, directory, mask, mean_cross_entropy, options, weights,
};
use serde_json::{Value, json};

const BASE: &str = "mistral";
/// What PEFT puts before the names of parameters.
const PREFIX: &str = "base_model.model.";

/// The model with a new adapter.
fn model(lora: LoraConfig, device: &Device, dtype: DType) -> Result<(CausalLm, Params)> {
    let params = Params::random(options(device, dtype, Some(lora))).initialised_from(weights(BASE)?, "");
    let model = CausalLm::new(DecoderConfig::from_directory(&directory(BASE))?, &params)?;
    params.finish()?;
    Ok((model, params))
}

/// The model with a saved adapter.
fn load(adapter: &Path, device: &Device, dtype: DType) -> Result<(CausalLm, Params)> {
    let saved = SavedAdapter::open(adapter)?;
    let (model, params) = model(saved.config().clone(), device, dtype)?;
    saved.restore(&params)?;
    Ok((model, params))
}

/// Compares a case of an adapter, and what it is merged to where that is recorded.
fn compare(adapter: &str, case: &str, dtype: DType, tolerance: Tolerance, device: &Device) -> Result<()> {
    let recorded = Fixture::read(&format!("{adapter}/expected.safetensors"));
    let mut report = ComparisonReport::new(&format!("{adapter}, {case}, on {}", device.name()), tolerance);
    let case = recorded.under(&format!("{case}/"));
    let (model, params) = load(&directory(adapter), device, dtype)?;
    let mask = mask(&case, "in.attention_mask");
    let embeddings = model.embed(&case.upload("in.input_ids", device))?;

    let logits = model.logits(&model.forward(&embeddings, &Span::of_masks(&mask)?, &mut ForwardMode::training(0, false))?)?;
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

    if dtype == DType::F32 {
        model.merge_adapters()?;
        let merged = model.logits(&model.forward(&embeddings, &Span::of_masks(&mask)?, &mut ForwardMode::inference())?)?;
        report.rows("merged logits", &merged, recorded.get("merged/logits"), &mask.concat());
    }
    report.finish();
    Ok(())
}

#[test]
fn an_adapter_on_all_linear_layers_agrees_with_peft() {
    for device in devices() {
        compare("lora-all-linear", "adapter", DType::F32, Tolerance::F32, &device).expect("the model runs");
    }
}

#[test]
fn an_adapter_on_some_layers_agrees_with_peft() {
    for device in devices() {
        compare("lora-subset", "adapter", DType::F32, Tolerance::F32, &device).expect("the model runs");
        compare("lora-subset", "bf16", DType::BF16, Tolerance::BF16, &device).expect("the model runs");
    }
}

/// Where an adapter of this name is written, and what keeps the place.
fn place(name: &str) -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("SCALEDOWN_WRITE_ADAPTERS") {
        Some(kept) => (PathBuf::from(kept).join(name), None),
        None => {
            let temporary = tempfile::tempdir().expect("a temporary directory");
            (temporary.path().join(name), Some(temporary))
        }
    }
}

/// Saves the adapter, and beside it the model's logits.
fn write(place: &Path, model: &CausalLm, params: &Params) -> Result<()> {
    save_adapter(place, params, BASE)?;
    let case = Fixture::read("lora-subset/expected.safetensors").under("adapter/");
    let embeddings = model.embed(&case.upload("in.input_ids", params.device()))?;
    let hidden =
        model.forward(&embeddings, &Span::of_masks(&mask(&case, "in.attention_mask"))?, &mut ForwardMode::inference())?;
    let tensors = [
        ("logits", model.logits(&hidden)?),
        ("input_ids", case.upload("in.input_ids", params.device())),
        ("attention_mask", case.upload("in.attention_mask", params.device())),
    ];
    write_safetensors(place.join("expected.safetensors"), tensors, &[])
}

fn config(adapter: &Path) -> Value {
    let text = std::fs::read(adapter.join("adapter_config.json")).expect("a configuration");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn an_adapter_is_written_as_peft_writes_it() {
    for name in ["lora-all-linear", "lora-subset"] {
        let (place, _kept) = place(name);
        let (model, params) = load(&directory(name), &devices()[1], DType::F32).expect("the model runs");
        write(&place, &model, &params).expect("the adapter is written");

        let [ours, peft] = [&place, &directory(name)].map(|path| SavedAdapter::open(path).expect("an adapter"));
        assert_eq!((ours.config(), ours.names()), (peft.config(), peft.names()), "{name}");
        for tensor in ours.names() {
            assert_eq!(ours.read(&tensor).unwrap(), peft.read(&tensor).unwrap(), "{name}: {tensor}");
        }
        let (ours, peft) = (config(&place), config(&directory(name)));
        for (key, value) in ours.as_object().expect("an object") {
            let same = match value.as_f64() {
                Some(number) => peft[key].as_f64() == Some(number),
                None => peft[key] == *value,
            };
            assert!(same, "{name}: {key} is {value}, PEFT wrote {}", peft[key]);
        }
    }
}

#[test]
fn an_adapter_on_one_layer_of_many_survives_a_round_trip() {
    let target = LoraTarget::Names(vec!["layers.1.self_attn.q_proj".into(), "o_proj".into()]);
    let (place, _kept) = place("lora-paths");
    let (model, params) =
        model(LoraConfig { r: 3, alpha: 5.0, dropout: 0.25, target }, &devices()[1], DType::F32).expect("a model");
    for (param, seed) in params.trainable().into_iter().zip(1..) {
        param.set(&params.device().uniform(param.tensor().shape(), seed).unwrap()).unwrap();
    }
    write(&place, &model, &params).expect("the adapter is written");
    let (_, read) = load(&place, &devices()[1], DType::F32).expect("the adapter that was written");
    let values = |params: &Params| -> Vec<(String, Vec<f32>)> {
        params.trainable().iter().map(|param| (param.name().to_owned(), param.tensor().to_vec().unwrap())).collect()
    };
    assert_eq!(values(&params).len(), 2 + 2 * 2, "one query projection and both output projections");
    assert_eq!(values(&params), values(&read));
    assert_eq!(read.lora(), params.lora());
}

#[test]
fn an_adapter_that_is_more_than_lora_is_refused() {
    for (key, value) in [
        ("peft_type", json!("IA3")),
        ("bias", json!("all")),
        ("use_dora", json!(true)),
        ("use_rslora", json!(true)),
        ("rank_pattern", json!({"q_proj": 8})),
        ("modules_to_save", json!(["lm_head"])),
        ("layers_to_transform", json!([0])),
        ("alora_invocation_tokens", json!([5, 6])),
        ("trainable_token_indices", json!([1])),
        ("init_lora_weights", json!("pissa_niter_4")),
        ("target_modules", json!(".*q_proj")),
    ] {
        let (original, place) = (directory("lora-subset"), tempfile::tempdir().unwrap());
        let mut config = config(&original);
        config[key] = value;
        std::fs::write(place.path().join("adapter_config.json"), config.to_string()).unwrap();
        std::fs::copy(original.join("adapter_model.safetensors"), place.path().join("adapter_model.safetensors")).unwrap();
        let error = SavedAdapter::open(place.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}` in ")) && error.contains("expected"), "{error}");
    }
}
