//! Sums and maxima of vectors in lanes, which do not depend on the width of the machine's vectors.

use crate::math::{Number, Numeric, Real};

/// Lanes of an accumulator.
pub(crate) const LANES: usize = 16;

/// The sum of the lanes, in a fixed order.
#[inline(always)]
pub(crate) fn sum_lanes<R: Real>(mut lanes: [R; LANES]) -> R {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The sum over `i` of `f` of the elements `i` of vectors of one length.
#[inline(always)]
pub(crate) fn sum_of<T, const N: usize>(vectors: [&[T]; N], f: impl Fn([T::Compute; N]) -> T::Compute) -> T::Compute
where
    T: Numeric<Compute: Real>,
{
    let mut sums = [T::Compute::ZERO; LANES];
    let len = vectors.iter().map(|vector| vector.len()).min().unwrap_or(0);
    let blocks = vectors.map(|vector| vector[..len].as_chunks::<LANES>());
    for at in 0..len / LANES {
        // SAFETY: each has as many blocks. A check, which can panic, would keep the sums in memory.
        let values = blocks.map(|(blocks, _)| unsafe { blocks.get_unchecked(at) }.map(T::load));
        add(&mut sums, &values, &f, LANES);
    }
    let rest = len % LANES;
    if rest > 0 {
        let values = blocks.map(|(_, rest)| {
            let mut values = [T::Compute::ZERO; LANES];
            for (value, element) in values.iter_mut().zip(rest) {
                *value = element.load();
            }
            values
        });
        add(&mut sums, &values, &f, rest);
    }
    sum_lanes(sums)
}

/// Adds `f` of the first `count` values.
#[inline(always)]
fn add<R: Real, const N: usize>(sums: &mut [R; LANES], values: &[[R; LANES]; N], f: impl Fn([R; N]) -> R, count: usize) {
    let mut results = [R::ZERO; LANES];
    for lane in 0..LANES {
        results[lane] = f(std::array::from_fn(|vector| values[vector][lane]));
    }
    for lane in 0..LANES {
        if lane < count {
            sums[lane] += results[lane];
        }
    }
}

/// The greatest element, or the lowest number if there is none. NaNs may be ignored.
#[inline(always)]
pub(crate) fn max_of<T: Numeric<Compute: Real>>(vector: &[T]) -> T::Compute {
    let greater = |a: T::Compute, b: T::Compute| if b > a { b } else { a };
    let mut lanes = [T::Compute::lowest(); LANES];
    let (blocks, rest) = vector.as_chunks::<LANES>();
    for block in blocks {
        let values = block.map(T::load);
        for lane in 0..LANES {
            lanes[lane] = greater(lanes[lane], values[lane]);
        }
    }
    let max = rest.iter().fold(T::Compute::lowest(), |max, element| greater(max, element.load()));
    lanes.into_iter().fold(max, greater)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_is_that_of_its_lanes(x in proptest::collection::vec(-4f32..4.0, 0..70)) {
            let mut lanes = [0.0; LANES];
            for (i, x) in x.iter().enumerate() {
                lanes[i % LANES] += x * x;
            }
            prop_assert_eq!(sum_of([&x[..], &x[..]], |[a, b]| a * b), sum_lanes(lanes));
        }

        #[test]
        fn the_maximum_is_that_of_all(x in proptest::collection::vec(-4f32..4.0, 0..70)) {
            prop_assert_eq!(max_of(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
