//! Rows of `x` rounded to integers, for products with the integers of blocks.

use multiversion::multiversion;
use scaledown_sdk::tensor::{BLOCK, BlockFormat, Q4_0, Q8_0};

use crate::parallel;

/// A format of weights, with the integers that `x` is rounded to beside it.
pub(crate) trait Format: BlockFormat {
    /// As fine as keeps the sums of their products exact in vectors of their size.
    type X: Integer;
}

impl Format for Q8_0 {
    type X = i16;
}

impl Format for Q4_0 {
    type X = i8;
}

/// The integers that numbers of `x` are rounded to.
pub(crate) trait Integer: Copy + Default + Send + Sync + Into<i32> {
    /// The greatest.
    const GREATEST: f32;
    /// The order in which eight numbers of `x` are kept: that in which a vector's lanes have the
    /// integers of weights.
    const ORDER: [usize; 8];
    /// An integer that is at most [`Integer::GREATEST`].
    fn of(integer: i32) -> Self;
}

impl Integer for i16 {
    const GREATEST: f32 = 32767.0;
    const ORDER: [usize; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

    fn of(integer: i32) -> Self {
        integer as i16
    }
}

impl Integer for i8 {
    const GREATEST: f32 = 127.0;
    const ORDER: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

    fn of(integer: i32) -> Self {
        integer as i8
    }
}

/// Rows of blocks of integers with one scale, as `Op::Linear` allows beside a quantised weight. A
/// number is off by half a step at most, and a step is the greatest number of its block over the
/// greatest integer.
pub(super) struct Rounded<I> {
    blocks: Vec<Block<I>>,
    /// The blocks of a row.
    width: usize,
}

/// A block of 32 numbers.
#[derive(Clone, Copy)]
pub(super) struct Block<I> {
    /// The integers, every eight of them in [`Integer::ORDER`].
    pub(super) integers: [I; BLOCK],
    /// Eight times their sum: the excess of 4-bit weights, which are stored with an offset of 8.
    pub(super) excess: i32,
    pub(super) scale: f32,
}

impl<I: Integer> Rounded<I> {
    /// Rounds rows of `k` numbers, a multiple of [`BLOCK`]. A block that holds a number that is not
    /// finite becomes not a number.
    pub(super) fn new(x: &[f32], k: usize) -> Self {
        let (x, _) = x.as_chunks::<BLOCK>();
        let mut blocks = vec![Block { integers: [I::default(); BLOCK], excess: 0, scale: 0.0 }; x.len()];
        let len = parallel::rows_per_piece(BLOCK);
        parallel::chunks(&mut blocks, len, |piece, blocks| round(&x[piece * len..], blocks));
        Rounded { blocks, width: k / BLOCK }
    }

    pub(super) fn row(&self, index: usize) -> &[Block<I>] {
        &self.blocks[index * self.width..(index + 1) * self.width]
    }
}

#[multiversion(targets = "simd")]
fn round<I: Integer>(x: &[[f32; BLOCK]], blocks: &mut [Block<I>]) {
    for (x, block) in x.iter().zip(blocks) {
        // Bits of magnitudes are in the order of the magnitudes, and those of what is not finite
        // are the greatest.
        let greatest = f32::from_bits(x.iter().fold(0, |greatest, x| greatest.max(x.to_bits() & 0x7FFF_FFFF)));
        block.scale = if greatest.is_finite() { greatest / I::GREATEST } else { f32::NAN };
        // Below that the inverse might not be finite, and nothing is lost that counts.
        let inverse = if block.scale > 1e-37 { block.scale.recip() } else { 0.0 };
        let integers = x.map(|x| (x * inverse).round_ties_even() as i32);
        block.excess = 8 * integers.iter().sum::<i32>();
        for (eight, to) in integers.as_chunks::<8>().0.iter().zip(block.integers.as_chunks_mut::<8>().0) {
            *to = I::ORDER.map(|at| I::of(eight[at]));
        }
    }
}
