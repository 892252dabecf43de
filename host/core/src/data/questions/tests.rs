use std::path::Path;

use super::config::{QuestionFields, Synthesis};
use super::*;
use crate::data::corpus::config::{self as corpus_config, CorpusFormat};

fn config(format: QuestionFormat, path: Option<&Path>) -> config::Questions {
    let (fields, synthesis) = (QuestionFields::default(), Synthesis::Cloze);
    config::Questions { format, path: path.map(Path::to_owned), fields, limit: None, seed: 0, synthesis }
}

/// Questions as `(id, query)`, and errors as their sentences after the file's name.
fn read(config: &config::Questions) -> Vec<Result<(String, String), String>> {
    let name = format!("{}:", config.path.as_ref().unwrap().display());
    let plain = |question: CorpusQuestion| (question.id, question.query);
    let questions = QuestionReader::open(config, None).unwrap();
    questions.map(|item| item.map(plain).map_err(|error| error.to_string().replace(&name, ""))).collect()
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

fn question(id: &str, query: &str) -> Result<(String, String), String> {
    Ok((id.into(), query.into()))
}

#[test]
fn lines_are_questions() {
    let file = file("who? \n\n what?\n");
    let mut config = config(QuestionFormat::Text, Some(file.path()));
    assert_eq!(read(&config), [question("1", "who?"), question("3", "what?")]);
    config.limit = Some(1);
    assert_eq!(read(&config), [question("1", "who?")]);
}

#[test]
fn ms_marcos_queries_are_read_and_repeated_ids_refused() {
    let file = file("12\twho\nno tab\n12\tagain\n13\t \n14\twhat\tnow\n");
    let found = read(&config(QuestionFormat::Msmarco, Some(file.path())));
    assert_eq!(found[0], question("12", "who"));
    assert_eq!(found[1], Err("2: expected an id and a question separated by a tab".into()));
    assert_eq!(found[2], Err("3: duplicate id `12`; question ids must be unique".into()));
    assert_eq!(found[3], Err("4: the question is blank".into()));
    assert_eq!(found[4], question("14", "what\tnow"));
}

#[test]
fn the_fields_of_json_are_found_or_named() {
    let lines = "{\"question\": \"who?\"}\n{\"id\": 7, \"query\": \"what?\", \"text\": \"x\"}\n{\"id\": \"8\"}\n{\"id\": \"9\", \"query\": \" \"}\n[]\n";
    let found = read(&config(QuestionFormat::Jsonl, Some(file(lines).path())));
    assert_eq!(found[..2], [question("1", "who?"), question("7", "what?")]);
    let message = "3: expected `query`, `question` or `text`; name another in questions.fields.text";
    assert_eq!(
        found[2..],
        [Err(message.into()), Err("4: `query`: the question is blank".into()), Err("5: expected an object, found a list".into())]
    );
    let nested =
        file("{\"key\": \"k\", \"input\": {\"q\": \"who?\"}, \"output\": [\"me\", 2]}\n{\"key\": \"l\", \"input\": {}}\n");
    let mut config = config(QuestionFormat::Jsonl, Some(nested.path()));
    let name = |name: &str| Some(name.to_owned());
    config.fields =
        QuestionFields { id: name("key"), text: name("input.q"), answers: name("output"), ..QuestionFields::default() };
    let first = QuestionReader::open(&config, None).unwrap().next().unwrap().unwrap();
    assert_eq!((first.id.as_str(), first.gold_answers), ("k", vec!["me".to_owned(), "2".into()]));
    assert_eq!(read(&config)[1], Err("2: `input.q`: missing".into()));
}

#[test]
fn beirs_queries_are_read() {
    let file = file("{\"_id\": \"0\", \"text\": \"who\", \"metadata\": {}}\n{\"text\": \"x\"}\n");
    let found = read(&config(QuestionFormat::Beir, Some(file.path())));
    assert_eq!(found, [question("0", "who"), Err("2: `_id`: missing".into())]);
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(file.path(), directory.path().join("queries.jsonl")).unwrap();
    std::fs::write(directory.path().join("corpus.jsonl"), "").unwrap();
    assert_eq!(read(&config(QuestionFormat::Beir, Some(directory.path())))[0], found[0], "a dataset's directory");
}

#[test]
fn synthetic_questions_depend_on_the_seed_alone() {
    let line = |i: usize| {
        format!("{i}\tThe home of Hazel Brenow is Aspen Vale. It has stood there since {} or so, they say.\n", 1700 + i)
    };
    let documents = file(&((0..50).map(line).collect::<String>() + "50\tnothing to ask\n"));
    let corpus = corpus_config::CorpusConfig::of(CorpusFormat::Msmarco, documents.path().to_owned());
    let make = |synthesis, seed, limit| -> Vec<CorpusQuestion> {
        let config = config::Questions { seed, limit: Some(limit), synthesis, ..config(QuestionFormat::Synthetic, None) };
        QuestionReader::open(&config, Some(&corpus)).unwrap().map(Result::unwrap).collect()
    };
    let all = make(Synthesis::Cloze, 0, 100);
    assert_eq!(all.len(), 50);
    for (index, question) in all.iter().enumerate() {
        assert_eq!((question.id.as_str(), question.document.as_deref()), (&*format!("cloze-{index}"), Some(&*index.to_string())));
        let sentence = question.query.strip_prefix("Fill in the blank: ").unwrap().replace("____", &question.gold_answers[0]);
        assert!(line(index).contains(&sentence), "{question:?}");
        assert!(!question.query.contains(&question.gold_answers[0]), "{question:?}");
    }
    let answers: HashSet<&str> = all.iter().map(|question| question.gold_answers[0].as_str()).collect();
    assert!(
        answers.contains("Hazel Brenow")
            && answers.contains("Aspen Vale")
            && answers.iter().any(|answer| answer.starts_with("17")),
        "{answers:?}"
    );

    let some = make(Synthesis::Cloze, 1, 10);
    assert_eq!(some.len(), 10);
    assert_eq!(some, make(Synthesis::Cloze, 1, 10));
    assert_ne!(some, make(Synthesis::Cloze, 2, 10));
    // Late documents are taken too.
    assert!(some.iter().any(|question| question.document.as_deref().unwrap().parse::<usize>().unwrap() >= 10));
    let lead = &make(Synthesis::Lead, 0, 1)[0];
    assert_eq!((lead.query.as_str(), lead.gold_answers.len()), ("The home of Hazel Brenow is Aspen Vale.", 0));
}
