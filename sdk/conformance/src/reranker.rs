//! The suite of rerankers.

use scaledown_sdk::Result;
use scaledown_sdk::component::Reranker;

use crate::compare::{near, same};
use crate::report::{CheckFailure, Checked, ConformanceReport, answered, ensure};

const QUERY: &str = "who was the king of the old city";
const DOCUMENTS: [&str; 6] = [
    "the king built a tower",
    "a river in the north and bridges of stone, of which the longest was built by the king of the city",
    "what",
    "the old king of the city was long in the north",
    "towers",
    "stone stone stone stone stone stone stone stone stone stone stone stone",
];

/// The subject of the checks.
pub struct RerankerSubject<'a> {
    /// Its name in the report.
    pub name: String,
    /// Makes the reranker.
    pub build: &'a dyn Fn() -> Result<Box<dyn Reranker>>,
}

/// Runs the suite.
#[must_use]
pub fn check(subject: &RerankerSubject<'_>) -> ConformanceReport {
    let mut report = ConformanceReport::new(subject.name.clone());
    report.run("each document has one score, and it is finite", || counted(&*(subject.build)()?));
    report.run("a score depends on no other document", || alone(&*(subject.build)()?));
    report.run("the order of documents is the order of scores", || order(&*(subject.build)()?));
    report.run("a score depends on the query and on the document", || reads(&*(subject.build)()?));
    report.run("the same call gives the same scores, also from several threads", || again(&*(subject.build)()?));
    report.run("a document that is too long is cut, and changes no other score", || long(&*(subject.build)()?));
    report.run("no documents have no scores; empty and odd texts have one", || empty(&*(subject.build)()?));
    report
}

fn scores(reranker: &dyn Reranker, query: &str, documents: &[&str]) -> Result<Vec<f64>> {
    Ok(reranker.score(query, documents)?.into_iter().map(f64::from).collect())
}

fn counted(reranker: &dyn Reranker) -> Checked {
    for count in 1..=DOCUMENTS.len() {
        let found = scores(reranker, QUERY, &DOCUMENTS[..count])?;
        ensure(found.len() == count, format!("the scores of {count} documents"), count, found.len())?;
        ensure(found.iter().all(|x| x.is_finite()), "the scores", "finite numbers", format!("{found:?}"))?;
    }
    Ok(())
}

fn alone(reranker: &dyn Reranker) -> Checked {
    let together = scores(reranker, QUERY, &DOCUMENTS)?;
    for (number, document) in DOCUMENTS.iter().enumerate() {
        let own = scores(reranker, QUERY, &[document])?;
        near(&format!("the score of document {number} among others"), &together[number..=number], &own)?;
        // Beside documents that are worse, better, or the same.
        for other in DOCUMENTS {
            let both = scores(reranker, QUERY, &[other, document])?;
            near(&format!("the score of document {number} after {other:?}"), &both[1..], &own)?;
        }
    }
    Ok(())
}

fn order(reranker: &dyn Reranker) -> Checked {
    let forwards = scores(reranker, QUERY, &DOCUMENTS)?;
    let reversed: Vec<&str> = DOCUMENTS.iter().rev().copied().collect();
    let mut backwards = scores(reranker, QUERY, &reversed)?;
    backwards.reverse();
    near("the scores of documents in another order", &backwards, &forwards)
}

fn reads(reranker: &dyn Reranker) -> Checked {
    let found = scores(reranker, QUERY, &DOCUMENTS)?;
    let varied = |scores: &[f64]| scores.iter().any(|score| (score - scores[0]).abs() > 1e-6);
    ensure(varied(&found), "the scores of different documents", "different ones", format!("{found:?}"))?;
    let queries = [QUERY, "a river", "where was stone", "how long"];
    let of_queries = queries.map(|query| scores(reranker, query, &DOCUMENTS[..1]));
    let of_queries = of_queries.into_iter().collect::<Result<Vec<_>>>()?.concat();
    ensure(varied(&of_queries), "the scores of one document for different queries", "different ones", format!("{of_queries:?}"))
}

fn again(reranker: &dyn Reranker) -> Checked {
    let first = scores(reranker, QUERY, &DOCUMENTS)?;
    same("the scores of a second call", &scores(reranker, QUERY, &DOCUMENTS)?, &first)?;
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| scores(reranker, QUERY, &DOCUMENTS))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for result in results {
        let found = result.map_err(|_| CheckFailure::differs("a call beside others", "scores", "a panic"))??;
        near("the scores of a call beside others", &found, &first)?;
    }
    Ok(())
}

fn long(reranker: &dyn Reranker) -> Checked {
    let long = "a river and bridges of stone ".repeat(3000);
    let documents = [DOCUMENTS[0], long.as_str(), DOCUMENTS[3]];
    let found = answered("a document of 18,000 words", || scores(reranker, QUERY, &documents))??;
    ensure(found.len() == 3, "the scores of three documents", 3, found.len())?;
    ensure(found[1].is_finite(), "the score of a document of 18,000 words", "a finite number", found[1])?;
    let short = scores(reranker, QUERY, &[DOCUMENTS[0], DOCUMENTS[3]])?;
    near("the scores of documents beside a very long one", &[found[0], found[2]], &short)
}

fn empty(reranker: &dyn Reranker) -> Checked {
    let none = reranker.score(QUERY, &[])?;
    ensure(none.is_empty(), "the scores of no documents", "none", none.len())?;
    for document in ["", " \n", "🙂 塔", "\u{200f}עיר", "\0"] {
        let found = answered(format!("the document {document:?}"), || scores(reranker, QUERY, &[document, DOCUMENTS[0]]))??;
        let fine = found.len() == 2 && found.iter().all(|x| x.is_finite());
        ensure(fine, format!("the scores of {document:?} and another"), "two finite numbers", format!("{found:?}"))?;
    }
    // Whether a query may be empty or very long is the model's own to say.
    for query in ["", "🙂", &"how long ".repeat(5000)] {
        let shown: String = query.chars().take(20).collect();
        if let Ok(found) = answered(format!("the query {shown:?}"), || scores(reranker, query, &DOCUMENTS))? {
            let fine = found.len() == DOCUMENTS.len() && found.iter().all(|x| x.is_finite());
            ensure(fine, format!("the scores for the query {shown:?}"), "a finite number each", format!("{found:?}"))?;
        }
    }
    Ok(())
}
