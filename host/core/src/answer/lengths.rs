//! How long the documents are that answers are made from.

use crate::model::DocumentLength;

/// The lengths of documents in the generator's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentLengths {
    /// The documents.
    pub documents: usize,
    /// Those of them that are longer than `compression.document_tokens`, of which no reading sees
    /// more.
    pub cut: usize,
    /// The tokens that are read.
    pub tokens: usize,
    /// The vectors that replace them; none where nothing is compressed.
    pub vectors: usize,
}

impl DocumentLengths {
    /// Counts one document more.
    pub(super) fn add(&mut self, document: &DocumentLength) {
        self.documents += 1;
        self.cut += usize::from(document.is_cut);
        self.tokens += document.tokens;
        self.vectors += document.vectors;
    }

    /// The tokens that are read over the vectors that replace them: the rate that is achieved.
    #[must_use]
    pub fn compression_rate(&self) -> f64 {
        self.tokens as f64 / self.vectors.max(1) as f64
    }

    /// A warning, if documents are cut.
    #[must_use]
    pub fn warning(&self, document_tokens: usize) -> Option<String> {
        let DocumentLengths { documents, cut, .. } = self;
        (*cut > 0).then(|| {
            format!(
                "truncated {cut} of {documents} documents to compression.document_tokens = {document_tokens}, compressed or not"
            )
        })
    }
}

impl std::ops::AddAssign for DocumentLengths {
    fn add_assign(&mut self, other: DocumentLengths) {
        self.documents += other.documents;
        self.cut += other.cut;
        self.tokens += other.tokens;
        self.vectors += other.vectors;
    }
}
