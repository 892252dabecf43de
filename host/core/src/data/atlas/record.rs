//! The rows of the files that the generator writes.

use serde::{Deserialize, Serialize};

/// A document of the corpus, as BEIR's `corpus.jsonl` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtlasDocument {
    /// The identifier: split, kind and number, as in `test-person-12`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The entity's name.
    pub title: String,
    /// The sentences.
    pub text: String,
}

impl AtlasDocument {
    /// The document that models read: the title as a first sentence, then the text.
    pub fn document(&self) -> String {
        format!("{}. {}", self.title, self.text)
    }
}

/// A question with the documents that a retriever could have found for it. It has no `answer`: the
/// answers that models are trained on are the teacher's, made from these records by distillation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionRecord {
    /// The identifier: split and number.
    pub id: String,
    /// The question.
    pub query: String,
    /// The documents, in random order.
    pub documents: Vec<String>,
    /// The right answers, for metrics only.
    pub gold_answers: Vec<String>,
    /// The corpus identifiers of `documents`.
    pub document_ids: Vec<String>,
    /// The positions in `documents` of the document (or the two) that the answer takes.
    pub supporting: Vec<usize>,
    /// How relevant each document is to the question, as one who knows the encyclopedia would say:
    /// 1 where the answer takes it, 0.5 where it mentions the entity asked about, 0.25 where its
    /// entity's name shares a word with that one's, else 0.
    pub reranking_scores: Vec<f64>,
    /// The attribute asked about.
    pub attribute: String,
    /// How many documents the answer takes: 1 or 2.
    pub hops: usize,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtlasAnswer {
    /// The question.
    pub query: String,
    /// Its only right answer.
    pub answer: String,
}

/// Documents with many questions about them: dense supervision for a base model that learns to
/// read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtlasContext {
    /// The identifier: stage and number.
    pub id: String,
    /// The documents.
    pub documents: Vec<String>,
    /// The questions, in random order.
    pub questions: Vec<AtlasAnswer>,
}
