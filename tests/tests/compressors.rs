//! What is each compressor's own: where its weights come from, and how it words what it refuses.
//! What every compressor does, the conformance suite checks.

use std::path::PathBuf;
use std::sync::Arc;

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, Factory, Kind, PairBatch, registrations};
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::safetensors::{DirectoryWeights, write_safetensors};
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params, WeightSource, Widths};
use scaledown_sdk::{DType, Device, Result, Tensor};
use scaledown_tests::parity;
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    parity::directory(name)
}

/// The device to test on: a plugin's, or the reference.
fn device() -> Device {
    parity::devices().pop().unwrap()
}

fn options(device: &Device) -> ParamOptions {
    ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed: 3, lora: None, quantization: None }
}

/// The keys of every compressor under test.
fn compressors() -> Vec<(&'static str, Value)> {
    let encoder = fixture("modernbert");
    vec![
        ("n-layers", json!({"layers": 2})),
        ("n-layers", json!({"layers": 3, "final_norm": true})),
        ("modernbert", json!({"model": encoder, "projection": 20})),
        ("modernbert", json!({"model": encoder, "revision": "main", "init": "random"})),
    ]
}

/// A compressor for the `llama2` fixture, and its parameters.
fn build(name: &str, keys: Value, memory_tokens: usize, relevance: bool) -> Result<(Box<dyn Compressor>, Params)> {
    let params = Params::random(options(&device()));
    let generator = fixture("llama2");
    let config: Value = serde_json::from_slice(&std::fs::read(generator.join("config.json")).unwrap()).unwrap();
    let context = CompressorContext {
        params: params.clone(),
        hidden_size: DecoderConfig::from_json(&config)?.hidden,
        generator: config,
        generator_weights: Some(Arc::new(DirectoryWeights::open(generator)?)),
        generator_params: None,
        memory_tokens,
        relevance,
    };
    let offer = registrations().find(|offer| offer.kind() == Kind::Compressor && offer.name == name).unwrap();
    let Factory::Compressor(make) = offer.factory else { panic!("{name} is a compressor") };
    let compressor = make(keys, context)?;
    params.finish()?;
    Ok((compressor, params))
}

fn batch(memory_tokens: usize, relevance: bool) -> PairBatch {
    let ids = vec![vec![5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], vec![9, 8, 7], vec![21, 20, 5, 6, 31, 11], vec![4]];
    PairBatch { ids, memory_tokens, relevance, widths: Widths::default() }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_data().unwrap().to_f64()
}

/// A scalar in which every output element counts differently.
fn loss(compressed: &Compressed) -> Tensor {
    let device = compressed.vectors.device();
    let weighed =
        |x: &Tensor| x.mul(&device.uniform(x.shape(), 5).unwrap().affine(1.0, -0.5).unwrap()).unwrap().sum_all().unwrap();
    let loss = weighed(&compressed.vectors);
    compressed.relevance.as_ref().map_or(loss.clone(), |relevance| loss.add(&weighed(relevance)).unwrap())
}

#[test]
fn n_layers_is_a_copy_of_the_generator_and_not_shared() {
    let directory = fixture("llama2");
    let config: Value = serde_json::from_slice(&std::fs::read(directory.join("config.json")).unwrap()).unwrap();
    let (compressor, params) = build("n-layers", json!({"layers": 2}), 3, true).unwrap();
    let of_generator = Params::load(options(params.device()), Arc::new(DirectoryWeights::open(directory).unwrap()));
    CausalLm::new(DecoderConfig::from_json(&config).unwrap(), &of_generator).unwrap();
    of_generator.finish().unwrap();

    let gradients =
        loss(&compressor.compress(&batch(3, true), &mut ForwardMode::training(1, false)).unwrap()).backward().unwrap();
    let before: Vec<_> = of_generator.all().iter().map(|param| values(&param.tensor())).collect();
    let mut copied = 0;
    for param in of_generator.all() {
        assert!(gradients.get(&param.tensor()).is_none(), "{} got a gradient", param.name());
        if let Some(copy) = params.all().into_iter().find(|copy| copy.name() == param.name()) {
            assert_eq!(values(&copy.tensor()), values(&param.tensor()), "{}", param.name());
            copy.set(&copy.tensor().affine(0.0, 7.0).unwrap()).unwrap();
            copied += 1;
        }
    }
    assert_eq!(copied, 1 + 2 * 9, "embeddings and two layers");
    let after: Vec<_> = of_generator.all().iter().map(|param| values(&param.tensor())).collect();
    assert_eq!(before, after);
}

#[test]
fn modernbert_starts_from_the_stored_weights() {
    let directory = fixture("modernbert");
    let stored = DirectoryWeights::open(&directory).unwrap();
    let build = |start: &str| build("modernbert", json!({"model": directory, "init": start}), 3, false).unwrap().1;
    for (start, expected) in [("pretrained", true), ("random", false)] {
        let param = build(start).all().into_iter().find(|param| param.name() == "model.layers.1.attn.Wqkv.weight").unwrap();
        let stored = stored.read(param.name()).unwrap().to_f64();
        assert_eq!(values(&param.tensor()) == stored, expected, "{start}");
    }
}

#[test]
fn modernbert_takes_all_of_the_stored_encoder() {
    let (original, place) = (fixture("modernbert"), tempfile::tempdir().unwrap());
    let mut config: Value = serde_json::from_slice(&std::fs::read(original.join("config.json")).unwrap()).unwrap();
    // Half of the layers that the weights have.
    config["num_hidden_layers"] = json!(2);
    config["layer_types"] = json!(["full_attention", "sliding_attention"]);
    std::fs::write(place.path().join("config.json"), config.to_string()).unwrap();
    std::fs::copy(original.join("model.safetensors"), place.path().join("model.safetensors")).unwrap();
    let built = build("modernbert", json!({"model": place.path()}), 3, false);
    let Err(error) = built else { panic!("the weights of two layers were ignored") };
    let error = error.to_string();
    assert!(error.starts_with(&format!("weights: {}: ", place.path().display())), "{error}");
    assert!(error.contains("model.layers.2.attn.Wqkv.weight is not a parameter of this model"), "{error}");
    assert!(error.contains("model.layers.3.mlp.Wo.weight"), "{error}");
    // The head is not part of the encoder and is not required.
    assert!(!error.contains("head.") && !error.contains("decoder."), "{error}");
}

#[test]
fn an_encoder_without_a_prefix_may_have_a_head_beside_it() {
    let (original, place) = (fixture("modernbert"), tempfile::tempdir().unwrap());
    std::fs::copy(original.join("config.json"), place.path().join("config.json")).unwrap();
    let stored = DirectoryWeights::open(&original).unwrap();
    let device = device();
    let renamed =
        |name: &String| (name.trim_start_matches("model.").to_owned(), device.upload(&stored.read(name).unwrap()).unwrap());
    let mut tensors: Vec<(String, Tensor)> = stored.names().iter().map(renamed).collect();
    let write = |tensors: &[(String, Tensor)]| {
        let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.clone()));
        write_safetensors(place.path().join("model.safetensors"), tensors, &[]).unwrap();
    };
    write(&tensors);
    let build = || build("modernbert", json!({"model": place.path()}), 3, false).map(drop);
    build().unwrap();
    tensors.push(("pooler.weight".into(), device.arange(0, 3).unwrap()));
    write(&tensors);
    let error = build().unwrap_err().to_string();
    assert!(error.ends_with(": pooler.weight is not a parameter of this model"), "{error}");
}

#[test]
fn a_batch_that_cannot_be_compressed_is_an_error() {
    for (name, keys) in compressors() {
        let (compressor, _) = build(name, keys.clone(), 3, false).unwrap();
        let ids = vec![vec![5, 6]];
        let cases = [
            (
                PairBatch { ids: vec![], memory_tokens: 3, relevance: false, widths: Widths::default() },
                "no (query, document) pair",
            ),
            (PairBatch { ids: ids.clone(), memory_tokens: 0, relevance: false, widths: Widths::default() }, "0 memory tokens"),
            (PairBatch { ids: ids.clone(), memory_tokens: 4, relevance: false, widths: Widths::default() }, "expected 1 to 3"),
            (PairBatch { ids, memory_tokens: 3, relevance: true, widths: Widths::default() }, "without an RR token"),
            (
                PairBatch { ids: vec![vec![5, 1 << 20]], memory_tokens: 3, relevance: false, widths: Widths::default() },
                "token embeddings",
            ),
        ];
        for (batch, expected) in cases {
            let message = compressor.compress(&batch, &mut ForwardMode::inference()).unwrap_err().to_string();
            assert!(message.contains(expected), "{name} {keys}: {message}");
        }
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_an_error() {
    let cases = [
        ("n-layers", json!({"layers": 0}), 3, "compressor.layers is 0, expected 1 to 3"),
        ("n-layers", json!({"layers": 4}), 3, "compressor.layers is 4, expected 1 to 3"),
        ("n-layers", json!({"layer": 2}), 3, "unknown field `layer`"),
        ("n-layers", json!({"layers": 2}), 0, "memory_tokens must be at least 1"),
        ("modernbert", json!({"model": fixture("nowhere")}), 3, "nowhere"),
        ("modernbert", json!({"model": fixture("llama2")}), 3, "`model_type`"),
        ("modernbert", json!({"model": fixture("modernbert"), "projection": 0}), 3, "compressor.projection is 0"),
    ];
    for (name, keys, memory_tokens, expected) in cases {
        let Err(error) = build(name, keys.clone(), memory_tokens, false) else { panic!("{name} {keys} was built") };
        assert!(error.to_string().contains(expected), "{name} {keys}: {error}");
    }
}
