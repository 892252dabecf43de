//! A look into checkpoints, compared with the values that PyTorch computed for them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::command::{run_in, scaledown};

/// A safetensors file, read without the code under test.
struct Tensors {
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl Tensors {
    fn read(path: &Path) -> Self {
        let mut bytes = std::fs::read(path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let data = bytes.split_off(8 + length);
        let Value::Object(mut header) = serde_json::from_slice(&bytes[8..]).unwrap() else { panic!("no header") };
        header.remove("__metadata__");
        Tensors { header, data }
    }

    fn bytes(&self, name: &str, dtype: &str) -> &[u8] {
        let entry = &self.header[name];
        assert_eq!(entry["dtype"], dtype, "{name}");
        let offset = |i: usize| entry["data_offsets"][i].as_u64().unwrap() as usize;
        &self.data[offset(0)..offset(1)]
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name, "F32").chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    /// The rows of a matrix of integers.
    fn rows(&self, name: &str) -> Vec<Vec<i64>> {
        let width = self.header[name]["shape"][1].as_u64().unwrap() as usize;
        let all: Vec<i64> =
            self.bytes(name, "I64").chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())).collect();
        all.chunks_exact(width).map(<[i64]>::to_vec).collect()
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures").join(name)
}

#[test]
fn a_model_is_described() {
    for (name, architecture, layers) in [
        ("mistral", "MistralForCausalLM", 2),
        ("modernbert", "ModernBertForMaskedLM", 4),
        ("distilbert-mlm", "DistilBertForMaskedLM", 2),
        ("deberta-v3", "DebertaV2ForSequenceClassification", 3),
    ] {
        let ran = run_in(&fixture(name), &["inspect", "model", "."], &[]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.starts_with(&format!("architecture  {architecture}\n")) && ran.out.ends_with('\n'), "{:?}", ran.out);

        let ran = run_in(&fixture(name), &["inspect", "model", ".", "--json"], &[]);
        let summary: Value = serde_json::from_str(&ran.out).unwrap();
        let weights = Tensors::read(&fixture(name).join("model.safetensors"));
        let count = |entry: &Value| entry["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).product::<u64>();
        let parameters: u64 = weights.header.values().map(count).sum();
        assert_eq!((&summary["parameters"], &summary["layers"]), (&parameters.into(), &layers.into()), "{summary}");
        assert_eq!(summary["stored_bytes"], weights.data.len());
        assert_eq!(summary["cache_bytes_per_token"].is_u64(), name == "mistral", "{summary}");
    }
}

#[test]
fn logits_and_hidden_states_are_those_of_pytorch() {
    for (name, case, states) in [
        ("mistral", "right", 3),
        ("modernbert", "right", 5),
        ("bert-mlm", "tokens", 3),
        ("distilbert-mlm", "tokens", 3),
        ("minilm", "tokens", 3),
        ("deberta-v3", "tokens", 4),
    ] {
        let expected = Tensors::read(&fixture(name).join("expected.safetensors"));
        let mask = expected.rows(&format!("{case}/in.attention_mask"));
        let directory = tempfile::tempdir().unwrap();
        let mut tokens = json!({ "input_ids": expected.rows(&format!("{case}/in.input_ids")), "attention_mask": mask });
        if case == "tokens" {
            tokens["token_type_ids"] = json!(expected.rows("tokens/in.token_type_ids"));
        }
        std::fs::write(directory.path().join("tokens.json"), tokens.to_string()).unwrap();
        let mut command = scaledown();
        command.current_dir(&directory).args(["inspect", "forward", "--tokens", "tokens.json", "--out", "out.safetensors"]);
        let output = command.arg("--json").arg("--model").arg(fixture(name)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let reported: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(reported["file"], "out.safetensors");

        let written = Tensors::read(&directory.path().join("out.safetensors"));
        let names: Vec<String> = std::iter::once("logits".into()).chain((0..states).map(|i| format!("hidden.{i}"))).collect();
        assert_eq!(written.header.len(), names.len());
        for (i, tensor) in names.iter().enumerate() {
            let reference = format!("{case}/{tensor}");
            assert_eq!(written.header[tensor]["shape"], expected.header[&reference]["shape"], "{name}: {tensor}");
            assert_eq!(reported["tensors"][i], json!({ "name": tensor, "shape": written.header[tensor]["shape"] }));
            let (found, wanted) = (written.floats(tensor), expected.floats(&reference));
            // Outputs at padding are undefined; a classifier's logits belong to whole rows.
            let whole = written.header[tensor]["shape"].as_array().unwrap().len() == 2;
            let width = if whole { 1 } else { found.len() / mask.concat().len() };
            let real = |at: usize| whole || mask.concat()[at / width] != 0;
            let worst = (0..found.len()).filter(|&at| real(at)).map(|at| (found[at] - wanted[at]).abs()).fold(0.0, f32::max);
            assert!(worst <= 1e-4, "{name}: {tensor} differs by {worst}");
        }
    }
}

#[test]
fn an_encoder_without_a_head_has_hidden_states_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tokens.json"), r#"{"input_ids": [[1, 2, 3]]}"#).unwrap();
    let forward = |model: &Path, out: &str| {
        let arguments = ["inspect", "forward", "--tokens", "tokens.json", "--model", model.to_str().unwrap(), "--out", out];
        run_in(directory.path(), &arguments, &[])
    };
    let bare = directory.path().join("bare");
    std::fs::create_dir(&bare).unwrap();
    let config = std::fs::read_to_string(fixture("modernbert").join("config.json")).unwrap();
    std::fs::write(bare.join("config.json"), config.replace("ModernBertForMaskedLM", "ModernBertModel")).unwrap();
    let whole = Tensors::read(&fixture("modernbert").join("model.safetensors"));
    // The encoder's own weights, named as a model without a head names them.
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, entry) in whole.header.iter().filter(|(name, _)| name.starts_with("model.")) {
        let begin = data.len();
        let dtype = entry["dtype"].as_str().unwrap();
        data.extend_from_slice(whole.bytes(name, dtype));
        let place = json!({ "dtype": dtype, "shape": entry["shape"], "data_offsets": [begin, data.len()] });
        header.insert(name.trim_start_matches("model.").to_owned(), place);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let file = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
    std::fs::write(bare.join("model.safetensors"), file).unwrap();
    for (model, out) in [(fixture("modernbert"), "whole.safetensors"), (bare, "bare.safetensors")] {
        let ran = forward(&model, out);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    }
    let [whole, bare] = ["whole", "bare"].map(|name| Tensors::read(&directory.path().join(format!("{name}.safetensors"))));
    assert!(!bare.header.contains_key("logits") && bare.header.len() + 1 == whole.header.len(), "{:?}", bare.header);
    assert_eq!(bare.floats("hidden.4"), whole.floats("hidden.4"));
}

#[test]
fn what_cannot_be_looked_into_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("model");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(model.join("config.json"), r#"{"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}"#).unwrap();
    let ran = run_in(directory.path(), &["inspect", "model", "model"], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is \"GPT2LMHeadModel\", expected one of MistralForCausalLM, LlamaForCausalLM"), "{}", ran.err);
    // Positions are counted from the beginning of a row.
    std::fs::write(directory.path().join("left.json"), r#"{"input_ids": [[1, 2, 3]], "attention_mask": [[0, 1, 1]]}"#).unwrap();
    let bert = fixture("bert-mlm");
    let arguments = ["inspect", "forward", "--tokens", "left.json", "--model", bert.to_str().unwrap(), "--out", "out"];
    let ran = run_in(directory.path(), &arguments, &[]);
    assert!(ran.code == 1 && ran.err.contains("`attention_mask[0]` has padding before a token"), "{}", ran.err);
}

#[test]
fn what_was_written_is_reported_and_a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tokens.json"), r#"{"input_ids": [[1, 2, 3]]}"#).unwrap();
    let model = fixture("mistral");
    let forward = |out: &str| {
        let arguments = ["inspect", "forward", "--tokens", "tokens.json", "--model", model.to_str().unwrap(), "--out", out];
        run_in(directory.path(), &arguments, &[])
    };
    let ran = forward("out.safetensors");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("logits    [1, 3, 48]\n") && ran.out.ends_with("out.safetensors is written\n"), "{:?}", ran.out);
    let ran = forward("none/out.safetensors");
    let message = "error: cannot write none/out.safetensors: directory none does not exist; create it first\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", message));
    // Later failures name the requested file as well.
    let ran = forward("/dev/null/out.safetensors");
    assert_eq!(ran.code, 1);
    assert!(!ran.err.contains(".partial"), "{}", ran.err);
}
