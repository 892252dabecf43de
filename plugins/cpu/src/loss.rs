//! Cross-entropy of rows of logits.

use multiversion::multiversion;

use crate::lanes::{max_of, sum_of};
use crate::math::{Float, Real};
use crate::parallel;

/// The log-sum-exp of each row and the loss, which is 0 where the target is negative. The targets
/// have been checked.
pub(crate) fn cross_entropy<T: Float>(
    width: usize,
    logits: &[T],
    targets: &[i64],
    loss: &mut [T::Compute],
    lse: &mut [T::Compute],
) {
    #[multiversion(targets = "simd")]
    fn log_sum_exp<T: Float>(row: &[T]) -> T::Compute {
        let max = max_of(row);
        let sum = sum_of([row], |[x]| (x - max).exp());
        max + sum.ln()
    }
    let rows = parallel::rows_per_piece(width);
    parallel::chunks2((loss, rows), (lse, rows), |piece, loss, lse| {
        for (n, (loss, lse)) in loss.iter_mut().zip(lse).enumerate() {
            let i = piece * rows + n;
            let row = &logits[i * width..(i + 1) * width];
            *lse = log_sum_exp(row);
            *loss = usize::try_from(targets[i]).map_or(T::Compute::ZERO, |target| *lse - row[target].load());
        }
    });
}

/// `dlogits = grad (softmax(logits) - onehot(target))`, 0 where the target is negative.
pub(crate) fn cross_entropy_backward<T: Float>(
    width: usize,
    (logits, targets): (&[T], &[i64]),
    (lse, grad): (&[T::Compute], &[T::Compute]),
    out: &mut [T],
) {
    #[multiversion(targets = "simd")]
    fn scaled_softmax<T: Float>(row: &[T], lse: T::Compute, grad: T::Compute, out: &mut [T]) {
        for (out, x) in out.iter_mut().zip(row) {
            *out = T::store((x.load() - lse).exp() * grad);
        }
    }
    let rows = parallel::rows_per_piece(width);
    parallel::chunks(out, rows * width, |piece, out| {
        for (n, out) in out.chunks_exact_mut(width).enumerate() {
            let i = piece * rows + n;
            let Ok(target) = usize::try_from(targets[i]) else {
                out.fill(T::default());
                continue;
            };
            let row = &logits[i * width..(i + 1) * width];
            scaled_softmax(row, lse[i], grad[i], out);
            out[target] = T::store(((row[target].load() - lse[i]).exp() - T::Compute::ONE) * grad[i]);
        }
    });
}
