//! How weights in blocks lie on this device: eight rows woven together, so that a vector has
//! numbers of all of them and a product needs no sum across its lanes.
//!
//! A group of eight rows has its first blocks, then its second ones, and so on. Of eight blocks
//! come the scales, as they are, and then vectors of 32 bytes, four for each row in turn. Of 8-bit
//! integers, two vectors hold eight numbers of each row: 0, 1, 4 and 5, then 2, 3, 6 and 7, so that
//! pairs of 16-bit words come out. Of 4-bit integers one vector does: byte `i` has number `i` in
//! its low half and number `i + 4` in its high half, each plus 8. Either way
//! [`ORDER`](super::rounded::Integer::ORDER) has the order of the lanes. The last group is filled
//! up with zeros.

use scaledown_sdk::DType;
use scaledown_sdk::tensor::{BLOCK, BlockFormat};

/// The rows of a group.
pub(super) const GROUP: usize = 8;

/// The bytes of a vector.
pub(super) const VECTOR: usize = 32;

/// The bytes of a block's scale.
const SCALE: usize = 2;

/// The bytes of the scales of eight blocks.
pub(super) const SCALES: usize = GROUP * SCALE;

/// Which of eight numbers the bytes of two vectors of 8-bit integers hold.
const BYTES: [usize; 8] = [0, 1, 4, 5, 2, 3, 6, 7];

/// The bytes of eight blocks that are woven together.
pub(super) fn column_size<F: BlockFormat>() -> usize {
    GROUP * F::DTYPE.size()
}

/// The bytes of a group whose rows have `k` numbers.
pub(super) fn group_size<F: BlockFormat>(k: usize) -> usize {
    k / BLOCK * column_size::<F>()
}

/// The bytes of `rows` rows of `k` numbers.
pub(super) fn size<F: BlockFormat>(rows: usize, k: usize) -> usize {
    rows.div_ceil(GROUP) * group_size::<F>(k)
}

/// Weaves one block of each of eight rows, which stand one after the other in `blocks`.
pub(super) fn weave<F: BlockFormat>(blocks: &[u8], column: &mut [u8]) {
    let (scales, vectors) = column.split_at_mut(SCALES);
    for (row, block) in blocks.chunks_exact(F::DTYPE.size()).enumerate() {
        let (scale, integers) = block.split_at(SCALE);
        scales[row * SCALE..][..SCALE].copy_from_slice(scale);
        let four = |at: usize| at * VECTOR + row * 4;
        match F::DTYPE {
            DType::Q8_0 => {
                for (eight, integers) in integers.chunks_exact(8).enumerate() {
                    let integers = BYTES.map(|at| integers[at]);
                    vectors[four(2 * eight)..][..4].copy_from_slice(&integers[..4]);
                    vectors[four(2 * eight + 1)..][..4].copy_from_slice(&integers[4..]);
                }
            }
            _ => {
                let half = |at: usize| if at < BLOCK / 2 { integers[at] & 15 } else { integers[at - BLOCK / 2] >> 4 };
                for eight in 0..BLOCK / 8 {
                    let byte = |i: usize| half(8 * eight + i) | (half(8 * eight + i + 4) << 4);
                    vectors[four(eight)..][..4].copy_from_slice(&[0, 1, 2, 3].map(byte));
                }
            }
        }
    }
}

/// The block of one row of a group, as [`weave`] got it.
pub(super) fn unweave<F: BlockFormat>(column: &[u8], row: usize, block: &mut [u8]) {
    let (scales, vectors) = column.split_at(SCALES);
    let (scale, integers) = block.split_at_mut(SCALE);
    scale.copy_from_slice(&scales[row * SCALE..][..SCALE]);
    let four = |at: usize| &vectors[at * VECTOR + row * 4..][..4];
    match F::DTYPE {
        DType::Q8_0 => {
            for (eight, integers) in integers.chunks_exact_mut(8).enumerate() {
                let woven = [four(2 * eight), four(2 * eight + 1)];
                for (i, at) in BYTES.into_iter().enumerate() {
                    integers[at] = woven[i / 4][i % 4];
                }
            }
        }
        _ => {
            let half = |at: usize| {
                let byte = four(at / 8)[at % 4];
                if at % 8 < 4 { byte & 15 } else { byte >> 4 }
            };
            for (at, byte) in integers.iter_mut().enumerate() {
                *byte = half(at) | (half(at + BLOCK / 2) << 4);
            }
        }
    }
}
