//! The product of a group of rows on any processor. It is that of the other kernels, bit for bit.

use multiversion::multiversion;
use scaledown_sdk::DType;
use scaledown_sdk::tensor::BLOCK;

use super::rounded::{Block, Format};
use super::woven::{GROUP, SCALES, VECTOR, column_size};

/// The products of a row of `x` with each row of a group.
#[multiversion(targets = "simd")]
pub(super) fn product<F: Format>(x: &[Block<F::X>], group: &[u8]) -> [f32; GROUP] {
    let mut sums = [0.0_f32; GROUP];
    for (x, column) in x.iter().zip(group.chunks_exact(column_size::<F>())) {
        let (scales, vectors) = column.split_at(SCALES);
        let (vectors, _) = vectors.as_chunks::<VECTOR>();
        let mut totals = [0; GROUP];
        for (eight, x) in x.integers.as_chunks::<8>().0.iter().enumerate() {
            for (row, total) in totals.iter_mut().enumerate() {
                let products = words::<F>(vectors, eight, row).into_iter().zip(x).map(|(word, &x)| i32::from(word) * x.into());
                *total += products.sum::<i32>();
            }
        }
        let excess = if F::DTYPE == DType::Q4_0 { x.excess } else { 0 };
        for (row, sum) in sums.iter_mut().enumerate() {
            let scale = half::f16::from_le_bytes([scales[2 * row], scales[2 * row + 1]]).to_f32() * x.scale;
            *sum = ((totals[row] - excess) as f32).mul_add(scale, *sum);
        }
    }
    sums
}

/// Eight integers of a row in the order of `x`.
#[inline(always)]
fn words<F: Format>(vectors: &[[u8; VECTOR]], eight: usize, row: usize) -> [i16; 8] {
    let four = |at: usize| [0, 1, 2, 3].map(|i| vectors[at][row * 4 + i]);
    if F::DTYPE == DType::Q8_0 {
        let [a, b, c, d] = four(2 * eight).map(|byte| i16::from(byte.cast_signed()));
        let [e, f, g, h] = four(2 * eight + 1).map(|byte| i16::from(byte.cast_signed()));
        [a, c, b, d, e, g, f, h]
    } else {
        let [a, b, c, d] = four(eight).map(i16::from);
        [a & 15, b & 15, c & 15, d & 15, a >> 4, b >> 4, c >> 4, d >> 4]
    }
}

const _: () = assert!(BLOCK.is_multiple_of(8), "blocks are made of eights");
