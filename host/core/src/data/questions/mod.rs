//! The questions: read from a file or generated from the corpus.

pub mod config;
mod file;
mod synthetic;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use self::config::QuestionFormat;
use crate::data::corpus::{self, Documents};
use crate::data::records::DataError;
use crate::error::Error;

/// How many synthetic questions are made if the configuration does not say.
const DEFAULT_COUNT: usize = 1000;

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CorpusQuestion {
    /// The id; unique in the file.
    pub id: String,
    /// The question; never blank.
    pub query: String,
    /// The right answers, where they are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gold_answers: Vec<String>,
    /// Documents to answer it from; none if they are to be found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// The reranker's score of each of these documents, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reranking_scores: Option<Vec<f64>>,
    /// The document that a synthetic question was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// The questions of a configuration, one after the other; those of a file in its order. After a
/// line that is no question the next one comes.
pub struct QuestionReader {
    questions: Box<dyn Iterator<Item = Result<CorpusQuestion, DataError>>>,
}

/// Where the questions of a configuration come from. They can be read more than once, and synthetic
/// ones are made once.
#[derive(Clone, Debug)]
pub struct QuestionSource {
    config: config::Questions,
    /// The synthetic questions.
    made: Arc<[CorpusQuestion]>,
}

impl QuestionSource {
    /// Synthetic questions are made here, in one pass over `corpus`, with memory for as many
    /// documents as there are to be questions.
    ///
    /// # Errors
    /// For synthetic ones, if there is no corpus or a document of it cannot be read.
    pub fn open(config: &config::Questions, corpus: Option<&corpus::config::CorpusConfig>) -> Result<Self, Error> {
        let made = if config.format == QuestionFormat::Synthetic {
            let corpus = corpus.ok_or_else(|| Error::usage("synthetic questions need a table [corpus]"))?;
            let count = config.limit.unwrap_or(DEFAULT_COUNT);
            synthetic::make(Documents::open(corpus)?, config.synthesis, count, config.seed)?
        } else {
            Vec::new()
        };
        Ok(QuestionSource { config: config.clone(), made: made.into() })
    }

    /// The questions, from the first on.
    ///
    /// # Errors
    /// If their file cannot be opened.
    pub fn read(&self) -> Result<QuestionReader, Error> {
        let config = &self.config;
        if config.format == QuestionFormat::Synthetic {
            let made = Arc::clone(&self.made);
            return Ok(QuestionReader { questions: Box::new((0..made.len()).map(move |index| Ok(made[index].clone()))) });
        }
        let path = config.path.as_deref().ok_or_else(|| Error::usage("questions.path is missing"))?;
        let mut ids = HashSet::new();
        let questions = file::open(path, config)?.map(move |item| {
            let (place, question) = item?;
            if ids.insert(question.id.clone()) {
                return Ok(question);
            }
            Err(place.error(format!("duplicate id `{}`; question ids must be unique", question.id)))
        });
        // A question that is refused counts for none.
        let mut left = config.limit.unwrap_or(usize::MAX);
        let questions = questions.take_while(move |item: &Result<_, DataError>| match item {
            Ok(_) if left == 0 => false,
            Ok(_) => {
                left -= 1;
                true
            }
            Err(_) => left > 0,
        });
        Ok(QuestionReader { questions: Box::new(questions) })
    }
}

impl QuestionReader {
    /// Opens the questions that a configuration names, to be read once.
    ///
    /// # Errors
    /// Those of [`QuestionSource::open`] and [`QuestionSource::read`].
    pub fn open(config: &config::Questions, corpus: Option<&corpus::config::CorpusConfig>) -> Result<Self, Error> {
        QuestionSource::open(config, corpus)?.read()
    }
}

impl Iterator for QuestionReader {
    type Item = Result<CorpusQuestion, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.questions.next()
    }
}

#[cfg(test)]
mod tests;
