//! Low-rank adapters.

use crate::Result;
use crate::tensor::Tensor;

/// `y + scale (dropout(x) down^T) up^T`, and `dropout(x) down^T`.
pub(super) fn adapter(inputs: &[Tensor], scale: f64, p: f64, seed: u64) -> Result<Vec<Tensor>> {
    let (y, x, down, up) = (&inputs[0], &inputs[1], &inputs[2], &inputs[3]);
    let low = x.dropout(p, seed)?.linear(down, None)?;
    let sum = y.add(&low.affine(scale, 0.0)?.linear(up, None)?)?;
    Ok(vec![sum, low])
}

/// With `g = scale grad`: `dup = g^T low`, `dlow = g up`, `ddown = dlow^T dropout(x)`,
/// `dx = dropout'(dlow down)`.
pub(super) fn backward(inputs: &[Tensor], scale: f64, (p, seed): (f64, u64), wanted: [bool; 3]) -> Result<Vec<Tensor>> {
    let (x, down, up) = (&inputs[0], &inputs[1], &inputs[2]);
    let (low, grad) = (rows(&inputs[3])?, rows(&inputs[4])?.affine(scale, 0.0)?);
    let [input, of_down, of_up] = wanted;
    let mut gradients = Vec::new();
    if input || of_down {
        let dlow = grad.matmul(up)?;
        if input {
            // The rows are dropped in the shape of the input, whose elements the seed counts.
            gradients.push(dlow.matmul(down)?.reshape(x.shape())?.dropout(p, seed)?);
        }
        if of_down {
            gradients.push(dlow.matmul_transposed(&rows(&x.dropout(p, seed)?)?, true, false)?);
        }
    }
    if of_up {
        gradients.push(grad.matmul_transposed(&low, true, false)?);
    }
    Ok(gradients)
}

/// All rows as one matrix.
fn rows(x: &Tensor) -> Result<Tensor> {
    x.reshape([x.shape().rows(), x.shape().last()])
}
