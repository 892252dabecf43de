//! The records of a pretraining stage.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::examples::{self, Weights};
use crate::atlas::PretrainingRecord;
use crate::model::LanguageModel;
use crate::sequence::Sequence;
use crate::training::TrainingError;

/// The longest line that is read, in bytes.
const LINE_LIMIT: usize = 16 << 20;

/// What one stage trains on.
#[derive(Clone, Debug)]
pub enum Source {
    /// Documents with questions and answers, one JSON record a line.
    Questions(Vec<PretrainingRecord>),
    /// Plain texts, one a line.
    Text(Vec<String>),
}

impl Source {
    /// Reads a file: question-answer records if it is called `.jsonl` or `.json`, else plain text.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is no record; the error names the file and the line.
    pub fn read(path: &Path) -> Result<Self, TrainingError> {
        let failed = |line: usize, message: String| TrainingError::Record {
            record: if line == 0 { path.display().to_string() } else { format!("{}:{line}", path.display()) },
            message,
        };
        let file = std::fs::File::open(path).map_err(|error| failed(0, error.to_string()))?;
        let json = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "json");
        let (mut records, mut texts) = (Vec::new(), Vec::new());
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|error| failed(number + 1, error.to_string()))?;
            if line.len() > LINE_LIMIT {
                return Err(failed(number + 1, format!("the line is longer than {LINE_LIMIT} bytes")));
            }
            if line.trim().is_empty() {
                continue;
            }
            if json {
                let record: PretrainingRecord =
                    serde_json::from_str(&line).map_err(|error| failed(number + 1, error.to_string()))?;
                if record.questions.is_empty() {
                    return Err(failed(number + 1, "the record has no questions".into()));
                }
                records.push(record);
            } else {
                texts.push(line);
            }
        }
        Ok(if json { Source::Questions(records) } else { Source::Text(texts) })
    }

    /// A source of the same kind without records.
    #[must_use]
    pub fn none(&self) -> Self {
        match self {
            Source::Questions(_) => Source::Questions(Vec::new()),
            Source::Text(_) => Source::Text(Vec::new()),
        }
    }

    /// Appends the first `records` records of another source, all of them if `None`.
    ///
    /// # Errors
    /// If one holds questions and the other plain text.
    pub fn append(&mut self, other: Source, records: Option<usize>) -> Result<(), TrainingError> {
        let most = records.unwrap_or(usize::MAX);
        match (self, other) {
            (Source::Questions(all), Source::Questions(more)) => all.extend(more.into_iter().take(most)),
            (Source::Text(all), Source::Text(more)) => all.extend(more.into_iter().take(most)),
            _ => {
                return Err(TrainingError::Empty(
                    "a stage mixes plain text with records of questions, expected files of one kind".into(),
                ));
            }
        }
        Ok(())
    }

    /// The texts of record `index`: its documents, or the plain text itself.
    #[must_use]
    pub fn documents(&self, index: usize) -> &[String] {
        match self {
            Source::Questions(records) => &records[index].documents,
            Source::Text(texts) => std::slice::from_ref(&texts[index]),
        }
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Source::Questions(records) => records.len(),
            Source::Text(texts) => texts.len(),
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Record `index` as a sequence.
    ///
    /// # Errors
    /// If the prompt cannot be rendered or the tokenizer fails.
    pub fn sequence(
        &self,
        index: usize,
        model: &LanguageModel,
        document_tokens: usize,
        weights: Weights,
    ) -> Result<Sequence, TrainingError> {
        Ok(match self {
            Source::Questions(records) => {
                examples::questions(&records[index], &model.prompt, &model.tokenizer, document_tokens, weights)?
            }
            Source::Text(texts) => examples::text(&texts[index], &model.tokenizer, document_tokens)?,
        })
    }
}
