//! Arithmetic that every kernel is generic over, and branch-free elementary functions that
//! compilers turn into vector code.
//!
//! The polynomials are minimax fits (Lawson's iteration in f64) of the functions named beside them.

use std::ops::{Add as _, Div as _, Mul as _, Sub as _};

use half::{bf16, f16};
use scaledown_sdk::tensor::Element;

/// A number that kernels compute with.
pub(crate) trait Number: Copy + Send + Sync + PartialOrd + Default + 'static {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn over(self, other: Self) -> Self;
    /// The greater of both; not a number if either is not.
    fn greater(self, other: Self) -> Self;
    /// The lesser of both; not a number if either is not.
    fn lesser(self, other: Self) -> Self;
    fn lowest() -> Self;
    fn of(value: f64) -> Self;
}

/// A floating-point number that kernels compute with: `f32` or `f64`.
pub(crate) trait Real:
    Number
    + Numeric<Compute = Self>
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::MulAssign
{
    const ZERO: Self;
    const ONE: Self;
    fn to_f64(self) -> f64;
    /// `self * a + b`, rounded once.
    fn fma(self, a: Self, b: Self) -> Self;
    fn magnitude(self) -> Self;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tanh(self) -> Self;
    fn erf(self) -> Self;
    /// `1 / (1 + exp(-self))`.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
}

/// An element that arithmetic runs on, and the type it is computed in.
pub(crate) trait Numeric: Element + Copy + Default + PartialOrd {
    type Compute: Number;
    fn load(self) -> Self::Compute;
    fn store(value: Self::Compute) -> Self;
    /// The elements themselves, if they are computed in their own type.
    fn wide(elements: &[Self]) -> Option<&[Self::Compute]>;
    /// The elements themselves for writing, if they are computed in their own type.
    fn wide_mut(elements: &mut [Self]) -> Option<&mut [Self::Compute]>;
}

/// A floating-point element, computed in its accumulator type.
pub(crate) trait Float: Numeric<Compute: Real> {}

macro_rules! number {
    ($type:ty, $lowest:expr, $add:ident, $sub:ident, $mul:ident, $div:ident) => {
        impl Number for $type {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.$add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.$sub(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.$mul(other)
            }
            #[inline(always)]
            fn over(self, other: Self) -> Self {
                self.$div(other)
            }
            #[inline(always)]
            #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
            fn greater(self, other: Self) -> Self {
                if self > other || self != self { self } else { other }
            }
            #[inline(always)]
            #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
            fn lesser(self, other: Self) -> Self {
                if self < other || self != self { self } else { other }
            }
            #[inline(always)]
            fn lowest() -> Self {
                $lowest
            }
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }
        }
        impl Numeric for $type {
            type Compute = $type;
            #[inline(always)]
            fn load(self) -> $type {
                self
            }
            #[inline(always)]
            fn store(value: $type) -> $type {
                value
            }
            fn wide(elements: &[$type]) -> Option<&[$type]> {
                Some(elements)
            }
            fn wide_mut(elements: &mut [$type]) -> Option<&mut [$type]> {
                Some(elements)
            }
        }
    };
}

number!(f32, f32::NEG_INFINITY, add, sub, mul, div);
number!(f64, f64::NEG_INFINITY, add, sub, mul, div);
number!(i64, i64::MIN, wrapping_add, wrapping_sub, wrapping_mul, quotient);
number!(u32, u32::MIN, wrapping_add, wrapping_sub, wrapping_mul, quotient);

/// Division of integers as the contract has it: by zero it is 0, and it never overflows.
trait Quotient {
    fn quotient(self, divisor: Self) -> Self;
}

macro_rules! quotient {
    ($($type:ty),*) => {
        $(impl Quotient for $type {
            #[inline(always)]
            fn quotient(self, divisor: Self) -> Self {
                if divisor == 0 { 0 } else { self.wrapping_div(divisor) }
            }
        })*
    };
}

quotient!(i64, u32);

impl Float for f32 {}
impl Float for f64 {}
impl Float for bf16 {}
impl Float for f16 {}

impl Numeric for bf16 {
    type Compute = f32;

    #[inline(always)]
    fn load(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn store(value: f32) -> bf16 {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16;
        // Rounding would turn some NaNs into infinities.
        let quiet = (bits >> 16) | 0x40;
        bf16::from_bits(if value.is_nan() { quiet as u16 } else { rounded as u16 })
    }

    fn wide(_: &[Self]) -> Option<&[f32]> {
        None
    }

    fn wide_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
}

impl Numeric for f16 {
    type Compute = f32;

    #[inline(always)]
    fn load(self) -> f32 {
        f32::from(self)
    }

    #[inline(always)]
    fn store(value: f32) -> f16 {
        f16::from_f32(value)
    }

    fn wide(_: &[Self]) -> Option<&[f32]> {
        None
    }

    fn wide_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn fma(self, a: f64, b: f64) -> f64 {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn magnitude(self) -> f64 {
        self.abs()
    }
    #[inline(always)]
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }
    fn exp(self) -> f64 {
        f64::exp(self)
    }
    fn ln(self) -> f64 {
        f64::ln(self)
    }
    fn sin(self) -> f64 {
        f64::sin(self)
    }
    fn cos(self) -> f64 {
        f64::cos(self)
    }
    fn tanh(self) -> f64 {
        f64::tanh(self)
    }
    fn erf(self) -> f64 {
        libm::erf(self)
    }
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32) -> f32 {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn magnitude(self) -> f32 {
        self.abs()
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn exp(self) -> f32 {
        exp(self)
    }
    fn ln(self) -> f32 {
        f32::ln(self)
    }
    fn sin(self) -> f32 {
        f32::sin(self)
    }
    fn cos(self) -> f32 {
        f32::cos(self)
    }
    #[inline(always)]
    fn tanh(self) -> f32 {
        tanh(self)
    }
    #[inline(always)]
    fn erf(self) -> f32 {
        erf(self)
    }
}

/// `coefficients[0] + coefficients[1] x + ...` by Horner's scheme.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, coefficients[i]);
    }
    sum
}

/// `e^x` to 2 ulp: `x = n ln 2 + r` with `|r| <= ln 2 / 2`, and a polynomial in `r`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds a float to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // Beyond these, the result is 0 or infinity. NaN passes both comparisons.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    // (e^r - 1 - r) / r^2
    let tail = polynomial(r, [0.499_999_93, 0.166_665_21, 0.041_668_39, 0.008_368_717, 0.001_381_459_6]);
    let power = (r * r).mul_add(tail, r) + 1.0;
    // 2^n as a product, since n may lie outside the range of exponents (subnormal and infinite
    // results).
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let scale = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    power * scale(half) * scale(n.wrapping_sub(half))
}

/// The hyperbolic tangent to 2 ulp.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let square = x * x;
    // tanh(x) / x in x^2, for |x| < 0.625
    let near = polynomial(square, [1.0, -0.333_332_6, 0.133_311_28, -0.053_721_067, 0.020_590_984, -0.005_659_985]) * x;
    let far = (1.0 - 2.0 / (exp(2.0 * a) + 1.0)).copysign(x);
    if a < 0.625 { near } else { far }
}

/// The error function to 2 ulp.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let square = x * x;
    // erf(x) / x in x^2, for |x| < 1
    let near = polynomial(
        square,
        [
            std::f32::consts::FRAC_2_SQRT_PI,
            -0.376_126_38,
            0.112_837_82,
            -0.026_865_4,
            0.005_220_945_4,
            -8.482_829e-4,
            1.125_694_8e-4,
            -9.641_516e-6,
        ],
    ) * x;
    // ln(erfc(x)) in x, for 0.95 <= x <= 4; beyond, the result is 1.
    let clamped = if a > 4.0 { 4.0 } else { a };
    let log = polynomial(
        clamped,
        [1.824_605e-4, -1.129_552, -0.633_272_4, -0.108_361_56, 0.025_171_812, -0.004_190_857, 4.385_302_2e-4, -2.144_559_3e-5],
    );
    let far = (1.0 - exp(log)).copysign(x);
    let result = if a < 1.0 { near } else { far };
    if x.is_nan() { x } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest error of `f` against `exact`, in units in the last place of the exact result.
    fn ulps(range: std::ops::Range<f32>, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        (0..steps)
            .map(|i| {
                let x = range.start + (range.end - range.start) * i as f32 / steps as f32;
                let expected = exact(f64::from(x));
                let ulp = 2f64.powi((expected.abs().max(1e-37).log2().floor() as i32) - 23);
                (f64::from(f(x)) - expected).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn elementary_functions_are_accurate() {
        assert!(ulps(-87.0..88.7, exp, f64::exp) < 2.0);
        assert!(ulps(-10.0..10.0, tanh, f64::tanh) < 2.5);
        assert!(ulps(-5.0..5.0, erf, libm::erf) < 2.5);
        assert!(ulps(-80.0..80.0, Real::sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 4.0);
    }

    #[test]
    fn limits_are_exact() {
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && erf(f32::NAN).is_nan());
        assert_eq!((tanh(1e30), tanh(f32::NEG_INFINITY), erf(1e30), erf(-9.0)), (1.0, -1.0, 1.0, -1.0));
        assert_eq!((tanh(0.0), erf(0.0), Real::sigmoid(-1e4f32)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn bf16_rounds_to_nearest_even() {
        for bits in (0..u32::MAX).step_by(65_521) {
            let value = f32::from_bits(bits);
            let ours = <bf16 as Numeric>::store(value);
            assert!(ours == bf16::from_f32(value) || (value.is_nan() && ours.is_nan()), "{value}");
        }
    }
}
