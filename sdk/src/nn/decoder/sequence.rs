//! Where the tokens of a batch stand: rotations, and what the attention mask follows from. Made
//! once per forward pass.

use crate::Result;
use crate::nn::Span;
use crate::nn::rotary::{Rotary, Rotation};
use crate::tensor::{Device, Tensor};

/// The shared inputs of all layers in one forward pass.
#[derive(Clone, Debug)]
pub struct PositionInfo {
    /// The rotary tables, `[1 | batch, seq, head_size / 2]`.
    pub rotation: Rotation,
    /// The spans that [`Op::Attention`](crate::Op::Attention) reads, `[batch, 3]`; `None`
    /// where padding is seen by no real query anyway.
    pub spans: Option<Tensor>,
    /// The positions of queries and keys that it reads, where queries are not consecutive.
    pub positions: Option<(Tensor, Tensor)>,
}

impl PositionInfo {
    /// Whole sequences that are read from left to right, whose positions count the buffer from 0,
    /// padding included, as in `transformers`' forward pass.
    ///
    /// # Errors
    /// If `spans` are not those of a batch of `shape` (`[batch, seq]`).
    pub fn causal(spans: &[Span], shape: [usize; 2], rotary: &Rotary, device: &Device) -> Result<Self> {
        Span::check(spans, shape)?;
        // Padding on the right comes after all real queries, which do not see it anyway.
        let seen = spans.iter().any(|span| span.start > 0);
        let spans = if seen { Some(Span::upload(spans, |_| 0, device)?) } else { None };
        Ok(PositionInfo { rotation: rotary.range(0, shape[1])?, spans, positions: None })
    }

    /// As [`PositionInfo::causal`], but of sequences in which every token sees those after it too.
    ///
    /// # Errors
    /// If `spans` are not those of a batch of `shape` (`[batch, seq]`).
    pub fn bidirectional(spans: &[Span], shape: [usize; 2], rotary: &Rotary, device: &Device) -> Result<Self> {
        Span::check(spans, shape)?;
        // Also where nothing is padded, so that one batch is the same program as the next.
        let spans = Some(Span::upload(spans, |_| 0, device)?);
        Ok(PositionInfo { rotation: rotary.range(0, shape[1])?, spans, positions: None })
    }

    /// Prompts whose positions count real tokens only, as `transformers` does in generation.
    ///
    /// # Errors
    /// If `spans` are not those of a batch of `shape` (`[batch, seq]`).
    pub(super) fn prompts(spans: &[Span], shape: [usize; 2], rotary: &Rotary, device: &Device) -> Result<Self> {
        Span::check(spans, shape)?;
        if spans.iter().all(|span| span.start == 0) {
            return PositionInfo::causal(spans, shape, rotary, device);
        }
        let row = |span: &Span| (0..shape[1]).map(|at| at.saturating_sub(span.start)).collect();
        let rotation = rotary.rows(&spans.iter().map(row).collect::<Vec<Vec<usize>>>())?;
        Ok(PositionInfo { rotation, spans: Some(Span::upload(spans, |_| 0, device)?), positions: None })
    }
}
