//! Batches as a generator reads them. Everything that depends on how an input is written stands
//! here.

use scaledown_sdk::component::{DecodeState, Generator, GeneratorInput};
use scaledown_sdk::nn::{ForwardMode, Span};
use scaledown_sdk::{Result, Tensor};

use super::BuiltGenerator;
use crate::compare::values;
use crate::tiny;

/// Where rows that are shorter than the longest are padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Token rows of several lengths, padded on one side.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) tokens: Vec<Vec<u32>>,
    side: Side,
    /// The token that padding holds.
    filler: u32,
}

impl Rows {
    pub(super) fn new(tokens: Vec<Vec<u32>>, side: Side) -> Self {
        Rows { tokens, side, filler: 0 }
    }

    /// The same rows with another token in their padding.
    pub(super) fn filled(self, filler: u32) -> Self {
        Rows { filler, ..self }
    }

    pub(super) fn width(&self) -> usize {
        self.tokens.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The place of a row's first real token.
    pub(super) fn start(&self, row: usize) -> usize {
        match self.side {
            Side::Left => self.width() - self.tokens.get(row).map_or(0, Vec::len),
            Side::Right => 0,
        }
    }

    /// The ids `[batch, width]`.
    pub(super) fn ids(&self, generator: &dyn Generator) -> Result<Tensor> {
        let width = self.width();
        let mut ids = Vec::with_capacity(self.tokens.len() * width);
        for tokens in &self.tokens {
            let padding = std::iter::repeat_n(self.filler, width - tokens.len());
            match self.side {
                Side::Left => ids.extend(padding.chain(tokens.iter().copied())),
                Side::Right => ids.extend(tokens.iter().copied().chain(padding)),
            }
        }
        generator.device().from_slice(&ids, [self.tokens.len(), width])
    }

    /// These rows with embeddings of the caller's.
    pub(super) fn with(&self, embeddings: Tensor) -> GeneratorInput {
        let span = |row: usize| Span { start: self.start(row), len: self.tokens.get(row).map_or(0, Vec::len) };
        GeneratorInput { embeddings, spans: (0..self.tokens.len()).map(span).collect() }
    }

    /// These rows with the embeddings of their tokens.
    pub(super) fn input(&self, generator: &dyn Generator) -> Result<GeneratorInput> {
        Ok(self.with(generator.embed(&self.ids(generator)?)?))
    }
}

impl BuiltGenerator {
    /// Rows of these lengths.
    pub(super) fn rows(&self, lengths: &[usize]) -> Vec<Vec<u32>> {
        lengths.iter().zip(1..).map(|(&count, seed)| tiny::tokens(seed, count, self.vocabulary())).collect()
    }

    pub(super) fn vocabulary(&self) -> u32 {
        u32::try_from(self.generator.vocabulary()).unwrap_or(u32::MAX)
    }

    /// The logits of the real tokens of each row, in a pass without dropout.
    pub(super) fn logits(&self, rows: &Rows) -> Result<Vec<Vec<f64>>> {
        let hidden = self.generator.forward(&rows.input(&*self.generator)?, &mut ForwardMode::inference())?;
        let logits = values(&self.generator.logits(&hidden)?)?;
        let (width, vocabulary) = (rows.width(), self.generator.vocabulary());
        let real = |(row, tokens): (usize, &Vec<u32>)| {
            let first = (row * width + rows.start(row)) * vocabulary;
            logits.get(first..first + tokens.len() * vocabulary).unwrap_or_default().to_vec()
        };
        Ok(rows.tokens.iter().enumerate().map(real).collect())
    }

    /// The logits of one row that is read alone.
    pub(super) fn alone(&self, tokens: &[u32]) -> Result<Vec<f64>> {
        Ok(self.logits(&Rows::new(vec![tokens.to_vec()], Side::Right))?.remove(0))
    }

    /// Starts a decoding of rows that are padded on the left.
    pub(super) fn prefill(&self, tokens: Vec<Vec<u32>>, room: usize) -> Result<(Tensor, DecodeState)> {
        let rows = Rows::new(tokens, Side::Left);
        self.generator.prefill(&rows.input(&*self.generator)?, room)
    }

    /// Reads one more token of each row.
    pub(super) fn decode(&self, ids: &[u32], state: &mut DecodeState) -> Result<Tensor> {
        let ids = self.generator.device().from_slice(ids, [ids.len()])?;
        self.generator.decode(&ids, state)
    }
}
