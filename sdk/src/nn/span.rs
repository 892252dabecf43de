//! Where the real tokens of a padded row stand, and how wide rows are made.

use crate::tensor::{Device, Tensor};
use crate::{Error, Result};

/// The real positions of one row of a batch: `start..start + len`. Padding stands before or after
/// them, never within.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first real position.
    pub start: usize,
    /// The number of real positions.
    pub len: usize,
}

impl Span {
    /// A row of `width` positions whose padding stands after its `len` tokens.
    #[must_use]
    pub const fn padded_right(len: usize) -> Self {
        Span { start: 0, len }
    }

    /// A row of `width` positions whose padding stands before its `len` tokens.
    #[must_use]
    pub const fn padded_left(len: usize, width: usize) -> Self {
        Span { start: width.saturating_sub(len), len }
    }

    /// The position after the last real one.
    #[must_use]
    pub const fn end(self) -> usize {
        self.start.saturating_add(self.len)
    }

    /// The span of a row that is marked position by position.
    ///
    /// # Errors
    /// [`Error::Input`] if padding stands within it.
    pub fn of_mask(mask: &[bool]) -> Result<Self> {
        let start = mask.iter().position(|&real| real).unwrap_or(0);
        let len = mask[start..].iter().take_while(|&&real| real).count();
        if mask[start + len..].contains(&true) {
            return Err(Error::Input(format!(
                "padding within a sequence, at position {}; expected it before the first token or after the last",
                start + len
            )));
        }
        Ok(Span { start, len })
    }

    /// The spans of rows that are marked position by position.
    ///
    /// # Errors
    /// As [`Span::of_mask`].
    pub fn of_masks(masks: &[Vec<bool>]) -> Result<Vec<Self>> {
        masks.iter().map(|mask| Span::of_mask(mask)).collect()
    }

    /// Checks that `spans` are those of a batch of `shape = [batch, seq]`.
    pub(super) fn check(spans: &[Span], [batch, width]: [usize; 2]) -> Result<()> {
        if spans.len() == batch && spans.iter().all(|span| span.end() <= width) {
            return Ok(());
        }
        let found: Vec<String> = spans.iter().map(|span| format!("{}..{}", span.start, span.end())).collect();
        Err(Error::Input(format!("the rows of a batch have the spans [{}], expected {batch} within {width}", found.join(", "))))
    }

    /// The spans for [`Op::Attention`](crate::Op::Attention): each row's first key, number of keys,
    /// and position of its first query.
    pub(super) fn upload(spans: &[Span], first: impl Fn(&Span) -> i64, device: &Device) -> Result<Tensor> {
        let row = |span: &Span| [span.start as i64, span.len as i64, first(span)];
        device.from_slice(&spans.iter().flat_map(row).collect::<Vec<i64>>(), [spans.len(), 3])
    }
}

/// How wide the rows of a batch are made for their longest sequence: the one policy for every place
/// that pads.
///
/// Results do not depend on padding, so that every policy gives the same ones within rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Widths {
    /// No wider than the longest sequence.
    #[default]
    Exact,
    /// Rounded up to a multiple of 8, which matrix units like.
    #[serde(rename = "multiple-of-8")]
    MultipleOf8,
    /// Rounded up to 16, 24, 32, 48, 64, 96, 128 and so on: few shapes, for devices that compile a
    /// program for each.
    Buckets,
}

impl Widths {
    /// The width of rows whose longest sequence is `longest`.
    #[must_use]
    pub fn width(self, longest: usize) -> usize {
        match self {
            Widths::Exact => longest,
            Widths::MultipleOf8 => longest.next_multiple_of(8),
            Widths::Buckets => {
                let power = longest.next_power_of_two().max(16);
                let between = power / 4 * 3;
                if power > 16 && longest <= between { between } else { power }
            }
        }
    }

    /// The policy that suits a device: [`Buckets`](Widths::Buckets) for one whose shapes are
    /// static, else [`Exact`](Widths::Exact).
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn of_device(device: &Device) -> Self {
        if device.info().static_shapes { Widths::Buckets } else { Widths::Exact }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_one_span_or_an_error() {
        let marked = |text: &str| Span::of_mask(&text.chars().map(|c| c == 'x').collect::<Vec<_>>());
        assert_eq!(marked("xxx").unwrap(), Span { start: 0, len: 3 });
        assert_eq!(marked("..x").unwrap(), Span { start: 2, len: 1 });
        assert_eq!(marked("xx..").unwrap(), Span { start: 0, len: 2 });
        assert_eq!(marked("...").unwrap().len, 0);
        assert!(marked("x.x").unwrap_err().to_string().contains("position 1"));
    }

    #[test]
    fn buckets_are_few_and_never_too_narrow() {
        let widths: Vec<usize> = [1, 16, 17, 24, 25, 33, 49, 65, 96, 97].map(|len| Widths::Buckets.width(len)).into();
        assert_eq!(widths, [16, 16, 24, 24, 32, 48, 64, 96, 96, 128]);
        for policy in [Widths::Exact, Widths::MultipleOf8, Widths::Buckets] {
            assert!((0..3000).all(|len| policy.width(len) >= len));
        }
        let all: std::collections::BTreeSet<usize> = (1..=4096).map(|len| Widths::Buckets.width(len)).collect();
        assert_eq!(all.len(), 17);
    }
}
