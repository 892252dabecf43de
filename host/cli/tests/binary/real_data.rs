//! Real corpora and questions, where they lie beside the repository; without them, these tests pass
//! over.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::tiny::Tiny;

/// A directory of the data beside the repository.
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

/// Puts a tokenizer that knows every byte into a model's directory.
fn bytes_tokenizer(tiny: &Tiny, directory: &str) {
    // The letters that stand for bytes in byte-level tokenizers (GPT-2): printable ones for
    // themselves, the others from 256 on.
    let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut vocabulary = serde_json::Map::new();
    vocabulary.insert("<pad>".into(), json!(0));
    vocabulary.insert("</s>".into(), json!(1));
    let mut others = 256..;
    for byte in 0..256 {
        let letter = if printable(byte) { byte } else { others.next().unwrap() };
        vocabulary.insert(char::from_u32(letter).unwrap().to_string(), json!(byte + 2));
    }
    let special = |id: u32, text: &str| json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    let tokenizer = json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [special(0, "<pad>"), special(1, "</s>")],
        "normalizer": null, "pre_tokenizer": level, "post_processor": null, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": []}});
    tiny.write(&format!("{directory}/tokenizer.json"), tokenizer.to_string());
    tiny.write(&format!("{directory}/tokenizer_config.json"), r#"{"eos_token": "</s>", "pad_token": "<pad>"}"#);
}

/// A language model that reads bytes and has learnt next to nothing, in `speaker/model`.
fn speaker(tiny: &Tiny) {
    let shape = tiny.read("generator/config.json").replace("1133", "258").replace("\"eos_token_id\": 2", "\"eos_token_id\": 1");
    let shape = shape.replace("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 65536");
    tiny.write("bytes/config.json", shape.replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"));
    bytes_tokenizer(tiny, "bytes");
    tiny.write("text.txt", "The cell divides. The cell grows.\n");
    let prompt = "prompt.user={{ documents }} {{ query }}";
    let set =
        ["generator.model=./bytes", "pretraining.text=text.txt", "training.max_steps=1", "output.directory=speaker", prompt];
    let set = set.iter().flat_map(|setting| ["--set", *setting]);
    tiny.done(&["pretrain", "base.toml", "--set", "prompt.separator= "].into_iter().chain(set).collect::<Vec<_>>());
}

#[test]
fn questions_of_scifact_become_records() {
    let Some(scifact) = data("scifact") else { return };
    let tiny = Tiny::new();
    speaker(&tiny);
    let place = scifact.display();
    tiny.write(
        "scifact.toml",
        format!(
            "[corpus]\nformat = \"beir\"\npath = \"{place}\"\n[corpus.chunking]\nunit = \"words\"\nsize = 100\n[questions]\nformat = \"beir\"\n\
             path = \"{place}/queries.jsonl\"\nlimit = 12\n[retriever]\nplugin = \"bm25\"\n[teacher]\nplugin = \"mistral\"\n\
             model = \"./speaker/model\"\nmax_new_tokens = 4\nquantization = \"q8_0\"\n[preparation]\nblock = 4\n[output]\ndirectory = \"run\"\n"
        ),
    );
    let made: Value = serde_json::from_str(&tiny.done(&["prepare", "scifact.toml", "--json"])).unwrap();
    let skipped: u64 = made["counts"]["skipped"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(made["counts"]["records"].as_u64().unwrap() + skipped, 12, "{made}");
    for line in tiny.read("run/records.jsonl").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["documents"].as_array().unwrap().len(), 5);
    }
    // Chunks are searched, documents are judged.
    tiny.done(&["retrieve", "scifact.toml", "-k", "30", "--documents", "--out", "documents.run"]);
    assert!(tiny.read("documents.run").lines().all(|line| !line.contains('#')));
}

#[test]
fn squads_paragraphs_are_answered_from_as_they_are() {
    let Some(squad) = data("squad/dev-v1.1.json") else { return };
    let tiny = Tiny::new();
    speaker(&tiny);
    let from = squad.display().to_string();
    tiny.done(&["dataset", "squad", "--from", &from, "--num-examples", "6", "--out", "squad.jsonl"]);
    tiny.write(
        "squad.toml",
        "[questions]\nformat = \"jsonl\"\npath = \"squad.jsonl\"\nfields = { answers = \"gold_answers\" }\n[teacher]\nplugin = \"mistral\"\n\
         model = \"./speaker/model\"\nmax_new_tokens = 4\n[output]\ndirectory = \"run\"\n",
    );
    let made: Value = serde_json::from_str(&tiny.done(&["prepare", "squad.toml", "--json"])).unwrap();
    assert_eq!(made["questions"], 6);
    for line in tiny.read("run/records.jsonl").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let source = tiny
            .read("squad.jsonl")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|source| source["id"] == record["id"]);
        assert_eq!(record["documents"], source.unwrap()["documents"]);
    }
}
