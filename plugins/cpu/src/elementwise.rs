//! Functions of one, two or three elements, and conversions.

use multiversion::multiversion;
use scaledown_sdk::tensor::{uniform_bits, uniform_place};

use crate::layout::Walk;
use crate::math::{Float, Number, Numeric, Real};
use crate::parallel::{self, GRAIN};
use crate::storage::Scalar;

/// A function of one number.
pub(crate) trait Unary: Sync {
    fn call<R: Real>(&self, x: R) -> R;
}

/// A function of two numbers.
pub(crate) trait Binary: Sync {
    fn call<N: Number>(a: N, b: N) -> N;
}

/// A relation of two elements.
pub(crate) trait Relation: Sync {
    fn holds<T: PartialOrd>(a: &T, b: &T) -> bool;
}

macro_rules! unary {
    ($($name:ident($x:ident) = $body:expr;)*) => {
        $(pub(crate) struct $name;
        impl Unary for $name {
            #[inline(always)]
            fn call<R: Real>(&self, $x: R) -> R {
                $body
            }
        })*
    };
}

unary! {
    Neg(x) = -x;
    Abs(x) = x.magnitude();
    Square(x) = x * x;
    Sqrt(x) = x.sqrt();
    Rsqrt(x) = R::ONE / x.sqrt();
    Recip(x) = R::ONE / x;
    Exp(x) = x.exp();
    Log(x) = x.ln();
    Sin(x) = x.sin();
    Cos(x) = x.cos();
    Tanh(x) = x.tanh();
    Sigmoid(x) = x.sigmoid();
    Relu(x) = if x < R::ZERO { R::ZERO } else { x };
    Silu(x) = x * x.sigmoid();
    Gelu(x) = R::of(0.5) * x * (R::ONE + (x * R::of(std::f64::consts::FRAC_1_SQRT_2)).erf());
    GeluTanh(x) = R::of(0.5) * x * (R::ONE + gelu_tanh_argument(x).tanh());
    Erf(x) = x.erf();
}

/// `sqrt(2 / pi) (x + 0.044715 x^3)`.
#[inline(always)]
pub(crate) fn gelu_tanh_argument<R: Real>(x: R) -> R {
    R::of(0.797_884_560_802_865_4) * x * (x * x).fma(R::of(0.044_715), R::ONE)
}

/// `x * mul + add`.
pub(crate) struct Affine {
    pub(crate) mul: f64,
    pub(crate) add: f64,
}

impl Unary for Affine {
    #[inline(always)]
    fn call<R: Real>(&self, x: R) -> R {
        x * R::of(self.mul) + R::of(self.add)
    }
}

macro_rules! binary {
    ($($name:ident = $method:ident;)*) => {
        $(pub(crate) struct $name;
        impl Binary for $name {
            #[inline(always)]
            fn call<N: Number>(a: N, b: N) -> N {
                a.$method(b)
            }
        })*
    };
}

binary! {
    Add = plus;
    Sub = minus;
    Mul = times;
    Div = over;
    Maximum = greater;
    Minimum = lesser;
}

macro_rules! relation {
    ($($name:ident = $operator:tt;)*) => {
        $(pub(crate) struct $name;
        impl Relation for $name {
            #[inline(always)]
            fn holds<T: PartialOrd>(a: &T, b: &T) -> bool {
                a $operator b
            }
        })*
    };
}

relation! {
    Eq = ==;
    Ne = !=;
    Lt = <;
    Le = <=;
    Gt = >;
    Ge = >=;
}

/// Elements that are computed at once: a copy of them stays in the first-level cache.
const BLOCK: usize = 1024;

/// Calls `f` with the elements of `x` as they are computed, block by block, and stores what it
/// makes of them.
fn by_blocks<T: Numeric>(x: &mut [T], mut f: impl FnMut(usize, &mut [T::Compute])) {
    if let Some(x) = T::wide_mut(x) {
        x.chunks_mut(BLOCK).enumerate().for_each(|(i, x)| f(i * BLOCK, x));
        return;
    }
    let mut wide = [T::Compute::default(); BLOCK];
    for (i, x) in x.chunks_mut(BLOCK).enumerate() {
        let wide = &mut wide[..x.len()];
        wide.iter_mut().zip(x.iter()).for_each(|(wide, x)| *wide = x.load());
        f(i * BLOCK, wide);
        x.iter_mut().zip(wide.iter()).for_each(|(x, wide)| *x = T::store(*wide));
    }
}

/// Copies `x` to `out` in blocks, each of which `f` is then called with.
fn copy_by_blocks<T: Numeric>(x: &[T], out: &mut [T], mut f: impl FnMut(usize, &mut [T])) {
    for (i, (out, x)) in out.chunks_mut(BLOCK).zip(x.chunks(BLOCK)).enumerate() {
        out.copy_from_slice(&x[..out.len()]);
        f(i * BLOCK, out);
    }
}

/// `out = f(x)`.
pub(crate) fn unary<T: Float, F: Unary>(f: &F, x: &[T], out: &mut [T]) {
    parallel::chunks(out, GRAIN, |i, out| {
        copy_by_blocks(&x[i * GRAIN..], out, |_, out| by_blocks(out, |_, out| apply(f, out)));
    });
}

/// `x = f(x)`.
pub(crate) fn unary_in_place<T: Float, F: Unary>(f: &F, x: &mut [T]) {
    parallel::chunks(x, GRAIN, |_, x| by_blocks(x, |_, x| apply(f, x)));
}

#[multiversion(targets = "simd")]
fn apply<R: Real, F: Unary>(f: &F, x: &mut [R]) {
    for x in x {
        *x = f.call(*x);
    }
}

/// `a = f(a, b)`, of one shape.
pub(crate) fn binary_in_place<T: Numeric, F: Binary>(a: &mut [T], b: &[T]) {
    parallel::chunks(a, GRAIN, |i, a| combine::<T, F>(a, &b[i * GRAIN..]));
}

/// `a = f(a, b)` on one thread.
fn combine<T: Numeric, F: Binary>(a: &mut [T], b: &[T]) {
    #[multiversion(targets = "simd")]
    fn run<N: Number, F: Binary>(a: &mut [N], b: &[N]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = F::call(*a, *b);
        }
    }
    if let (Some(a), Some(b)) = (T::wide_mut(a), T::wide(b)) {
        return run::<_, F>(a, b);
    }
    let mut wide = [T::Compute::default(); BLOCK];
    by_blocks(a, |start, a| {
        wide.iter_mut().zip(&b[start..]).for_each(|(wide, b)| *wide = b.load());
        run::<_, F>(a, &wide);
    });
}

/// `a = f(a, b)`.
#[multiversion(targets = "simd")]
fn with_right<N: Number, F: Binary>(a: &mut [N], b: N) {
    for a in a {
        *a = F::call(*a, b);
    }
}

/// `b = f(a, b)`.
#[multiversion(targets = "simd")]
fn with_left<N: Number, F: Binary>(a: N, b: &mut [N]) {
    for b in b {
        *b = F::call(a, *b);
    }
}

/// `out = f(a, b)` over the index space of `walk`.
pub(crate) fn binary<T: Numeric, F: Binary>(walk: &Walk<2>, a: &[T], b: &[T], out: &mut [T]) {
    let both = |a: &[T], b: &[T], out: &mut [T]| {
        copy_by_blocks(a, out, |start, out| combine::<T, F>(out, &b[start..]));
    };
    if let ([1, 1], true) = (walk.inner_strides, walk.inner == out.len()) {
        return parallel::chunks(out, GRAIN, |i, out| both(&a[i * GRAIN..], &b[i * GRAIN..], out));
    }
    walk.fill(out, |out, [i, j]| match walk.inner_strides {
        [0, 0] => out.fill(T::store(F::call(a[i].load(), b[j].load()))),
        [_, 0] => copy_by_blocks(&a[i..], out, |_, out| by_blocks(out, |_, out| with_right::<_, F>(out, b[j].load()))),
        [0, _] => copy_by_blocks(&b[j..], out, |_, out| by_blocks(out, |_, out| with_left::<_, F>(a[i].load(), out))),
        _ => both(&a[i..], &b[j..], out),
    });
}

/// `out = a relation b` over the index space of `walk`.
pub(crate) fn compare<T: Scalar, F: Relation>(walk: &Walk<2>, a: &[T], b: &[T], out: &mut [u8]) {
    let [a_step, b_step] = walk.inner_strides;
    walk.fill(out, |out, [i, j]| {
        for (n, out) in out.iter_mut().enumerate() {
            *out = u8::from(F::holds(&a[i + n * a_step], &b[j + n * b_step]));
        }
    });
}

/// `out = condition ? a : b` over the index space of `walk`.
pub(crate) fn select<T: Scalar>(walk: &Walk<3>, condition: &[u8], a: &[T], b: &[T], out: &mut [T]) {
    let [c_step, a_step, b_step] = walk.inner_strides;
    walk.fill(out, |out, [c, i, j]| {
        for (n, out) in out.iter_mut().enumerate() {
            *out = if condition[c + n * c_step] != 0 { a[i + n * a_step] } else { b[j + n * b_step] };
        }
    });
}

/// Converts elements one by one.
pub(crate) fn convert<A: Scalar, B: Scalar>(x: &[A], out: &mut [B], f: impl Fn(A) -> B + Sync) {
    parallel::chunks(out, GRAIN, |i, out| {
        for (out, x) in out.iter_mut().zip(&x[i * GRAIN..]) {
            *out = f(*x);
        }
    });
}

/// Floats to what they are computed in.
pub(crate) fn widen<T: Float>(x: &[T], out: &mut [T::Compute]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float>(x: &[T], out: &mut [T::Compute]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = x.load();
        }
    }
    parallel::chunks(out, GRAIN, |i, out| run(&x[i * GRAIN..], out));
}

/// Floats from what they are computed in.
pub(crate) fn narrow<T: Float>(x: &[T::Compute], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float>(x: &[T::Compute], out: &mut [T]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = T::store(*x);
        }
    }
    parallel::chunks(out, GRAIN, |i, out| run(&x[i * GRAIN..], out));
}

/// Element `i` of `out` is `f(i)`.
pub(crate) fn generate<T: Send>(out: &mut [T], f: impl Fn(usize) -> T + Sync) {
    parallel::chunks(out, GRAIN, |i, out| {
        for (n, out) in out.iter_mut().enumerate() {
            *out = f(i * GRAIN + n);
        }
    });
}

/// The uniform numbers of a seed, of which `run` stand side by side.
pub(crate) fn uniform(seed: u64, run: usize, out: &mut [f32]) {
    generate(out, |i| uniform_bits(seed, uniform_place(run as u64, i as u64)) as f32 / 16_777_216.0);
}

/// What dropout leaves to chance.
#[derive(Clone, Copy)]
pub(crate) struct Dropout {
    /// The probability that an element is dropped.
    pub(crate) p: f64,
    pub(crate) seed: u64,
    /// How many elements take numbers that stand side by side.
    pub(crate) run: usize,
}

/// Zero where the uniform number is below `p`, else `x / (1 - p)`.
pub(crate) fn dropout<T: Float>(dropout: Dropout, x: &[T], out: &mut [T]) {
    #[multiversion(targets = "simd")]
    fn run<T: Float>(bound: u32, scale: T::Compute, seed: u64, first: u64, x: &[T], out: &mut [T]) {
        for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
            let kept = uniform_bits(seed, first + i as u64) >= bound;
            *out = if kept { T::store(x.load() * scale) } else { T::default() };
        }
    }
    // u / 2^24 < p exactly where u < ceil(p 2^24).
    let bound = (dropout.p * 16_777_216.0).ceil() as u32;
    let scale = <T::Compute as Number>::of(1.0 / (1.0 - dropout.p));
    parallel::chunks(out, GRAIN, |i, mut out| {
        let mut at = i * GRAIN;
        while !out.is_empty() {
            let side_by_side = (dropout.run - at % dropout.run).min(out.len());
            let first = uniform_place(dropout.run as u64, at as u64);
            let (now, later) = out.split_at_mut(side_by_side);
            run(bound, scale, dropout.seed, first, &x[at..], now);
            (at, out) = (at + side_by_side, later);
        }
    });
}
