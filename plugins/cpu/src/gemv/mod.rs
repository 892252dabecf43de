//! Products of a few rows with a weight, as decoding makes them: every weight is read once,
//! straight from where it lies.

#[cfg(target_arch = "x86_64")]
mod avx2;

use bytemuck::{cast_slice, cast_slice_mut};
use half::{bf16, f16};
use multiversion::multiversion;
use scaledown_sdk::DType;
use scaledown_sdk::tensor::Element as _;

use crate::gemm::Extents;
use crate::lanes::{LANES, sum_lanes};
use crate::math::{Float, Numeric, Real};
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// Up to this many rows, reading the weight costs more than computing, and packing it (as a GEMM
/// does) does not pay.
pub(crate) const MOST_ROWS: usize = 8;

/// The maximum pieces of a weight: memory reads long stretches faster.
const MOST_PIECES: usize = 128;

/// `out = x weight^T + bias` for `x [m, k]` and `weight [n, k]`, which may be stored in a shorter
/// type.
pub(crate) fn gemv<T, W>(e: Extents, x: &[T::Compute], weight: &[W], bias: Option<&[T]>, out: &mut [T])
where
    T: Float<Compute: Scalar>,
    W: Float<Compute = T::Compute>,
{
    let columns = parallel::rows_per_piece(e.k).max(e.n.div_ceil(MOST_PIECES));
    // Column by column, so that every piece writes its own part.
    let mut transposed = Scratch::<T::Compute>::new(e.n * e.m);
    parallel::chunks(&mut transposed, columns * e.m, |piece, out| {
        products(e, x, &weight[piece * columns * e.k..], out);
    });
    for (i, out) in out.chunks_exact_mut(e.n).enumerate() {
        for (j, out) in out.iter_mut().enumerate() {
            let bias = bias.map_or(T::Compute::ZERO, |bias| bias[j].load());
            *out = T::store(transposed[j * e.m + i] + bias);
        }
    }
}

/// `out[j, i]` is the product of row `j` of the weight with row `i` of `x`.
fn products<W: Float<Compute: Scalar>>(e: Extents, x: &[W::Compute], weight: &[W], out: &mut [W::Compute]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::available() && W::Compute::DTYPE == DType::F32 {
        let (x, out) = (cast_slice(x), cast_slice_mut(out));
        // SAFETY: the processor can run it.
        unsafe {
            match W::DTYPE {
                DType::F32 => return avx2::products::<f32>(e, x, cast_slice(weight), out),
                DType::BF16 => return avx2::products::<bf16>(e, x, cast_slice(weight), out),
                DType::F16 => return avx2::products::<f16>(e, x, cast_slice(weight), out),
                _ => {}
            }
        }
    }
    one_by_one(e, x, weight, out);
}

/// [`products`] on any processor and of any type.
#[multiversion(targets = "simd")]
fn one_by_one<W: Float>(e: Extents, x: &[W::Compute], weight: &[W], out: &mut [W::Compute]) {
    for (j, out) in out.chunks_exact_mut(e.m).enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            *out = dot(&x[i * e.k..(i + 1) * e.k], &weight[j * e.k..(j + 1) * e.k]);
        }
    }
}

/// The product of two vectors, in lanes.
#[inline(always)]
pub(crate) fn dot<T, W>(a: &[T], b: &[W]) -> T::Compute
where
    T: Numeric<Compute: Real>,
    W: Numeric<Compute = T::Compute>,
{
    let mut lanes = [T::Compute::ZERO; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = a.load().fma(b.load(), *lane);
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane = a.load().fma(b.load(), *lane);
    }
    sum_lanes(lanes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scaledown_sdk::tensor::{Element, uniform_bits};

    use super::*;

    fn numbers<W: Numeric<Compute = f32>>(len: usize, seed: u64) -> Vec<W> {
        (0..len as u64).map(|i| W::store(uniform_bits(seed, i) as f32 / 8_388_608.0 - 1.0)).collect()
    }

    /// Both kernels make the same bits.
    fn agree<W: Float<Compute = f32> + Element>(e: Extents) {
        let (x, weight) = (numbers::<f32>(e.m * e.k, 1), numbers::<W>(e.n * e.k, 2));
        let (mut out, mut expected) = (vec![f32::NAN; e.n * e.m], vec![f32::NAN; e.n * e.m]);
        products(e, &x, &weight, &mut out);
        one_by_one(e, &x, &weight, &mut expected);
        assert_eq!(out, expected, "{:?} {} {} {}", W::DTYPE, e.m, e.k, e.n);
    }

    proptest! {
        #[test]
        fn kernels_agree_to_the_bit(m in 1..=MOST_ROWS, k in 0usize..70, n in 1usize..20) {
            let e = Extents { m, k, n };
            agree::<f32>(e);
            agree::<bf16>(e);
            agree::<f16>(e);
        }
    }
}
