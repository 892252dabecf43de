//! Block formats of quantised weights: 32 numbers of a row that share one scale, as GGML stores
//! them (`block_q8_0` and `block_q4_0` of <https://github.com/ggml-org/ggml>, `ggml-common.h`;
//! rounded as by `quantize_row_q8_0_ref` and `quantize_row_q4_0_ref`).

use half::f16;

use super::DType;

/// The numbers of a block.
pub const BLOCK: usize = 32;

/// A format of blocks, whose numbers are small integers times the block's scale. A block begins
/// with that scale as a little-endian f16.
pub trait BlockFormat: Send + Sync + 'static {
    /// The element type of tensors that are stored so.
    const DTYPE: DType;

    /// Writes the block that is nearest to these numbers into `block`, of as many bytes as
    /// [`DType::size`] says. If a number is not finite, or so large that the scale is not, all
    /// numbers of the block become NaN.
    fn encode(numbers: &[f32; BLOCK], block: &mut [u8]);

    /// The scale and the integers of a block of as many bytes as [`DType::size`] says.
    fn decode(block: &[u8]) -> (f32, [i8; BLOCK]);
}

/// 8-bit integers with one scale: 34 bytes for 32 numbers.
#[derive(Clone, Copy, Debug)]
pub struct Q8_0;

/// 4-bit integers with one scale: 18 bytes for 32 numbers. Byte `i` after the scale holds integer
/// `i` in its low half and integer `i + 16` in its high half, each plus 8.
#[derive(Clone, Copy, Debug)]
pub struct Q4_0;

impl BlockFormat for Q8_0 {
    const DTYPE: DType = DType::Q8_0;

    fn encode(numbers: &[f32; BLOCK], block: &mut [u8]) {
        let scale = extreme(numbers).abs() / 127.0;
        let inverse = inverse(scale);
        write_scale(scale, block);
        for (byte, number) in block[2..].iter_mut().zip(numbers) {
            *byte = ((number * inverse).round() as i8).cast_unsigned();
        }
    }

    #[inline(always)]
    fn decode(block: &[u8]) -> (f32, [i8; BLOCK]) {
        let mut integers = [0; BLOCK];
        for (integer, byte) in integers.iter_mut().zip(&block[2..]) {
            *integer = byte.cast_signed();
        }
        (scale(block), integers)
    }
}

impl BlockFormat for Q4_0 {
    const DTYPE: DType = DType::Q4_0;

    fn encode(numbers: &[f32; BLOCK], block: &mut [u8]) {
        // The sign goes into the scale, so that the greatest number is -8 times it and exact.
        let scale = extreme(numbers) / -8.0;
        let inverse = inverse(scale);
        write_scale(scale, block);
        let half = |number: f32| ((number * inverse + 8.5) as u8).min(15);
        let (low, high) = numbers.split_at(BLOCK / 2);
        for (byte, (&low, &high)) in block[2..].iter_mut().zip(low.iter().zip(high)) {
            *byte = half(low) | (half(high) << 4);
        }
    }

    #[inline(always)]
    fn decode(block: &[u8]) -> (f32, [i8; BLOCK]) {
        let mut integers = [0; BLOCK];
        let (low, high) = integers.split_at_mut(BLOCK / 2);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(&block[2..]) {
            *low = (byte & 15).cast_signed() - 8;
            *high = (byte >> 4).cast_signed() - 8;
        }
        (scale(block), integers)
    }
}

/// All numbers of the blocks, in f32; none if `dtype` is not quantised.
pub(super) fn dequantize(dtype: DType, bytes: &[u8]) -> Vec<f32> {
    fn all<F: BlockFormat>(bytes: &[u8]) -> Vec<f32> {
        let numbers = |block: &[u8]| {
            let (scale, integers) = F::decode(block);
            integers.map(|integer| scale * f32::from(integer))
        };
        bytes.chunks_exact(F::DTYPE.size()).flat_map(numbers).collect()
    }
    match dtype {
        DType::Q8_0 => all::<Q8_0>(bytes),
        DType::Q4_0 => all::<Q4_0>(bytes),
        _ => Vec::new(),
    }
}

/// The number of the greatest magnitude, the first of several; NaN if one of them is not finite.
fn extreme(numbers: &[f32; BLOCK]) -> f32 {
    if numbers.iter().any(|number| !number.is_finite()) {
        return f32::NAN;
    }
    numbers.iter().fold(0.0, |extreme: f32, &number| if extreme.abs() < number.abs() { number } else { extreme })
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { scale.recip() }
}

fn write_scale(scale: f32, block: &mut [u8]) {
    block[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
}

/// A block's scale. Kernels read millions of them, so that it is made of the bits without a branch;
/// it is NaN where f16 is not finite.
#[inline(always)]
fn scale(block: &[u8]) -> f32 {
    /// What exponents of f16 count from, less what those of f32 do.
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(u16::from_le_bytes([block[0], block[1]]));
    let magnitude = f32::from_bits((bits & 0x7FFF) << 13) * REBIAS;
    let finite = if bits & 0x7C00 == 0x7C00 { f32::NAN } else { magnitude };
    f32::from_bits(finite.to_bits() | ((bits & 0x8000) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<F: BlockFormat>(numbers: &[f32; BLOCK]) -> [f32; BLOCK] {
        let mut block = vec![0xAA; F::DTYPE.size()];
        F::encode(numbers, &mut block);
        dequantize(F::DTYPE, &block).try_into().unwrap()
    }

    #[test]
    fn a_scale_is_read_as_f16_is() {
        for bits in 0..=u16::MAX {
            let expected = f16::from_bits(bits);
            let found = scale(&bits.to_le_bytes());
            let same = if expected.is_finite() { found.to_bits() == expected.to_f32().to_bits() } else { found.is_nan() };
            assert!(same, "{expected} {found}");
        }
    }

    #[test]
    fn blocks_are_those_of_ggml() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/fixtures/quantized.json");
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in cases.as_array().unwrap() {
            let numbers: Vec<f32> = case["numbers"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
            let numbers: &[f32; BLOCK] = numbers.as_slice().try_into().unwrap();
            let expected = |key: &str| -> Vec<u8> { serde_json::from_value(case[key].clone()).unwrap() };
            let (mut q8, mut q4) = ([0; 34], [0; 18]);
            Q8_0::encode(numbers, &mut q8);
            Q4_0::encode(numbers, &mut q4);
            assert_eq!(q8, *expected("q8_0"), "{numbers:?}");
            assert_eq!(q4, *expected("q4_0"), "{numbers:?}");
        }
        assert!(cases.as_array().unwrap().len() >= 8);
    }

    #[test]
    fn what_no_scale_can_hold_is_not_a_number() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9] {
            let mut numbers = [1.0; BLOCK];
            numbers[7] = odd;
            assert!(round_trip::<Q8_0>(&numbers).iter().all(|number| number.is_nan()), "{odd}");
            assert!(round_trip::<Q4_0>(&numbers).iter().all(|number| number.is_nan()), "{odd}");
        }
        assert_eq!(round_trip::<Q8_0>(&[0.0; BLOCK]), [0.0; BLOCK]);
        assert_eq!(round_trip::<Q4_0>(&[0.0; BLOCK]), [0.0; BLOCK]);
    }

    proptest::proptest! {
        #[test]
        fn errors_are_within_half_a_step(numbers in proptest::collection::vec(-1.0_f32..1.0, BLOCK), exponent in -10_i32..10) {
            let numbers: [f32; BLOCK] = numbers.try_into().unwrap();
            let numbers = numbers.map(|number| number * 2_f32.powi(exponent));
            let greatest = numbers.iter().fold(0.0_f32, |greatest, number| greatest.max(number.abs()));
            // The scale itself is rounded to 11 bits, or to a multiple of 2^-24 where it is small.
            let slack = greatest * 2_f32.powi(-11) + 127.0 * 2_f32.powi(-25);
            for (number, found) in numbers.iter().zip(round_trip::<Q8_0>(&numbers)) {
                proptest::prop_assert!((number - found).abs() <= greatest / 254.0 + slack, "{number} {found}");
            }
            for (number, found) in numbers.iter().zip(round_trip::<Q4_0>(&numbers)) {
                // On the side of the greatest number there are 8 steps, on the other 7: what is as
                // great there loses a whole one.
                proptest::prop_assert!((number - found).abs() <= greatest / 8.0 + slack, "{number} {found}");
                if number.abs() <= greatest * 7.5 / 8.0 {
                    proptest::prop_assert!((number - found).abs() <= greatest / 16.0 + slack, "{number} {found}");
                }
            }
        }
    }
}
