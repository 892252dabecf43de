//! The checks that all rules share; each failure names the input and the expectation.

use std::ops::RangeInclusive;

use crate::tensor::{DType, Op, Shape, TensorSpec};
use crate::{Error, Result};

/// The inputs of one instruction.
pub(super) struct Inputs<'a> {
    op: &'a Op,
    specs: &'a [TensorSpec],
}

impl<'a> Inputs<'a> {
    pub(super) fn new(op: &'a Op, specs: &'a [TensorSpec]) -> Self {
        Inputs { op, specs }
    }

    /// The error for these inputs; `message` is the expectation.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::Invalid { op: self.op.name(), inputs: self.specs.to_vec(), message: message.into() }
    }

    /// An error unless `condition` holds.
    pub(super) fn ensure(&self, condition: bool, message: impl FnOnce() -> String) -> Result<()> {
        if condition { Ok(()) } else { Err(self.error(message())) }
    }

    /// All inputs, of which there must be `N`.
    pub(super) fn exactly<const N: usize>(&self) -> Result<[&'a TensorSpec; N]> {
        let specs: Vec<&TensorSpec> = self.specs.iter().collect();
        specs.try_into().map_err(|_| self.error(format!("expected {N} inputs, found {}", self.specs.len())))
    }

    /// All inputs, of which there must be a number in `range`.
    pub(super) fn between(&self, range: RangeInclusive<usize>) -> Result<&'a [TensorSpec]> {
        self.ensure(range.contains(&self.specs.len()), || {
            let upper = if range.start() == range.end() { String::new() } else { format!(" to {}", range.end()) };
            format!("expected {}{upper} inputs, found {}", range.start(), self.specs.len())
        })?;
        Ok(self.specs)
    }

    /// All inputs, of which there must be one at least.
    pub(super) fn some(&self) -> Result<(&'a TensorSpec, &'a [TensorSpec])> {
        self.specs.split_first().ok_or_else(|| self.error("expected at least one input"))
    }

    /// That no input is quantised but those of the instructions that know such types.
    pub(super) fn quantized_weights_only(&self) -> Result<()> {
        let known = |index: usize| match self.op {
            Op::Cast { .. } => true,
            Op::Linear => index == 1,
            Op::Embedding => index == 0,
            _ => false,
        };
        match self.specs.iter().enumerate().find(|(index, spec)| spec.dtype.is_quantized() && !known(*index)) {
            Some((index, spec)) => Err(self.error(format!(
                "input {index} is quantised ({}), which only the weight of linear and an embedding's table may be; cast it to a \
                 floating-point type first",
                spec.dtype
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn float(&self, name: &str, spec: &TensorSpec) -> Result<()> {
        self.ensure(spec.dtype.is_float(), || format!("expected {name} of a floating-point type, found {}", spec.dtype))
    }

    pub(super) fn dtype(&self, name: &str, spec: &TensorSpec, dtype: DType) -> Result<()> {
        self.ensure(spec.dtype == dtype, || format!("expected {name} of type {dtype}, found {}", spec.dtype))
    }

    pub(super) fn integer(&self, name: &str, spec: &TensorSpec) -> Result<()> {
        self.ensure(matches!(spec.dtype, DType::I64 | DType::U32), || {
            format!("expected {name} of type i64 or u32, found {}", spec.dtype)
        })
    }

    pub(super) fn shape(&self, name: &str, spec: &TensorSpec, shape: &Shape) -> Result<()> {
        self.ensure(spec.shape == *shape, || format!("expected {name} of shape {shape}, found {}", spec.shape))
    }

    /// That `spec` is exactly `dtype` and `shape`.
    pub(super) fn is(&self, name: &str, spec: &TensorSpec, dtype: DType, shape: &Shape) -> Result<()> {
        self.dtype(name, spec, dtype)?;
        self.shape(name, spec, shape)
    }

    pub(super) fn rank_at_least(&self, name: &str, spec: &TensorSpec, rank: usize) -> Result<()> {
        self.ensure(spec.shape.rank() >= rank, || format!("expected {name} of at least {rank} dimensions, found {}", spec.shape))
    }

    /// The extents of an input that must have exactly `N` dimensions.
    pub(super) fn dims<const N: usize>(&self, name: &str, spec: &TensorSpec) -> Result<[usize; N]> {
        spec.shape.dims().try_into().map_err(|_| self.error(format!("expected {name} of {N} dimensions, found {}", spec.shape)))
    }

    /// A dimension's extent.
    pub(super) fn extent(&self, spec: &TensorSpec, dim: usize) -> Result<usize> {
        let extent = spec.shape.dims().get(dim).copied();
        extent.ok_or_else(|| self.error(format!("expected a dimension below {}, found {dim}", spec.shape.rank())))
    }

    pub(super) fn broadcast(&self, a: &Shape, b: &Shape) -> Result<Shape> {
        a.broadcast_with(b).ok_or_else(|| self.error(format!("shapes {a} and {b} do not broadcast")))
    }
}
