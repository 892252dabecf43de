//! Models in Hugging Face directories.

mod support;

use std::path::Path;
use std::sync::Arc;

use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::component::{Factory, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin, registrations};
use scaledown_sdk::nn::safetensors::{DirectoryWeights, write_safetensors};
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params};
use scaledown_sdk::{Result, Tensor};
use serde_json::{Value, json};
use support::{batch, llama3, mistral, model, options, params, qwen2, tokens};

/// Writes a model of random weights into `directory` as one file.
fn save(directory: &Path, config: &Value) -> Params {
    let params = params(None);
    model(config, &params);
    std::fs::write(directory.join("config.json"), config.to_string()).unwrap();
    write(&directory.join("model.safetensors"), &tensors(&params));
    params
}

fn tensors(params: &Params) -> Vec<(String, Tensor)> {
    params.all().iter().map(|param| (param.name().to_owned(), param.tensor().detach())).collect()
}

fn write(path: &Path, tensors: &[(String, Tensor)]) {
    let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.clone()));
    write_safetensors(path, tensors, &[("format", "pt")]).unwrap();
}

/// Reads the model in `directory`.
fn build(directory: &Path) -> Result<MistralGenerator> {
    let weights = Arc::new(DirectoryWeights::open(directory)?);
    let params = Params::load(options(&scaledown_cpu::device()?, None), weights);
    let generator = make(directory, &params)?;
    params.finish()?;
    Ok(generator)
}

fn make(directory: &Path, params: &Params) -> Result<MistralGenerator> {
    let context = GeneratorContext { params: params.clone(), directory: directory.to_owned() };
    MistralGenerator::build(MistralConfig::default(), context)
}

fn logits(generator: &dyn Generator) -> Vec<f32> {
    let batch = batch(generator.device(), &[tokens(1, 6)], false);
    let input = GeneratorInput { embeddings: generator.embed(&batch.ids).unwrap(), spans: batch.spans() };
    let hidden = generator.forward(&input, &mut ForwardMode::inference()).unwrap();
    generator.logits(&hidden).unwrap().to_vec().unwrap()
}

#[test]
fn a_saved_model_is_read_back() {
    for config in [mistral(), qwen2(), llama3()] {
        let directory = tempfile::tempdir().unwrap();
        let params = save(directory.path(), &config);
        let generator = build(directory.path()).unwrap();
        let original = scaledown_sdk::nn::decoder::CausalLm::new(generator.model().config().clone(), &params).unwrap();
        let batch = batch(params.device(), &[tokens(1, 6)], false);
        let hidden =
            original.forward(&original.embed(&batch.ids).unwrap(), &batch.spans(), &mut ForwardMode::inference()).unwrap();
        assert_eq!(logits(&generator), original.logits(&hidden).unwrap().to_vec::<f32>().unwrap());
    }
}

#[test]
fn shards_are_one_model() {
    let directory = tempfile::tempdir().unwrap();
    let params = save(directory.path(), &mistral());
    let whole = logits(&build(directory.path()).unwrap());
    let all = tensors(&params);
    let (first, second) = all.split_at(all.len() / 2);
    std::fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    let mut map = serde_json::Map::new();
    for (file, part) in [("a.safetensors", first), ("b.safetensors", second)] {
        write(&directory.path().join(file), part);
        map.extend(part.iter().map(|(name, _)| (name.clone(), json!(file))));
    }
    let index = directory.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({"metadata": {}, "weight_map": map}).to_string()).unwrap();
    assert_eq!(logits(&build(directory.path()).unwrap()), whole);

    map.insert("model.ghost".into(), json!("a.safetensors"));
    std::fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
    let error = build(directory.path()).err().unwrap().to_string();
    assert!(error.contains("model.ghost is not in"), "{error}");
    map.insert("model.ghost".into(), json!("../a.safetensors"));
    std::fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
    let error = build(directory.path()).err().unwrap().to_string();
    assert!(error.contains("beside the index"), "{error}");
}

#[test]
fn wrong_weights_are_all_named() {
    let directory = tempfile::tempdir().unwrap();
    let params = save(directory.path(), &mistral());
    let mut all = tensors(&params);
    all.retain(|(name, _)| name != "model.norm.weight");
    let misshapen = all.iter_mut().find(|(name, _)| name == "model.layers.1.self_attn.k_proj.weight").unwrap();
    misshapen.1 = params.device().zeros(scaledown_sdk::DType::F32, [24, 24]).unwrap();
    write(&directory.path().join("model.safetensors"), &all);
    let error = build(directory.path()).err().unwrap().to_string();
    let place = directory.path().display();
    assert!(error.starts_with(&format!("weights: {place}: ")), "{error}");
    assert!(error.contains("model.norm.weight is missing, expected shape [24]"), "{error}");
    assert!(error.contains("model.layers.1.self_attn.k_proj.weight has shape [24, 24], expected [16, 24]"), "{error}");

    let mut all = tensors(&params);
    all.push(("model.layers.2.mlp.up_proj.weight".into(), params.device().arange(0, 3).unwrap()));
    write(&directory.path().join("model.safetensors"), &all);
    let error = build(directory.path()).err().unwrap().to_string();
    assert_eq!(error, format!("weights: {place}: model.layers.2.mlp.up_proj.weight is not a parameter of this model"));
}

#[test]
fn a_tied_head_may_be_stored_twice() {
    let directory = tempfile::tempdir().unwrap();
    let params = save(directory.path(), &qwen2());
    let expected = logits(&build(directory.path()).unwrap());
    let mut all = tensors(&params);
    let table = all.iter().find(|(name, _)| name == "model.embed_tokens.weight").unwrap().1.clone();
    all.push(("lm_head.weight".into(), table));
    write(&directory.path().join("model.safetensors"), &all);
    assert_eq!(logits(&build(directory.path()).unwrap()), expected);

    let other = params.device().full(scaledown_sdk::DType::F32, all.last().unwrap().1.shape().clone(), 0.5).unwrap();
    all.last_mut().unwrap().1 = other;
    write(&directory.path().join("model.safetensors"), &all);
    let error = build(directory.path()).err().unwrap().to_string();
    assert!(error.contains("lm_head.weight differs from model.embed_tokens.weight"), "{error}");
}

#[test]
fn weights_that_are_no_floating_point_numbers_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let params = save(directory.path(), &mistral());
    let mut all = tensors(&params);
    let norm = all.iter_mut().find(|(name, _)| name == "model.norm.weight").unwrap();
    norm.1 = params.device().arange(0, 24).unwrap();
    write(&directory.path().join("model.safetensors"), &all);
    let error = build(directory.path()).err().unwrap().to_string();
    assert!(error.contains("model.norm.weight is of type i64, expected floating-point numbers"), "{error}");
}

#[test]
fn a_model_that_does_not_fit_the_memory_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    save(directory.path(), &mistral());
    let mut config = mistral();
    for vocabulary in [1_u64 << 50, 1 << 62] {
        config["vocab_size"] = json!(vocabulary);
        std::fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
        assert!(build(directory.path()).is_err());
        // With random weights, which need no file.
        assert!(make(directory.path(), &support::params(None)).is_err());
    }
}

#[test]
fn random_weights_need_no_file_and_follow_the_seed() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.json"), mistral().to_string()).unwrap();
    let one = logits(&make(directory.path(), &params(None)).unwrap());
    assert_eq!(one, logits(&make(directory.path(), &params(None)).unwrap()));
    let other = Params::random(ParamOptions { seed: 6, ..options(&scaledown_cpu::device().unwrap(), None) });
    assert_ne!(one, logits(&make(directory.path(), &other).unwrap()));
    let error = build(directory.path()).err().unwrap().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
}

#[test]
fn the_plugin_is_registered() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.json"), mistral().to_string()).unwrap();
    let make = registrations().filter(|registration| registration.name == "mistral").find_map(|found| match found.factory {
        Factory::Generator(make) => Some(make),
        _ => None,
    });
    let make = make.unwrap();
    let context = || GeneratorContext { params: params(None), directory: directory.path().to_owned() };
    assert_eq!(make(json!({}), context()).unwrap().hidden_size(), 24);
    let error = make(json!({"layers": 3}), context()).err().unwrap().to_string();
    assert!(error.contains("layers"), "{error}");
}

#[test]
fn a_shared_table_is_read_under_either_name_and_a_model_without_its_head_too() {
    let mut config = qwen2();
    config["tie_word_embeddings"] = json!(true);
    let directory = tempfile::tempdir().unwrap();
    let params = save(directory.path(), &config);
    let whole = logits(&build(directory.path()).unwrap());
    let all = tensors(&params);
    let renamed = |rename: &dyn Fn(&str) -> String| {
        let tensors: Vec<(String, Tensor)> = all.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect();
        write(&directory.path().join("model.safetensors"), &tensors);
        build(directory.path())
    };
    let head = |name: &str| if name == "model.embed_tokens.weight" { "lm_head.weight".to_owned() } else { name.to_owned() };
    assert_eq!(logits(&renamed(&head).unwrap()), whole, "only under the head's name");
    let bare = |name: &str| name.trim_start_matches("model.").to_owned();
    assert_eq!(logits(&renamed(&bare).unwrap()), whole, "a model that was stored without its head");
    let lost = |name: &str| if name == "model.embed_tokens.weight" { "other.weight".to_owned() } else { name.to_owned() };
    let error = renamed(&lost).err().unwrap().to_string();
    assert!(error.contains("model.embed_tokens.weight is missing") && error.contains("other.weight"), "{error}");
}
