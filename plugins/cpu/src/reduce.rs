//! Sums, maxima and the index of the maximum.

use multiversion::multiversion;
use scaledown_sdk::Shape;

use crate::lanes::{LANES, sum_of};
use crate::layout::copy_strided;
use crate::math::{Float, Number, Numeric, Real};
use crate::parallel::{self, GRAIN};
use crate::storage::{Scalar, Scratch};

/// How elements are combined.
pub(crate) trait Combine: Sync {
    fn start<N: Number>() -> N;
    fn combine<N: Number>(a: N, b: N) -> N;
}

/// The sum.
pub(crate) struct Sum;
/// The maximum.
pub(crate) struct Max;

impl Combine for Sum {
    #[inline(always)]
    fn start<N: Number>() -> N {
        N::default()
    }
    #[inline(always)]
    fn combine<N: Number>(a: N, b: N) -> N {
        a.plus(b)
    }
}

impl Combine for Max {
    #[inline(always)]
    fn start<N: Number>() -> N {
        N::lowest()
    }
    #[inline(always)]
    fn combine<N: Number>(a: N, b: N) -> N {
        a.greater(b)
    }
}

/// Reduces `x` over the dimensions for which `reduced` is set. Sums are multiplied by `scale`.
pub(crate) fn reduce<T: Numeric + Scalar, C: Combine>(shape: &Shape, reduced: &[bool], scale: Option<f64>, x: &[T], out: &mut [T])
where
    T::Compute: Scalar,
{
    let (groups, order) = group(shape, reduced);
    match groups {
        Groups::Direct { outer, reduced, inner } => reduce_middle::<T, C>(outer, reduced, inner, scale, x, out),
        Groups::Scattered { kept, reduced } => {
            let strides = shape.strides();
            let dims: Vec<usize> = order.iter().map(|&i| shape.dims()[i]).collect();
            let strides: Vec<usize> = order.iter().map(|&i| strides[i]).collect();
            let mut permuted = Scratch::new(x.len());
            copy_strided(x, 0, &dims, &strides, &mut permuted);
            reduce_middle::<T, C>(kept, reduced, 1, scale, &permuted, out);
        }
    }
}

enum Groups {
    /// The reduced dimensions stand together.
    Direct { outer: usize, reduced: usize, inner: usize },
    /// They do not; kept ones come first in the order that goes with this.
    Scattered { kept: usize, reduced: usize },
}

fn group(shape: &Shape, reduced: &[bool]) -> (Groups, Vec<usize>) {
    let dims = shape.dims();
    let relevant: Vec<usize> = (0..dims.len()).filter(|&i| dims[i] != 1).collect();
    let first = relevant.iter().position(|&i| reduced[i]);
    let product = |indices: &[usize]| indices.iter().map(|&i| dims[i]).product::<usize>();
    let (kept, dropped): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(|&i| !reduced[i]);
    let Some(first) = first else {
        return (Groups::Direct { outer: shape.count(), reduced: 1, inner: 1 }, Vec::new());
    };
    let last = relevant.iter().rposition(|&i| reduced[i]).unwrap_or(first);
    if relevant[first..=last].iter().all(|&i| reduced[i]) {
        let groups = Groups::Direct {
            outer: product(&relevant[..first]),
            reduced: product(&relevant[first..=last]),
            inner: product(&relevant[last + 1..]),
        };
        return (groups, Vec::new());
    }
    let groups = Groups::Scattered { kept: product(&kept), reduced: product(&dropped) };
    (groups, kept.into_iter().chain(dropped).collect())
}

/// `[outer, reduced, inner] -> [outer, inner]`, in pieces of the middle dimension that are then
/// combined in order.
fn reduce_middle<T: Numeric + Scalar, C: Combine>(
    outer: usize,
    reduced: usize,
    inner: usize,
    scale: Option<f64>,
    x: &[T],
    out: &mut [T],
) where
    T::Compute: Scalar,
{
    if out.is_empty() {
        return;
    }
    let rows = parallel::rows_per_piece(inner).min(reduced.max(1));
    let pieces = reduced.div_ceil(rows).max(1);
    let mut partial = Scratch::<T::Compute>::new(outer * pieces * inner);
    // Short reductions are done several to a piece of work.
    let at_once = parallel::rows_per_piece(rows * inner);
    parallel::chunks(&mut partial, at_once * inner, |i, partial| {
        for (n, partial) in partial.chunks_exact_mut(inner).enumerate() {
            let index = i * at_once + n;
            let (block, piece) = (index / pieces, index % pieces);
            let first = piece * rows;
            let count = rows.min(reduced - first);
            let start = (block * reduced + first) * inner;
            reduce_piece::<T, C>(&x[start..start + count * inner], partial);
        }
    });
    let finish = |value: T::Compute| match scale {
        Some(scale) => T::store(value.times(<T::Compute as Number>::of(scale))),
        None => T::store(value),
    };
    if pieces > 1 {
        for block in partial.chunks_exact_mut(pieces * inner) {
            combine_rows::<T::Compute, C>(inner, block);
        }
    }
    for (out, block) in out.chunks_exact_mut(inner).zip(partial.chunks_exact(pieces * inner)) {
        for (out, value) in out.iter_mut().zip(block) {
            *out = finish(*value);
        }
    }
}

/// Combines rows of `width`, in order, into the first.
#[multiversion(targets = "simd")]
pub(crate) fn combine_rows<N: Number, C: Combine>(width: usize, rows: &mut [N]) {
    let (first, rest) = rows.split_at_mut(width);
    for row in rest.chunks_exact(width) {
        for (sum, x) in first.iter_mut().zip(row) {
            *sum = C::combine(*sum, *x);
        }
    }
}

#[multiversion(targets = "simd")]
fn reduce_piece<T: Numeric, C: Combine>(x: &[T], out: &mut [T::Compute]) {
    if let [out] = out {
        *out = reduce_row::<T, C>(x);
        return;
    }
    out.fill(C::start());
    for row in x.chunks_exact(out.len()) {
        for (out, x) in out.iter_mut().zip(row) {
            *out = C::combine(*out, x.load());
        }
    }
}

#[inline(always)]
fn reduce_row<T: Numeric, C: Combine>(x: &[T]) -> T::Compute {
    let mut lanes = [C::start::<T::Compute>(); LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = C::combine(*lane, x.load());
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = C::combine(*lane, x.load());
    }
    lanes.into_iter().fold(C::start(), C::combine)
}

/// The index of the greatest element of each row of `width`, the first on ties. A NaN counts as the
/// greatest.
pub(crate) fn arg_max<T: Scalar>(width: usize, x: &[T], out: &mut [i64]) {
    #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
    fn row<T: Scalar>(x: &[T]) -> i64 {
        let mut best = 0;
        for (i, value) in x.iter().enumerate() {
            if *value > x[best] || (value != value && x[best] == x[best]) {
                best = i;
            }
        }
        best as i64
    }
    let rows = parallel::rows_per_piece(width);
    parallel::chunks(out, rows, |piece, out| {
        for (n, out) in out.iter_mut().enumerate() {
            *out = row(&x[(piece * rows + n) * width..][..width]);
        }
    });
}

/// The sum of the squares of all elements, in pieces combined in order.
pub(crate) fn sum_squares<T: Float>(x: &[T]) -> f64 {
    #[multiversion(targets = "simd")]
    fn piece<T: Float>(x: &[T]) -> T::Compute {
        sum_of([x], |[x]| x * x)
    }
    let sums = parallel::map(x.len().div_ceil(GRAIN), |i| piece(&x[i * GRAIN..x.len().min((i + 1) * GRAIN)]).to_f64());
    sums.into_iter().sum()
}
/// The `k` greatest elements of every row of `width` in falling order, and where they stand; the
/// first on ties, NaN before all.
pub(crate) fn top_k<T: Float>(width: usize, k: usize, x: &[T], values: &mut [T], indices: &mut [i64]) {
    if k == 0 || width == 0 {
        return;
    }
    parallel::chunks2((values, k), (indices, k), |row, values, indices| {
        let x = &x[row * width..(row + 1) * width];
        let greater = |a: &usize, b: &usize| {
            let (a_value, b_value) = (x[*a].load().to_f64(), x[*b].load().to_f64());
            // Both NaN or equal: the first one counts.
            let order = b_value.is_nan().cmp(&a_value.is_nan());
            order.then(b_value.partial_cmp(&a_value).unwrap_or(std::cmp::Ordering::Equal)).then(a.cmp(b))
        };
        let mut order: Vec<usize> = (0..width).collect();
        if k < width {
            order.select_nth_unstable_by(k, greater);
            order.truncate(k);
        }
        order.sort_unstable_by(greater);
        for ((value, index), at) in values.iter_mut().zip(indices).zip(order) {
            *value = x[at];
            *index = at as i64;
        }
    });
}
