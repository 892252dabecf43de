use std::path::PathBuf;

use super::*;
use crate::support::progress::Hidden;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/datasets").join(name)
}

fn read(set: Set, name: &str) -> Vec<DatasetItem> {
    from_file(set, &fixture(name)).unwrap().map(Result::unwrap).collect()
}

fn record(id: &str, query: &str, documents: &[&str], answers: &[&str]) -> DatasetItem {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let answer = Some(answers[0].to_owned());
    let (documents, gold_answers) = (owned(documents), owned(answers));
    DatasetItem::Record(Box::new(Record {
        id: id.into(),
        query: query.into(),
        documents,
        answer,
        gold_answers,
        ..Record::default()
    }))
}

const LOOM: &str = "Birch Loom. The Birch Loom is framed in walnut.";
const BORN: &str = "In which village was the beekeeper Hazel Brenow born?";
const OWNED: &str = "In which wood is the loom framed that Hazel Brenow owned?";

#[test]
fn squad_is_read_in_both_versions_and_as_a_table() {
    let document = "Hazel Brenow. Hazel Brenow was born in Aspen Vale, where she kept bees.";
    let found = read(Set::Squad, "squad-v1.1.json");
    assert_eq!(found[0], record("s1", "Where was Hazel Brenow born?", &[document], &["Aspen Vale", "in Aspen Vale"]));
    assert_eq!(found[1], record("s2", "What did she keep?", &[document], &["bees"]));
    assert_eq!(found.len(), 3);
    let found = read(Set::Squad, "squad-v2.0.json");
    assert_eq!(found, [record("v1", "What is it framed in?", &[LOOM], &["walnut"]), DatasetItem::NoAnswer]);
    let found = read(Set::Squad, "tables/squad.parquet");
    let document = "Hazel Brenow. Hazel Brenow was born in Aspen Vale.";
    assert_eq!(found[4], record("s4", "Where was she born? (4)", &[document], &["Aspen Vale", "in Aspen Vale"]));
    assert_eq!(found.len(), 5);
}

#[test]
fn natural_questions_have_their_paragraph_or_a_made_one() {
    let found = read(Set::NaturalQuestions, "nq-open.jsonl");
    let query = "where was hazel brenow born";
    let document = "where was hazel brenow born? Aspen Vale; the Vale.";
    assert_eq!(found[0], record("nq-open-1", query, &[document], &["Aspen Vale", "the Vale"]));
    assert_eq!(
        found[1],
        record("nq-open-2", "what is the birch loom framed in?", &["what is the birch loom framed in? walnut."], &["walnut"])
    );
    let document = "Hazel Brenow. Hazel Brenow was born in Aspen Vale .";
    let second = record("n3", query, &[document], &["the Vale", "Aspen Vale"]);
    assert_eq!(
        read(Set::NaturalQuestions, "tables/natural-questions.parquet"),
        [record("n1", query, &[document], &["Aspen Vale"]), DatasetItem::NoAnswer, second]
    );
}

#[test]
fn trivia_qa_has_the_passages_with_an_answer_first() {
    let found = read(Set::TriviaQa, "trivia-qa/qa/wikipedia-dev.json");
    let DatasetItem::Record(first) = &found[0] else { panic!("{found:?}") };
    assert_eq!((first.documents.len(), first.answer.as_deref()), (2, Some("Aspen Vale")));
    assert!(first.documents[0].starts_with("Hazel Brenow. ") && first.documents[0].contains("aspen vale"), "{first:?}");
    assert!(first.documents.iter().all(|document| document.split_whitespace().count() <= 102), "{first:?}");
    assert_eq!(first.documents[1], format!("{LOOM}\n\nIt was never moved."));
    assert_eq!(found[1], record("t2", "Which wood frames the Birch Loom?", &["Looms. Its frame of walnut is old."], &["walnut"]));
    assert_eq!(found[2..], [DatasetItem::NoDocuments, DatasetItem::NoAnswer]);
    let documents = ["Hazel Brenow. Hazel Brenow was born in Aspen Vale.", LOOM];
    assert_eq!(read(Set::TriviaQa, "tables/trivia-qa.parquet"), [record("t1", BORN, &documents, &["Aspen Vale", "The Vale"])]);
}

#[test]
fn hotpot_qa_has_all_paragraphs() {
    let documents = [&format!("{LOOM} It was never moved."), "Hazel Brenow. She owned the Birch Loom."];
    let first = || record("h1", OWNED, &documents, &["walnut"]);
    assert_eq!(read(Set::HotpotQa, "hotpot-distractor.json"), [first(), DatasetItem::NoAnswer]);
    assert_eq!(read(Set::HotpotQa, "tables/hotpot-qa.parquet"), [first()]);
}

#[test]
fn another_format_is_reported_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.json");
    let message = |set: Set, content: &str| {
        std::fs::write(&path, content).unwrap();
        let error = from_file(set, &path).map_err(Error::from).and_then(|examples| examples.collect::<Result<Vec<_>, _>>());
        error.unwrap_err().to_string().replace(&path.display().to_string(), "f.json")
    };
    assert_eq!(message(Set::Squad, "{\"data\":\n [{}]}"), "f.json:2: not the set's original JSON: missing field `paragraphs`");
    assert_eq!(message(Set::TriviaQa, "[]\n"), "f.json:1: expected an object with a list `Data`");
    assert_eq!(
        message(Set::HotpotQa, "[\n{\"_id\": \"a\", \"question\": \"q\", \"context\": [[1]]}]"),
        "f.json:2: `context`: expected pairs of a title and a list of sentences"
    );
    assert_eq!(message(Set::NaturalQuestions, "{\"question\": \"q\"}\n"), "f.json:1: `answer`: missing");
}

#[test]
fn records_are_written_up_to_a_number_and_can_be_trained_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("r.jsonl");
    for (set, name) in [
        (Set::Squad, "squad-v2.0.json"),
        (Set::NaturalQuestions, "nq-open.jsonl"),
        (Set::TriviaQa, "trivia-qa/qa/wikipedia-dev.json"),
        (Set::HotpotQa, "hotpot-distractor.json"),
    ] {
        let mut out = Vec::new();
        let written = write(set, from_file(set, &fixture(name)).unwrap(), None, "x-", &mut out, &Hidden).unwrap();
        std::fs::write(&path, &out).unwrap();
        let records = crate::data::records::read_labelled(&path, None, false).unwrap();
        assert_eq!(records.len(), written.records);
        assert!(crate::data::records::check(&path).unwrap().is_usable());
        assert!(
            records
                .iter()
                .all(|record| record.id.starts_with("x-") && record.gold_answers.contains(record.answer.as_ref().unwrap()))
        );
        let left_out = written.without_answer + written.without_documents;
        assert_eq!(records.len() + left_out, read(set, name).len());
    }
    let examples = from_file(Set::Squad, &fixture("squad-v1.1.json")).unwrap();
    assert_eq!(write(Set::Squad, examples, Some(2), "", &mut Vec::new(), &Hidden).unwrap().records, 2);
}

/// The whole of the real development set, where it lies beside the project.
#[test]
fn the_real_squad_is_read_whole() {
    let path = &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/squad/dev-v1.1.json");
    if !path.exists() {
        return;
    }
    let found: Vec<DatasetItem> = from_file(Set::Squad, path).unwrap().map(Result::unwrap).collect();
    assert_eq!(found.len(), 10_570);
    assert!(found.iter().all(|found| matches!(found, DatasetItem::Record(_))));
}
