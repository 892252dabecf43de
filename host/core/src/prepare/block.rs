//! Questions in blocks, which are shared between machines and recorded as wholes.

use std::str::FromStr;

use super::config::Preparation;
use crate::data::config::OnError;
use crate::data::questions::{CorpusQuestion, QuestionReader, QuestionSource};
use crate::{Error, Result};

/// Consecutive questions that are worked on together.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its number in the whole of the questions, from 0.
    pub number: u64,
    /// The questions.
    pub questions: Vec<CorpusQuestion>,
}

/// The shard of one machine: every block whose number modulo COUNT is INDEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shard {
    /// The shard's index, zero-based.
    pub index: u64,
    /// The number of shards.
    pub of: u64,
}

impl Default for Shard {
    fn default() -> Self {
        Shard { index: 0, of: 1 }
    }
}

impl Shard {
    /// Whether a block is of this shard.
    #[must_use]
    pub fn has(self, block: u64) -> bool {
        block % self.of == self.index
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, of)| Some((index.trim().parse().ok()?, of.trim().parse().ok()?)));
        match parts {
            Some((index, of)) if index < of => Ok(Shard { index, of }),
            Some((index, of)) => Err(format!("shard {index} of {of} does not exist; INDEX is zero-based")),
            None => Err("expected INDEX/COUNT, such as 0/8".into()),
        }
    }
}

/// The questions of a configuration in blocks, one after the other.
pub struct Blocks {
    questions: QuestionReader,
    size: usize,
    number: u64,
    shard: Shard,
    on_error: OnError,
    malformed: u64,
    first_malformed: Option<String>,
}

impl Blocks {
    /// Opens the questions; only blocks of `shard` will come.
    ///
    /// # Errors
    /// If their file cannot be opened.
    pub fn open(source: &QuestionSource, config: &Preparation, shard: Shard) -> Result<Self> {
        let (questions, block, on_error) = (source.read()?, config.block, config.on_error);
        Ok(Blocks { questions, size: block.max(1), number: 0, shard, on_error, malformed: 0, first_malformed: None })
    }

    /// The number of skipped malformed questions so far, and the first one's problem.
    #[must_use]
    pub fn malformed(&self) -> (u64, Option<&str>) {
        (self.malformed, self.first_malformed.as_deref())
    }

    fn block(&mut self) -> Result<Vec<CorpusQuestion>> {
        let mut questions = Vec::new();
        while questions.len() < self.size {
            match self.questions.next() {
                None => break,
                Some(Ok(question)) => questions.push(question),
                Some(Err(error)) if self.on_error == OnError::Stop || !error.is_of_a_record() => return Err(Error::from(error)),
                Some(Err(error)) => {
                    self.malformed += 1;
                    self.first_malformed.get_or_insert_with(|| error.to_string());
                }
            }
        }
        Ok(questions)
    }
}

impl Iterator for Blocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let number = self.number;
            self.number += 1;
            match self.block() {
                Err(error) => return Some(Err(error)),
                Ok(questions) if questions.is_empty() => return None,
                Ok(questions) if self.shard.has(number) => return Some(Ok(Block { number, questions })),
                Ok(_) => {}
            }
        }
    }
}

/// A survey of the questions before processing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The questions of this shard.
    pub questions: u64,
    /// The questions of all shards.
    pub all: u64,
    /// How many of all come without documents, which must be found.
    pub to_find: u64,
    /// How many of all are malformed.
    pub malformed: u64,
    /// The first one's problem.
    pub first_malformed: Option<String>,
    /// The checksum of all questions.
    pub checksum: u32,
}

impl Survey {
    /// Reads the questions once.
    ///
    /// # Errors
    /// If a file cannot be read, there are no questions, or a question is malformed and malformed
    /// ones are not skipped.
    pub fn of(source: &QuestionSource, config: &Preparation, shard: Shard) -> Result<Self> {
        let mut blocks = Blocks::open(source, config, Shard::default())?;
        let mut survey = Survey::default();
        for block in blocks.by_ref() {
            let block = block?;
            let count = block.questions.len() as u64;
            survey.all += count;
            survey.questions += if shard.has(block.number) { count } else { 0 };
            for question in &block.questions {
                survey.to_find += u64::from(question.documents.is_empty());
                let text = serde_json::to_vec(question).map_err(Error::failed)?;
                survey.checksum = crc32c::crc32c_append(survey.checksum, &text);
            }
        }
        let (malformed, first) = blocks.malformed();
        (survey.malformed, survey.first_malformed) = (malformed, first.map(str::to_owned));
        match (survey.all, first) {
            (0, Some(first)) => Err(Error::failed(format!("all {malformed} questions are malformed; the first: {first}"))),
            (0, None) => Err(Error::failed("there are no questions")),
            _ => Ok(survey),
        }
    }
}
