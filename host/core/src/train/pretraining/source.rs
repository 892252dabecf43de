//! The records of a pretraining stage.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::examples::{self, TargetWeights};
use crate::data::records::{self, DataError, PretrainingRecord, RECORD_LIMIT};
use crate::model::LanguageModel;
use crate::model::sequence::Sequence;
use crate::text::{TextError, Tokenizer};
use crate::train::TrainingError;

/// The records of one stage.
#[derive(Clone, Debug)]
pub enum StageRecords {
    /// Documents with questions and answers.
    Questions(Vec<PretrainingRecord>),
    /// Plain texts.
    Text(Vec<Text>),
}

/// A text, or a piece of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Whether the next piece continues this one.
    pub continued: bool,
}

impl StageRecords {
    /// Reads a file: records if it is called `.jsonl` or `.json`, which need answers if the model
    /// learns the `answers`; else plain text, one a line.
    ///
    /// # Errors
    /// If the file cannot be read or is empty, or a line is not a record. The error names file,
    /// line and field.
    pub fn read(path: &Path, answers: bool) -> Result<Self, DataError> {
        if path.extension().is_some_and(|extension| extension == "jsonl" || extension == "json") {
            return Ok(StageRecords::Questions(records::read_contexts(path, answers)?));
        }
        let texts = read_lines(path)?;
        if texts.is_empty() { Err(DataError::Empty { path: path.to_owned() }) } else { Ok(StageRecords::Text(texts)) }
    }

    /// Only the first `records` records, or all of them if `None`.
    #[must_use]
    pub fn first(mut self, records: Option<usize>) -> Self {
        let most = records.unwrap_or(usize::MAX);
        match &mut self {
            StageRecords::Questions(contexts) => contexts.truncate(most),
            StageRecords::Text(texts) => texts.truncate(most),
        }
        self
    }

    /// Appends another source; false, and nothing is appended, if one holds records and the other
    /// plain text.
    #[must_use]
    pub fn append(&mut self, other: StageRecords) -> bool {
        match (self, other) {
            (StageRecords::Questions(all), StageRecords::Questions(more)) => all.extend(more),
            (StageRecords::Text(all), StageRecords::Text(more)) => all.extend(more),
            _ => return false,
        }
        true
    }

    /// Cuts plain texts into consecutive pieces of at most `limit` tokens of each tokenizer, so
    /// that nothing of a long one is lost.
    ///
    /// # Errors
    /// If a tokenizer fails.
    pub fn cut(self, tokenizers: &[&Tokenizer], limit: usize) -> Result<Self, TextError> {
        let StageRecords::Text(texts) = self else { return Ok(self) };
        let mut cut = Vec::with_capacity(texts.len());
        for Text { text, continued } in texts {
            let mut pieces = vec![text.as_str()];
            for tokenizer in tokenizers {
                let finer = pieces.iter().map(|piece| tokenizer.pieces(piece, limit)).collect::<Result<Vec<_>, _>>()?;
                pieces = finer.concat();
            }
            let last = pieces.len().saturating_sub(1);
            let piece = |(i, piece): (usize, &str)| Text { text: piece.to_owned(), continued: i < last || continued };
            cut.extend(pieces.into_iter().enumerate().map(piece));
        }
        Ok(StageRecords::Text(cut))
    }

    /// The texts of record `index`: its documents, or the plain text itself.
    #[must_use]
    pub fn documents(&self, index: usize) -> Vec<&str> {
        match self {
            StageRecords::Questions(contexts) => contexts[index].documents.iter().map(String::as_str).collect(),
            StageRecords::Text(texts) => vec![&texts[index].text],
        }
    }

    /// The questions of record `index`; plain text has none.
    #[must_use]
    pub fn queries(&self, index: usize) -> Vec<&str> {
        let StageRecords::Questions(contexts) = self else { return Vec::new() };
        contexts[index].questions.iter().map(|question| question.query.as_str()).collect()
    }

    /// The continuation of text `index`, if it is a piece of a longer one and not its last.
    #[must_use]
    pub fn continuation(&self, index: usize) -> Option<&str> {
        let StageRecords::Text(texts) = self else { return None };
        texts[index].continued.then(|| texts.get(index + 1)).flatten().map(|next| next.text.as_str())
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            StageRecords::Questions(contexts) => contexts.len(),
            StageRecords::Text(texts) => texts.len(),
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the training data to a checksum.
    pub fn checksum(&self, hasher: &mut crc32fast::Hasher) {
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        match self {
            StageRecords::Questions(contexts) => contexts.iter().for_each(|PretrainingRecord { documents, questions }| {
                documents.iter().for_each(|document| add(document));
                questions.iter().flat_map(|question| [&question.query, &question.answer]).for_each(|text| add(text));
            }),
            StageRecords::Text(texts) => texts.iter().for_each(|text| add(&text.text)),
        }
    }

    /// Record `index` as a sequence.
    ///
    /// # Errors
    /// If the prompt cannot be rendered, the tokenizer fails, or the sequence exceeds the model's
    /// maximum.
    pub fn sequence(
        &self,
        index: usize,
        model: &LanguageModel,
        document_tokens: usize,
        weights: TargetWeights,
    ) -> Result<Sequence, TrainingError> {
        let sequence = match self {
            StageRecords::Questions(contexts) => {
                examples::questions(&contexts[index], &model.prompt, &model.tokenizer, document_tokens, weights)?
            }
            StageRecords::Text(texts) => examples::text(&texts[index], &model.tokenizer, document_tokens)?,
        };
        match model.generator.max_positions().filter(|limit| sequence.rows.len() > *limit) {
            None => Ok(sequence),
            Some(limit) => Err(self.too_long(index, sequence.rows.len(), limit)),
        }
    }

    fn too_long(&self, index: usize, positions: usize, limit: usize) -> TrainingError {
        let name = self.queries(index).first().map(|query| format!(" ({query:?})")).unwrap_or_default();
        let message = format!(
            "documents, questions and answers take {positions} positions; the model's maximum is {limit}; remove questions or documents, or lower compression.document_tokens"
        );
        TrainingError::Record { record: format!("{}{name}", index + 1), line: 0, field: None, message }
    }
}

/// The lines of a file that are not blank.
fn read_lines(path: &Path) -> Result<Vec<Text>, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let mut file = BufReader::new(std::fs::File::open(path).map_err(io)?);
    let mut texts = Vec::new();
    for line in 1.. {
        let failed = |message: String| DataError::Record { path: path.to_owned(), line, field: None, message };
        let mut bytes = Vec::new();
        (&mut file).take(RECORD_LIMIT as u64 + 1).read_until(b'\n', &mut bytes).map_err(io)?;
        if bytes.is_empty() {
            break;
        }
        if bytes.len() > RECORD_LIMIT {
            return Err(failed(format!("the line is longer than {} MiB; expected one text per line", RECORD_LIMIT >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|error| failed(format!("not valid UTF-8: {}", error.utf8_error())))?;
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        if !text.trim().is_empty() {
            texts.push(Text { text, continued: false });
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::atlas;

    #[test]
    fn a_long_text_is_cut_into_pieces_that_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        atlas::tokenizer().unwrap().save(directory.path().join("tokenizer.json"), false).unwrap();
        std::fs::write(directory.path().join("config.json"), r#"{"eos_token_id": 2}"#).unwrap();
        let tokenizer = Tokenizer::from_directory(directory.path()).unwrap();
        let long = "Aspen Vale grows peas and barley. Birch Loom is framed in walnut, and Hazel Brenow lives in Aspen Vale.";
        let text = |text: &str| Text { text: text.into(), continued: false };
        let source = StageRecords::Text(vec![text("Aspen Vale."), text(long)]).cut(&[&tokenizer, &tokenizer], 8).unwrap();
        let StageRecords::Text(pieces) = &source else { panic!("{source:?}") };
        assert_eq!(pieces[0], text("Aspen Vale."));
        assert!(pieces.len() > 4, "{pieces:?}");
        let ids = |text: &str| tokenizer.encode(text).unwrap();
        assert!(pieces.iter().all(|piece| ids(&piece.text).len() <= 8), "{pieces:?}");
        let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        assert_eq!(pieces[1..].iter().map(|piece| letters(&piece.text)).collect::<String>(), letters(long));
        // Every piece except the last is continued by the next.
        let last = pieces.len() - 1;
        assert!((1..last).all(|i| source.continuation(i) == Some(&pieces[i + 1].text)));
        assert_eq!((source.continuation(0), source.continuation(last)), (None, None));
    }
}
