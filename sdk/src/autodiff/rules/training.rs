//! Losses and norms.

use super::{InputGradients, Vjp};
use crate::tensor::{Op, Tensor};

pub(super) fn cross_entropy(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    let logits = || Tensor::single(Op::CrossEntropyBackward, &[x.input(0)?, x.input(1)?, x.output(1)?, gradient]);
    Ok(vec![x.wanted(0, logits)?, None])
}

pub(super) fn sum_squares(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    let doubled = gradient.affine(2.0, 0.0)?;
    let scaled = |index: usize| {
        let input = x.input(index)?;
        input.cast(doubled.dtype())?.mul(&doubled)?.cast(input.dtype())
    };
    (0..x.needs.len()).map(|index| x.wanted(index, || scaled(index))).collect()
}
