//! Decoding: stop conditions and sampling.

use serde_json::Value;

use crate::tiny::Tiny;

/// A model's answer to a question with these settings.
fn answer(tiny: &Tiny, settings: &[&str]) -> String {
    let mut arguments =
        vec!["answer", "tiny.toml", "--json", "--query", "What is the home of Hazel?", "--documents", "documents.txt"];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    let answered: Value = serde_json::from_str(&tiny.done(&arguments)).unwrap();
    answered["answer"].as_str().unwrap().to_owned()
}

fn tiny() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("documents.txt", "The home of Hazel is Aspen Vale.\n");
    tiny
}

#[test]
fn an_answer_ends_before_a_stop_string() {
    let tiny = tiny();
    tiny.train("run", &["training.max_steps=1"]);
    // A model that knows nothing draws one token after the other, and hardly an end.
    let long = ["evaluation.max_new_tokens=16", "evaluation.temperature=3.0"];
    let whole = answer(&tiny, &long);
    let places: Vec<usize> = whole.char_indices().map(|(place, _)| place).collect();
    assert!(places.len() > 12, "too little to cut: {whole:?}");
    for start in [3, places.len() / 2] {
        // Letters of two tokens or more.
        let string = &whole[places[start]..places[start + 6]];
        let stop = format!("evaluation.stop={}", serde_json::json!(["no such thing", string]));
        assert_eq!(
            answer(&tiny, &[long[0], long[1], &stop]),
            whole[..whole.find(string).unwrap()].trim(),
            "{whole:?} stopped by {string:?}"
        );
    }
    assert_eq!(answer(&tiny, &[long[0], long[1], "evaluation.stop=['no such thing']"]), whole);
}

#[test]
fn what_is_drawn_depends_on_the_seed() {
    let tiny = tiny();
    tiny.train("run", &["training.max_steps=1"]);
    let drawn = |seed: &str| answer(&tiny, &["evaluation.temperature=3.0", "evaluation.max_new_tokens=12", seed]);
    let seeds = ["evaluation.seed=1", "evaluation.seed=2"];
    assert_eq!(drawn(seeds[0]), drawn(seeds[0]));
    assert_ne!(drawn(seeds[0]), drawn(seeds[1]));
    assert_eq!(answer(&tiny, &["evaluation.temperature=1e-6"]), answer(&tiny, &[]), "little heat is none");
}

#[test]
fn documents_that_are_cut_are_reported() {
    let tiny = Tiny::new();
    tiny.train("run", &["training.max_steps=1"]);
    tiny.write("documents.txt", format!("The home of Hazel is Aspen Vale.\n{}\n", "It grows peas. ".repeat(20)));
    let ask = ["answer", "tiny.toml", "--query", "What is the home of Hazel?", "--documents", "documents.txt"];
    let message = "truncated 1 of 2 documents to compression.document_tokens = 24, compressed or not";
    for reading in [&[][..], &["--uncompressed"]] {
        let ended = tiny.run(&[&ask[..], reading].concat());
        assert_eq!((ended.code, ended.err), (Some(0), format!("warning: {message}\n")));
    }
    let answered: Value = serde_json::from_str(&tiny.done(&[&ask[..], &["--json", "--quiet"]].concat())).unwrap();
    assert_eq!(answered["warnings"], serde_json::json!([message]));
    // An evaluation warns as well, and its report shows the truncated documents.
    let words = "peas ".repeat(200);
    let record = format!(r#"{{"query": "Where?", "documents": ["d", "{words}", "third"], "gold_answers": ["a"]}}"#);
    tiny.write("long.jsonl", record);
    let ended = tiny.run(&["evaluate", "tiny.toml", "--set", "data.test=long.jsonl"]);
    assert!(ended.err.contains("warning: truncated 1 of 2 documents to"), "{}", ended.err);
    let page = tiny.read("run/report.html");
    assert!(
        page.contains("peas ...</li>") && page.contains("2 documents") && !page.contains("third"),
        "samples show more than was read"
    );
}
