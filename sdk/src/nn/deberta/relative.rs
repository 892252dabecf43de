//! Relative positions: which embedding a distance has, and how products with the embeddings of all
//! distances become scores.

use super::config::Relative;
use crate::Result;
use crate::tensor::Tensor;

impl Relative {
    /// The number of embeddings on either side of distance 0.
    pub(super) fn span(&self) -> usize {
        self.buckets.unwrap_or(self.max_distance)
    }

    /// The row of the embeddings that belongs to the distance `query - key`.
    #[must_use]
    pub fn row(&self, distance: i64) -> u32 {
        let span = self.span() as i64;
        let bucket = self.buckets.map_or(distance, |buckets| bucket(distance, buckets, self.max_distance));
        (bucket + span).clamp(0, 2 * span - 1) as u32
    }
}

/// Distances of up to half the buckets have one each; greater ones share buckets that widen
/// logarithmically (transformers' `make_log_bucket_position`, in f32 as there).
fn bucket(distance: i64, buckets: usize, max_distance: usize) -> i64 {
    let mid = (buckets / 2) as i64;
    if distance.abs() <= mid {
        return distance;
    }
    let middle = mid as f32;
    let fraction = (distance.abs() as f32 / middle).ln() / ((max_distance as i64 - 1) as f32 / middle).ln();
    ((fraction * (mid - 1) as f32).ceil() as i64 + mid) * distance.signum()
}

/// Row `i` of `x [.., rows, columns]` moved to the left by `rows - 1 - i` columns, and then cut to
/// `keep` columns: `[.., rows, keep]`. `columns` is `rows + keep - 1`. Where column `c` of every
/// row belongs to the difference `c - (rows - 1)` from the row's own number, column `c` of the
/// result is number `c` (Dai et al. 2019, arXiv 1901.02860, appendix B).
pub(super) fn shift(x: &Tensor, keep: usize) -> Result<Tensor> {
    let dims = x.dims();
    let (leading, &[rows, columns]) = dims.split_at(dims.len() - 2) else { return Ok(x.clone()) };
    if rows <= 1 {
        return Ok(x.clone());
    }
    let count: usize = leading.iter().product();
    // In rows that are one column shorter, each begins one column further to the right.
    let flat = x.reshape([count, rows * columns])?.slice(1, rows - 1, rows * (columns - 1))?;
    let moved = flat.reshape([count * rows, columns - 1])?.slice(1, 0, keep)?;
    moved.reshape([leading, &[rows, keep]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(buckets: Option<usize>, max_distance: usize) -> Relative {
        Relative {
            max_distance,
            buckets,
            content_to_position: true,
            position_to_content: true,
            shared_projections: true,
            normalised: true,
        }
    }

    #[test]
    fn near_distances_have_a_row_each_and_far_ones_share() {
        let relative = relative(Some(256), 512);
        assert_eq!([0, 1, -1, 128, -128].map(|distance| relative.row(distance)), [256, 257, 255, 384, 128]);
        assert_eq!(relative.row(511), relative.row(512).min(511));
        assert_eq!(relative.row(511), 511);
        assert_eq!(relative.row(-511), 1);
        let rows: Vec<u32> = (-600..600).map(|distance| relative.row(distance)).collect();
        assert!(rows.is_sorted());
    }

    #[test]
    fn without_buckets_distances_end_at_the_greatest() {
        let relative = relative(None, 8);
        assert_eq!([-20, -8, 0, 7, 20].map(|distance| relative.row(distance)), [0, 0, 8, 15, 15]);
    }
}
