//! Low-rank adapters, gates that are halves of one tensor, and activations of a sum with a bias.

use multiversion::multiversion;

use crate::activation::Activation;
use crate::elementwise::{self, Dropout};
use crate::gemm::{Extents, Matrix, gemm, linear, with_wide, with_wide_output};
use crate::math::{Float, Number};
use crate::parallel;
use crate::reduce::{Sum, combine_rows};
use crate::storage::{Scalar, Scratch};

/// The attributes of a low-rank adapter.
#[derive(Clone, Copy)]
pub(crate) struct Adapter {
    pub(crate) scale: f64,
    /// Of the input.
    pub(crate) dropout: Dropout,
}

/// The inputs of an adapter's backward pass.
#[derive(Clone, Copy)]
pub(crate) struct AdapterGradient<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) down: &'a [T],
    pub(crate) up: &'a [T],
    pub(crate) low: &'a [T],
    pub(crate) grad: &'a [T],
}

/// The gradients of an adapter that are wanted.
pub(crate) struct Wanted<'a, T> {
    pub(crate) input: Option<&'a mut [T]>,
    pub(crate) down: Option<&'a mut [T]>,
    pub(crate) up: Option<&'a mut [T]>,
}

impl Adapter {
    /// Calls `f` with the elements that dropout leaves.
    fn dropped<T: Float + Scalar, O>(&self, x: &[T], f: impl FnOnce(&[T]) -> O) -> O {
        if self.dropout.p == 0.0 {
            return f(x);
        }
        let mut left = Scratch::new(x.len());
        elementwise::dropout(self.dropout, x, &mut left);
        f(&left)
    }

    /// `low = dropout(x) down^T`, and `y += scale low up^T`, for `rows` rows.
    pub(crate) fn forward<T: Float + Scalar>(&self, rows: usize, (x, down, up): (&[T], &[T], &[T]), low: &mut [T], y: &mut [T])
    where
        T::Compute: Scalar,
    {
        // Of rank 0, there is nothing to add.
        if low.is_empty() {
            return;
        }
        self.dropped(x, |x| linear(rows, x, down, None, low));
        let scaled = self.scaled(low);
        let (rank, outputs) = (low.len() / rows, y.len() / rows);
        let e = Extents { m: rows, k: rank, n: outputs };
        with_wide(up, |up| match T::wide_mut(y) {
            Some(y) => gemm(e, Matrix::new(&scaled, rank, false), Matrix::new(up, rank, true), y, outputs, true),
            None => {
                // The sum is rounded once.
                let mut sum = Scratch::<T::Compute>::new(y.len());
                elementwise::widen(y, &mut sum);
                gemm(e, Matrix::new(&scaled, rank, false), Matrix::new(up, rank, true), &mut sum, outputs, true);
                elementwise::narrow(&sum, y);
            }
        });
    }

    fn scaled<T: Float>(&self, x: &[T]) -> Scratch<T::Compute>
    where
        T::Compute: Scalar,
    {
        let scale = <T::Compute as Number>::of(self.scale);
        let mut scaled = Scratch::<T::Compute>::new(x.len());
        scaled.iter_mut().zip(x).for_each(|(scaled, x)| *scaled = x.load().times(scale));
        scaled
    }

    /// The gradients that are wanted: `dup = scale grad^T low`, and with `dlow = scale grad up`
    /// also `ddown = dlow^T dropout(x)` and `dx = dropout'(dlow down)`.
    pub(crate) fn backward<T: Float + Scalar>(&self, rows: usize, saved: AdapterGradient<'_, T>, wanted: Wanted<'_, T>)
    where
        T::Compute: Scalar,
    {
        let of = |len: usize| len.checked_div(rows).unwrap_or(0);
        let (inputs, rank, outputs) = (of(saved.x.len()), of(saved.low.len()), of(saved.grad.len()));
        with_wide(saved.grad, |grad| {
            if let Some(up) = wanted.up {
                let scaled = self.scaled(saved.low);
                let e = Extents { m: outputs, k: rows, n: rank };
                let product = (Matrix::new(grad, outputs, true), Matrix::new(&scaled, rank, false));
                write(up, |out| gemm(e, product.0, product.1, out, rank, false));
            }
            if wanted.input.is_none() && wanted.down.is_none() {
                return;
            }
            let mut low = Scratch::<T::Compute>::new(saved.low.len());
            let e = Extents { m: rows, k: outputs, n: rank };
            with_wide(saved.up, |up| {
                gemm(e, Matrix::new(grad, outputs, false), Matrix::new(up, rank, false), &mut low, rank, false);
            });
            let scale = <T::Compute as Number>::of(self.scale);
            low.iter_mut().for_each(|low| *low = low.times(scale));
            if let Some(down) = wanted.down {
                let e = Extents { m: rank, k: rows, n: inputs };
                self.dropped(saved.x, |x| {
                    with_wide(x, |x| {
                        let product = (Matrix::new(&low, rank, true), Matrix::new(x, inputs, false));
                        write(down, |out| gemm(e, product.0, product.1, out, inputs, false));
                    });
                });
            }
            if let Some(dx) = wanted.input {
                let e = Extents { m: rows, k: rank, n: inputs };
                with_wide(saved.down, |down| {
                    let product = (Matrix::new(&low, rank, false), Matrix::new(down, inputs, false));
                    write(dx, |out| gemm(e, product.0, product.1, out, inputs, false));
                });
                if self.dropout.p > 0.0 {
                    let kept = Scratch::copy_of(dx);
                    elementwise::dropout(self.dropout, &kept, dx);
                }
            }
        });
    }
}

/// Lets `f` write the elements of an output, zeros to begin with.
fn write<T: Float>(out: &mut [T], f: impl FnOnce(&mut [T::Compute]))
where
    T::Compute: Scalar,
{
    with_wide_output(out, |out| {
        out.fill(<T::Compute as Default>::default());
        f(out);
    });
}

/// `out = f(gate) up`, where each row of `both` is `width` gates followed by as many of what they
/// let through.
pub(crate) fn gated_halves<T: Float, A: Activation>(width: usize, both: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float, A: Activation>(width: usize, both: &[T], out: &mut [T]) {
        for (both, out) in both.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
            let (gate, up) = both.split_at(width);
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = T::store(A::value(gate.load()).times(up.load()));
            }
        }
    }
    if width > 0 {
        let rows = parallel::rows_per_piece(width);
        parallel::chunks(out, rows * width, |i, out| run::<T, A>(width, &both[i * rows * 2 * width..], out));
    }
}

/// The gradient of [`gated_halves`].
pub(crate) fn gated_halves_backward<T: Float, A: Activation>(width: usize, both: &[T], grad: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float, A: Activation>(width: usize, both: &[T], grad: &[T], out: &mut [T]) {
        let rows = out.chunks_exact_mut(2 * width).zip(both.chunks_exact(2 * width)).zip(grad.chunks_exact(width));
        for ((out, both), grad) in rows {
            let (gate, up) = both.split_at(width);
            let (dgate, dup) = out.split_at_mut(width);
            for i in 0..width {
                let (value, slope) = A::both(gate[i].load());
                dgate[i] = T::store(slope.times(up[i].load()).times(grad[i].load()));
                dup[i] = T::store(value.times(grad[i].load()));
            }
        }
    }
    if width > 0 {
        let rows = parallel::rows_per_piece(width);
        parallel::chunks(out, rows * 2 * width, |i, out| {
            run::<T, A>(width, &both[i * rows * 2 * width..], &grad[i * rows * width..], out);
        });
    }
}

/// `out = f(x + bias)` for rows as wide as the bias.
pub(crate) fn bias_activation<T: Float, A: Activation>(x: &[T], bias: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float, A: Activation>(x: &[T], bias: &[T], out: &mut [T]) {
        for (x, out) in x.chunks_exact(bias.len()).zip(out.chunks_exact_mut(bias.len())) {
            for ((out, x), bias) in out.iter_mut().zip(x).zip(bias) {
                *out = T::store(A::value(x.load().plus(bias.load())));
            }
        }
    }
    if !bias.is_empty() {
        let len = parallel::rows_per_piece(bias.len()) * bias.len();
        parallel::chunks(out, len, |i, out| run::<T, A>(&x[i * len..], bias, out));
    }
}

/// The gradients of [`bias_activation`]: `dx`, and the sum of its rows, if that is wanted.
pub(crate) fn bias_activation_backward<T: Float, A: Activation>(
    (x, bias, grad): (&[T], &[T], &[T]),
    dx: &mut [T],
    dbias: Option<&mut [T]>,
) where
    T::Compute: Scalar,
{
    #[multiversion(targets = "simd")]
    fn run<T: Float, A: Activation>((x, bias, grad): (&[T], &[T], &[T]), dx: &mut [T], sum: &mut [T::Compute]) {
        let width = bias.len();
        for ((dx, x), grad) in dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(grad.chunks_exact(width)) {
            for i in 0..width {
                let slope = A::both(x[i].load().plus(bias[i].load())).1.times(grad[i].load());
                dx[i] = T::store(slope);
                sum[i] = sum[i].plus(slope);
            }
        }
    }
    let width = bias.len();
    if width == 0 {
        return;
    }
    let len = parallel::rows_per_piece(width) * width;
    let pieces = x.len().div_ceil(len);
    let mut partial = Scratch::<T::Compute>::new(pieces * width);
    parallel::chunks2((dx, len), (&mut partial, width), |i, dx, sum| {
        sum.fill(<T::Compute as Default>::default());
        run::<T, A>((&x[i * len..], bias, &grad[i * len..]), dx, sum);
    });
    let Some(dbias) = dbias else { return };
    if pieces == 0 {
        return dbias.fill(T::default());
    }
    combine_rows::<T::Compute, Sum>(width, &mut partial);
    dbias.iter_mut().zip(partial.iter()).for_each(|(dbias, sum)| *dbias = T::store(*sum));
}
