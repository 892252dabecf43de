//! The contract's generator in 32-bit integers alone: Neuron has no others, and refuses constants
//! beyond them.

use super::{Lowering, Unsupported};
use crate::stablehlo::{Binary, ComparisonDirection, ElementType, FunctionBuilder, Id};

/// The halves of 64-bit integers.
#[derive(Clone, Copy)]
struct Wide {
    high: Id,
    low: Id,
}

/// Element `i` is `splitmix64(seed + (i + 1) * 0x9E3779B97F4A7C15) >> 40`, over `2^24`. The seed is
/// a run-time number. `i` is the index within a row of three dimensions and more, and the row is
/// its upper half.
pub(super) fn uniform(at: &mut Lowering, dims: &[usize]) -> Result<Id, Unsupported> {
    let first = at.word()?;
    let seed = Wide { high: at.word()?, low: at.word()? };
    let count: usize = dims.iter().product();
    if u32::try_from(count).is_err() {
        return Err(format!("expected less than 2^32 random numbers at once, found {count}"));
    }
    let b = &mut at.builder;
    let index = if dims.len() > 2 {
        let within = b.iota(ElementType::Ui32, &[dims[0], count / dims[0].max(1)], 1);
        b.reshape(within, &[count])
    } else {
        b.iota(ElementType::Ui32, &[count], 0)
    };
    let index = b.binary(Binary::Add, index, first);
    let high = if dims.len() > 2 {
        let (rows, run) = (dims[0], count / dims[0].max(1));
        let row = b.iota(ElementType::Ui32, &[rows, run], 0);
        b.reshape(row, &[count])
    } else {
        let zero = word(b, 0);
        b.broadcast(zero, &[count])
    };
    let mut z = multiply(b, Wide { high, low: index }, 0x9E37_79B9_7F4A_7C15);
    z = add(b, z, seed);
    z = fold(b, z, 30);
    z = multiply(b, z, 0xBF58_476D_1CE4_E5B9);
    z = fold(b, z, 27);
    z = multiply(b, z, 0x94D0_49BB_1331_11EB);
    z = fold(b, z, 31);
    let by = word(b, 8);
    let bits = b.binary(Binary::ShiftRightLogical, z.high, by);
    let number = b.convert(bits, ElementType::F32);
    let unit = b.constant(ElementType::F32, 1.0 / f64::from(1 << 24));
    let number = b.binary(Binary::Multiply, number, unit);
    Ok(b.reshape(number, dims))
}

fn word(b: &mut FunctionBuilder, value: u32) -> Id {
    b.bits(ElementType::Ui32, u64::from(value))
}

fn add(b: &mut FunctionBuilder, x: Wide, y: Wide) -> Wide {
    let low = b.binary(Binary::Add, x.low, y.low);
    let carry = b.compare(ComparisonDirection::Lt, low, y.low);
    let carry = b.convert(carry, ElementType::Ui32);
    let high = b.binary(Binary::Add, x.high, y.high);
    Wide { high: b.binary(Binary::Add, high, carry), low }
}

/// `x ^ (x >> by)`, for less than 32 bits.
fn fold(b: &mut FunctionBuilder, x: Wide, by: u32) -> Wide {
    let (right, left) = (word(b, by), word(b, 32 - by));
    let moved = b.binary(Binary::ShiftRightLogical, x.low, right);
    let crossing = b.binary(Binary::ShiftLeft, x.high, left);
    let low = b.binary(Binary::Or, moved, crossing);
    let high = b.binary(Binary::ShiftRightLogical, x.high, right);
    Wide { high: b.binary(Binary::Xor, x.high, high), low: b.binary(Binary::Xor, x.low, low) }
}

/// The low 64 bits of a product.
fn multiply(b: &mut FunctionBuilder, x: Wide, by: u64) -> Wide {
    let (by_high, by_low) = (word(b, (by >> 32) as u32), word(b, by as u32));
    let carried = high_product(b, x.low, by as u32);
    let first = b.binary(Binary::Multiply, x.low, by_high);
    let second = b.binary(Binary::Multiply, x.high, by_low);
    let sum = b.binary(Binary::Add, first, second);
    Wide { high: b.binary(Binary::Add, sum, carried), low: b.binary(Binary::Multiply, x.low, by_low) }
}

/// The high 32 bits of a product of 32-bit integers, from products of 16 bits.
fn high_product(b: &mut FunctionBuilder, x: Id, by: u32) -> Id {
    let (mask, shift) = (word(b, 0xFFFF), word(b, 16));
    let (x0, x1) = (b.binary(Binary::And, x, mask), b.binary(Binary::ShiftRightLogical, x, shift));
    let (c0, c1) = (word(b, by & 0xFFFF), word(b, by >> 16));
    let t = b.binary(Binary::Multiply, x0, c0);
    let t = b.binary(Binary::ShiftRightLogical, t, shift);
    let u = b.binary(Binary::Multiply, x1, c0);
    let u = b.binary(Binary::Add, u, t);
    let v = b.binary(Binary::Multiply, x0, c1);
    let u_low = b.binary(Binary::And, u, mask);
    let v = b.binary(Binary::Add, v, u_low);
    let (u, v) = (b.binary(Binary::ShiftRightLogical, u, shift), b.binary(Binary::ShiftRightLogical, v, shift));
    let w = b.binary(Binary::Multiply, x1, c1);
    let w = b.binary(Binary::Add, w, u);
    b.binary(Binary::Add, w, v)
}
