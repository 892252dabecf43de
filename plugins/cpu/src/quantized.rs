//! Weights in blocks of 32 small integers with one scale: conversions, and products that read them where they lie.
//!
//! Everything is computed in f32 with the numbers that the blocks stand for: the result is that of the unpacked weight, whatever the number
//! of rows, but for the order of additions.

use multiversion::multiversion;
use scaledown_sdk::tensor::{BLOCK, BlockFormat};

use crate::gemm::{Extents, Matrix, gemm, with_wide, with_wide_output};
use crate::gemv::MOST_ROWS;
use crate::math::Float;
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// Packs numbers, which `load` reads, into blocks.
pub(crate) fn quantize<F: BlockFormat, T: Copy + Sync>(x: &[T], load: impl Fn(T) -> f32 + Sync, out: &mut [u8]) {
    let (size, blocks) = (F::DTYPE.size(), parallel::rows_per_piece(BLOCK));
    let (x, _) = x.as_chunks::<BLOCK>();
    parallel::chunks(out, blocks * size, |piece, out| {
        for (x, block) in x[piece * blocks..].iter().zip(out.chunks_exact_mut(size)) {
            F::encode(&x.map(&load), block);
        }
    });
}

/// Unpacks blocks.
pub(crate) fn dequantize<F: BlockFormat>(blocks: &[u8], out: &mut [f32]) {
    let (size, count) = (F::DTYPE.size(), parallel::rows_per_piece(BLOCK));
    parallel::chunks(out, count * BLOCK, |piece, out| unpack::<F>(&blocks[piece * count * size..], out));
}

#[multiversion(targets = "simd")]
fn unpack<F: BlockFormat>(blocks: &[u8], out: &mut [f32]) {
    let (out, _) = out.as_chunks_mut::<BLOCK>();
    for (block, out) in blocks.chunks_exact(F::DTYPE.size()).zip(out) {
        *out = numbers::<F>(block);
    }
}

/// The numbers that a block stands for.
#[inline(always)]
fn numbers<F: BlockFormat>(block: &[u8]) -> [f32; BLOCK] {
    let (scale, integers) = F::decode(block);
    let mut numbers = [0.0; BLOCK];
    for (number, integer) in numbers.iter_mut().zip(integers) {
        *number = scale * f32::from(integer);
    }
    numbers
}

/// `out = x weight^T + bias` for `x [m, k]` and a weight `[n, k]` in blocks.
pub(crate) fn linear<F: BlockFormat, T: Float<Compute = f32> + Scalar>(
    e: Extents,
    x: &[T],
    weight: &[u8],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    if out.is_empty() {
        return;
    }
    let bias = bias.map(|bias| bias.iter().map(|bias| bias.load()).collect::<Vec<f32>>());
    with_wide(x, |x| {
        with_wide_output(out, |out| {
            match e.m {
                _ if e.k == 0 => out.fill(0.0),
                ..=MOST_ROWS => few_rows::<F>(e, x, weight, out),
                _ => many_rows::<F>(e, x, weight, out),
            }
            if let Some(bias) = &bias {
                for row in out.chunks_exact_mut(e.n) {
                    row.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
                }
            }
        });
    });
}

/// The bytes of a row of the weight.
fn row_size<F: BlockFormat>(e: Extents) -> usize {
    e.k / BLOCK * F::DTYPE.size()
}

/// As [`gemv`](crate::gemv::gemv): every block is read once, and unpacked in registers.
fn few_rows<F: BlockFormat>(e: Extents, x: &[f32], weight: &[u8], out: &mut [f32]) {
    let columns = parallel::rows_per_piece(e.k);
    // Column by column, so that every piece writes its own part.
    let mut transposed = Scratch::<f32>::new(e.n * e.m);
    parallel::chunks(&mut transposed, columns * e.m, |piece, out| {
        products::<F>(e, x, &weight[piece * columns * row_size::<F>(e)..], out);
    });
    for (i, out) in out.chunks_exact_mut(e.n).enumerate() {
        for (j, out) in out.iter_mut().enumerate() {
            *out = transposed[j * e.m + i];
        }
    }
}

/// `out[j, i]` is the product of row `j` of the weight with row `i` of `x`. For one row, blocks are unpacked in registers; for more, each row
/// of the weight is unpacked once for all of them, which leaves registers for the sums.
#[multiversion(targets = "simd")]
fn products<F: BlockFormat>(e: Extents, x: &[f32], weight: &[u8], out: &mut [f32]) {
    let row = |i: usize| &x[i * e.k..(i + 1) * e.k];
    let rows = weight.chunks_exact(row_size::<F>(e)).zip(out.chunks_exact_mut(e.m));
    if e.m == 1 {
        for (weight, out) in rows {
            [out[0]] = dots([row(0)], weight.chunks_exact(F::DTYPE.size()).map(numbers::<F>));
        }
        return;
    }
    let mut line = Scratch::<f32>::new(e.k);
    for (weight, out) in rows {
        for (block, line) in weight.chunks_exact(F::DTYPE.size()).zip(line.as_chunks_mut::<BLOCK>().0) {
            *line = numbers::<F>(block);
        }
        let numbers = || line.as_chunks::<BLOCK>().0.iter().copied();
        let (pairs, rest) = out.as_chunks_mut::<2>();
        for (i, out) in pairs.iter_mut().enumerate() {
            *out = dots([row(2 * i), row(2 * i + 1)], numbers());
        }
        for out in rest {
            [*out] = dots([row(e.m - 1)], numbers());
        }
    }
}

/// The products of each of `x` with a row of the weight, each summed in the same order whatever their number.
#[inline(always)]
fn dots<const A: usize>(x: [&[f32]; A], weight: impl Iterator<Item = [f32; BLOCK]>) -> [f32; A] {
    let mut sums = [[0.0_f32; BLOCK]; A];
    let x = x.map(|x| x.as_chunks::<BLOCK>().0);
    for (at, numbers) in weight.enumerate() {
        for (sums, x) in sums.iter_mut().zip(x) {
            // Rows are as long as the weight's. A check that can panic would keep the sums in memory.
            let Some(x) = x.get(at) else { continue };
            for lane in 0..BLOCK {
                sums[lane] = numbers[lane].mul_add(x[lane], sums[lane]);
            }
        }
    }
    sums.map(sum_halves)
}

/// The sum of the lanes, in a fixed order.
#[inline(always)]
fn sum_halves(mut lanes: [f32; BLOCK]) -> f32 {
    let mut width = BLOCK / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The numbers that are unpacked at a time: 4 MiB of them, whatever the size of the weight.
const PANEL: usize = 1 << 20;

/// Unpacks some rows of the weight at a time, which then serve all rows of `x` in a GEMM.
fn many_rows<F: BlockFormat>(e: Extents, x: &[f32], weight: &[u8], out: &mut [f32]) {
    let columns = (PANEL / e.k).clamp(1, e.n);
    let mut panel = Scratch::<f32>::new(columns * e.k);
    for (i, blocks) in weight.chunks(columns * row_size::<F>(e)).enumerate() {
        let n = blocks.len() / row_size::<F>(e);
        let panel = &mut panel[..n * e.k];
        dequantize::<F>(blocks, panel);
        gemm(Extents { n, ..e }, Matrix::new(x, e.k, false), Matrix::new(panel, e.k, true), &mut out[i * columns..], e.n, false);
    }
}

#[cfg(test)]
mod tests {
    use scaledown_sdk::tensor::{Q4_0, Q8_0, uniform_bits};

    use super::*;

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        (0..len as u64).map(|i| uniform_bits(seed, i) as f32 / 8_388_608.0 - 1.0).collect()
    }

    /// The greatest difference of a product from that of loops over the unpacked weight.
    fn difference<F: BlockFormat>(e: Extents, biased: bool) -> f32 {
        let (x, weight, bias) = (numbers(e.m * e.k, 1), numbers(e.n * e.k, 2), numbers(e.n, 3));
        let mut blocks = vec![0; e.n * e.k / BLOCK * F::DTYPE.size()];
        quantize::<F, f32>(&weight, |x| x, &mut blocks);
        let mut unpacked = vec![f32::NAN; e.n * e.k];
        dequantize::<F>(&blocks, &mut unpacked);
        let step = if F::DTYPE == Q8_0::DTYPE { 0.006 } else { 0.14 };
        assert!(weight.iter().zip(&unpacked).all(|(a, b)| (a - b).abs() < step));
        let mut out = vec![f32::NAN; e.m * e.n];
        linear::<F, f32>(e, &x, &blocks, biased.then_some(&bias[..]), &mut out);
        let expected = |at: usize| {
            let (i, j) = (at / e.n, at % e.n);
            let dot: f32 = (0..e.k).map(|l| x[i * e.k + l] * unpacked[j * e.k + l]).sum();
            dot + if biased { bias[j] } else { 0.0 }
        };
        out.iter().enumerate().map(|(at, found)| (found - expected(at)).abs()).fold(0.0, f32::max)
    }

    proptest::proptest! {
        #[test]
        fn products_are_those_of_the_unpacked_weight(m in 1usize..20, blocks in 0usize..5, n in 1usize..70, biased: bool) {
            let e = Extents { m, k: blocks * BLOCK, n };
            let worst = difference::<Q8_0>(e, biased).max(difference::<Q4_0>(e, biased));
            proptest::prop_assert!(worst < 1e-4, "{worst}");
        }
    }

    #[test]
    fn a_weight_of_several_panels_is_whole() {
        let e = Extents { m: MOST_ROWS + 1, k: 2048, n: PANEL / 2048 + 5 };
        assert!(difference::<Q8_0>(e, false) < 1e-3);
    }

    #[test]
    fn a_row_is_the_same_whatever_stands_beside_it() {
        let (k, n) = (96, 33);
        let (x, weight) = (numbers(7 * k, 4), numbers(n * k, 5));
        let mut blocks = vec![0; n * k / BLOCK * Q4_0::DTYPE.size()];
        quantize::<Q4_0, f32>(&weight, |x| x, &mut blocks);
        let product = |m: usize, x: &[f32]| {
            let mut out = vec![f32::NAN; m * n];
            linear::<Q4_0, f32>(Extents { m, k, n }, x, &blocks, None, &mut out);
            out
        };
        let together = product(7, &x);
        for (row, expected) in x.chunks_exact(k).zip(together.chunks_exact(n)) {
            assert_eq!(product(1, row), expected);
        }
    }
}
