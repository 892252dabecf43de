//! Reads rankings and judgements: TREC runs, and qrels as TREC or BEIR write them.

use std::{collections::BTreeMap, path::Path};

use super::ranking::{Qrels, TrecRun};
use crate::data::records::{DataError, Lines};

/// Reads a TREC run: lines of `QUERY Q0 DOCUMENT RANK SCORE TAG`, separated by white space. The
/// order of a query's documents is that of their scores, as for `trec_eval`; ranks are not read.
///
/// # Errors
/// If the file cannot be read or is empty, or a line is malformed or repeats a document of a query.
pub fn read_run(path: &Path) -> Result<TrecRun, DataError> {
    let mut run = TrecTable::default();
    let mut lines = Lines::open(path)?;
    while let Some(item) = lines.next() {
        let (_, text) = item?;
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[query, _, document, _, score, _] = fields.as_slice() else {
            let expected = "expected the six fields of a TREC run, `query Q0 document rank score tag`";
            return Err(lines.fault(format!("found {} fields, {expected}", fields.len())));
        };
        let score = score.parse().ok().filter(|score: &f64| !score.is_nan());
        let Some(score) = score else {
            return Err(lines.fault(format!("the score is `{}`, expected a number", fields[4])));
        };
        run.insert(&lines, query, document, score)?;
    }
    run.done(path)
}

/// Reads judgements, in either layout; the first line tells which:
///
/// - TREC: lines of `QUERY ITERATION DOCUMENT GRADE`, separated by white space;
/// - BEIR: a header `query-id corpus-id score`, then lines of these three, tab-separated. The
///   header may be missing.
///
/// # Errors
/// If the file cannot be read or is empty, or a line is malformed or judges a document again.
pub fn read_qrels(path: &Path) -> Result<Qrels, DataError> {
    let mut qrels = TrecTable::default();
    let mut lines = Lines::open(path)?;
    let mut layout = None;
    while let Some(item) = lines.next() {
        let (_, text) = item?;
        if layout.is_none() && text.split('\t').map(str::trim).eq(["query-id", "corpus-id", "score"]) {
            layout = Some(TrecLayout::Beir);
            continue;
        }
        let layout = *layout.get_or_insert(match text.split_ascii_whitespace().count() {
            4 => TrecLayout::Trec,
            _ => TrecLayout::Beir,
        });
        let (query, document, grade) = layout.fields(&text).map_err(|message| lines.fault(message))?;
        let Ok(parsed) = grade.parse::<i64>() else {
            return Err(lines.fault(format!("the grade is `{grade}`, expected a whole number")));
        };
        qrels.insert(&lines, query, document, parsed)?;
    }
    qrels.done(path)
}

#[derive(Clone, Copy)]
enum TrecLayout {
    Trec,
    Beir,
}

impl TrecLayout {
    /// The query, the document and the grade of a line.
    fn fields(self, text: &str) -> Result<(&str, &str, &str), String> {
        let fields: Vec<&str> = match self {
            TrecLayout::Trec => text.split_ascii_whitespace().collect(),
            TrecLayout::Beir => text.split('\t').map(str::trim).collect(),
        };
        match (self, fields.as_slice()) {
            (TrecLayout::Trec, &[query, _, document, grade]) => Ok((query, document, grade)),
            (TrecLayout::Beir, &[query, document, grade]) => Ok((query, document, grade)),
            (TrecLayout::Trec, other) => Err(format!(
                "found {} fields, expected four, `query iteration document grade`, as in the first line",
                other.len()
            )),
            (TrecLayout::Beir, other) => Err(format!(
                "found {} fields, expected 3 tab-separated (`query-id corpus-id score`, BEIR) or 4 (`query iteration document grade`, TREC)",
                other.len()
            )),
        }
    }
}

/// Values by query and document.
struct TrecTable<T>(BTreeMap<String, BTreeMap<String, T>>);

impl<T> Default for TrecTable<T> {
    fn default() -> Self {
        TrecTable(BTreeMap::new())
    }
}

impl<T> TrecTable<T> {
    fn insert(&mut self, lines: &Lines, query: &str, document: &str, value: T) -> Result<(), DataError> {
        let documents = match self.0.get_mut(query) {
            Some(documents) => documents,
            None => self.0.entry(query.to_owned()).or_default(),
        };
        match documents.insert(document.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(lines.fault(format!("duplicate document `{document}` for query `{query}`; keep one line"))),
        }
    }

    fn done(self, path: &Path) -> Result<BTreeMap<String, BTreeMap<String, T>>, DataError> {
        if self.0.is_empty() { Err(DataError::Empty { path: path.to_owned() }) } else { Ok(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::Value;

    use super::*;
    use crate::evaluate::metrics::ranking::evaluate;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/metrics/rankings").join(name)
    }

    #[test]
    fn files_of_every_layout_score_as_pytrec_eval_does() {
        let expected: Value = serde_json::from_slice(&std::fs::read(fixture("hard.json")).expect("read")).expect("JSON");
        let run = read_run(&fixture("hard.run")).expect("a run");
        for qrels in ["hard.qrels", "hard.tsv"] {
            let qrels = read_qrels(&fixture(qrels)).expect("judgements");
            let found = evaluate(&qrels, &run, &[1, 5, 10, 100]);
            assert_eq!(found.queries, expected["queries"]);
            assert_eq!(found.queries - found.missing, expected["answered"]);
            assert_eq!(found.unjudged, 1);
            for (scores, means) in [(&found.scores, "judged"), (&found.answered, "answered_only")] {
                for cut in scores {
                    let wanted = &expected[means][cut.k.to_string()];
                    for (metric, value) in [("ndcg", cut.ndcg), ("mrr", cut.mrr), ("recall", cut.recall)] {
                        let wanted = wanted[metric].as_f64().expect("a number");
                        assert!((value - wanted).abs() < 1e-12, "{means} {metric}@{}: {value}, expected {wanted}", cut.k);
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_that_does_not_fit_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let reported = |content: &str, read: &dyn Fn(&Path) -> Result<(), DataError>| {
            std::fs::write(file.path(), content).expect("written");
            let reported = read(file.path()).expect_err("it is wrong").to_string();
            reported.replace(&file.path().display().to_string(), "file")
        };
        let run = |path: &Path| read_run(path).map(drop);
        let qrels = |path: &Path| read_qrels(path).map(drop);
        for (content, message) in [
            (
                "q Q0 d 1 0.5 t\nq Q0 e 2 0.5\n",
                "file:2: found 5 fields, expected the six fields of a TREC run, `query Q0 document rank score tag`",
            ),
            ("\nq Q0 d 1 high t\n", "file:2: the score is `high`, expected a number"),
            ("q Q0 d 1 NaN t\n", "file:1: the score is `NaN`, expected a number"),
            ("q Q0 d 1 2 t\nr Q0 d 1 2 t\nq Q0 d 2 1 t\n", "file:3: duplicate document `d` for query `q`; keep one line"),
            ("\n", "file: contains no records"),
        ] {
            assert_eq!(reported(content, &run), message);
        }
        for (content, message) in [
            ("q 0 d 1\nq 0 e\n", "file:2: found 3 fields, expected four, `query iteration document grade`, as in the first line"),
            (
                "query-id\tcorpus-id\tscore\nq\td\t1\nq\te\n",
                "file:3: found 2 fields, expected 3 tab-separated (`query-id corpus-id score`, BEIR) or 4 (`query iteration document grade`, TREC)",
            ),
            ("q\td\tgood\n", "file:1: the grade is `good`, expected a whole number"),
            ("q 0 d 1\nq 0 d 0\n", "file:2: duplicate document `d` for query `q`; keep one line"),
            ("query-id\tcorpus-id\tscore\n", "file: contains no records"),
        ] {
            assert_eq!(reported(content, &qrels), message);
        }
    }
}
