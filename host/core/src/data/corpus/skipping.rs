//! The documents of a corpus, optionally without unreadable ones.

use super::config;
use super::document::RawDocument;
use super::stream::CorpusReader;
use crate::data::config::OnError;
use crate::data::records::DataError;

/// The number of skipped documents that are reported individually.
const REPORTED: u64 = 10;

/// The documents of a corpus.
pub struct Documents {
    corpus: CorpusReader,
    on_error: OnError,
    left_out: u64,
}

impl Documents {
    /// Opens the corpus that a configuration names.
    ///
    /// # Errors
    /// As [`CorpusReader::open`].
    pub fn open(config: &config::CorpusConfig) -> Result<Self, DataError> {
        Ok(Documents { corpus: CorpusReader::open(config)?, on_error: config.on_error, left_out: 0 })
    }

    /// Counts and reports a skipped document.
    fn leave_out(&mut self, error: &DataError) {
        self.left_out += 1;
        match self.left_out {
            ..=REPORTED => tracing::warn!("skipped a document: {error} (corpus.on_error)"),
            left_out if left_out == REPORTED + 1 => tracing::warn!("more documents are skipped; only their number follows"),
            _ => {}
        }
    }
}

impl Iterator for Documents {
    type Item = Result<RawDocument, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.corpus.next() {
                Some(Err(error)) if self.on_error == OnError::Skip && error.can_go_on() => self.leave_out(&error),
                None => {
                    if self.left_out > 0 {
                        tracing::warn!("skipped {} unreadable documents of the corpus", self.left_out);
                        self.left_out = 0;
                    }
                    return None;
                }
                other => return other,
            }
        }
    }
}
