//! Answers and scores of tiny random models against those of `transformers`
//! (`tests/parity/candle_models.py`).

use std::path::{Path, PathBuf};

use scaledown_candle::{Candle, CandleReranker, CandleTeacher, XlmRobertaReranker};
use scaledown_sdk::component::{
    ChatTokenizer, Question, Reranker, RerankerContext, RerankerPlugin, Teacher, TeacherContext, TeacherPlugin,
};
use scaledown_sdk::{Error, Result};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/parity/fixtures/candle", name].iter().collect()
}

fn expected(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(name).join("expected.json")).unwrap()).unwrap()
}

/// A tokenizer without a chat template, as a host would give one.
struct Plain(Tokenizer);

impl ChatTokenizer for Plain {
    fn encode_chat(&self, _system: &str, user: &str, _template: bool) -> Result<Vec<u32>> {
        let encoding = self.0.encode(user, false).map_err(|error| Error::Input(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    fn decode(&self, ids: &[u32]) -> Result<String> {
        self.0.decode(ids, true).map_err(|error| Error::Input(error.to_string()))
    }

    fn end_ids(&self) -> &[u32] {
        &[]
    }
}

fn open(directory: &Path) -> Result<Box<dyn ChatTokenizer>> {
    let tokenizer = Tokenizer::from_file(directory.join("tokenizer.json")).map_err(|error| Error::Config(error.to_string()))?;
    Ok(Box::new(Plain(tokenizer)))
}

fn teacher(keys: Value) -> Result<Candle> {
    let config: CandleTeacher = serde_json::from_value(keys).unwrap();
    Candle::build(config, TeacherContext { device: scaledown_cpu::device().unwrap(), tokenizer: open })
}

/// A text without white space at its ends, which is more in Python.
fn stripped(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

/// Asks the model twice, since it must forget the first question.
fn answers_as_transformers(name: &str) {
    let teacher = teacher(json!({"model": fixture(name), "max_new_tokens": 8})).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = expected(name);
    let (query, texts) = (expected["query"].as_str().unwrap(), expected["documents"].as_array().unwrap());
    let messages: Vec<String> = texts.iter().map(|text| format!("{}\n\n{query}", text.as_str().unwrap())).collect();
    let questions: Vec<Question<'_>> =
        messages.iter().map(|message| Question { query, documents: &[], system: "", message }).collect();
    for _ in 0..2 {
        let made = teacher.answer(&questions).unwrap();
        let made: Vec<Value> = made.iter().map(|answer| stripped(answer).into()).collect();
        assert_eq!(&made, expected["answers"].as_array().unwrap(), "{name}");
    }
}

#[test]
fn phi_answers_as_in_transformers() {
    answers_as_transformers("phi");
}

#[test]
fn mixtral_answers_as_in_transformers() {
    answers_as_transformers("mixtral");
}

#[test]
fn starcoder_2_answers_as_in_transformers() {
    answers_as_transformers("starcoder2");
}

#[test]
fn an_xlm_roberta_cross_encoder_scores_as_in_transformers() {
    let config: CandleReranker = serde_json::from_value(json!({"model": fixture("xlm-roberta"), "max_length": 40})).unwrap();
    let reranker = XlmRobertaReranker::build(config, RerankerContext { device: scaledown_cpu::device().unwrap() }).unwrap();
    let expected = expected("xlm-roberta");
    let documents: Vec<&str> = expected["documents"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let scores = reranker.score(expected["query"].as_str().unwrap(), &documents).unwrap();
    for (score, theirs) in scores.iter().zip(expected["scores"].as_array().unwrap()) {
        assert!((f64::from(*score) - theirs.as_f64().unwrap()).abs() < 1e-4, "{score} and {theirs}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let refusal = |keys: Value| teacher(keys).err().map(|error| error.to_string()).unwrap_or_default();
    let message = refusal(json!({"model": fixture("xlm-roberta")}));
    assert!(message.contains("XLMRobertaForSequenceClassification") && message.contains("PhiForCausalLM"), "{message}");
    let message = refusal(json!({"model": fixture("phi"), "gguf": fixture("phi").join("config.json")}));
    assert!(message.contains("not a readable GGUF file"), "{message}");
    let message = refusal(json!({"model": fixture("phi"), "max_new_tokens": 513}));
    assert!(message.contains("max_new_tokens is 513"), "{message}");
}
