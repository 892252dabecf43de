//! LoRA and gradient checkpointing.

mod support;

use scaledown_sdk::Tensor;
use scaledown_sdk::nn::decoder::CausalLm;
use scaledown_sdk::nn::peft::{SavedAdapter, save_adapter};
use scaledown_sdk::nn::{ForwardMode, LoraConfig, LoraTarget, Params};
use support::{assert_close, batch, mistral, model, params, tokens};

fn lora(dropout: f64) -> LoraConfig {
    LoraConfig { r: 3, alpha: 6.0, dropout, ..LoraConfig::default() }
}

/// Gives the adapters' B, which begin at 0, values that matter.
fn disturb(params: &Params) {
    for (param, seed) in params.all().into_iter().zip(1..) {
        if param.name().ends_with("lora_B.weight") {
            let noise = params.device().uniform(param.tensor().shape(), seed).unwrap();
            param.set(&noise.affine(0.6, -0.3).unwrap()).unwrap();
        }
    }
}

fn loss(model: &CausalLm, forward: &mut ForwardMode) -> Tensor {
    let device = model.decoder().device();
    let batch = batch(device, &[tokens(1, 8), tokens(2, 5)], false);
    let hidden = model.forward(&model.embed(&batch.ids).unwrap(), &batch.spans(), forward).unwrap();
    let logits = model.logits(&hidden).unwrap().reshape([16, model.config().vocabulary]).unwrap();
    let targets: Vec<i64> = (0..16).map(|i| if i < 12 { i } else { -1 }).collect();
    logits.cross_entropy(&device.from_slice(&targets, [16]).unwrap()).unwrap().mean_all().unwrap()
}

/// The loss, and the gradient of each parameter that has one.
fn gradients(model: &CausalLm, params: &Params, forward: &mut ForwardMode) -> (f64, Vec<(String, Vec<f32>)>) {
    let loss = loss(model, forward);
    let value = loss.scalar().unwrap();
    let found = loss.backward().unwrap();
    let named = params.all().into_iter().filter_map(|param| {
        let gradient = found.get(&param.tensor())?.to_vec().unwrap();
        Some((param.name().to_owned(), gradient))
    });
    (value, named.collect())
}

#[test]
fn adapters_can_be_switched_off_and_merged() {
    let params = params(Some(lora(0.5)));
    let model = model(&mistral(), &params);
    let logits = |model: &CausalLm| {
        let batch = batch(model.decoder().device(), &[tokens(4, 7)], false);
        let hidden = model.forward(&model.embed(&batch.ids).unwrap(), &batch.spans(), &mut ForwardMode::inference()).unwrap();
        model.logits(&hidden).unwrap().to_vec::<f32>().unwrap()
    };
    let base = logits(&model);
    disturb(&params);
    let adapted = logits(&model);
    assert!(base.iter().zip(&adapted).any(|(a, b)| (a - b).abs() > 0.1), "the adapters do nothing");
    let off = (params.without_adapters(), params.without_adapters());
    assert_eq!(logits(&model), base);
    drop(off.0);
    assert_eq!(logits(&model), base, "one of two still keeps them off");
    drop(off.1);
    assert_eq!(logits(&model), adapted);
    model.merge_adapters().unwrap();
    model.merge_adapters().unwrap();
    assert_close(&logits(&model), &adapted, 1e-3);
}

#[test]
fn only_adapters_train() {
    let params = params(Some(lora(0.0)));
    let model = model(&mistral(), &params);
    disturb(&params);
    let (_, gradients) = gradients(&model, &params, &mut ForwardMode::training(1, false));
    let names: Vec<&str> = gradients.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 2 * 7 * 2);
    assert!(names.iter().all(|name| name.contains(".lora_")), "{names:?}");
    assert!(gradients.iter().all(|(_, gradient)| gradient.iter().any(|&x| x != 0.0)));
    assert_eq!(params.trainable().len(), names.len());
}

#[test]
fn named_targets_alone_get_an_adapter() {
    let target = LoraTarget::Names(vec!["q_proj".into(), "down_proj".into()]);
    let params = params(Some(LoraConfig { target, ..lora(0.0) }));
    model(&mistral(), &params);
    let adapted = |param: &scaledown_sdk::nn::Param| param.name().contains("q_proj") || param.name().contains("down_proj");
    assert_eq!(params.trainable().len(), 2 * 2 * 2);
    assert!(params.trainable().iter().all(adapted));
}

#[test]
fn dropout_changes_with_the_seed_and_only_in_training() {
    let params = params(Some(lora(0.5)));
    let model = model(&mistral(), &params);
    disturb(&params);
    let loss = |mut forward: ForwardMode| loss(&model, &mut forward).scalar().unwrap();
    assert_eq!(loss(ForwardMode::training(1, false)), loss(ForwardMode::training(1, false)));
    assert_ne!(loss(ForwardMode::training(1, false)), loss(ForwardMode::training(2, false)));
    assert_eq!(loss(ForwardMode::inference()), loss(ForwardMode::inference()));
    assert_ne!(loss(ForwardMode::training(1, false)), loss(ForwardMode::inference()));
}

#[test]
fn checkpointing_changes_no_bit() {
    for adapter in [None, Some(lora(0.3))] {
        let params = params(adapter);
        let model = model(&mistral(), &params);
        disturb(&params);
        let kept = gradients(&model, &params, &mut ForwardMode::training(7, false));
        let computed_again = gradients(&model, &params, &mut ForwardMode::training(7, true));
        assert!(!kept.1.is_empty());
        assert_eq!(kept, computed_again);
    }
}

#[test]
fn an_adapter_survives_a_round_trip() {
    let directory = tempfile::tempdir().unwrap();
    let trained = params(Some(lora(0.1)));
    let expected = {
        let model = model(&mistral(), &trained);
        disturb(&trained);
        loss(&model, &mut ForwardMode::inference()).scalar().unwrap()
    };
    save_adapter(directory.path(), &trained, "some/base").unwrap();
    let saved = SavedAdapter::open(directory.path()).unwrap();
    assert_eq!(saved.base_model(), Some("some/base"));
    let fresh = params(Some(saved.config().clone()));
    let model = model(&mistral(), &fresh);
    assert_ne!(loss(&model, &mut ForwardMode::inference()).scalar().unwrap(), expected);
    saved.restore(&fresh).unwrap();
    assert_eq!(loss(&model, &mut ForwardMode::inference()).scalar().unwrap(), expected);
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let one = params(Some(lora(0.1)));
    model(&mistral(), &one);
    save_adapter(directory.path(), &one, "some/base").unwrap();
    let saved = SavedAdapter::open(directory.path()).unwrap();
    let wider = params(Some(LoraConfig { r: 4, ..lora(0.1) }));
    model(&mistral(), &wider);
    let error = saved.restore(&wider).unwrap_err().to_string();
    assert!(error.contains("model.layers.0.mlp.down_proj.lora_A.weight is f32[3, 40], expected f32[4, 40]"), "{error}");
    let fewer = params(Some(LoraConfig { target: LoraTarget::Names(vec!["q_proj".into()]), ..lora(0.1) }));
    model(&mistral(), &fewer);
    let error = saved.restore(&fewer).unwrap_err().to_string();
    assert!(error.contains("down_proj.lora_A.weight is not part of an adapter"), "{error}");
    let path = directory.path().join("adapter_config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"bias\"", "\"use_dora\": true, \"bias\"")).unwrap();
    let error = SavedAdapter::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains("use_dora") && error.contains("expected false"), "{error}");
}
