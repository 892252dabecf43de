//! Reads records one after the other.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::Value;

use super::{
    compressed,
    context::PretrainingRecord,
    error::DataError,
    integers,
    record::{Fault, Record},
    split::{Broken, RecordSplitter},
};

/// The records of a file, each with the line it begins on. After an invalid record, reading
/// continues with the next one, if the file's layout still shows where it starts.
pub struct Reader {
    path: PathBuf,
    split: Option<RecordSplitter<Box<dyn BufRead + Send>>>,
}

impl Reader {
    /// Opens a file of JSON Lines or of one JSON array, compressed (`.gz`, `.zst`) or not.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let split = RecordSplitter::new(compressed::open(path)?).map_err(DataError::io(path))?;
        Ok(Reader { path: path.to_owned(), split: Some(split) })
    }

    /// Opens a file of one JSON object, for the elements of the list that it has under `name`. One
    /// element is held at a time.
    ///
    /// # Errors
    /// If the file cannot be read or has no such list.
    pub(crate) fn open_list(path: &Path, name: &str) -> Result<Self, DataError> {
        let split = RecordSplitter::of_member(compressed::open(path)?, name).map_err(|broken| broken_at(path, broken))?;
        Ok(Reader { path: path.to_owned(), split: Some(split) })
    }

    fn parse<T>(&self, line: u64, text: &[u8], take: FromJson<T>) -> Result<T, DataError> {
        let failed = |line, field, message| DataError::Record { path: self.path.clone(), line, field, message };
        let text = text.trim_ascii_end();
        let value = serde_json::from_slice(&integers::quoted(text)).or_else(|_| serde_json::from_slice(text));
        let value = value.map_err(|error| {
            // The parser counts lines from the record's own first.
            let within = (error.line() as u64).saturating_sub(1);
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string().replace(&place, "");
            failed(line + within, None, format!("not valid JSON at column {}: {message}", error.column()))
        })?;
        take(value, line).map_err(|(field, message)| failed(line, field, message))
    }

    /// The next record as the JSON that it is, with the line it begins on.
    pub(crate) fn next_value(&mut self) -> Option<Result<(u64, Value), DataError>> {
        self.next_as(|value, _| Ok(value))
    }

    /// The next record as `take` makes it.
    fn next_as<T>(&mut self, take: FromJson<T>) -> Option<Result<(u64, T), DataError>> {
        match self.split.as_mut()?.next() {
            Ok(piece) => piece.map(|(line, text)| self.parse(line, &text, take).map(|record| (line, record))),
            Err(broken) => {
                self.split = None;
                Some(Err(broken_at(&self.path, broken)))
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<(u64, Record), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_as(Record::from_json)
    }
}

/// Why a file cannot be read further.
fn broken_at(path: &Path, broken: Broken) -> DataError {
    match broken {
        Broken::Io(source) => DataError::Io { path: path.to_owned(), source },
        Broken::Format { line, message } => DataError::Broken { path: path.to_owned(), place: line.to_string(), message },
    }
}

/// Makes a record of the JSON value that begins on a line.
type FromJson<T> = fn(Value, u64) -> Result<T, Fault>;

/// The contexts of a file of [`PretrainingRecord`]s. If a model learns the `answers`, each has a
/// question.
///
/// # Errors
/// If the file cannot be read or has no record, or at its first record that is bad or has nothing
/// to learn.
pub fn read_contexts(path: &Path, answers: bool) -> Result<Vec<PretrainingRecord>, DataError> {
    let mut reader = Reader::open(path)?;
    let contexts = std::iter::from_fn(|| reader.next_as(PretrainingRecord::from_json)).map(|item| match item {
        Ok((line, context)) if answers && context.questions.is_empty() => {
            let message = "missing; pretraining needs answers as targets".to_owned();
            Err(DataError::Record { path: path.to_owned(), line, field: Some("answer".into()), message })
        }
        other => other.map(|(_, context)| context),
    });
    let contexts = contexts.collect::<Result<Vec<_>, _>>()?;
    if contexts.is_empty() { Err(DataError::Empty { path: path.to_owned() }) } else { Ok(contexts) }
}

/// The first `limit` records of a file, or all of them.
///
/// # Errors
/// If the file cannot be read, or at its first bad record.
pub fn read(path: &Path, limit: Option<usize>) -> Result<Vec<Record>, DataError> {
    collect(path, limit, |_| Ok(()))
}

/// The first `limit` records of a file to score answers on, or all of them: each has gold answers,
/// or else the teacher's `answer`.
///
/// # Errors
/// If the file cannot be read or has no record, or at its first record that is bad or has no answer
/// to compare with.
pub fn read_scored(path: &Path, limit: Option<usize>) -> Result<Vec<Record>, DataError> {
    let scored = |record: &Record| match record.gold_answers.is_empty() && record.answer.is_none() {
        true => Err(("gold_answers", "missing, and so is `answer`; evaluation needs one of them")),
        false => Ok(()),
    };
    not_empty(path, collect(path, limit, scored)?)
}

/// The first `limit` records of a file to train on, or all of them: each has an `answer`, and
/// `reranking_scores` too if a model learns them.
///
/// # Errors
/// If the file cannot be read or has no record, or at its first record that is bad or has nothing
/// to learn.
pub fn read_labelled(path: &Path, limit: Option<usize>, scores: bool) -> Result<Vec<Record>, DataError> {
    let labelled = |record: &Record| {
        if record.answer.is_none() {
            return Err(("answer", "missing; training needs it as the target"));
        }
        if scores && record.reranking_scores.is_none() {
            return Err(("reranking_scores", "missing; reranking.enabled = true needs it as the target"));
        }
        Ok(())
    };
    not_empty(path, collect(path, limit, labelled)?)
}

/// The first `limit` records of a file; `check` may find a field at fault and say why.
fn collect(
    path: &Path,
    limit: Option<usize>,
    check: impl Fn(&Record) -> Result<(), (&'static str, &'static str)>,
) -> Result<Vec<Record>, DataError> {
    let started = Instant::now();
    let checked = |(line, record): (u64, Record)| match check(&record) {
        Ok(()) => Ok(record),
        Err((field, message)) => {
            let (path, field, message) = (path.to_owned(), Some(field.to_owned()), message.to_owned());
            Err(DataError::Record { path, line, field, message })
        }
    };
    let records = Reader::open(path)?.take(limit.unwrap_or(usize::MAX)).map(|item| item.and_then(checked));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let seconds = started.elapsed().as_secs_f64();
    tracing::info!(file = %path.display(), records = records.len(), seconds, "records read");
    Ok(records)
}

fn not_empty(path: &Path, records: Vec<Record>) -> Result<Vec<Record>, DataError> {
    if records.is_empty() { Err(DataError::Empty { path: path.to_owned() }) } else { Ok(records) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), content).expect("written");
        file
    }

    #[test]
    fn a_bad_record_is_named_and_the_next_is_read() {
        let file = file(
            "{\"query\": \"q\", \"documents\": [\"d\"]}\n\n{\"query\": 1}\n{\"query\"\n{\"query\": \"r\", \"documents\": [\"d\"]}\n",
        );
        let items: Vec<_> = Reader::open(file.path()).expect("opened").collect();
        let reported = |index: usize| items[index].as_ref().expect_err("it is bad").to_string();
        let place = |line: u64| format!("{}:{line}: ", file.path().display());
        assert_eq!(reported(1), place(3) + "`query`: expected a string, found the number 1");
        assert!(reported(2).starts_with(&(place(4) + "not valid JSON at column ")), "{}", reported(2));
        assert_eq!(
            items[3].as_ref().expect("it is good"),
            &(5, Record { id: "line 5".into(), query: "r".into(), documents: vec!["d".into()], line: 5, ..Record::default() })
        );
        assert_eq!(items.len(), 4);
        assert!(read(file.path(), None).is_err());
        assert_eq!(read(file.path(), Some(1)).expect("the first is good").len(), 1);
    }

    #[test]
    fn a_record_without_what_a_model_learns_is_named() {
        let labelled = "{\"query\": \"q\", \"documents\": [\"d\"], \"answer\": \"a\", \"reranking_scores\": [1]}\n";
        let missing = |fields: &str, scores: bool| {
            let file = file(&format!("{labelled}{{\"id\": \"x\", \"query\": \"q\", \"documents\": [\"d\"]{fields}}}\n"));
            assert_eq!(read_labelled(file.path(), Some(1), scores).expect("the first has all").len(), 1);
            let read = read_labelled(file.path(), None, scores).map(|records| records.len());
            read.map_err(|error| error.to_string().replace(&file.path().display().to_string(), "file"))
        };
        assert_eq!(missing("", false), Err("file:2: `answer`: missing; training needs it as the target".into()));
        let scores = "file:2: `reranking_scores`: missing; reranking.enabled = true needs it as the target";
        assert_eq!(missing(", \"answer\": \"\"", true), Err(scores.into()));
        assert_eq!(missing(", \"answer\": \"\"", false), Ok(2));
        assert!(matches!(read_labelled(file("\n").path(), None, false), Err(DataError::Empty { .. })));
    }

    #[test]
    fn a_record_that_no_answer_can_be_compared_with_is_named() {
        let good = "{\"query\": \"q\", \"documents\": [\"d\"], \"answers\": [\"a\"]}\n{\"query\": \"q\", \"documents\": [\"d\"], \"answer\": \"a\"}\n";
        assert_eq!(read_scored(file(good).path(), None).expect("both can be scored").len(), 2);
        let bad = file(&format!("{good}{{\"query\": \"q\", \"documents\": [\"d\"], \"gold_answers\": []}}\n"));
        let reported = read_scored(bad.path(), None).expect_err("the third cannot").to_string();
        let place = format!("{}:3: `gold_answers`: missing, and so is `answer`", bad.path().display());
        assert!(reported.starts_with(&place), "{reported}");
        assert_eq!(read_scored(bad.path(), Some(2)).expect("the first two can be scored").len(), 2);
    }

    #[test]
    fn json_that_breaks_within_an_array_is_placed_on_its_line() {
        let file = file("[\n {\"query\": \"q\",\n  \"documents\": [nul]},\n {\"query\": \"q\", \"documents\": [\"d\"]}\n]");
        let items: Vec<_> = Reader::open(file.path()).expect("opened").collect();
        let reported = items[0].as_ref().expect_err("it is bad").to_string();
        assert!(reported.contains(":3: not valid JSON at column"), "{reported}");
        assert!(items[1].is_ok() && items.len() == 2);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let reported = read(Path::new("no/such/file.jsonl"), None).expect_err("missing").to_string();
        assert!(reported.starts_with("cannot read no/such/file.jsonl: "), "{reported}");
    }
}
