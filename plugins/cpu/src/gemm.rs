//! Matrix products, by the `gemm` crate, which can add to an existing output.

use crate::elementwise::{narrow, widen};
use crate::layout::Walk;
use crate::math::{Float, Real};
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// A matrix in memory: element `(i, j)` is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, R> {
    pub(crate) data: &'a [R],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a, R> Matrix<'a, R> {
    /// A contiguous matrix with rows of `width`, or its transpose.
    pub(crate) fn new(data: &'a [R], width: usize, transposed: bool) -> Self {
        if transposed { Matrix { data, row: 1, column: width } } else { Matrix { data, row: width, column: 1 } }
    }

    fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// The extents of a product: `[m, k] [k, n] -> [m, n]`.
#[derive(Clone, Copy)]
pub(crate) struct Extents {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

/// `out = a b`, or `out += a b` if `add` is set; the rows of `out` begin `out_row` elements apart.
pub(crate) fn gemm<R: Real>(e: Extents, a: Matrix<'_, R>, b: Matrix<'_, R>, out: &mut [R], out_row: usize, add: bool) {
    // The code below hands out raw pointers, so that this invariant of the callers is checked in
    // every build.
    assert!(a.covers(e.m, e.k) && b.covers(e.k, e.n), "an operand of a product is shorter than its extents");
    assert!((Matrix { data: out, row: out_row, column: 1 }).covers(e.m, e.n), "the output of a product is too short");
    // SAFETY: `out` covers an [m, n] matrix and is borrowed mutably.
    unsafe { gemm_into(e, a, b, out.as_mut_ptr(), out_row, add) }
}

/// As [`gemm`], for an output that interleaves with others.
///
/// # Safety
/// For all `i < m` and `j < n`, `out + i * out_row + j` must be writable, and not accessed by
/// anything else meanwhile.
pub(crate) unsafe fn gemm_into<R: Real>(e: Extents, a: Matrix<'_, R>, b: Matrix<'_, R>, out: *mut R, out_row: usize, add: bool) {
    assert!(a.covers(e.m, e.k) && b.covers(e.k, e.n), "an operand of a product is shorter than its extents");
    if e.m == 0 || e.n == 0 {
        return;
    }
    let parallelism = if parallel::is_serial() { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(0) };
    // SAFETY: `a` and `b` cover their extents, as was checked; the output is the caller's promise.
    // Strides fit an isize, as slices do.
    unsafe {
        gemm::gemm(
            e.m,
            e.n,
            e.k,
            out,
            1,
            out_row as isize,
            add,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            R::ONE,
            R::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// The matrices of a batched product: the extents of the leading dimensions, and each input's
/// strides in them, counted in matrices.
pub(crate) struct Batch {
    pub(crate) dims: Vec<usize>,
    pub(crate) a: Vec<usize>,
    pub(crate) b: Vec<usize>,
}

/// Products of matrices that fit the cache are done one to a thread; greater ones are split.
const SMALL_PRODUCT: usize = 1 << 22;

/// The batched product of contiguous matrices, each stored transposed if the flag beside it is set.
pub(crate) fn matmul<T: Float + Scalar>(
    e: Extents,
    batch: &Batch,
    (a, transpose_a): (&[T], bool),
    (b, transpose_b): (&[T], bool),
    out: &mut [T],
) where
    T::Compute: Scalar,
{
    with_wide(a, |a| {
        with_wide(b, |b| {
            with_wide_output(out, |out| matmul_wide(e, batch, (a, transpose_a), (b, transpose_b), out));
        });
    });
}

fn matmul_wide<R: Real>(
    e: Extents,
    batch: &Batch,
    (a, transpose_a): (&[R], bool),
    (b, transpose_b): (&[R], bool),
    out: &mut [R],
) {
    let (a_len, b_len, out_len) = (e.m * e.k, e.k * e.n, e.m * e.n);
    if out_len == 0 || out.is_empty() {
        return;
    }
    let walk = Walk::new(&batch.dims, [&batch.a, &batch.b]);
    let one = |[i, j]: [usize; 2], out: &mut [R]| {
        let a = Matrix::new(&a[i * a_len..(i + 1) * a_len], if transpose_a { e.m } else { e.k }, transpose_a);
        let b = Matrix::new(&b[j * b_len..(j + 1) * b_len], if transpose_b { e.k } else { e.n }, transpose_b);
        gemm(e, a, b, out, e.n, false);
    };
    let [a_step, b_step] = walk.inner_strides;
    // A batch of `a` against one `b` is a single product with more rows.
    if walk.inner * out_len == out.len() && b_step == 0 && a_step == 1 && !transpose_a {
        let e = Extents { m: e.m * walk.inner, ..e };
        let b = Matrix::new(&b[..b_len], if transpose_b { e.k } else { e.n }, transpose_b);
        return gemm(e, Matrix::new(&a[..e.m * e.k], e.k, false), b, out, e.n, false);
    }
    let count = out.len() / out_len;
    let offsets = |i: usize| {
        let mut found = [0; 2];
        walk.rows(i / walk.inner..i / walk.inner + 1, |_, [a, b]| {
            found = [a + i % walk.inner * a_step, b + i % walk.inner * b_step];
        });
        found
    };
    if count > 1 && out_len * e.k <= SMALL_PRODUCT {
        parallel::chunks(out, out_len, |i, out| parallel::serial(|| one(offsets(i), out)));
    } else {
        out.chunks_exact_mut(out_len).enumerate().for_each(|(i, out)| one(offsets(i), out));
    }
}

/// The numbers of a weight that are widened at a time where it is of a shorter type: 4 MiB in f32,
/// whatever its size.
const PANEL: usize = 1 << 20;

/// `x weight^T + bias`, where `x` has `rows` rows and `weight` is `[outputs, inputs]`, perhaps of a
/// shorter type.
pub(crate) fn linear<T, W>(rows: usize, x: &[T], weight: &[W], bias: Option<&[T]>, out: &mut [T])
where
    T: Float<Compute: Scalar> + Scalar,
    W: Float<Compute = T::Compute> + Scalar,
{
    if out.is_empty() {
        return;
    }
    let outputs = out.len() / rows;
    let e = Extents { m: rows, k: x.len() / rows, n: outputs };
    if rows <= crate::gemv::MOST_ROWS {
        return with_wide(x, |x| crate::gemv::gemv(e, x, weight, bias, out));
    }
    with_wide(x, |x| {
        with_wide_output(out, |out| {
            if let Some(bias) = bias {
                let len = parallel::rows_per_piece(outputs) * outputs;
                parallel::chunks(out, len, |_, out| {
                    for row in out.chunks_exact_mut(outputs) {
                        row.iter_mut().zip(bias).for_each(|(out, bias)| *out = bias.load());
                    }
                });
            }
            let x = Matrix::new(x, e.k, false);
            if let Some(weight) = W::wide(weight) {
                return gemm(e, x, Matrix::new(weight, e.k, true), out, outputs, bias.is_some());
            }
            let columns = (PANEL / e.k.max(1)).clamp(1, e.n);
            let mut panel = Scratch::<T::Compute>::new(columns * e.k);
            for first in (0..e.n).step_by(columns) {
                let n = columns.min(e.n - first);
                let panel = &mut panel[..n * e.k];
                widen(&weight[first * e.k..][..n * e.k], panel);
                gemm(Extents { n, ..e }, x, Matrix::new(panel, e.k, true), &mut out[first..], outputs, bias.is_some());
            }
        });
    });
}

/// Calls `f` with the elements in the type they are computed in: the elements themselves if they
/// are of that type.
pub(crate) fn with_wide<T: Float, O>(x: &[T], f: impl FnOnce(&[T::Compute]) -> O) -> O
where
    T::Compute: Scalar,
{
    if let Some(x) = T::wide(x) {
        return f(x);
    }
    let mut wide = Scratch::<T::Compute>::new(x.len());
    widen(x, &mut wide);
    f(&wide)
}

/// Calls `f` with an output in the type it is computed in, and rounds that to `out` if it is
/// another.
pub(crate) fn with_wide_output<T: Float, O>(out: &mut [T], f: impl FnOnce(&mut [T::Compute]) -> O) -> O
where
    T::Compute: Scalar,
{
    if let Some(out) = T::wide_mut(out) {
        return f(out);
    }
    let mut wide = Scratch::<T::Compute>::new(out.len());
    let result = f(&mut wide);
    narrow(&wide, out);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        (0..len as u64).map(|i| scaledown_sdk::tensor::uniform_bits(seed, i) as f32 / 8_388_608.0 - 1.0).collect()
    }

    proptest::proptest! {
        #[test]
        fn batched_products_match_loops(m in 0usize..20, k in 0usize..20, n in 0usize..20, count in 1usize..4, flags in 0usize..16) {
            let (ta, tb, shared_a, shared_b) = (flags & 1 > 0, flags & 2 > 0, flags & 4 > 0, flags & 8 > 0);
            let a = numbers(if shared_a { 1 } else { count } * m * k, 1);
            let b = numbers(if shared_b { 1 } else { count } * k * n, 2);
            let batch = Batch { dims: vec![count], a: vec![usize::from(!shared_a)], b: vec![usize::from(!shared_b)] };
            let mut out = vec![f32::NAN; count * m * n];
            matmul(Extents { m, k, n }, &batch, (&a, ta), (&b, tb), &mut out);
            for (at, &found) in out.iter().enumerate() {
                let (c, i, j) = (at / (m * n), at / n % m, at % n);
                let a = |l: usize| a[if shared_a { 0 } else { c * m * k } + if ta { l * m + i } else { i * k + l }];
                let b = |l: usize| b[if shared_b { 0 } else { c * k * n } + if tb { j * k + l } else { l * n + j }];
                let expected: f32 = (0..k).map(|l| a(l) * b(l)).sum();
                proptest::prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }

        #[test]
        fn linear_matches_loops(rows in 1usize..20, inputs in 1usize..70, outputs in 1usize..70, biased: bool) {
            let (x, weight, bias) = (numbers(rows * inputs, 3), numbers(outputs * inputs, 4), numbers(outputs, 5));
            let mut out = vec![f32::NAN; rows * outputs];
            linear(rows, &x, &weight, biased.then_some(&bias[..]), &mut out);
            for (at, &found) in out.iter().enumerate() {
                let (i, j) = (at / outputs, at % outputs);
                let dot: f32 = (0..inputs).map(|l| x[i * inputs + l] * weight[j * inputs + l]).sum();
                let expected = dot + if biased { bias[j] } else { 0.0 };
                proptest::prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }
}
