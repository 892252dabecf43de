//! Root-mean-square and layer normalisation, and softmax over rows, forward and backward.

use multiversion::multiversion;

use crate::lanes::{max_of, sum_of};
use crate::math::{Float, Number, Real};
use crate::parallel;
use crate::reduce::{Sum, combine_rows};
use crate::storage::{Scalar, Scratch};

/// How a row is normalised.
pub(crate) trait Norm: Sync {
    /// Whether the mean is subtracted.
    const CENTRED: bool;
}

/// Layer normalisation.
pub(crate) struct Layer;
/// Root-mean-square normalisation.
pub(crate) struct Rms;

impl Norm for Layer {
    const CENTRED: bool = true;
}

impl Norm for Rms {
    const CENTRED: bool = false;
}

/// The mean (0 if it is not subtracted) and the reciprocal standard deviation of a row.
#[inline(always)]
fn statistics<T: Float, N: Norm>(x: &[T], eps: T::Compute) -> (T::Compute, T::Compute) {
    let count = <T::Compute as Number>::of(x.len() as f64);
    let mean = if N::CENTRED { sum_of([x], |[x]| x) / count } else { T::Compute::ZERO };
    let square = |[x]: [T::Compute; 1]| (x - mean) * (x - mean);
    let variance = sum_of([x], square) / count;
    (mean, T::Compute::ONE / (variance + eps).sqrt())
}

/// Normalises every row of `x`, as wide as `weight`.
pub(crate) fn norm<T: Float, N: Norm>(x: &[T], weight: &[T], bias: Option<&[T]>, eps: f64, out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float, N: Norm>(x: &[T], weight: &[T], bias: Option<&[T]>, eps: T::Compute, out: &mut [T]) {
        let width = weight.len();
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let (mean, scale) = statistics::<T, N>(x, eps);
            match bias {
                None => {
                    for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
                        *out = T::store((x.load() - mean) * scale * w.load());
                    }
                }
                Some(bias) => {
                    for (((out, x), w), b) in out.iter_mut().zip(x).zip(weight).zip(bias) {
                        *out = T::store((x.load() - mean) * scale * w.load() + b.load());
                    }
                }
            }
        }
    }
    let width = weight.len();
    if width == 0 {
        return;
    }
    let len = parallel::rows_per_piece(width) * width;
    let eps = <T::Compute as Number>::of(eps);
    parallel::chunks(out, len, |i, out| run::<T, N>(&x[i * len..][..out.len()], weight, bias, eps, out));
}

/// `sum = x + residual`, and the normalisation of the sum as [`norm`] makes it.
pub(crate) fn add_norm<T: Float, N: Norm>(
    (x, residual): (&[T], &[T]),
    weight: &[T],
    bias: Option<&[T]>,
    eps: f64,
    (sum, out): (&mut [T], &mut [T]),
) {
    #[multiversion(targets = "simd")]
    fn add<T: Float>(x: &[T], residual: &[T], sum: &mut [T]) {
        for ((sum, x), residual) in sum.iter_mut().zip(x).zip(residual) {
            *sum = T::store(x.load() + residual.load());
        }
    }
    let width = weight.len();
    if width == 0 {
        return;
    }
    let len = parallel::rows_per_piece(width) * width;
    parallel::chunks2((sum, len), (out, len), |i, sum, out| {
        let at = i * len..i * len + sum.len();
        add(&x[at.clone()], &residual[at], sum);
        parallel::serial(|| norm::<T, N>(sum, weight, bias, eps, out));
    });
}

/// One row's gradient: `dx` if it is wanted, and the row's part of `dweight` if that is.
#[inline(always)]
fn backward_row<T: Float, N: Norm>(
    (x, weight, grad): (&[T], &[T], &[T]),
    extra: Option<&[T]>,
    eps: T::Compute,
    dx: Option<&mut [T]>,
    dweight: Option<&mut [T::Compute]>,
) {
    let count = <T::Compute as Number>::of(x.len() as f64);
    let (mean, scale) = statistics::<T, N>(x, eps);
    let normal = |x: T::Compute| (x - mean) * scale;
    if let Some(dweight) = dweight {
        for ((dweight, grad), x) in dweight.iter_mut().zip(grad).zip(x) {
            *dweight += grad.load() * normal(x.load());
        }
    }
    if let Some(dx) = dx {
        let offset = if N::CENTRED { sum_of([grad, weight], |[grad, weight]| grad * weight) / count } else { T::Compute::ZERO };
        let slope = sum_of([grad, weight, x], |[grad, weight, x]| grad * weight * normal(x)) / count;
        let gradient = |grad: &T, weight: &T, x: &T| scale * (grad.load() * weight.load() - offset - normal(x.load()) * slope);
        let inputs = grad.iter().zip(weight).zip(x);
        match extra {
            None => {
                for (dx, ((grad, weight), x)) in dx.iter_mut().zip(inputs) {
                    *dx = T::store(gradient(grad, weight, x));
                }
            }
            Some(extra) => {
                for ((dx, ((grad, weight), x)), extra) in dx.iter_mut().zip(inputs).zip(extra) {
                    *dx = T::store(gradient(grad, weight, x) + extra.load());
                }
            }
        }
    }
}

#[multiversion(targets = "simd")]
fn backward_rows<T: Float, N: Norm>(
    (x, weight, grad): (&[T], &[T], &[T]),
    extra: Option<&[T]>,
    eps: T::Compute,
    mut dx: Option<&mut [T]>,
    mut dweight: Option<&mut [T::Compute]>,
) {
    let width = weight.len();
    for row in 0..x.len() / width {
        let span = row * width..(row + 1) * width;
        let inputs = (&x[span.clone()], &weight[..width], &grad[span.clone()]);
        backward_row::<T, N>(
            inputs,
            extra.map(|extra| &extra[span.clone()]),
            eps,
            dx.as_deref_mut().map(|dx| &mut dx[span]),
            dweight.as_deref_mut().map(|d| &mut d[..width]),
        );
    }
}

/// The gradients of [`norm`] that are asked for; `extra` is added to that of its input.
pub(crate) fn norm_backward<T: Float, N: Norm>(
    (x, weight, grad): (&[T], &[T], &[T]),
    extra: Option<&[T]>,
    eps: f64,
    dx: Option<&mut [T]>,
    dweight: Option<&mut [T]>,
) where
    T::Compute: Scalar,
{
    let width = weight.len();
    let eps = <T::Compute as Number>::of(eps);
    if width == 0 {
        return;
    }
    let len = parallel::rows_per_piece(width) * width;
    let pieces = x.len().div_ceil(len);
    let span = |i: usize| i * len..x.len().min((i + 1) * len);
    let mut partial = Scratch::<T::Compute>::new(if dweight.is_some() { pieces * width } else { 0 });
    let inputs = |i: usize| (&x[span(i)], weight, &grad[span(i)]);
    let extra = |i: usize| extra.map(|extra| &extra[span(i)]);
    match (dx, dweight.is_some()) {
        (Some(dx), true) => parallel::chunks2((dx, len), (&mut partial, width), |i, dx, dweight| {
            dweight.fill(T::Compute::ZERO);
            backward_rows::<T, N>(inputs(i), extra(i), eps, Some(dx), Some(dweight));
        }),
        (Some(dx), false) => parallel::chunks(dx, len, |i, dx| backward_rows::<T, N>(inputs(i), extra(i), eps, Some(dx), None)),
        (None, true) => parallel::chunks(&mut partial, width, |i, dweight| {
            dweight.fill(T::Compute::ZERO);
            backward_rows::<T, N>(inputs(i), extra(i), eps, None, Some(dweight));
        }),
        (None, false) => {}
    }
    if let Some(dweight) = dweight {
        if pieces == 0 {
            return dweight.fill(T::default());
        }
        combine_rows::<T::Compute, Sum>(width, &mut partial);
        for (dweight, sum) in dweight.iter_mut().zip(partial.iter()) {
            *dweight = T::store(*sum);
        }
    }
}

/// Softmax of every row of `width`.
pub(crate) fn softmax<T: Float>(width: usize, x: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float>(width: usize, x: &[T], out: &mut [T]) {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let max = max_of(x);
            let sum = sum_of([x], |[x]| (x - max).exp());
            let scale = T::Compute::ONE / sum;
            for (out, x) in out.iter_mut().zip(x) {
                *out = T::store((x.load() - max).exp() * scale);
            }
        }
    }
    if width > 0 {
        let len = parallel::rows_per_piece(width) * width;
        parallel::chunks(out, len, |i, out| run(width, &x[i * len..][..out.len()], out));
    }
}

/// `dx = y (grad - sum(y grad))` for every row of `width`.
pub(crate) fn softmax_backward<T: Float>(width: usize, y: &[T], grad: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float>(width: usize, y: &[T], grad: &[T], out: &mut [T]) {
        for ((y, grad), out) in y.chunks_exact(width).zip(grad.chunks_exact(width)).zip(out.chunks_exact_mut(width)) {
            let dot = sum_of([y, grad], |[y, grad]| y * grad);
            for ((out, y), grad) in out.iter_mut().zip(y).zip(grad) {
                *out = T::store(y.load() * (grad.load() - dot));
            }
        }
    }
    if width > 0 {
        let len = parallel::rows_per_piece(width) * width;
        parallel::chunks(out, len, |i, out| run(width, &y[i * len..][..out.len()], &grad[i * len..][..out.len()], out));
    }
}
