//! Quality metrics: how good an answer is ([`AnswerScores`]) and how good an order of documents is
//! ([`ranking`]).
//!
//! Every figure equals that of the implementation the field reports with, down to its odd corners,
//! so that numbers can be put beside published ones. `tests/metrics/make_fixtures.py` and
//! `make_rankings.py` beside it regenerate the cases that hold this to be true.

mod answer;
mod facts;
mod normalize;
mod paired;
pub mod ranking;
mod rouge;
mod trec;

pub use answer::{AnswerScores, exact_match, matches, token_f1};
pub use facts::KeptFacts;
pub use normalize::normalize_answer;
pub use paired::PairedTest;
pub use rouge::{rouge_l, rouge_l_kilt};
pub use trec::{read_qrels, read_run};
