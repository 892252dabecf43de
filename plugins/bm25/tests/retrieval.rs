//! The retriever as a host uses it.

use std::path::Path;

use scaledown_bm25::{Bm25, Bm25Config};
use scaledown_sdk::component::{Document, Retriever, RetrieverContext, RetrieverPlugin};
use scaledown_sdk::{Error, Result};

fn open(directory: &Path, keys: serde_json::Value) -> Result<Bm25> {
    let config: Bm25Config = serde_json::from_value(keys).unwrap();
    Bm25::build(config, RetrieverContext { device: scaledown_cpu::device()?, directory: directory.to_owned() })
}

fn english(directory: &Path) -> Bm25 {
    open(directory, serde_json::json!({})).unwrap()
}

fn document(id: &str, text: &str) -> Result<Document> {
    Ok(Document { id: id.into(), text: text.into() })
}

fn ids(retriever: &Bm25, query: &str, k: usize) -> Vec<String> {
    retriever.search(&[query], k).unwrap().remove(0).into_iter().map(|hit| hit.id).collect()
}

#[test]
fn rare_words_and_short_documents_count_more() {
    let directory = tempfile::tempdir().unwrap();
    let mut retriever = english(directory.path());
    let texts = [
        ("common", "a sailor and a sailor's song"),
        ("rare", "the obsidian of a sailor"),
        ("long", "obsidian, which is a glass, and which is found where lava has cooled down in haste, is black"),
        ("none", "nothing of that"),
    ];
    assert_eq!(retriever.index(&mut texts.iter().map(|(id, text)| document(id, text))).unwrap(), 4);
    assert_eq!(ids(&retriever, "obsidian sailors", 10), ["rare", "common", "long"]);
    assert_eq!(ids(&retriever, "Obsidian", 1), ["rare"]);
    assert_eq!(ids(&retriever, "unheard-of", 10), [""; 0]);
    assert_eq!(ids(&retriever, "the", 10), [""; 0]);
    assert_eq!(ids(&retriever, "", 10), [""; 0]);
    assert_eq!(ids(&retriever, "sailor", 0), [""; 0]);
    // Characters that mean something to query languages are just characters.
    assert_eq!(ids(&retriever, "obsidian AND (\"sailor:*", 1), ["rare"]);
}

#[test]
fn equal_scores_stand_in_the_order_of_ids() {
    let directory = tempfile::tempdir().unwrap();
    let mut retriever = english(directory.path());
    let names: Vec<String> = (0..40).rev().map(|i| format!("d{i:02}")).collect();
    retriever.index(&mut names.iter().map(|id| document(id, "the same words"))).unwrap();
    assert_eq!(ids(&retriever, "same words", 3), ["d00", "d01", "d02"]);
    assert_eq!(ids(&retriever, "words", 100).len(), 40);
}

#[test]
fn an_index_stays_and_a_known_id_replaces() {
    let directory = tempfile::tempdir().unwrap();
    english(directory.path()).index(&mut [document("a", "copper"), document("b", "silver")].into_iter()).unwrap();
    let mut again = english(directory.path());
    assert_eq!(ids(&again, "copper silver", 9).len(), 2);
    again.index(&mut [document("a", "gold")].into_iter()).unwrap();
    assert_eq!(ids(&again, "copper", 9), [""; 0]);
    assert_eq!(ids(&again, "gold", 9), ["a"]);
    again.index(&mut [document("b", "tin"), document("c", "tin"), document("b", "silver")].into_iter()).unwrap();
    assert_eq!(ids(&again, "tin silver", 9), ["b", "c"]);
    assert_eq!(ids(&english(directory.path()), "gold silver", 9).len(), 2);
}

#[test]
fn the_time_of_a_question_grows_with_its_words_and_not_with_their_square() {
    let directory = tempfile::tempdir().unwrap();
    let mut retriever = open(directory.path(), serde_json::json!({"language": "any"})).unwrap();
    let words = (0..32_000).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
    let texts =
        (0..40).map(|number| (format!("d{number:02}"), if number == 7 { format!("{words} extra") } else { words.clone() }));
    retriever.index(&mut texts.map(|(id, text)| document(&id, &text))).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(ids(&retriever, &format!("{words} extra"), 3), ["d07", "d00", "d01"]);
    // One word many times is one word that counts often.
    assert_eq!(ids(&retriever, &"extra ".repeat(200_000), 3), ["d07"]);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn a_broken_stream_leaves_the_index_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut retriever = english(directory.path());
    retriever.index(&mut [document("a", "copper")].into_iter()).unwrap();
    let broken = [document("b", "silver"), Err(Error::Input("line 2 is no document".into()))];
    assert!(retriever.index(&mut broken.into_iter()).unwrap_err().to_string().contains("line 2"));
    assert_eq!(ids(&english(directory.path()), "copper silver", 9), ["a"]);
    // The lock is free again.
    retriever.index(&mut [document("b", "silver")].into_iter()).unwrap();
    assert_eq!(ids(&retriever, "silver", 9), ["b"]);
}

#[test]
fn an_index_of_another_language_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    english(directory.path()).index(&mut [document("a", "copper")].into_iter()).unwrap();
    let error = open(directory.path(), serde_json::json!({"language": "german"})).err().unwrap().to_string();
    assert!(error.contains("retriever.language") && error.contains(directory.path().to_str().unwrap()), "{error}");
    let error = open(directory.path(), serde_json::json!({"memory": 1})).err().unwrap().to_string();
    assert!(error.contains("retriever.memory is 1 MiB"), "{error}");
}

/// Everything that reads: what a search finds in an index that is intact.
fn use_all(directory: &Path) -> Result<Vec<String>> {
    let retriever = open(directory, serde_json::json!({}))?;
    let hits = retriever.search(&["copper silver", "number"], 500)?;
    retriever.verify()?;
    Ok(hits.into_iter().flatten().map(|hit| format!("{} {}", hit.id, hit.score)).collect())
}

#[test]
fn a_damaged_file_is_reported_and_nothing_panics() {
    let directory = tempfile::tempdir().unwrap();
    let texts = |i: usize| ["copper and silver", "a copper number", "silver", "a number of words"][i % 4];
    for part in [0..150, 150..200] {
        english(directory.path()).index(&mut part.map(|i| document(&format!("d{i}"), texts(i)))).unwrap();
    }
    let whole = use_all(directory.path()).unwrap();
    assert_eq!(whole.len(), 250);
    let mut message = 0;
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Beside files with checksums there are two of JSON, of which much may change without harm,
        // and locks.
        let checksummed = !name.ends_with(".json") && !name.ends_with(".lock");
        let mut check = |changed: &[u8], what: &str| {
            std::fs::write(&path, changed).unwrap();
            match use_all(directory.path()) {
                Ok(found) => assert!(found == whole && !checksummed, "{what} of {name} was not noticed"),
                Err(error) => {
                    message += 1;
                    let error = error.to_string();
                    assert!(error.contains("scaledown index build --overwrite"), "{what} of {name}: {error}");
                }
            }
        };
        for at in (0..bytes.len()).step_by(bytes.len() / 12 + 1) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            check(&changed, &format!("byte {at}"));
        }
        if checksummed {
            check(&bytes[..bytes.len() / 2], "half");
            check(&[], "nothing");
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(message > 50, "{message}");
    assert_eq!(use_all(directory.path()).unwrap(), whole);
}

#[test]
fn a_directory_without_an_index_is_reported_and_stays_empty() {
    let directory = tempfile::tempdir().unwrap();
    let retriever = english(directory.path());
    assert!(retriever.verify().unwrap_err().to_string().contains("contains no index"));
    assert!(retriever.search(&["copper"], 1).unwrap_err().to_string().contains("contains no index"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
