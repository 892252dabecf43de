//! Matrix products and tables of rows.

use super::{InputGradients, Vjp};
use crate::tensor::{Op, Tensor};

pub(super) fn matmul(x: &Vjp<'_>, gradient: &Tensor, transpose_a: bool, transpose_b: bool) -> InputGradients {
    let first = || {
        let b = x.input(1)?;
        if transpose_a {
            b.matmul_transposed(gradient, transpose_b, true)
        } else {
            gradient.matmul_transposed(b, false, !transpose_b)
        }
    };
    let second = || {
        let (a, gradient) = match shared_matrix(x, transpose_a, transpose_b) {
            Some((m, k, n)) => (x.input(0)?.reshape([m, k])?, gradient.reshape([m, n])?),
            None => (x.input(0)?.clone(), gradient.clone()),
        };
        if transpose_b {
            gradient.matmul_transposed(&a, true, transpose_a)
        } else {
            a.matmul_transposed(&gradient, !transpose_a, false)
        }
    };
    Ok(vec![x.broadcast(0, first)?, x.broadcast(1, second)?])
}

/// Where one matrix multiplies a whole batch, the extents of the batch as a single matrix `[m, k]`
/// and of its product `[m, n]`: its gradient is then one product, not a sum over a batch of
/// products.
fn shared_matrix(x: &Vjp<'_>, transpose_a: bool, transpose_b: bool) -> Option<(usize, usize, usize)> {
    let (a, b) = (&x.input_specs[0].shape, &x.input_specs[1].shape);
    let &[rows, columns] = b.dims() else { return None };
    (!transpose_a && a.rank() > 2).then(|| (a.rows(), a.last(), if transpose_b { rows } else { columns }))
}

pub(super) fn linear(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    let (input, weight) = (&x.input_specs[0].shape, &x.input_specs[1].shape);
    let rows = input.rows();
    let gradient = gradient.reshape([rows, weight.dims()[0]])?;
    let mut gradients = vec![
        // A quantised weight is of another type than the gradient.
        x.wanted(0, || gradient.matmul(&x.input(1)?.cast(gradient.dtype())?)?.reshape(input))?,
        x.wanted(1, || gradient.matmul_transposed(&x.input(0)?.reshape([rows, weight.last()])?, true, false))?,
    ];
    if x.input_specs.len() > 2 {
        gradients.push(x.wanted(2, || gradient.sum([0], false))?);
    }
    Ok(gradients)
}

/// The gradient of `y` is that of the sum; the rest is one instruction.
pub(super) fn adapter(x: &Vjp<'_>, gradient: &Tensor, (scale, p): (f64, f64), seed: u64) -> InputGradients {
    let mut gradients = vec![x.wanted(0, || Ok(gradient.clone()))?];
    if !x.needs[1..].contains(&true) {
        gradients.resize_with(4, || None);
        return Ok(gradients);
    }
    let (input, down, up) = (x.needs(1), x.needs(2), x.needs(3));
    let backward = Op::AdapterBackward { scale, p, input, down, up, seed };
    let mut computed = Tensor::apply(backward, &[x.input(1)?, x.input(2)?, x.input(3)?, x.output(1)?, gradient])?.into_iter();
    gradients.extend(x.needs[1..].iter().map(|&wanted| if wanted { computed.next() } else { None }));
    Ok(gradients)
}

pub(super) fn embedding(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    let rows = x.input_specs[0].shape.dims()[0];
    Ok(vec![x.wanted(0, || Tensor::single(Op::EmbeddingBackward { rows }, &[gradient, x.input(1)?]))?, None])
}
