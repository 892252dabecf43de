//! Layouts as kernels take them.

use scaledown_sdk::Shape;

use super::parameter;
use crate::error::{CudaError, Result};

/// The most dimensions that kernels know, after neighbouring ones that lie together are joined.
const RANK: usize = 8;

/// What a kernel walks over, as `layout.h` declares it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) count: u64,
    rank: i64,
    extent: [i64; RANK],
    stride: [[i64; RANK]; 3],
}
parameter!(Layout);

/// A walk before it is made as short as it can be: extents, and for each tensor the elements
/// between neighbours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Walk<const N: usize> {
    dims: Vec<(usize, [usize; N])>,
}

impl<const N: usize> Walk<N> {
    /// A walk over `extents`, with one stride a dimension for each tensor.
    pub(super) fn new(extents: &[usize], strides: [&[usize]; N]) -> Self {
        let mut dims: Vec<(usize, [usize; N])> = Vec::with_capacity(extents.len());
        for (dim, &extent) in extents.iter().enumerate() {
            let here = strides.map(|strides| strides.get(dim).copied().unwrap_or(0));
            match dims.last_mut() {
                _ if extent == 1 => {}
                // The dimension before continues in this one.
                Some((outer, before)) if (0..N).all(|k| before[k] == here[k] * extent) => {
                    *outer *= extent;
                    *before = here;
                }
                _ => dims.push((extent, here)),
            }
        }
        Walk { dims }
    }

    /// The extent of the last dimension, if its elements lie side by side in every tensor, else 1.
    pub(super) fn run(&self) -> usize {
        self.dims.last().filter(|(_, strides)| strides.iter().all(|&stride| stride == 1)).map_or(1, |(extent, _)| *extent)
    }

    /// Whether every stride outside the last dimension's run is a multiple of `elements`.
    pub(super) fn steps_by(&self, elements: usize) -> bool {
        let outer = self.dims.len() - usize::from(self.run() > 1);
        self.dims[..outer].iter().all(|(_, strides)| strides.iter().all(|stride| stride % elements == 0))
    }

    /// The same walk in units of `elements`, of which the run is a multiple.
    pub(super) fn in_units(mut self, elements: usize) -> Self {
        if elements > 1 {
            let last = self.dims.len() - 1;
            for (dim, (extent, strides)) in self.dims.iter_mut().enumerate() {
                match dim == last {
                    true => *extent /= elements,
                    false => strides.iter_mut().for_each(|stride| *stride /= elements),
                }
            }
        }
        self
    }

    /// As the kernels take it.
    ///
    /// # Errors
    /// If it has too many dimensions.
    pub(super) fn layout(&self) -> Result<Layout> {
        if self.dims.len() > RANK {
            return Err(CudaError::Unsupported(format!(
                "{} dimensions that do not lie together; at most {RANK} do",
                self.dims.len()
            )));
        }
        let mut layout = Layout { count: 1, rank: self.dims.len() as i64, extent: [1; RANK], stride: [[0; RANK]; 3] };
        for (dim, (extent, strides)) in self.dims.iter().enumerate() {
            layout.count *= *extent as u64;
            layout.extent[dim] = *extent as i64;
            for (k, &stride) in strides.iter().enumerate() {
                layout.stride[k][dim] = stride as i64;
            }
        }
        Ok(layout)
    }
}

/// The strides of a tensor that broadcasts to `to`.
pub(super) fn broadcast_strides(shape: &Shape, to: &Shape) -> Vec<usize> {
    let missing = to.rank().saturating_sub(shape.rank());
    let own = shape.dims().iter().zip(shape.strides()).map(|(&extent, stride)| if extent == 1 { 0 } else { stride });
    std::iter::repeat_n(0, missing).chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_that_lie_together_are_joined() {
        let contiguous = Walk::new(&[2, 3, 4], [&[12, 4, 1], &[12, 4, 1]]);
        assert_eq!(contiguous, Walk { dims: vec![(24, [1, 1])] });
        assert_eq!(contiguous.run(), 24);
        let moved = Walk::new(&[3, 1, 2, 4], [&[4, 9, 12, 1], &[8, 8, 4, 1]]);
        assert_eq!(moved, Walk { dims: vec![(3, [4, 8]), (2, [12, 4]), (4, [1, 1])] });
        assert!(moved.steps_by(4) && !moved.steps_by(8));
        assert_eq!(moved.in_units(4), Walk { dims: vec![(3, [1, 2]), (2, [3, 1]), (1, [1, 1])] });
        assert_eq!(Walk::new(&[], [&[], &[]]).layout().unwrap().count, 1);
        assert_eq!(Walk::new(&[0, 3], [&[3, 1]]).layout().unwrap().count, 0);
    }

    #[test]
    fn broadcast_dimensions_do_not_move() {
        assert_eq!(broadcast_strides(&[3, 1].into(), &[2, 3, 4].into()), [0, 1, 0]);
    }
}
