//! Compressors that also rank, compressors of another architecture, and the event files of a
//! training.

use serde_json::Value;

use crate::tiny::Tiny;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_compressor_that_ranks_is_trained_measured_and_asked() {
    let tiny = Tiny::new();
    tiny.train("run", &["reranking.enabled=true", "reranking.weight=1.0", "training.max_steps=30"]);
    let log = tiny.read("run/metrics.jsonl");
    let losses: Vec<f64> = log.lines().map(|line| json(line)["relevance_loss"].as_f64().unwrap()).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[25..]) < mean(&losses[..5]), "the scores were not learnt: {losses:?}");

    let ranking = ["--set", "reranking.enabled=true"];
    tiny.done(&[&["evaluate", "tiny.toml"][..], &ranking].concat());
    let ranked = &json(&tiny.read("run/metrics.json"))["ranking"];
    assert_eq!(ranked["queries"], 4, "{ranked}");
    for name in ["ndcg@10", "mrr"] {
        let value = ranked[name].as_f64().unwrap();
        assert!(value > 0.0 && value <= 1.0, "{name}: {ranked}");
    }

    tiny.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\nBirch Loom is framed in walnut.\n");
    let question = ["answer", "tiny.toml", "--query", "What is the home of Hazel Brenow?", "--documents", "documents.txt"];
    let question = [&question[..], &ranking].concat();
    let answered = json(&tiny.done(&[&question[..], &["--json"]].concat()));
    let relevance: Vec<f64> =
        answered["documents"].as_array().unwrap().iter().map(|document| document["relevance"].as_f64().unwrap()).collect();
    assert_ne!(relevance[0], relevance[1], "the scores do not depend on the documents");
    let message = tiny.done(&question);
    for score in relevance {
        assert!(message.contains(&format!("  {score:.3}")), "{score} is missing in: {message}");
    }
}

/// A ModernBERT of the tiny model's vocabulary.
const ENCODER: &str = r#"{"architectures": ["ModernBertModel"], "model_type": "modernbert", "vocab_size": 1133, "hidden_size": 24,
    "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "global_attn_every_n_layers": 2, "local_attention": 16,
    "global_rope_theta": 1000.0, "local_rope_theta": 1000.0, "hidden_activation": "gelu", "max_position_embeddings": 512,
    "norm_eps": 1e-05, "norm_bias": false, "attention_bias": false, "mlp_bias": false, "cls_token_id": 1, "sep_token_id": 2,
    "pad_token_id": 0}"#;

#[test]
fn a_modernbert_compressor_is_trained_measured_and_asked() {
    let tiny = Tiny::new();
    tiny.write("encoder/config.json", ENCODER);
    let config = "extends = \"tiny.toml\"\n[compressor]\nplugin = \"modernbert\"\nmodel = \"./encoder\"\ninit = \"random\"\n";
    tiny.write("encoder.toml", config);
    assert_eq!(tiny.done(&["config", "check", "encoder.toml"]), "encoder.toml: ok\n");
    tiny.done(&["train", "encoder.toml", "--set", "training.max_steps=20"]);
    let curve = tiny.curve("run");
    assert!(curve[19].loss < curve[0].loss, "{curve:?}");
    // With a tokenizer of its own, the compressor would read other tokens.
    let resume = ["train", "encoder.toml", "--resume", "--set", "training.max_steps=20"];
    tiny.write("encoder/tokenizer.json", tiny.read("generator/tokenizer.json"));
    tiny.write("encoder/tokenizer_config.json", tiny.read("generator/tokenizer_config.json"));
    let message = tiny.failed(&resume, 1);
    assert!(message.contains("the tokenizers changed"), "{message}");
    std::fs::remove_file(tiny.path("encoder/tokenizer.json")).unwrap();
    let metrics = json(&tiny.done(&["evaluate", "encoder.toml", "--json"]));
    assert!(
        metrics["after"]["em"].is_number() && metrics["speed"]["compressed"]["compress_tflop"].as_f64() > Some(0.0),
        "{metrics}"
    );
    tiny.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\n");
    let message =
        tiny.done(&["answer", "encoder.toml", "--query", "Where does Hazel Brenow live?", "--documents", "documents.txt"]);
    assert!(message.contains("Hazel Brenow is Aspen Vale"), "{message}");
}

#[test]
fn a_model_of_absurd_sizes_is_reported_with_its_file() {
    let tiny = Tiny::new();
    let config = tiny.read("generator/config.json");
    for (key, size) in
        [("vocab_size", "4611686018427387904"), ("intermediate_size", "1099511627776"), ("hidden_size", "34359738368")]
    {
        let begin = config.find(&format!("\"{key}\": ")).unwrap() + key.len() + 4;
        let end = begin + config[begin..].find(',').unwrap();
        tiny.write("generator/config.json", format!("{}{size}{}", &config[..begin], &config[end..]));
        let message = tiny.failed(&["train", "tiny.toml"], 1);
        assert!(message.contains("generator/config.json: cannot create a model of these sizes"), "{key}: {message}");
    }
}

/// CRC-32C, bit by bit (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// The fields of a protocol buffer message: number, and the bytes of a value, or those of a
/// varint's number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                found.push((tag >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        found.push((tag >> 3, value.to_vec()));
        bytes = rest;
    }
    found
}

fn field(fields: &[(u64, Vec<u8>)], number: u64) -> Option<&[u8]> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, value)| value.as_slice())
}

/// The messages of a TFRecord file, whose checksums are checked.
fn records(mut content: &[u8]) -> Vec<Vec<u8>> {
    let masked = |bytes: &[u8]| {
        let crc = crc32c(bytes);
        crc.rotate_right(15).wrapping_add(0xa282_ead8)
    };
    let mut records = Vec::new();
    while !content.is_empty() {
        let length = u64::from_le_bytes(content[..8].try_into().unwrap()) as usize;
        let stored = |at: usize| u32::from_le_bytes(content[at..at + 4].try_into().unwrap());
        assert_eq!(stored(8), masked(&content[..8]), "the checksum of a length");
        let data = &content[12..12 + length];
        assert_eq!(stored(12 + length), masked(data), "the checksum of a record");
        records.push(data.to_vec());
        content = &content[16 + length..];
    }
    records
}

#[test]
fn the_event_file_of_a_training_is_one_that_tensorboard_reads() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283, "the check value of CRC-32C");
    let tiny = Tiny::new();
    let curve = tiny.train("run", &["training.max_steps=3"]);
    let files = tiny.files("run/tensorboard");
    let [(name, content)] = files.as_slice() else { panic!("{} event files", files.len()) };
    assert!(name.starts_with("run/tensorboard/events.out.tfevents."), "{name}");
    let events: Vec<_> = records(content).iter().map(|record| fields(record)).collect();
    assert_eq!(field(&events[0], 3), Some(b"brain.Event:2".as_slice()));
    let mut logged = Vec::new();
    for event in &events {
        let Some(summary) = field(event, 5) else { continue };
        let step = u64::from_le_bytes(field(event, 2).unwrap().try_into().unwrap());
        for (_, value) in fields(summary) {
            let value = fields(&value);
            if field(&value, 1) == Some(b"loss") {
                logged.push((step, f32::from_le_bytes(field(&value, 2).unwrap().try_into().unwrap())));
            }
        }
    }
    assert_eq!(logged, curve.iter().map(|point| (point.step, point.loss as f32)).collect::<Vec<_>>());
}
