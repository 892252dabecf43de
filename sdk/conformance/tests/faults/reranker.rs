//! Rerankers that break a promise.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use scaledown_conformance::ConformanceReport;
use scaledown_conformance::reranker::{RerankerSubject, check};
use scaledown_sdk::component::Reranker;
use scaledown_sdk::{Error, Result};

use crate::{assert_found, assert_passes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    ComparesWithOthers,
    SortsScores,
    LeavesEmptyOut,
    RefusesLong,
    PanicsOnNone,
    IsConstant,
    IgnoresQuery,
    Drifts,
    DividesByWords,
}

/// The share of a document's words, of its first hundred, that are the query's.
struct Words(Fault, AtomicUsize);

impl Words {
    fn one(&self, query: &str, document: &str) -> Result<f32> {
        let of_query: BTreeSet<&str> = query.split_whitespace().collect();
        let words: Vec<&str> = document.split_whitespace().take(100).collect();
        if self.0 == Fault::RefusesLong && document.len() > 10_000 {
            return Err(Error::Input("the document is too long".into()));
        }
        let common = words.iter().filter(|word| self.0 == Fault::IgnoresQuery || of_query.contains(*word)).count();
        let shared = words.iter().filter(|word| of_query.contains(*word)).count();
        Ok(match self.0 {
            Fault::IsConstant => 0.5,
            Fault::IgnoresQuery => document.len() as f32 + common as f32,
            Fault::DividesByWords => shared as f32 / words.len() as f32,
            Fault::Drifts => shared as f32 + self.1.fetch_add(1, Ordering::Relaxed) as f32,
            _ => shared as f32 / (1 + words.len()) as f32,
        })
    }
}

impl Reranker for Words {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        assert!(self.0 != Fault::PanicsOnNone || !documents.is_empty(), "no documents");
        let kept = documents.iter().filter(|document| self.0 != Fault::LeavesEmptyOut || !document.is_empty());
        let mut scores = kept.map(|document| self.one(query, document)).collect::<Result<Vec<f32>>>()?;
        if self.0 == Fault::ComparesWithOthers {
            let mean = scores.iter().sum::<f32>() / scores.len().max(1) as f32;
            scores.iter_mut().for_each(|score| *score -= mean);
        }
        if self.0 == Fault::SortsScores {
            scores.sort_by(f32::total_cmp);
        }
        Ok(scores)
    }
}

fn report(fault: Fault) -> ConformanceReport {
    check(&RerankerSubject { name: format!("{fault:?}"), build: &|| Ok(Box::new(Words(fault, AtomicUsize::new(0)))) })
}

#[test]
fn a_reranker_that_keeps_its_promises_passes() {
    assert_passes(&report(Fault::None));
}

#[test]
fn each_fault_is_found() {
    for (fault, check) in [
        (Fault::ComparesWithOthers, "depends on no other document"),
        (Fault::SortsScores, "the order of documents"),
        (Fault::LeavesEmptyOut, "empty and odd texts"),
        (Fault::PanicsOnNone, "no documents have no scores"),
        (Fault::DividesByWords, "empty and odd texts"),
        (Fault::RefusesLong, "too long is cut"),
        (Fault::IsConstant, "depends on the query"),
        (Fault::IgnoresQuery, "depends on the query"),
        (Fault::Drifts, "the same call"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}
