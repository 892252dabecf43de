//! `scaledown retrieve`: the retriever's ranking for all questions, as a TREC run.

use std::path::PathBuf;

use scaledown_host::error::Result;
use scaledown_host::run::{self, RankingOptions};
use scaledown_host::support::interrupt::Interrupt;

use super::ConfigArgs;
use crate::terminal::Terminal;

/// Write the retriever's ranking for all questions as a TREC run.
#[derive(Debug, clap::Args)]
pub(super) struct Retrieve {
    #[command(flatten)]
    config: ConfigArgs,
    /// The output file: lines of `question Q0 chunk rank score plugin`.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Chunks per question [default: preparation.retrieve].
    #[arg(long, short, value_parser = at_least_one)]
    k: Option<usize>,
    /// Rerank with the configuration's reranker and write its scores.
    #[arg(long)]
    rerank: bool,
    /// Rank documents instead of chunks, each by its best chunk.
    #[arg(long)]
    documents: bool,
}

impl Retrieve {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let options = RankingOptions { k: self.k, rerank: self.rerank, documents: self.documents };
        let progress = terminal.watch(Interrupt::listen()?);
        let count = run::retrieve(&self.config.load()?, options, &self.out, &progress)?;
        terminal.print(format!("{count} questions: {}", self.out.display()))
    }
}

fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|&k| k > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}
