//! The contents and defects of a file of records.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    path::Path,
};

use serde::Serialize;

use super::{error::DataError, reader::Reader, record::Record};

/// How many bad or doubtful records are listed one by one; the rest are counted.
const LISTED: usize = 20;

/// The result of [`check`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RecordsSummary {
    /// Records that can be used.
    pub records: u64,
    /// Records that cannot.
    pub bad_records: u64,
    /// The first of those.
    pub bad: Vec<BadRecord>,
    /// The lines of the others, as runs of lines that follow each other: the first and the last of
    /// each.
    pub more_bad_lines: Vec<(u64, u64)>,
    /// Records with a teacher's `answer`.
    pub with_answer: u64,
    /// Records with gold answers.
    pub with_gold_answers: u64,
    /// Records with `reranking_scores`.
    pub with_reranking_scores: u64,
    /// Records whose `answer` is blank.
    pub blank_answers: u64,
    /// Blank gold answers, over all records.
    pub blank_gold_answers: u64,
    /// Blank documents, over all records.
    pub blank_documents: u64,
    /// Records whose `id` was there before.
    pub duplicate_ids: u64,
    /// Records whose query repeats an earlier one, ignoring case and outer white space.
    pub duplicate_queries: u64,
    /// Records that repeat an id, a query or both.
    pub repeating: u64,
    /// The first of them: the line, and the line of what it repeats.
    pub duplicates: Vec<(u64, u64)>,
    /// Documents a record.
    pub documents: Extent,
    /// The words of a query.
    pub query_words: Extent,
    /// The words of a document.
    pub document_words: Extent,
    /// The words of an `answer`.
    pub answer_words: Extent,
}

impl RecordsSummary {
    /// Whether a training could read the file to its end and would find something in it.
    pub fn is_usable(&self) -> bool {
        self.bad_records == 0 && self.records > 0
    }
}

/// A record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRecord {
    /// The line, counted from 1.
    pub line: u64,
    /// The field at fault, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// The minimum, mean and maximum of a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Extent {
    /// How many were counted.
    pub count: u64,
    /// The least; 0 for none.
    pub min: u64,
    /// The mean; 0 for none.
    pub mean: f64,
    /// The most; 0 for none.
    pub max: u64,
}

impl Extent {
    fn add(&mut self, value: usize) {
        let value = value as u64;
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.mean += (value as f64 - self.mean) / self.count as f64;
    }

    fn add_words(&mut self, text: &str) {
        self.add(text.split_whitespace().count());
    }
}

/// Reads a whole file, past bad records, in memory that grows by a few bytes a record.
///
/// # Errors
/// If the file cannot be read. Bad records are no error here: they are in the summary.
pub fn check(path: &Path) -> Result<RecordsSummary, DataError> {
    let mut summary = RecordsSummary::default();
    let mut seen = Seen::default();
    for item in Reader::open(path)? {
        match item {
            Ok((line, record)) => summary.add(line, &record, &mut seen),
            Err(DataError::Record { line, field, message, .. }) => {
                summary.add_bad(BadRecord { line, field, message });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(summary)
}

/// The line of each id and query, by their hashes: a false alarm needs two equal 64-bit hashes.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    ids: HashMap<u64, u64>,
    queries: HashMap<u64, u64>,
}

impl RecordsSummary {
    fn add_bad(&mut self, bad: BadRecord) {
        self.bad_records += 1;
        if self.bad.len() < LISTED {
            return self.bad.push(bad);
        }
        match self.more_bad_lines.last_mut() {
            Some((_, last)) if *last + 1 == bad.line => *last = bad.line,
            _ => self.more_bad_lines.push((bad.line, bad.line)),
        }
    }

    fn add(&mut self, line: u64, record: &Record, seen: &mut Seen) {
        self.records += 1;
        self.with_answer += u64::from(record.answer.is_some());
        self.with_gold_answers += u64::from(!record.gold_answers.is_empty());
        self.with_reranking_scores += u64::from(record.reranking_scores.is_some());
        self.blank_answers += u64::from(record.answer.as_deref().is_some_and(|answer| answer.trim().is_empty()));
        self.blank_gold_answers += record.gold_answers.iter().filter(|answer| answer.trim().is_empty()).count() as u64;
        self.blank_documents += record.documents.iter().filter(|document| document.trim().is_empty()).count() as u64;
        self.documents.add(record.documents.len());
        self.query_words.add_words(&record.query);
        record.documents.iter().for_each(|document| self.document_words.add_words(document));
        record.answer.iter().for_each(|answer| self.answer_words.add_words(answer));

        let id = seen.hasher.hash_one(&record.id);
        let query = seen.hasher.hash_one(record.query.trim().to_lowercase());
        let same_id = *seen.ids.entry(id).or_insert(line);
        let same_query = *seen.queries.entry(query).or_insert(line);
        self.duplicate_ids += u64::from(same_id != line);
        self.duplicate_queries += u64::from(same_query != line);
        let earlier = same_id.min(same_query);
        self.repeating += u64::from(earlier != line);
        if earlier != line && self.duplicates.len() < LISTED {
            self.duplicates.push((line, earlier));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_counted_past_its_bad_records() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let lines = [
            r#"{"id": "a", "query": "Who was it?", "documents": ["one two", " "], "answer": "it was me", "gold_answers": ["me"]}"#,
            r#"{"id": "b", "query": " who WAS it? ", "documents": ["one two three"], "answer": "", "reranking_scores": [0.5]}"#,
            r#"{"query": "q", "documents": [7]}"#,
            r#"{"id": "a", "query": "another", "documents": ["d"]}"#,
            r#"{"query": "q""#,
        ];
        std::fs::write(file.path(), lines.join("\n")).expect("written");
        let summary = check(file.path()).expect("readable");
        assert_eq!((summary.records, summary.bad_records), (3, 2));
        assert_eq!(
            summary.bad.iter().map(|bad| (bad.line, bad.field.as_deref())).collect::<Vec<_>>(),
            [(3, Some("documents[0]")), (5, None)]
        );
        assert_eq!((summary.with_answer, summary.with_gold_answers, summary.with_reranking_scores), (2, 1, 1));
        assert_eq!((summary.blank_answers, summary.blank_documents), (1, 1));
        assert_eq!((summary.duplicate_ids, summary.duplicate_queries, summary.repeating), (1, 1, 2));
        assert_eq!(summary.duplicates, [(2, 1), (4, 1)]);
        assert_eq!(summary.document_words, Extent { count: 4, min: 0, mean: 1.5, max: 3 });
        assert!(!summary.is_usable());
    }

    #[test]
    fn every_bad_line_is_known_by_its_number() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let line = |number: usize| {
            if number.is_multiple_of(30) { "{\"query\": \"q\", \"documents\": [\"d\"], \"answers\": [\"\"]}\n" } else { "{}\n" }
        };
        std::fs::write(file.path(), (1..=70).map(line).collect::<String>()).expect("written");
        let summary = check(file.path()).expect("readable");
        assert_eq!((summary.records, summary.bad_records, summary.blank_gold_answers), (2, 68, 2));
        assert_eq!(summary.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
        assert_eq!(summary.more_bad_lines, [(21, 29), (31, 59), (61, 70)]);
    }
}
