//! How the generator gets to know the documents.

use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::Widths;

use super::{AnswerOptions, DocumentLengths};
use crate::data::records::Record;
use crate::model::Oscar;
use crate::model::sequence::Sequence;
use crate::text::TextError;

/// How the generator gets to know the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextMode {
    /// From the compressor's vectors.
    Compressed,
    /// From their full text, by the generator without its adapter.
    Uncompressed,
    /// Not at all: what the generator without its adapter knows or guesses from the question alone.
    ClosedBook,
}

/// Records as the models read them.
pub(super) struct Inputs {
    /// The compressor's input; empty unless the mode is compressed.
    pub(super) pairs: PairBatch,
    /// The generator's input, one sequence per record.
    pub(super) sequences: Vec<Sequence>,
    /// The number of documents of each record.
    pub(super) documents: Vec<usize>,
    /// How long they are.
    pub(super) lengths: DocumentLengths,
}

impl Inputs {
    pub(super) fn new(oscar: &Oscar, records: &[&Record], options: &AnswerOptions, widths: Widths) -> Result<Self, TextError> {
        let memory_tokens = oscar.lengths.memory_tokens;
        let pairs = PairBatch { ids: Vec::new(), memory_tokens, relevance: oscar.relevance, widths };
        let mut inputs = Inputs { pairs, sequences: Vec::new(), documents: Vec::new(), lengths: DocumentLengths::default() };
        for record in records {
            inputs.add(oscar, record, options.reading, options.documents)?;
        }
        Ok(inputs)
    }

    fn add(&mut self, oscar: &Oscar, record: &Record, reading: ContextMode, most: usize) -> Result<(), TextError> {
        let most = if reading == ContextMode::ClosedBook { 0 } else { most };
        let documents = &record.documents[..most.min(record.documents.len())];
        let prompted = match reading {
            ContextMode::Compressed => oscar.compressed(&record.query, documents)?,
            ContextMode::Uncompressed | ContextMode::ClosedBook => oscar.uncompressed(&record.query, documents)?,
        };
        self.sequences.push(prompted.sequence(self.pairs.ids.len()));
        self.pairs.ids.extend(prompted.pairs);
        prompted.lengths.iter().for_each(|document| self.lengths.add(document));
        self.documents.push(documents.len());
        Ok(())
    }
}
