//! Shapes and tensor specifications.

use smallvec::SmallVec;

use super::DType;
use crate::{Error, Result};

/// The extents of a tensor's dimensions, outermost first. A scalar has none. Tensors are contiguous
/// and row-major.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Shape(SmallVec<[usize; INLINE]>);

/// Dimensions that a shape holds without a heap allocation; every instruction handles several
/// shapes. Models use at most 5.
const INLINE: usize = 6;

/// Elements between neighbours in each dimension of a shape.
pub type Strides = SmallVec<[usize; INLINE]>;

impl Shape {
    /// The extents.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The number of dimensions.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements; 1 for a scalar.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().product()
    }

    /// The extent of the last dimension, or 1 for a scalar.
    #[must_use]
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// The product of all extents but the last; the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.iter().rev().skip(1).product()
    }

    /// Elements between neighbours in each dimension.
    #[must_use]
    pub fn strides(&self) -> Strides {
        let mut strides = Strides::from_elem(1, self.0.len());
        for i in (1..self.0.len()).rev() {
            strides[i - 1] = strides[i] * self.0[i];
        }
        strides
    }

    /// The shape that both shapes broadcast to under NumPy's rules, if there is one.
    #[must_use]
    pub fn broadcast_with(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let extent = |shape: &Shape, i: usize| {
            let missing = rank - shape.rank();
            if i < missing { 1 } else { shape.0[i - missing] }
        };
        (0..rank)
            .map(|i| match (extent(self, i), extent(other, i)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<SmallVec<_>>>()
            .map(Shape)
    }

    /// A copy with dimension `dim` set to `extent`.
    #[must_use]
    pub fn with(&self, dim: usize, extent: usize) -> Shape {
        let mut dims = self.0.clone();
        dims[dim] = extent;
        Shape(dims)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(SmallVec::from_vec(dims))
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Shape(SmallVec::from_slice(dims))
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Self {
        Shape(dims.into_iter().collect())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(SmallVec::from_slice(&dims))
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[")?;
        for (i, extent) in self.0.iter().enumerate() {
            write!(f, "{}{extent}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

/// What is known of a tensor before its elements are: element type and shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct TensorSpec {
    /// The element type.
    pub dtype: DType,
    /// The extents.
    pub shape: Shape,
}

impl TensorSpec {
    /// The specification of a tensor of `dtype` and `shape`.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Self {
        TensorSpec { dtype, shape: shape.into() }
    }

    /// The size of the elements in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shape.count() / self.dtype.block() * self.dtype.size()
    }

    /// Checks that a tensor of this specification can exist: its size in bytes fits the address
    /// space, and so do its strides, which an extent of 0 does not make smaller. The rows of a
    /// quantised tensor are whole blocks.
    ///
    /// # Errors
    /// [`Error::Data`] if the size overflows, or a block would be incomplete.
    pub fn check(&self) -> Result<()> {
        let block = self.dtype.block();
        if block > 1 && (self.shape.rank() == 0 || !self.shape.last().is_multiple_of(block)) {
            return Err(Error::Data(format!(
                "a tensor {self} needs rows of whole blocks, whose length is a multiple of {block}"
            )));
        }
        self.shape
            .dims()
            .iter()
            .try_fold(self.dtype.size(), |size, &extent| size.checked_mul(extent.max(1)))
            .filter(|&size| isize::try_from(size).is_ok())
            .map(drop)
            .ok_or_else(|| Error::Data(format!("a tensor {self} is larger than the address space")))
    }
}

impl std::fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}
