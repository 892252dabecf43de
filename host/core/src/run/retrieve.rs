//! `scaledown retrieve`: the retriever's ranking for all questions, as a TREC run.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use scaledown_sdk::component::Reranker;

use super::open_device;
use crate::config::Config;
use crate::data::questions::{CorpusQuestion, QuestionReader};
use crate::plugins::registry;
use crate::retrieval::{FoundChunk, SearchIndex};
use crate::support::artifact::write_file_with;
use crate::support::progress::Progress;
use crate::{Error, Result};

/// Questions that are searched for at a time.
const BATCH: usize = 256;

/// The options of a ranking.
#[derive(Clone, Copy, Debug, Default)]
pub struct RankingOptions {
    /// Chunks per question [default: preparation.retrieve].
    pub k: Option<usize>,
    /// Whether the chunks that `prepare` would rerank come in the order of the configuration's
    /// reranker, with its scores.
    pub rerank: bool,
    /// Whether documents are written in place of chunks: each with the score of its best chunk.
    pub documents: bool,
}

/// Writes what the retriever of `config` finds for its questions to `out`, lines of
/// `question Q0 chunk rank score plugin`. Returns how many questions there were.
///
/// # Errors
/// If there is no index, or it is damaged; if a question cannot be read; if the file cannot be
/// written, or the work is cancelled.
pub fn retrieve(config: &Config, options: RankingOptions, out: &Path, progress: &dyn Progress) -> Result<usize> {
    let device = open_device(config)?;
    let index = SearchIndex::open(&config.for_index()?, &device)?;
    let reranker = options.rerank.then(|| registry::reranker(config.require_reranker()?, &device)).transpose()?;
    let mut questions = QuestionReader::open(config.require_questions()?, config.corpus.as_ref())?;
    let k = options.k.unwrap_or(config.preparation.retrieve);
    let depth = if options.rerank { k.max(config.preparation.reranked()) } else { k };
    let tag = if options.rerank { &config.require_reranker()?.plugin } else { &config.require_retriever()?.plugin };
    let bar = progress.spinner("retrieving");
    write_file_with(out, |file| {
        let mut count = 0;
        loop {
            let batch = questions.by_ref().take(BATCH).collect::<std::result::Result<Vec<CorpusQuestion>, _>>()?;
            if batch.is_empty() {
                return Ok::<_, Error>(count);
            }
            if progress.cancelled() {
                return Err(Error::interrupted("wrote nothing"));
            }
            let queries: Vec<&str> = batch.iter().map(|question| question.query.as_str()).collect();
            for (question, found) in batch.iter().zip(index.search(&queries, depth)?) {
                let found = match &reranker {
                    Some(reranker) => reranked(reranker.as_ref(), &question.query, found)?,
                    None => found,
                };
                let found = if options.documents && index.is_chunked() { best_of_documents(found) } else { found };
                for (rank, FoundChunk { id, score, .. }) in found.iter().take(k).enumerate() {
                    let (question, id) = (field(&question.id)?, field(id)?);
                    writeln!(file, "{question} Q0 {id} {} {score} {tag}", rank + 1).map_err(|error| Error::io(out, error))?;
                }
            }
            count += batch.len();
            bar.say(&format!("{count} questions"));
        }
    })
}

/// The same chunks by the reranker's scores; those of equal scores stay in their order.
fn reranked(reranker: &dyn Reranker, query: &str, mut found: Vec<FoundChunk>) -> Result<Vec<FoundChunk>> {
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
        return Err(Error::failed(format!("the id `{id}` contains white space, which TREC runs do not allow; rename it")));
    }
    Ok(id)
}

/// The best chunk of each document of a corpus that was cut into chunks, under the document's id:
/// that of the chunk without its number.
fn best_of_documents(found: Vec<FoundChunk>) -> Vec<FoundChunk> {
    let mut seen = HashSet::new();
    let document = |found: FoundChunk| {
        let id = found.id.rsplit_once('#').map_or(found.id.as_str(), |(document, _)| document).to_owned();
        seen.insert(id.clone()).then_some(FoundChunk { id, ..found })
    };
    found.into_iter().filter_map(document).collect()
}
