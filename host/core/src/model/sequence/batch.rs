//! Batches of sequences in which document vectors stand between tokens.

use scaledown_sdk::component::{Generator, GeneratorInput};
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::{Span, Widths};
use scaledown_sdk::{Error, Result, Tensor};

/// One position of a generator's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A token of the generator's vocabulary.
    Token(u32),
    /// Vector `slot` of document `pair` of the compressed batch.
    Vector {
        /// The index of the (query, document) pair in the batch.
        pair: usize,
        /// The index of the vector in the document's.
        slot: usize,
    },
}

/// One sequence, and what the generator is to predict in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// The positions.
    pub rows: Vec<Row>,
    /// `(position, token, weight)`: the hidden state at `position` is to predict `token`.
    pub targets: Vec<(usize, u32, f32)>,
}

impl Sequence {
    /// Appends tokens; each is a target of this weight, unless that is 0 or it comes first.
    pub fn extend(&mut self, ids: &[u32], weight: f32) {
        for &id in ids {
            if weight > 0.0 && !self.rows.is_empty() {
                self.targets.push((self.rows.len() - 1, id, weight));
            }
            self.rows.push(Row::Token(id));
        }
    }

    /// The same sequence, with its pairs counted from `first` instead of 0.
    #[must_use]
    pub fn with_pairs_from(mut self, first: usize) -> Self {
        for row in &mut self.rows {
            if let Row::Vector { pair, .. } = row {
                *pair += first;
            }
        }
        self
    }

    /// Appends the vectors of a document.
    pub fn extend_vectors(&mut self, pair: usize, count: usize) {
        self.rows.extend((0..count).map(|slot| Row::Vector { pair, slot }));
    }
}

/// On which side shorter sequences are padded: on the right for training, on the left for decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PadSide {
    Left,
    Right,
}

/// Sequences that go through the generator together.
#[derive(Clone, Debug, Default)]
pub struct SequenceBatch {
    /// The sequences.
    pub sequences: Vec<Sequence>,
    /// How wide the rows are padded.
    pub widths: Widths,
}

impl SequenceBatch {
    /// The width of a row: the length of the longest sequence, or what the policy makes of it.
    #[must_use]
    pub fn width(&self) -> usize {
        self.widths.width(self.sequences.iter().map(|sequence| sequence.rows.len()).max().unwrap_or(0))
    }

    /// The number of positions that are not padding.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.sequences.iter().map(|sequence| sequence.rows.len()).sum()
    }

    /// The generator's input: token embeddings, and `vectors [pairs, slots, hidden]` where
    /// [`Row::Vector`] stands.
    ///
    /// # Errors
    /// If a token or vector does not exist, or the batch is empty.
    pub fn embed(&self, generator: &dyn Generator, vectors: Option<&Tensor>, pad: PadSide) -> Result<GeneratorInput> {
        let (batch, width) = (self.sequences.len(), self.width());
        let device = generator.device();
        let (index, tokens) = self.index(vectors.map_or(0, |vectors| vectors.dims()[1]), pad);
        let tokens = generator.embed(&device.from_slice(&tokens, [tokens.len()])?).at("generator")?;
        let hidden = generator.hidden_size();
        let table = match vectors {
            None => tokens,
            Some(vectors) => {
                let [pairs, slots, size] = vectors.dims() else {
                    return Err(Error::Input(format!("document vectors {} are not [pairs, slots, hidden]", vectors.spec())));
                };
                if *size != hidden {
                    return Err(Error::Input(format!("document vectors are of size {size}, the generator's of {hidden}")));
                }
                let vectors = vectors.reshape([pairs * slots, hidden])?.cast(tokens.dtype())?;
                Tensor::concat(&[&tokens, &vectors], 0)?
            }
        };
        let plain = index.iter().enumerate().all(|(i, &row)| row == i as i64);
        let embeddings = if plain {
            table.reshape([batch, width, hidden])?
        } else {
            table.embedding(&device.from_slice(&index, [batch, width])?)?
        };
        Ok(GeneratorInput { embeddings, spans: self.spans(pad) })
    }

    /// For each position the row of the table of all tokens followed by all vectors (padding takes
    /// the first row), and the tokens.
    fn index(&self, slots: usize, pad: PadSide) -> (Vec<i64>, Vec<i64>) {
        let width = self.width();
        let mut tokens: Vec<i64> = self
            .sequences
            .iter()
            .flat_map(|sequence| &sequence.rows)
            .filter_map(|row| if let Row::Token(id) = row { Some(i64::from(*id)) } else { None })
            .collect();
        // The embeddings of added ids are not read.
        let padded = self.widths.width(tokens.len());
        tokens.resize(padded, tokens.first().copied().unwrap_or(0));
        let (mut index, mut next) = (Vec::with_capacity(self.sequences.len() * width), 0);
        for sequence in &self.sequences {
            let padding = std::iter::repeat_n(0, width - sequence.rows.len());
            if pad == PadSide::Left {
                index.extend(padding.clone());
            }
            for row in &sequence.rows {
                index.push(match *row {
                    Row::Token(_) => {
                        next += 1;
                        next - 1
                    }
                    Row::Vector { pair, slot } => (tokens.len() + pair * slots + slot) as i64,
                });
            }
            if pad == PadSide::Right {
                index.extend(padding);
            }
        }
        (index, tokens)
    }

    fn spans(&self, pad: PadSide) -> Vec<Span> {
        let width = self.width();
        let span = |sequence: &Sequence| match pad {
            PadSide::Left => Span::padded_left(sequence.rows.len(), width),
            PadSide::Right => Span::padded_right(sequence.rows.len()),
        };
        self.sequences.iter().map(span).collect()
    }
}
