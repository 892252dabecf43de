//! A retriever over the sparse vectors of a service.

use std::collections::HashMap;

use backon::ExponentialBuilder;
use scaledown_sdk::component::{Document, Hit, Retriever, SparseEncoder, SparseVector};
use scaledown_sdk::{Error, Result};

use crate::{GaveUp, Store, StoreFailure, retry};

/// The maximum hits per request over all of its queries, which limits replies to a few megabytes.
const MOST_IN_REPLY: usize = 100_000;

/// Encodes texts here, and keeps and searches their vectors in a [`Store`].
pub struct RemoteIndex<S> {
    plugin: &'static str,
    store: S,
    encoder: Box<dyn SparseEncoder>,
    batch: usize,
    backoff: ExponentialBuilder,
}

impl<S: Store> RemoteIndex<S> {
    /// The retriever of `plugin`, with `batch` documents or queries per request, and retries after
    /// [`backoff`](crate::backoff).
    pub fn new(
        plugin: &'static str,
        store: S,
        encoder: Box<dyn SparseEncoder>,
        batch: usize,
        backoff: ExponentialBuilder,
    ) -> Self {
        RemoteIndex { plugin, store, encoder, batch: batch.max(1), backoff }
    }

    /// Puts a batch in. The last document of an id counts; one without terms is found by no query,
    /// and is only taken out.
    fn put(&self, batch: &[Document]) -> Result<()> {
        let last: HashMap<&str, usize> = batch.iter().enumerate().map(|(at, document)| (document.id.as_str(), at)).collect();
        let kept = batch.iter().enumerate().filter(|(at, document)| last.get(document.id.as_str()) == Some(at));
        let (ids, texts): (Vec<&str>, Vec<&str>) =
            kept.map(|(_, document)| (document.id.as_str(), document.text.as_str())).unzip();
        let vectors = self.encoder.encode_documents(&texts)?;
        let (mut put, mut removed) = (Vec::new(), Vec::new());
        for (id, vector) in ids.into_iter().zip(vectors) {
            if vector.0.is_empty() {
                removed.push(id.to_owned());
            } else {
                put.push((id.to_owned(), vector));
            }
        }
        if !put.is_empty() {
            self.call(|| self.store.put(&put))?;
        }
        if !removed.is_empty() {
            self.call(|| self.store.remove(&removed))?;
        }
        Ok(())
    }

    /// The best `k` of each vector, equal ones in the order of their ids. Which of several equal
    /// ones a service gives is its own, so that more are asked for until all of the last score are
    /// there.
    fn best(&self, vectors: &[SparseVector], k: usize) -> Result<Vec<Vec<Hit>>> {
        let most = self.store.most_hits();
        let mut best = vec![Vec::new(); vectors.len()];
        let mut open: Vec<usize> = (0..vectors.len()).collect();
        let mut limit = (k + k / 4 + 8).min(most);
        while !open.is_empty() {
            let mut tied = Vec::new();
            for part in open.chunks((MOST_IN_REPLY / limit).clamp(1, self.batch)) {
                let asked: Vec<SparseVector> = part.iter().map(|&at| vectors[at].clone()).collect();
                let found = self.call(|| self.store.search(&asked, limit))?;
                if found.len() != part.len() {
                    return Err(self.reported(&format!("{} queries got {} replies", part.len(), found.len())));
                }
                for (&at, mut hits) in part.iter().zip(found) {
                    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
                    if limit < most && hits.len() >= limit && hits[limit - 1].score >= hits[k - 1].score {
                        tied.push(at);
                    }
                    hits.truncate(k);
                    best[at] = hits;
                }
            }
            open = tied;
            limit = limit.saturating_mul(4).min(most);
        }
        Ok(best)
    }

    /// Makes a call, and makes it again while its failures pass and tries are left.
    fn call<T>(&self, call: impl FnMut() -> std::result::Result<T, StoreFailure>) -> Result<T> {
        let transient = |failure: &StoreFailure| match failure {
            StoreFailure::Transient { wait, .. } => Some(*wait),
            StoreFailure::Permanent(_) => None,
        };
        retry(self.backoff, call, transient, || false).map_err(|GaveUp { error, calls, interrupted }| match error {
            StoreFailure::Transient { message, .. } if interrupted => {
                self.reported(&format!("interrupted while waiting to retry, after {message}"))
            }
            StoreFailure::Transient { message, .. } => {
                self.reported(&format!("{message} (tried {calls} times; retriever.retries allows more)"))
            }
            StoreFailure::Permanent(error) => error,
        })
    }

    fn reported(&self, message: &str) -> Error {
        Error::Plugin { plugin: self.plugin.into(), message: format!("{}: {message}", self.store.name()) }
    }
}

impl<S: Store> Retriever for RemoteIndex<S> {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        self.call(|| self.store.prepare(self.encoder.vocabulary()))?;
        let (mut read, mut batch) = (0, Vec::with_capacity(self.batch));
        for document in documents {
            let document = document?;
            if document.id.len() > self.store.longest_id() || document.id.is_empty() {
                let (start, longest) = (document.id.chars().take(60).collect::<String>(), self.store.longest_id());
                let length = document.id.len();
                return Err(Error::Input(format!(
                    "the document id {start:?} has {length} bytes, expected 1 to {longest} for {}",
                    self.store.name()
                )));
            }
            batch.push(document);
            read += 1;
            if batch.len() == self.batch {
                self.put(&batch)?;
                batch.clear();
            }
        }
        self.put(&batch)?;
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let most = self.store.most_hits();
        if k > most {
            return Err(Error::Input(format!(
                "{k} documents requested for a query, expected at most {most}: {}",
                self.store.name()
            )));
        }
        let mut hits = vec![Vec::new(); queries.len()];
        if k == 0 {
            return Ok(hits);
        }
        let vectors = self.encoder.encode_queries(queries)?;
        let (places, asked): (Vec<usize>, Vec<SparseVector>) =
            vectors.into_iter().enumerate().filter(|(_, vector)| !vector.0.is_empty()).unzip();
        for (place, found) in places.into_iter().zip(self.best(&asked, k)?) {
            hits[place] = found;
        }
        Ok(hits)
    }
}

#[cfg(test)]
mod tests;
