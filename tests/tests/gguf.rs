//! A generator in a GGUF file: its tokens, its blocks and its answer against `transformers` with
//! the same weights as numbers.

use scaledown_host::config::{Config, Overrides};
use scaledown_host::model::{LanguageModel, Role};
use scaledown_sdk::DType;
use scaledown_sdk::component::{ChatTokenizer, GeneratorInput};
use scaledown_sdk::nn::{GenerateOptions, Sampling, Span, generate};
use scaledown_sdk::tensor::no_grad;
use scaledown_tests::parity::directory;
use serde_json::Value;

/// Links the plugins in.
use scaledown as _;

fn load(file: &std::path::Path, role: Role) -> scaledown_host::error::Result<LanguageModel> {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("c.toml");
    let text = format!(
        "[generator]\nplugin = \"mistral\"\nmodel = \"{}\"\n[compressor]\nplugin = \"n-layers\"\nlayers = 1\n[training]\ndtype = \"f32\"\n",
        file.display()
    );
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    LanguageModel::load(&config.for_model().unwrap(), &scaledown_cpu::device().unwrap(), role)
}

#[test]
fn a_gguf_file_answers_as_its_weights_do_as_numbers() {
    let model = load(&directory("gguf/generator.gguf"), Role::Frozen).unwrap_or_else(|error| panic!("{error}"));
    let expected: Value = serde_json::from_slice(&std::fs::read(directory("gguf/expected.json")).unwrap()).unwrap();
    let ids = |key: &str| serde_json::from_value::<Vec<u32>>(expected[key].clone()).unwrap();
    assert_eq!(model.tokenizer.encode(expected["prompt"].as_str().unwrap()).unwrap(), ids("ids"));
    let chat = model.tokenizer.encode_chat("Be brief.", expected["query"].as_str().unwrap(), true).unwrap();
    assert_eq!(chat, ids("chat"));

    // Blocks that the device computes with stay as they are.
    let dtype = |name: &str| model.params.all().iter().find(|p| p.name() == name).unwrap().tensor().dtype();
    assert_eq!(dtype("model.layers.0.self_attn.q_proj.weight"), DType::Q8_0);
    assert_eq!(dtype("model.layers.0.self_attn.k_proj.weight"), DType::Q4_0);
    assert_eq!(dtype("model.layers.0.self_attn.v_proj.weight"), DType::F32);
    assert_eq!(dtype("model.embed_tokens.weight"), DType::Q8_0);

    let prompt = ids("ids");
    let embeddings = model.device.from_slice(&prompt, [1, prompt.len()]).and_then(|ids| model.generator.embed(&ids)).unwrap();
    let input = GeneratorInput { embeddings, spans: vec![Span::padded_left(prompt.len(), prompt.len())] };
    let options = GenerateOptions { max_new_tokens: ids("tokens").len(), end_ids: Vec::new(), sampling: Sampling::Greedy };
    let made = no_grad(|| generate(&*model.generator, &input, options)).unwrap();
    assert_eq!(made[0].tokens, ids("tokens"));
}

#[test]
fn an_adapter_trains_beside_the_blocks() {
    let model = load(&directory("gguf/generator.gguf"), Role::Adapted).unwrap_or_else(|error| panic!("{error}"));
    let trainable: Vec<String> = model.params.trainable().iter().map(|param| param.name().to_owned()).collect();
    assert!(trainable.iter().all(|name| name.contains("lora_")), "{trainable:?}");
    assert!(trainable.iter().any(|name| name == "model.layers.0.self_attn.q_proj.lora_A.weight"));
}

#[test]
fn a_damaged_file_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(directory("gguf/generator.gguf")).unwrap();
    let refusal = |bytes: &[u8]| {
        let path = scratch.path().join("broken.gguf");
        std::fs::write(&path, bytes).unwrap();
        load(&path, Role::Frozen).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refusal(b"GGUX").contains("broken.gguf"), "{}", refusal(b"GGUX"));
    assert!(refusal(&bytes[..2000]).contains("broken.gguf"), "{}", refusal(&bytes[..2000]));
    assert!(refusal(&bytes[..bytes.len() - 100]).contains("broken.gguf"), "{}", refusal(&bytes[..bytes.len() - 100]));
}
