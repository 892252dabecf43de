//! Rows of `x` rounded to integers, for products with the integers of blocks.

use multiversion::multiversion;
use scaledown_sdk::tensor::BLOCK;

use crate::parallel;

/// The greatest integer.
const GREATEST: f32 = 32767.0;

/// The order in which eight numbers of `x` are kept: that in which pairs of 16-bit words come out
/// of a group of rows.
pub(super) const ORDER: [usize; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

/// Rows of blocks of 16-bit integers with one scale, as `Op::Linear` allows beside a quantised
/// weight. A number is off by half a step at most, and a step is 1/32767 of the greatest number of
/// its block.
pub(super) struct Rounded {
    blocks: Vec<Block>,
    /// The blocks of a row.
    width: usize,
}

/// A block of 32 numbers.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// The integers, every eight of them in [`ORDER`].
    pub(super) integers: [i16; BLOCK],
    /// Eight times their sum: the excess of 4-bit weights, which are stored with an offset of 8.
    pub(super) excess: i32,
    pub(super) scale: f32,
}

impl Rounded {
    /// Rounds rows of `k` numbers, a multiple of [`BLOCK`]. A block that holds a number that is not
    /// finite becomes not a number.
    pub(super) fn new(x: &[f32], k: usize) -> Self {
        let (x, _) = x.as_chunks::<BLOCK>();
        let mut blocks = vec![Block { integers: [0; BLOCK], excess: 0, scale: 0.0 }; x.len()];
        let len = parallel::rows_per_piece(BLOCK);
        parallel::chunks(&mut blocks, len, |piece, blocks| round(&x[piece * len..], blocks));
        Rounded { blocks, width: k / BLOCK }
    }

    pub(super) fn row(&self, index: usize) -> &[Block] {
        &self.blocks[index * self.width..(index + 1) * self.width]
    }
}

#[multiversion(targets = "simd")]
fn round(x: &[[f32; BLOCK]], blocks: &mut [Block]) {
    for (x, block) in x.iter().zip(blocks) {
        // Bits of magnitudes are in the order of the magnitudes, and those of what is not finite
        // are the greatest.
        let greatest = f32::from_bits(x.iter().fold(0, |greatest, x| greatest.max(x.to_bits() & 0x7FFF_FFFF)));
        block.scale = if greatest.is_finite() { greatest / GREATEST } else { f32::NAN };
        // Below that the inverse might not be finite, and nothing is lost that counts.
        let inverse = if block.scale > 1e-37 { block.scale.recip() } else { 0.0 };
        let integers = x.map(|x| (x * inverse).round_ties_even() as i32);
        block.excess = 8 * integers.iter().sum::<i32>();
        for (eight, to) in integers.as_chunks::<8>().0.iter().zip(block.integers.as_chunks_mut::<8>().0) {
            *to = ORDER.map(|at| eight[at] as i16);
        }
    }
}
