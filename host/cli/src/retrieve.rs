//! `scaledown retrieve`: the retriever's ranking for all questions, as a TREC run.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;

use scaledown_sdk::component::Reranker;

use super::ConfigArgs;
use scaledown_host::data::questions::{Question, Questions};
use scaledown_host::error::{Error, Result};
use scaledown_host::plugins::registry;
use scaledown_host::retrieval::{Found, SearchIndex};
use scaledown_host::support::artifact::write_file_with;
use scaledown_host::support::interrupt::Interrupt;
use scaledown_host::support::terminal::Terminal;

/// Questions that are searched for at a time.
const BATCH: usize = 256;

/// Write the documents that the retriever finds for a configuration's questions, as a TREC run.
#[derive(Debug, clap::Args)]
pub(super) struct Retrieve {
    #[command(flatten)]
    config: ConfigArgs,
    /// The file to write: lines of `question Q0 chunk rank score plugin`.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// How many chunks of each question to write; those that `prepare` retrieves, if not given.
    #[arg(long, short, value_parser = at_least_one)]
    k: Option<usize>,
    /// Put the chunks that `prepare` would rerank in the order of the configuration's reranker, and write the best with its scores.
    #[arg(long)]
    rerank: bool,
    /// Write documents in place of chunks: each with the score of its best chunk.
    #[arg(long)]
    documents: bool,
}

impl Retrieve {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let config = self.config.load()?;
        let interrupt = Interrupt::listen()?;
        let device = registry::device(&config.device)?;
        let index = SearchIndex::open(&config, &device)?;
        let reranker = self.rerank.then(|| registry::reranker(config.require_reranker()?, &device)).transpose()?;
        let mut questions = Questions::open(config.require_questions()?, config.corpus.as_ref())?;
        let k = self.k.unwrap_or(config.preparation.retrieve);
        let depth = if self.rerank { k.max(config.preparation.reranked()) } else { k };
        let tag = if self.rerank { &config.require_reranker()?.plugin } else { &config.require_retriever()?.plugin };
        let bar = terminal.spinner("retrieving");
        let count = write_file_with(&self.out, |file| {
            let mut count = 0;
            loop {
                let batch = questions.by_ref().take(BATCH).collect::<std::result::Result<Vec<Question>, _>>()?;
                if batch.is_empty() {
                    return Ok::<_, Error>(count);
                }
                if interrupt.requested() {
                    return Err(Error::Interrupted("nothing was written".into()));
                }
                let queries: Vec<&str> = batch.iter().map(|question| question.query.as_str()).collect();
                for (question, found) in batch.iter().zip(index.search(&queries, depth)?) {
                    let found = match &reranker {
                        Some(reranker) => reranked(reranker.as_ref(), &question.query, found)?,
                        None => found,
                    };
                    let found = if self.documents { best_of_documents(found) } else { found };
                    for (rank, Found { id, score, .. }) in found.iter().take(k).enumerate() {
                        let (question, id) = (field(&question.id)?, field(id)?);
                        writeln!(file, "{question} Q0 {id} {} {score} {tag}", rank + 1)
                            .map_err(|error| Error::io(&self.out, error))?;
                    }
                }
                count += batch.len();
                bar.set_message(format!("{count} questions"));
            }
        })?;
        bar.finish_and_clear();
        terminal.print(format!("{count} questions: {}", self.out.display()))
    }
}

fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|&k| k > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

/// The same chunks by the reranker's scores; those of equal scores stay in their order.
fn reranked(reranker: &dyn Reranker, query: &str, mut found: Vec<Found>) -> Result<Vec<Found>> {
    let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
    for (score, found) in reranker.score(query, &texts)?.into_iter().zip(&mut found) {
        found.score = score;
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(found)
}

/// An id as a field of a run, which white space ends.
fn field(id: &str) -> Result<&str> {
    if id.contains(char::is_whitespace) {
        return Err(Error::Failed(format!("the id `{id}` has white space, which a TREC run cannot hold; give it another id")));
    }
    Ok(id)
}

/// The best chunk of each document, under the document's id.
fn best_of_documents(found: Vec<Found>) -> Vec<Found> {
    let mut seen = HashSet::new();
    let document = |found: Found| {
        let id = found.id.rsplit_once('#').map_or(found.id.as_str(), |(document, _)| document).to_owned();
        seen.insert(id.clone()).then_some(Found { id, ..found })
    };
    found.into_iter().filter_map(document).collect()
}
