//! Functions of elements.

use scaledown_sdk::tensor::{BinaryOp, CompareOp, UnaryOp};

use super::Lowering;
use crate::stablehlo::{Binary, ComparisonDirection, ElementType, FunctionBuilder, Id, Unary};

/// Floats round to nearest even; a float becomes an integer as the contract says, whatever the
/// plugin does beyond the range.
pub(super) fn cast(at: &mut Lowering, x: Id, to: ElementType) -> Id {
    let b = &mut at.builder;
    let from = b.element(x);
    if from == to {
        return x;
    }
    if to == ElementType::I1 {
        let zero = b.constant(from, 0.0);
        return b.compare(ComparisonDirection::Ne, x, zero);
    }
    if !from.is_float() || to.is_float() {
        return b.convert(x, to);
    }
    let (least, greatest, low, high) = match to {
        ElementType::Ui32 => (0.0, 4_294_967_296.0, 0, u64::from(u32::MAX)),
        ElementType::I32 => (-2_147_483_648.0, 2_147_483_648.0, u64::from(i32::MIN as u32), i32::MAX as u64),
        _ => (i64::MIN as f64, -(i64::MIN as f64), i64::MIN as u64, i64::MAX as u64),
    };
    // Narrow types do not hold every integer: the ends are compared in f32 at least.
    let x = b.wide(x);
    let wide = b.element(x);
    let truncated = b.convert(x, to);
    let (least, greatest) = (b.constant(wide, least), b.constant(wide, greatest));
    let (low, high, zero) = (b.bits(to, low), b.bits(to, high), b.constant(to, 0.0));
    let below = b.compare(ComparisonDirection::Le, x, least);
    let above = b.compare(ComparisonDirection::Ge, x, greatest);
    let unordered = b.compare(ComparisonDirection::Ne, x, x);
    let y = b.select(below, low, truncated);
    let y = b.select(above, high, y);
    b.select(unordered, zero, y)
}

pub(super) fn affine(at: &mut Lowering, x: Id, mul: f64, add: f64) -> Id {
    let b = &mut at.builder;
    let own = b.element(x);
    let mut y = b.wide(x);
    let wide = b.element(y);
    if mul != 1.0 {
        let mul = b.constant(wide, mul);
        y = b.binary(Binary::Multiply, y, mul);
    }
    if add != 0.0 {
        let add = b.constant(wide, add);
        y = b.binary(Binary::Add, y, add);
    }
    b.convert(y, own)
}

pub(super) fn binary(at: &mut Lowering, function: BinaryOp, x: Id, y: Id, dims: &[usize]) -> Id {
    let b = &mut at.builder;
    let (x, y) = (b.broadcast(x, dims), b.broadcast(y, dims));
    let function = match function {
        BinaryOp::Add => Binary::Add,
        BinaryOp::Sub => Binary::Subtract,
        BinaryOp::Mul => Binary::Multiply,
        BinaryOp::Div => Binary::Divide,
        BinaryOp::Maximum => Binary::Maximum,
        BinaryOp::Minimum => Binary::Minimum,
    };
    let element = b.element(x);
    if function != Binary::Divide || element.is_float() {
        return b.binary(function, x, y);
    }
    // What becomes of a division by zero is the plugin's choice; here it is 0.
    let (zero, one) = (b.constant(element, 0.0), b.constant(element, 1.0));
    let by_zero = b.compare(ComparisonDirection::Eq, y, zero);
    let divisor = b.select(by_zero, one, y);
    let quotient = b.binary(Binary::Divide, x, divisor);
    b.select(by_zero, zero, quotient)
}

pub(super) fn compare(at: &mut Lowering, function: CompareOp, x: Id, y: Id, dims: &[usize]) -> Id {
    let b = &mut at.builder;
    let (x, y) = (b.broadcast(x, dims), b.broadcast(y, dims));
    let comparison = match function {
        CompareOp::Eq => ComparisonDirection::Eq,
        CompareOp::Ne => ComparisonDirection::Ne,
        CompareOp::Lt => ComparisonDirection::Lt,
        CompareOp::Le => ComparisonDirection::Le,
        CompareOp::Gt => ComparisonDirection::Gt,
        CompareOp::Ge => ComparisonDirection::Ge,
    };
    b.compare(comparison, x, y)
}

/// Computed in the accumulator type and rounded once.
pub(super) fn unary(at: &mut Lowering, function: UnaryOp, x: Id) -> Id {
    let b = &mut at.builder;
    let own = b.element(x);
    let x = b.wide(x);
    let y = apply(b, function, x);
    b.convert(y, own)
}

fn apply(b: &mut FunctionBuilder, function: UnaryOp, x: Id) -> Id {
    let element = b.element(x);
    match function {
        UnaryOp::Neg => b.unary(Unary::Negate, x),
        UnaryOp::Abs => b.unary(Unary::Abs, x),
        UnaryOp::Square => b.binary(Binary::Multiply, x, x),
        UnaryOp::Sqrt => b.unary(Unary::Sqrt, x),
        UnaryOp::Rsqrt => b.unary(Unary::Rsqrt, x),
        UnaryOp::Recip => {
            let one = b.constant(element, 1.0);
            b.binary(Binary::Divide, one, x)
        }
        UnaryOp::Exp => b.unary(Unary::Exponential, x),
        UnaryOp::Log => b.unary(Unary::Log, x),
        UnaryOp::Sin => b.unary(Unary::Sine, x),
        UnaryOp::Cos => b.unary(Unary::Cosine, x),
        UnaryOp::Tanh => b.unary(Unary::Tanh, x),
        UnaryOp::Sigmoid => b.unary(Unary::Logistic, x),
        UnaryOp::Relu => {
            let zero = b.constant(element, 0.0);
            b.binary(Binary::Maximum, x, zero)
        }
        UnaryOp::Silu => {
            let sigmoid = b.unary(Unary::Logistic, x);
            b.binary(Binary::Multiply, x, sigmoid)
        }
        UnaryOp::Gelu => {
            let root = b.constant(element, std::f64::consts::FRAC_1_SQRT_2);
            let scaled = b.binary(Binary::Multiply, x, root);
            let erf = erf(b, scaled);
            half_of(b, x, erf)
        }
        UnaryOp::GeluTanh => {
            let square = b.binary(Binary::Multiply, x, x);
            let cube = b.binary(Binary::Multiply, square, x);
            let weight = b.constant(element, 0.044_715);
            let cube = b.binary(Binary::Multiply, cube, weight);
            let sum = b.binary(Binary::Add, x, cube);
            let root = b.constant(element, (2.0 / std::f64::consts::PI).sqrt());
            let inner = b.binary(Binary::Multiply, sum, root);
            let tanh = b.unary(Unary::Tanh, inner);
            half_of(b, x, tanh)
        }
        UnaryOp::Erf => erf(b, x),
    }
}

/// `x / 2 * (1 + y)`.
fn half_of(b: &mut FunctionBuilder, x: Id, y: Id) -> Id {
    let element = b.element(x);
    let (one, half) = (b.constant(element, 1.0), b.constant(element, 0.5));
    let sum = b.binary(Binary::Add, y, one);
    let half = b.binary(Binary::Multiply, x, half);
    b.binary(Binary::Multiply, half, sum)
}

/// Beyond it, erf is 1 in f32.
const ERF_END: f64 = 3.832_506_856_900_711;
/// The numerator's coefficients, of the highest power first: those of Eigen's and XLA's
/// approximation in f32.
const ERF_ABOVE: [f64; 7] = [
    -2.726_142_258_013_06e-10,
    2.770_681_424_959_02e-08,
    -2.101_024_020_825_08e-06,
    -5.692_506_394_623_46e-05,
    -7.349_906_303_268_55e-04,
    -2.954_599_808_540_25e-03,
    -1.609_603_332_624_15e-02,
];
/// The denominator's.
const ERF_BELOW: [f64; 5] = [
    -1.456_607_184_649_96e-05,
    -2.133_740_552_789_05e-04,
    -1.682_826_974_382_03e-03,
    -7.373_329_167_204_68e-03,
    -1.426_473_905_141_89e-02,
];

/// In f32 a rational function, within 4 units of the last place of 1: a portable program cannot say
/// `chlo.erf`. NaN stays.
fn erf(b: &mut FunctionBuilder, x: Id) -> Id {
    let element = b.element(x);
    if element == ElementType::F64 {
        return b.unary(Unary::Erf, x);
    }
    let (low, high) = (b.constant(element, -ERF_END), b.constant(element, ERF_END));
    let x = b.binary(Binary::Maximum, x, low);
    let x = b.binary(Binary::Minimum, x, high);
    let square = b.binary(Binary::Multiply, x, x);
    let above = polynomial(b, square, &ERF_ABOVE);
    let below = polynomial(b, square, &ERF_BELOW);
    let above = b.binary(Binary::Multiply, x, above);
    b.binary(Binary::Divide, above, below)
}

/// By Horner's rule.
fn polynomial(b: &mut FunctionBuilder, x: Id, coefficients: &[f64]) -> Id {
    let element = b.element(x);
    let mut sum = None;
    for &coefficient in coefficients {
        let coefficient = b.constant(element, coefficient);
        sum = Some(match sum {
            None => coefficient,
            Some(sum) => {
                let product = b.binary(Binary::Multiply, sum, x);
                b.binary(Binary::Add, product, coefficient)
            }
        });
    }
    sum.unwrap_or(x)
}
