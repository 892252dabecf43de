//! The teacher: batches, limits and what it refuses.

mod support;

use std::path::Path;

use scaledown_mistral::{MistralTeacher, TeacherConfig};
use scaledown_sdk::component::{ChatTokenizer, Question, Teacher, TeacherContext, TeacherPlugin};
use scaledown_sdk::nn::safetensors::write_safetensors;
use scaledown_sdk::{Error, Result};
use serde_json::json;
use support::{VOCABULARY, mistral, model, params, tokens};

/// A tokenizer of numbers: `7 12` are the tokens 7 and 12. Its template puts token 1 before them.
struct Numbers;

impl ChatTokenizer for Numbers {
    fn encode_chat(&self, system: &str, user: &str, template: bool) -> Result<Vec<u32>> {
        let words = [system, user].map(str::split_whitespace).into_iter().flatten().filter_map(|word| word.parse().ok());
        if user == "refused" {
            return Err(Error::Input("the chat template cannot be rendered".into()));
        }
        Ok(template.then_some(1).into_iter().chain(words).collect())
    }

    fn decode(&self, ids: &[u32]) -> Result<String> {
        Ok(ids.iter().map(|id| format!(" {id}")).collect())
    }

    fn end_ids(&self) -> &[u32] {
        &[2]
    }
}

/// A tiny model's directory.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut config = mistral();
    config["max_position_embeddings"] = json!(40);
    std::fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    let params = params(None);
    model(&config, &params);
    let all = params.all();
    let tensors = all.iter().map(|param| (param.name(), param.tensor().detach()));
    write_safetensors(directory.path().join("model.safetensors"), tensors, &[]).unwrap();
    directory
}

fn build(directory: &Path, keys: serde_json::Value) -> Result<MistralTeacher> {
    let mut all = json!({"model": directory, "max_new_tokens": 9, "batch_size": 3});
    for (key, value) in keys.as_object().unwrap() {
        all[key] = value.clone();
    }
    let config: TeacherConfig = serde_json::from_value(all).unwrap();
    let context = TeacherContext { device: scaledown_cpu::device()?, tokenizer: |_| Ok(Box::new(Numbers)) };
    MistralTeacher::build(config, context)
}

fn teacher(keys: serde_json::Value) -> MistralTeacher {
    build(directory().path(), keys).unwrap()
}

fn message(seed: u32, count: usize) -> String {
    tokens(seed, count).iter().map(|id| format!("{id} ")).collect()
}

fn question(message: &str) -> Question<'_> {
    Question { query: "Who?", documents: &[], system: "", message }
}

fn error_of(teacher: &MistralTeacher, message: &str) -> Error {
    teacher.answer(&[question("3 4"), question(message)]).unwrap_err()
}

#[test]
fn an_answer_is_the_same_whatever_else_is_asked() {
    let teacher = teacher(json!({}));
    let messages: Vec<String> = [7, 3, 12, 5, 1, 20, 3, 9].iter().zip(1..).map(|(&count, seed)| message(seed, count)).collect();
    let questions: Vec<Question<'_>> = messages.iter().map(|message| question(message)).collect();
    let together = teacher.answer(&questions).unwrap();
    let alone: Vec<String> = questions.iter().flat_map(|&question| teacher.answer(&[question]).unwrap()).collect();
    assert_eq!(together, alone);
    assert!(together.iter().any(|answer| *answer != together[0]), "all answers are alike: {together:?}");
    assert!(together.iter().all(|answer| answer.split(' ').count() <= 9 && answer.trim() == answer));
    assert_eq!(teacher.answer(&[]).unwrap(), Vec::<String>::new());
    assert_eq!(teacher.batch_size(), 3);
}

#[test]
fn the_template_and_the_system_message_are_read() {
    let messages: Vec<String> = (1..7).map(|seed| message(seed, 3)).collect();
    let answers = |teacher: &MistralTeacher, system: &str| {
        let questions: Vec<Question<'_>> = messages.iter().map(|message| Question { system, ..question(message) }).collect();
        teacher.answer(&questions).unwrap()
    };
    let (with, without) = (teacher(json!({})), teacher(json!({"chat_template": false})));
    assert_ne!(answers(&with, ""), answers(&with, "8 8 8"));
    assert_ne!(answers(&with, ""), answers(&without, ""));
}

#[test]
fn a_question_that_cannot_be_answered_is_an_error_of_the_input() {
    let long = teacher(json!({"max_input_tokens": 6, "chat_template": false}));
    assert!(long.answer(&[question(&message(1, 6))]).is_ok());
    let error = error_of(&long, &message(1, 7));
    assert!(
        matches!(&error, Error::Input(text) if text.contains("\"Who?\"") && text.contains("7 tokens, expected at most 6")),
        "{error}"
    );
    // The model's 40 places, of which an answer's first 8 tokens take some too.
    let whole = teacher(json!({"chat_template": false}));
    assert!(whole.answer(&[question(&message(1, 32))]).is_ok());
    let error = error_of(&whole, &message(1, 33));
    assert!(matches!(&error, Error::Input(text) if text.contains("expected at most 32")), "{error}");
    let error = error_of(&whole, "no number");
    assert!(matches!(&error, Error::Input(text) if text.contains("empty prompt")), "{error}");
    assert!(matches!(error_of(&whole, "refused"), Error::Input(_)));
}

#[test]
fn a_configuration_that_leaves_no_room_is_refused() {
    let directory = directory();
    for (keys, expected) in [
        (json!({"max_new_tokens": 41}), "maximum is 40 tokens"),
        (json!({"max_input_tokens": 33}), "expected at most 32"),
        (json!({"batch_size": 0}), "at least 1"),
    ] {
        let error = build(directory.path(), keys).err().unwrap();
        assert!(matches!(&error, Error::Config(text) if text.contains(expected)), "{error}");
    }
    let foreign = build(directory.path(), json!({})).unwrap().answer(&[question(&format!("3 {VOCABULARY}"))]).unwrap_err();
    assert!(matches!(&foreign, Error::Config(text) if text.contains("do not match")), "{foreign}");
}

#[test]
fn a_quantised_teacher_answers_the_same_in_any_batch() {
    for quantization in ["q8_0", "q4_0"] {
        let teacher = teacher(json!({"quantization": quantization, "batch_size": 4}));
        let messages: Vec<String> = (1..6).map(|seed| message(seed, 3 * seed as usize)).collect();
        let questions: Vec<Question<'_>> = messages.iter().map(|message| question(message)).collect();
        let alone: Vec<String> = questions.iter().flat_map(|&question| teacher.answer(&[question]).unwrap()).collect();
        assert_eq!(teacher.answer(&questions).unwrap(), alone);
    }
}
