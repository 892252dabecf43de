//! How long the documents are that answers are made from.

use crate::data::records::Record;
use crate::model::Oscar;
use crate::text::TextError;

/// The lengths of documents in the generator's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentLengths {
    /// The documents.
    pub documents: usize,
    /// Those of them that are longer than `compression.document_tokens`, of which no reading sees more.
    pub cut: usize,
    /// The tokens that are read.
    pub tokens: usize,
}

impl DocumentLengths {
    /// The lengths of the first `most` documents of each record.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn of(oscar: &Oscar, records: &[Record], most: usize) -> Result<Self, TextError> {
        let (tokenizer, limit) = (&oscar.model.tokenizer, oscar.lengths.document_tokens);
        let mut lengths = DocumentLengths::default();
        for document in records.iter().flat_map(|record| record.documents.iter().take(most)) {
            lengths.documents += 1;
            lengths.cut += usize::from(tokenizer.truncate(document, limit)?.len() < document.len());
            lengths.tokens += tokenizer.encode_truncated(document, limit)?.len();
        }
        Ok(lengths)
    }

    /// The tokens that are read over the vectors that replace them, of which each document has `memory_tokens`.
    #[must_use]
    pub fn compression_rate(&self, memory_tokens: usize) -> f64 {
        self.tokens as f64 / (self.documents * memory_tokens).max(1) as f64
    }

    /// A warning, if documents are cut.
    #[must_use]
    pub fn warning(&self, document_tokens: usize) -> Option<String> {
        let DocumentLengths { documents, cut, .. } = self;
        (*cut > 0).then(|| {
            format!(
                "{cut} of {documents} documents are longer than compression.document_tokens = {document_tokens}; only so much of them is read, \
                 compressed or not"
            )
        })
    }
}
