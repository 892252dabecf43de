//! A question and its documents as the models read them: the one builder of a prompt's sequence,
//! for training and for answers.

use super::Oscar;
use super::sequence::Sequence;
use crate::text::{Encoded, Piece, TextError};

/// A question over documents, tokenized.
#[derive(Clone, Debug)]
pub struct Prompted {
    /// The prompt, with a place for each document.
    pub prompt: Vec<Piece>,
    /// Each document with the query, as the compressor reads them; none where the generator reads
    /// the documents' text.
    pub pairs: Vec<Vec<u32>>,
    /// How long the documents are.
    pub lengths: Vec<DocumentLength>,
    /// The content of each document's position.
    places: DocumentContent,
}

/// How much of a document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentLength {
    /// Tokens of the generator.
    pub tokens: usize,
    /// Whether the document has more.
    pub is_cut: bool,
    /// The vectors that replace them; none where nothing is compressed.
    pub vectors: usize,
}

/// The contents of the documents' positions.
#[derive(Clone, Debug)]
enum DocumentContent {
    /// So many vectors of each.
    Vectors(Vec<usize>),
    /// Their tokens.
    Tokens(Vec<Vec<u32>>),
}

impl Oscar {
    /// The question with vectors in place of the documents.
    ///
    /// # Errors
    /// If a tokenizer fails.
    pub fn compressed(&self, query: &str, documents: &[String]) -> Result<Prompted, TextError> {
        let query = self.model.tokenizer.truncate(query, self.lengths.query_tokens)?;
        let encoded = self.encoded(documents)?;
        // Where the compressor reads the generator's tokens, the documents are not tokenized again.
        let shared = (!self.has_own_tokenizer()).then_some(encoded.as_slice());
        let pairs = self.pairs(query, documents, shared)?;
        let counts = pairs.iter().map(|pair| self.lengths.vectors_of(pair.len())).collect();
        self.prompted(query, &encoded, pairs, DocumentContent::Vectors(counts))
    }

    /// The question with the documents' text.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn uncompressed(&self, query: &str, documents: &[String]) -> Result<Prompted, TextError> {
        let query = self.model.tokenizer.truncate(query, self.lengths.query_tokens)?;
        let encoded = self.encoded(documents)?;
        let tokens = encoded.iter().map(|document| document.ids.clone()).collect();
        self.prompted(query, &encoded, Vec::new(), DocumentContent::Tokens(tokens))
    }

    /// The documents in the generator's tokens.
    fn encoded(&self, documents: &[String]) -> Result<Vec<Encoded>, TextError> {
        let (tokenizer, limit) = (&self.model.tokenizer, self.lengths.document_tokens);
        documents.iter().map(|document| tokenizer.encode_document(document, limit)).collect()
    }

    fn prompted(
        &self,
        query: &str,
        documents: &[Encoded],
        pairs: Vec<Vec<u32>>,
        places: DocumentContent,
    ) -> Result<Prompted, TextError> {
        let vectors = |index: usize| match &places {
            DocumentContent::Vectors(counts) => counts.get(index).copied().unwrap_or_default(),
            DocumentContent::Tokens(_) => 0,
        };
        let length = |(index, document): (usize, &Encoded)| DocumentLength {
            tokens: document.ids.len(),
            is_cut: document.is_cut,
            vectors: vectors(index),
        };
        let lengths = documents.iter().enumerate().map(length).collect();
        let prompt = self.model.prompt.pieces(&self.model.tokenizer, query, documents.len())?;
        Ok(Prompted { prompt, pairs, lengths, places })
    }
}

impl Prompted {
    /// The generator's input; vectors count from the batch's pair `first`.
    #[must_use]
    pub fn sequence(&self, first: usize) -> Sequence {
        let mut sequence = Sequence::default();
        for piece in &self.prompt {
            match (piece, &self.places) {
                (Piece::Text(ids), _) => sequence.extend(ids, 0.0),
                (Piece::Document(index), DocumentContent::Vectors(counts)) => {
                    sequence.extend_vectors(first + index, counts.get(*index).copied().unwrap_or_default());
                }
                (Piece::Document(index), DocumentContent::Tokens(tokens)) => {
                    sequence.extend(tokens.get(*index).map_or(&[][..], Vec::as_slice), 0.0);
                }
            }
        }
        sequence
    }
}
