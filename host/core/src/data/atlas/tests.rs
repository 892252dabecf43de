//! Properties of the generated data as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn small() -> AtlasConfig {
    let stage = |documents, facts, questions| PretrainingConfig {
        documents,
        facts,
        questions,
        contexts: 40,
        ..PretrainingConfig::default()
    };
    AtlasConfig {
        people: 400,
        places: 200,
        things: 200,
        train_records: 600,
        validation_records: 100,
        test_records: 300,
        similar_name_share: 0.2,
        two_hop_share: 0.2,
        pretraining: vec![stage(1, None, 12), stage(5, None, 20), stage(6, Some(2), 12)],
        ..AtlasConfig::default()
    }
}

fn all_records(atlas: &Atlas) -> Vec<QuestionRecord> {
    Split::ALL.into_iter().flat_map(|split| atlas.records(split).collect::<Vec<_>>()).collect()
}

#[test]
fn the_same_settings_give_the_same_data() {
    let (one, two) = (generate(&small()).unwrap(), generate(&small()).unwrap());
    assert_eq!(all_records(&one), all_records(&two));
    for stage in 0..3 {
        assert!(one.pretraining(stage).eq(two.pretraining(stage)));
    }
    let other = generate(&AtlasConfig { seed: 8, ..small() }).unwrap();
    assert_ne!(all_records(&one), all_records(&other));
}

/// A change of this text is a change of every published dataset: make it knowingly.
#[test]
fn the_first_record_is_pinned() {
    let record = generate(&AtlasConfig::default()).unwrap().records(Split::Test).next().unwrap();
    assert_eq!(format!("{} -> {}", record.query, record.gold_answers[0]), "What is the tree of Gold Ridge? -> larch");
}

/// The names of a split's entities.
fn names(atlas: &Atlas, split: Split) -> BTreeSet<String> {
    atlas.corpus(split).map(|document| document.title).collect()
}

#[test]
fn splits_share_no_entity_and_mention_no_other_splits_entity() {
    let atlas = generate(&small()).unwrap();
    let sizes: usize = Split::ALL.into_iter().map(|split| names(&atlas, split).len()).sum();
    assert_eq!(sizes, 800, "every entity has a name of its own, in one split");
    for split in Split::ALL {
        let strangers: Vec<String> =
            Split::ALL.into_iter().filter(|other| *other != split).flat_map(|other| names(&atlas, other)).collect();
        let mut text: String = atlas.corpus(split).map(|document| document.document() + "\n").collect();
        for record in atlas.records(split) {
            text.extend(record.documents.iter().chain(&record.gold_answers).map(|text| format!("{text}\n")));
            text.push_str(&record.query);
        }
        if split == Split::Train {
            for record in (0..3).flat_map(|stage| atlas.pretraining(stage)) {
                text.push_str(&serde_json::to_string(&record).unwrap());
            }
        }
        for stranger in strangers {
            assert!(!text.contains(&stranger), "{split} mentions {stranger}");
        }
    }
}

#[test]
fn documents_are_long_enough_and_round_trip() {
    let atlas = generate(&small()).unwrap();
    let tokenizer = tokenizer().unwrap();
    let unknown = tokenizer.token_to_id("<unk>").unwrap();
    for document in Split::ALL.into_iter().flat_map(|split| atlas.corpus(split)) {
        let text = document.document();
        let encoding = tokenizer.encode(text.as_str(), false).unwrap();
        assert!((64..=100).contains(&encoding.len()), "{} tokens: {text}", encoding.len());
        assert!(!encoding.get_ids().contains(&unknown));
        let bytes = encoding.get_tokens().iter().find(|token| token.starts_with("<0x"));
        assert_eq!(bytes, None, "a word of the world is missing from the vocabulary: {text}");
        assert_eq!(tokenizer.decode(encoding.get_ids(), true).unwrap(), text);
        assert_eq!(tokenizer.encode(document.title.as_str(), false).unwrap().len(), 2, "{}", document.title);
    }
    for record in atlas.records(Split::Test) {
        let encoding = tokenizer.encode(record.query.as_str(), false).unwrap();
        assert!(!encoding.get_tokens().iter().any(|token| token.starts_with("<0x")), "{}", record.query);
        assert_eq!(tokenizer.decode(encoding.get_ids(), true).unwrap(), record.query);
    }
}

#[test]
fn any_text_round_trips() {
    let tokenizer = tokenizer().unwrap();
    for text in ["", "a  b", "Ünïcode\n\ttabs", "x.y?z!", "The trade of Hazel Abery is miller.", "日本 語", "end "] {
        let encoding = tokenizer.encode(text, false).unwrap();
        assert_eq!(tokenizer.decode(encoding.get_ids(), true).unwrap(), text);
    }
}

#[test]
fn special_tokens_have_the_first_ids_and_part_the_text() {
    let tokenizer = tokenizer().unwrap();
    for (id, token) in SPECIAL_TOKENS.iter().enumerate() {
        assert_eq!(tokenizer.token_to_id(token), Some(id as u32), "{token}");
    }
    let tokens = tokenizer.encode("<s><doc>The river.<q>What?<a>", false).unwrap();
    assert_eq!(tokens.get_tokens(), ["<s>", "<doc>", "▁The", "▁river", ".", "<q>", "▁What", "?", "<a>"]);
}

/// The sentence that states a fact holds the answer, in the supporting document of the entity asked
/// about.
#[test]
fn answers_stand_in_the_supporting_documents() {
    let atlas = generate(&small()).unwrap();
    let mut hops = BTreeMap::new();
    for record in all_records(&atlas) {
        *hops.entry(record.hops).or_insert(0) += 1;
        assert_eq!(record.documents.len(), 5);
        assert_eq!(record.document_ids.iter().collect::<BTreeSet<_>>().len(), 5, "a document twice: {}", record.id);
        assert_eq!(record.supporting.len(), record.hops);
        for (place, &score) in record.reranking_scores.iter().enumerate() {
            assert_eq!(score == 1.0, record.supporting.contains(&place), "{score} at {place} of {}", record.id);
        }
        let answer = &record.gold_answers[0];
        let title = |at: usize| record.documents[at].split('.').next().unwrap();
        let about: Vec<usize> = record.supporting.iter().copied().filter(|&at| record.query.contains(title(at))).collect();
        assert_eq!(about.len(), 1, "one supporting document is about the entity asked about: {}", record.query);
        let source = record.supporting.iter().copied().find(|&at| record.hops == 1 || at != about[0]).unwrap();
        let stated = format!(" {answer}.");
        assert!(record.documents[source].contains(&stated), "{answer} is not in {}", record.documents[source]);
        if record.hops == 2 {
            assert!(record.documents[about[0]].contains(title(source)), "the first document names the second's entity");
        }
    }
    assert!(hops[&1] > 600 && hops[&2] > 50, "{hops:?}");
}

#[test]
fn a_pretraining_answer_stands_in_a_document() {
    let atlas = generate(&small()).unwrap();
    for record in (0..3).flat_map(|stage| atlas.pretraining(stage)) {
        assert!(!record.questions.is_empty() && record.documents.len() <= 6);
        for AtlasAnswer { query, answer } in &record.questions {
            let stated = record.documents.iter().any(|document| document.contains(&format!(" {answer}.")));
            assert!(stated, "{query} -> {answer}");
            assert!(record.documents.iter().any(|d| query.contains(d.split('.').next().unwrap())), "{query}");
        }
    }
}

#[test]
fn contexts_draw_their_facts_anew() {
    let config = AtlasConfig {
        pretraining: vec![PretrainingConfig { documents: 1, questions: 20, contexts: 4000, ..PretrainingConfig::default() }],
        ..small()
    };
    let mut answers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in generate(&config).unwrap().pretraining(0) {
        for question in record.questions {
            answers.entry(question.query).or_default().insert(question.answer);
        }
    }
    let asked_again = answers.values().filter(|answers| answers.len() > 1).count();
    assert!(asked_again > 1000, "the same question must have different answers in different contexts: {asked_again}");
}

/// The best guess from the question alone: the attribute's most frequent training answer.
#[test]
fn questions_alone_do_not_give_the_answers_away() {
    let atlas = generate(&AtlasConfig { train_records: 6000, ..small() }).unwrap();
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for record in atlas.records(Split::Train) {
        *counts.entry(record.attribute).or_default().entry(record.gold_answers[0].clone()).or_default() += 1;
    }
    let best = |attribute: &str| counts[attribute].iter().max_by_key(|(_, count)| **count).unwrap().0.clone();
    let test: Vec<QuestionRecord> = atlas.records(Split::Test).collect();
    let hits = test.iter().filter(|record| best(&record.attribute) == record.gold_answers[0]).count();
    assert!(hits * 100 < test.len() * 6, "{hits} of {} answers are guessed", test.len());
}

#[test]
fn distractors_resemble_and_mention_the_entity() {
    let config = AtlasConfig { two_hop_share: 0.0, ..small() };
    let shares = |config: &AtlasConfig| {
        let records: Vec<QuestionRecord> = generate(config).unwrap().records(Split::Train).collect();
        let title = |document: &str| document.split('.').next().unwrap_or_default().to_owned();
        let count = |found: &dyn Fn(&str, &str) -> bool| {
            let has = |record: &&QuestionRecord| {
                let gold = title(&record.documents[record.supporting[0]]);
                record.documents.iter().any(|other| title(other) != gold && found(&gold, other))
            };
            records.iter().filter(has).count() as f64 / records.len() as f64
        };
        let mention = count(&|gold, other| other.contains(gold));
        let similar = count(&|gold, other| {
            let other = title(other);
            gold.split(' ').zip(other.split(' ')).any(|(a, b)| a == b)
        });
        (mention, similar)
    };
    let (mention, similar) = shares(&config);
    let (no_mention, less_similar) = shares(&AtlasConfig { similar_name_share: 0.0, mention_share: 0.0, ..config });
    assert!(mention > no_mention + 0.05, "mentions: {mention} against {no_mention}");
    assert!(similar > less_similar + 0.1, "similar names: {similar} against {less_similar}");
}

#[test]
fn the_files_hold_what_the_summary_says() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new/atlas");
    let summary = write(&small(), &out).unwrap();
    assert_eq!(summary.rows["test.jsonl"], 300);
    assert_eq!(summary.rows["corpus.jsonl"], 800);
    assert_eq!(summary.rows["pretraining/3.jsonl"], 40);
    for (name, rows) in &summary.rows {
        assert_eq!(std::fs::read_to_string(out.join(name)).unwrap().lines().count(), *rows, "{name}");
    }
    let first = std::fs::read_to_string(out.join("test.jsonl")).unwrap();
    let record: QuestionRecord = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(Some(record), generate(&small()).unwrap().records(Split::Test).next());
    let read = tokenizers::Tokenizer::from_file(out.join("tokenizer.json")).unwrap();
    assert_eq!(read.get_vocab_size(true), summary.vocabulary);
    assert_eq!(read.encode("She keeps a heron.", false).unwrap().len(), 5);
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = write(&small(), &blocked).unwrap_err().to_string();
    assert!(error.starts_with("cannot create") && error.contains("file"), "{error}");
}
