//! Weights in blocks of 32 small integers with one scale: conversions, rows, and products that read
//! them where they lie.
//!
//! A product rounds each block of `x` to integers with one scale ([`Rounded`]), multiplies
//! integers, which is exact, and adds the blocks up in f32 in their order. So a row's result is the
//! same whatever stands beside it, on any number of threads, and on any processor.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
mod rounded;
mod woven;

use std::ops::Range;

use multiversion::multiversion;
use scaledown_sdk::tensor::{BLOCK, BlockFormat, Q4_0};

use self::rounded::{Block, Format, Rounded};
use self::woven::{GROUP, column_size, group_size};
use crate::gemm::{Extents, with_wide, with_wide_output};
use crate::math::Float;
use crate::parallel::{self, Interleaved};
use crate::storage::Scalar;

/// A matrix in blocks, as this device keeps it: rows of `k` numbers, woven together.
#[derive(Clone, Copy)]
pub(crate) struct QuantizedMatrix<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) rows: usize,
    pub(crate) k: usize,
}

impl<'a> QuantizedMatrix<'a> {
    /// The group that holds a row, and the row's place in it.
    fn group<F: BlockFormat>(&self, row: usize) -> (&'a [u8], usize) {
        let size = group_size::<F>(self.k);
        (&self.bytes[row / GROUP * size..][..size], row % GROUP)
    }

    /// The numbers of a row.
    fn unpack_row<F: BlockFormat>(&self, row: usize, out: &mut [f32]) {
        let (group, at) = self.group::<F>(row);
        let mut block = [0; BLOCK + 2];
        let block = &mut block[..F::DTYPE.size()];
        for (column, out) in group.chunks_exact(column_size::<F>()).zip(out.as_chunks_mut::<BLOCK>().0) {
            woven::unweave::<F>(column, at, block);
            let (scale, integers) = F::decode(block);
            *out = integers.map(|integer| scale * f32::from(integer));
        }
    }
}

/// The bytes of a matrix on this device.
pub(crate) fn size<F: BlockFormat>(rows: usize, k: usize) -> usize {
    woven::size::<F>(rows, k)
}

/// Makes a matrix of blocks that `read` gives: of row `row`, block `at`, into the bytes that it
/// gets.
fn weave<F: BlockFormat>(rows: usize, k: usize, read: impl Fn(usize, usize, &mut [u8]) + Sync + Send, out: &mut [u8]) {
    let groups = parallel::rows_per_piece(k.saturating_mul(GROUP));
    let size = group_size::<F>(k);
    parallel::chunks(out, groups * size, |piece, out| {
        let mut blocks = [0; GROUP * (BLOCK + 2)];
        let blocks = &mut blocks[..column_size::<F>()];
        for (group, out) in out.chunks_exact_mut(size.max(1)).enumerate() {
            let first = (piece * groups + group) * GROUP;
            for (at, column) in out.chunks_exact_mut(column_size::<F>()).enumerate() {
                blocks.fill(0);
                for (row, block) in (first..rows).zip(blocks.chunks_exact_mut(F::DTYPE.size())) {
                    read(row, at, block);
                }
                woven::weave::<F>(blocks, column);
            }
        }
    });
}

/// Packs numbers, which `load` reads, into blocks.
pub(crate) fn quantize<F: BlockFormat, T: Copy + Sync>(x: &[T], k: usize, load: impl Fn(T) -> f32 + Sync + Send, out: &mut [u8]) {
    let (x, _) = x.as_chunks::<BLOCK>();
    let width = k / BLOCK;
    weave::<F>(x.len() / width.max(1), k, |row, at, block| F::encode(&x[row * width + at].map(&load), block), out);
}

/// Brings blocks in their rows, as the format has them, into this device's order.
pub(crate) fn upload<F: BlockFormat>(bytes: &[u8], k: usize, out: &mut [u8]) {
    let (size, width) = (F::DTYPE.size(), k / BLOCK);
    let read = |row: usize, at: usize, block: &mut [u8]| block.copy_from_slice(&bytes[(row * width + at) * size..][..size]);
    weave::<F>(bytes.len() / (width * size).max(1), k, read, out);
}

/// The blocks in their rows.
pub(crate) fn download<F: BlockFormat>(matrix: QuantizedMatrix<'_>) -> Vec<u8> {
    let size = F::DTYPE.size();
    let mut out = vec![0; matrix.rows * matrix.k / BLOCK * size];
    for (row, out) in out.chunks_exact_mut((matrix.k / BLOCK * size).max(1)).enumerate() {
        let (group, at) = matrix.group::<F>(row);
        for (column, block) in group.chunks_exact(column_size::<F>()).zip(out.chunks_exact_mut(size)) {
            woven::unweave::<F>(column, at, block);
        }
    }
    out
}

/// The numbers of all rows.
pub(crate) fn dequantize<F: BlockFormat>(matrix: QuantizedMatrix<'_>, out: &mut [f32]) {
    rows::<F>(matrix, matrix.rows, |row| row, out);
}

/// The numbers of the rows `ids`.
pub(crate) fn embedding<F: BlockFormat>(table: QuantizedMatrix<'_>, ids: &[usize], out: &mut [f32]) {
    rows::<F>(table, ids.len(), |at| ids[at], out);
}

fn rows<F: BlockFormat>(matrix: QuantizedMatrix<'_>, count: usize, id: impl Fn(usize) -> usize + Sync + Send, out: &mut [f32]) {
    #[multiversion(targets = "simd")]
    fn run<F: BlockFormat>(matrix: QuantizedMatrix<'_>, row: usize, out: &mut [f32]) {
        matrix.unpack_row::<F>(row, out);
    }
    if matrix.k == 0 {
        return;
    }
    let at_once = parallel::rows_per_piece(matrix.k);
    parallel::chunks(&mut out[..count * matrix.k], at_once * matrix.k, |piece, out| {
        for (at, out) in out.chunks_exact_mut(matrix.k).enumerate() {
            run::<F>(matrix, id(piece * at_once + at), out);
        }
    });
}

/// `out = x weight^T + bias` for `x [m, k]` and a weight `[n, k]` in blocks.
pub(crate) fn linear<F: Format, T: Float<Compute = f32> + Scalar>(
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
    let x = with_wide(x, |x| Rounded::new(x, e.k));
    with_wide_output(out, |out| product::<F>(e, &x, weight, bias.as_deref(), out));
}

/// The rows of `x` that a task multiplies with its part of the weight; they stay in the
/// second-level cache.
const ROWS: usize = 126;

/// The bytes of a task's part of the weight, more or less.
const PART: usize = 128 * 1024;

/// The maximum parts of a weight for a single row: memory reads long stretches faster.
const MOST_PARTS: usize = 64;

/// The groups whose products are made at once, as many as let a number of `x` be brought to a
/// vector once for all of them.
const GROUPS: usize = 2;

fn product<F: Format>(e: Extents, x: &Rounded<F::X>, weight: &[u8], bias: Option<&[f32]>, out: &mut [f32]) {
    let (groups, size) = (e.n.div_ceil(GROUP), group_size::<F>(e.k));
    let at_once = (PART / size.max(1)).min(groups / 8).max(groups.div_ceil(MOST_PARTS * e.m.div_ceil(ROWS)));
    let at_once = at_once.next_multiple_of(GROUPS);
    let (parts, blocks) = (groups.div_ceil(at_once), e.m.div_ceil(ROWS));
    let out = Interleaved::new(out);
    // Without a single block there is nothing stored.
    let group = |group: usize| weight.get(group * size..(group + 1) * size).unwrap_or_default();
    let write = |row: usize, group: usize, products: &[f32; GROUP]| {
        let (at, count) = (group * GROUP, GROUP.min(e.n - group * GROUP));
        // SAFETY: within the row, and these columns of these rows are this task's.
        let out = unsafe { out.row(row * e.n + at, count) };
        match bias {
            Some(bias) => (0..count).for_each(|i| out[i] = products[i] + bias[at + i]),
            None => out.copy_from_slice(&products[..count]),
        }
    };
    parallel::for_each(parts * blocks, |task| {
        let (first, row) = (task % parts * at_once, task / parts * ROWS);
        let rows = row..e.m.min(row + ROWS);
        for at in (first..groups.min(first + at_once)).step_by(GROUPS) {
            if at + 1 < groups {
                all_rows::<F, GROUPS>(x, rows.clone(), [group(at), group(at + 1)], |row, i, products| {
                    write(row, at + i, products)
                });
            } else {
                all_rows::<F, 1>(x, rows.clone(), [group(at)], |row, i, products| write(row, at + i, products));
            }
        }
    });
}

/// The products of rows of `x` with groups of the weight, as many rows at once as vectors have room
/// for.
fn all_rows<F: Format, const G: usize>(
    x: &Rounded<F::X>,
    rows: Range<usize>,
    groups: [&[u8]; G],
    write: impl Fn(usize, usize, &[f32; GROUP]),
) {
    let mut row = rows.start;
    while row < rows.end {
        // Sums of 4-bit integers take half as many vectors.
        row += match rows.end - row {
            6.. if F::DTYPE == Q4_0::DTYPE => some_rows::<F, 6, G>(x, row, groups, &write),
            3.. => some_rows::<F, 3, G>(x, row, groups, &write),
            2 => some_rows::<F, 2, G>(x, row, groups, &write),
            _ => some_rows::<F, 1, G>(x, row, groups, &write),
        };
    }
}

/// The products of `A` rows of `x` from `first` on with groups of the weight.
fn some_rows<F: Format, const A: usize, const G: usize>(
    x: &Rounded<F::X>,
    first: usize,
    groups: [&[u8]; G],
    write: &impl Fn(usize, usize, &[f32; GROUP]),
) -> usize {
    let x: [&[Block<F::X>]; A] = std::array::from_fn(|i| x.row(first + i));
    for (i, products) in products::<F, A, G>(x, groups).iter().enumerate() {
        for (group, products) in products.iter().enumerate() {
            write(first + i, group, products);
        }
    }
    A
}

#[inline]
fn products<F: Format, const A: usize, const G: usize>(x: [&[Block<F::X>]; A], groups: [&[u8]; G]) -> [[[f32; GROUP]; G]; A] {
    #[cfg(target_arch = "x86_64")]
    if avx2::available() {
        // SAFETY: the processor can run it.
        return unsafe { avx2::products::<F, A, G>(x, groups) };
    }
    x.map(|x| groups.map(|group| portable::product::<F>(x, group)))
}

#[cfg(test)]
mod tests {
    use scaledown_sdk::tensor::{Q8_0, uniform_bits};

    use super::*;

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        (0..len as u64).map(|i| uniform_bits(seed, i) as f32 / 8_388_608.0 - 1.0).collect()
    }

    /// The greatest difference of a product from that of loops over the unpacked weight.
    fn difference<F: Format>(e: Extents, biased: bool) -> f32 {
        let (x, weight, bias) = (numbers(e.m * e.k, 1), numbers(e.n * e.k, 2), numbers(e.n, 3));
        let mut blocks = vec![0; size::<F>(e.n, e.k)];
        quantize::<F, f32>(&weight, e.k, |x| x, &mut blocks);
        let mut unpacked = vec![f32::NAN; e.n * e.k];
        dequantize::<F>(QuantizedMatrix { bytes: &blocks, rows: e.n, k: e.k }, &mut unpacked);
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
            // Half a step of `x` in each product, and what f32 rounds.
            let most = |greatest: f32| e.k as f32 * 0.5 / greatest + 1e-5;
            let (of_8, of_4) = (difference::<Q8_0>(e, biased), difference::<Q4_0>(e, biased));
            proptest::prop_assert!(of_8 < most(32767.0) && of_4 < most(127.0), "{of_8} {of_4}");
        }
    }

    #[test]
    fn a_weight_of_several_parts_is_whole() {
        for m in [1, 2 * ROWS + 7] {
            let e = Extents { m, k: 512, n: 3 * PART / 512 + 5 };
            assert!(difference::<Q8_0>(e, false) < 1e-3);
        }
    }

    #[test]
    fn a_row_is_the_same_whatever_stands_beside_it() {
        let (k, n) = (96, 33);
        let (x, weight) = (numbers(40 * k, 4), numbers(n * k, 5));
        let mut blocks = vec![0; size::<Q4_0>(n, k)];
        quantize::<Q4_0, f32>(&weight, k, |x| x, &mut blocks);
        let product = |m: usize, x: &[f32]| {
            let mut out = vec![f32::NAN; m * n];
            linear::<Q4_0, f32>(Extents { m, k, n }, x, &blocks, None, &mut out);
            out
        };
        let together = product(40, &x);
        for (row, expected) in x.chunks_exact(k).zip(together.chunks_exact(n)) {
            assert_eq!(product(1, row), expected);
        }
    }

    #[test]
    fn kernels_agree_to_the_bit() {
        fn check<F: Format>() {
            let k = 160;
            let (x, weight) = (numbers(3 * k, 6), numbers(2 * GROUP * k, 7));
            let mut blocks = vec![0; size::<F>(2 * GROUP, k)];
            quantize::<F, f32>(&weight, k, |x| x, &mut blocks);
            let x = Rounded::new(&x, k);
            let x: [&[Block<F::X>]; 3] = [0, 1, 2].map(|row| x.row(row));
            let [first, second] = [0, 1].map(|group| &blocks[group * group_size::<F>(k)..][..group_size::<F>(k)]);
            let expected = x.map(|x| [first, second].map(|group| portable::product::<F>(x, group)));
            assert_eq!(products::<F, 3, 2>(x, [first, second]), expected);
            assert_eq!(products::<F, 1, 1>([x[2]], [second]), [[expected[2][1]]]);
        }
        check::<Q8_0>();
        check::<Q4_0>();
    }

    #[test]
    fn what_is_not_finite_makes_its_row_not_a_number() {
        let (k, n) = (64, 9);
        let mut blocks = vec![0; size::<Q8_0>(n, k)];
        quantize::<Q8_0, f32>(&numbers(n * k, 8), k, |x| x, &mut blocks);
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = numbers(2 * k, 9);
            x[40] = odd;
            let mut out = vec![0.0; 2 * n];
            linear::<Q8_0, f32>(Extents { m: 2, k, n }, &x, &blocks, None, &mut out);
            assert!(out[..n].iter().all(|y| y.is_nan()) && out[n..].iter().all(|y| y.is_finite()));
        }
    }

    #[test]
    fn blocks_go_and_come_back_as_they_were() {
        fn check<F: BlockFormat>() {
            let (rows, k) = (13, 64);
            let bytes: Vec<u8> =
                numbers(rows * k / BLOCK * F::DTYPE.size(), 10).iter().map(|x| (x * 127.0) as i8 as u8).collect();
            let mut woven = vec![0xAA; size::<F>(rows, k)];
            upload::<F>(&bytes, k, &mut woven);
            assert_eq!(download::<F>(QuantizedMatrix { bytes: &woven, rows, k }), bytes);
        }
        check::<Q8_0>();
        check::<Q4_0>();
    }
}
