//! Gated linear units and rotary position embeddings.

use multiversion::multiversion;

use crate::elementwise::gelu_tanh_argument;
use crate::math::{Float, Number, Real};
use crate::parallel::{self, GRAIN};

/// An activation with its derivative.
pub(crate) trait Activation: Sync {
    fn value<R: Real>(x: R) -> R;
    /// The value and the derivative.
    fn both<R: Real>(x: R) -> (R, R);
}

/// `x sigmoid(x)`.
pub(crate) struct Silu;
/// `x / 2 (1 + erf(x / sqrt 2))`.
pub(crate) struct Gelu;
/// The tanh approximation of `Gelu`.
pub(crate) struct GeluTanh;

/// The greater of `x` and 0.
pub(crate) struct Relu;
/// The hyperbolic tangent.
pub(crate) struct Tanh;

impl Activation for Relu {
    #[inline(always)]
    fn value<R: Real>(x: R) -> R {
        if x < R::ZERO { R::ZERO } else { x }
    }
    #[inline(always)]
    fn both<R: Real>(x: R) -> (R, R) {
        (Self::value(x), if x > R::ZERO { R::ONE } else { R::ZERO })
    }
}

impl Activation for Tanh {
    #[inline(always)]
    fn value<R: Real>(x: R) -> R {
        x.tanh()
    }
    #[inline(always)]
    fn both<R: Real>(x: R) -> (R, R) {
        let value = x.tanh();
        (value, R::ONE - value * value)
    }
}

impl Activation for Silu {
    #[inline(always)]
    fn value<R: Real>(x: R) -> R {
        x * x.sigmoid()
    }
    #[inline(always)]
    fn both<R: Real>(x: R) -> (R, R) {
        let s = x.sigmoid();
        let value = x * s;
        (value, value.fma(R::ONE - s, s))
    }
}

impl Activation for Gelu {
    #[inline(always)]
    fn value<R: Real>(x: R) -> R {
        R::of(0.5) * x * (R::ONE + (x * R::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
    }
    #[inline(always)]
    fn both<R: Real>(x: R) -> (R, R) {
        let cdf = R::of(0.5) * (R::ONE + (x * R::of(std::f64::consts::FRAC_1_SQRT_2)).erf());
        let pdf = R::of(0.398_942_280_401_432_7) * (R::of(-0.5) * x * x).exp();
        (x * cdf, x.fma(pdf, cdf))
    }
}

impl Activation for GeluTanh {
    #[inline(always)]
    fn value<R: Real>(x: R) -> R {
        R::of(0.5) * x * (R::ONE + gelu_tanh_argument(x).tanh())
    }
    #[inline(always)]
    fn both<R: Real>(x: R) -> (R, R) {
        let t = gelu_tanh_argument(x).tanh();
        let slope = R::of(0.797_884_560_802_865_4) * (x * x).fma(R::of(3.0 * 0.044_715), R::ONE);
        let cdf = R::of(0.5) * (R::ONE + t);
        (x * cdf, cdf + R::of(0.5) * x * (R::ONE - t * t) * slope)
    }
}

/// `out = f(gate) up`.
pub(crate) fn gated<T: Float, A: Activation>(gate: &[T], up: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float, A: Activation>(gate: &[T], up: &[T], out: &mut [T]) {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = T::store(A::value(gate.load()) * up.load());
        }
    }
    parallel::chunks(out, GRAIN, |i, out| run::<T, A>(&gate[i * GRAIN..], &up[i * GRAIN..], out));
}

/// `dgate = f'(gate) up grad`, `dup = f(gate) grad`.
pub(crate) fn gated_backward<T: Float, A: Activation>((gate, up, grad): (&[T], &[T], &[T]), dgate: &mut [T], dup: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float, A: Activation>(gate: &[T], up: &[T], grad: &[T], dgate: &mut [T], dup: &mut [T]) {
        for ((((dgate, dup), gate), up), grad) in dgate.iter_mut().zip(dup).zip(gate).zip(up).zip(grad) {
            let (value, slope) = A::both(gate.load());
            *dgate = T::store(slope * up.load() * grad.load());
            *dup = T::store(value * grad.load());
        }
    }
    parallel::chunks2((dgate, GRAIN), (dup, GRAIN), |i, dgate, dup| {
        let at = i * GRAIN;
        run::<T, A>(&gate[at..], &up[at..], &grad[at..], dgate, dup);
    });
}

/// The extents of an input of [`rope`]: positions (over all rows of the batch), heads, and the size
/// of a head.
#[derive(Clone, Copy)]
pub(crate) struct RopeShape {
    pub(crate) heads: usize,
    pub(crate) size: usize,
}

/// Rotates both halves of each head by the angle of its position. `cos` and `sin` repeat if they
/// hold fewer positions than `x`.
pub(crate) fn rope<T: Float>(
    shape: RopeShape,
    inverse: bool,
    x: &[T],
    (cos, sin): (&[T::Compute], &[T::Compute]),
    out: &mut [T],
) {
    #[multiversion(targets = "simd")]
    fn run<T: Float>(x: &[T], cos: &[T::Compute], sin: &[T::Compute], sign: T::Compute, out: &mut [T]) {
        let half = cos.len();
        for (x, out) in x.chunks_exact(2 * half).zip(out.chunks_exact_mut(2 * half)) {
            let (x1, x2) = x.split_at(half);
            let (out1, out2) = out.split_at_mut(half);
            for i in 0..half {
                let (a, b, c, s) = (x1[i].load(), x2[i].load(), cos[i], sin[i] * sign);
                out1[i] = T::store(a * c - b * s);
                out2[i] = T::store(b * c + a * s);
            }
        }
    }
    let (half, width) = (shape.size / 2, shape.heads * shape.size);
    if half == 0 || out.is_empty() {
        return;
    }
    let sign = <T::Compute as Number>::of(if inverse { -1.0 } else { 1.0 });
    let positions = cos.len() / half;
    let rows = parallel::rows_per_piece(width);
    parallel::chunks(out, rows * width, |piece, out| {
        for (n, out) in out.chunks_exact_mut(width).enumerate() {
            let row = piece * rows + n;
            let angle = row % positions * half;
            run(&x[row * width..(row + 1) * width], &cos[angle..angle + half], &sin[angle..angle + half], sign, out);
        }
    });
}
