//! Weights in blocks.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, TensorSpec};

use super::rows::wide_ids;
use super::{Call, arguments, blocks, float, u};
use crate::error::{CudaError, Result};
use crate::kernels::kernel;
use crate::memory::Buffer;

/// The name of a quantised type in the names of kernels.
fn name(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::Q8_0 => Ok("q8_0"),
        DType::Q4_0 => Ok("q4_0"),
        other => Err(CudaError::Unsupported(format!("{other} is not quantised"))),
    }
}

/// The blocks of a tensor, and the bytes of all their integers, after which the scales stand.
fn planes(spec: &TensorSpec) -> (usize, u64) {
    let blocks = spec.shape.count() / spec.dtype.block();
    (blocks, u(blocks * (spec.dtype.size() - size_of::<half::f16>())))
}

impl Call<'_> {
    /// Where the scales of a tensor stand.
    pub(super) fn scales(&self, value: &Value) -> Result<u64> {
        Ok(self.address(value)? + planes(&value.spec).1)
    }

    pub(super) fn dequantize(&self, x: &Value, to: DType) -> Result<Buffer> {
        let y = self.make(&TensorSpec::new(to, &x.spec.shape))?;
        let (count, _) = planes(&x.spec);
        let arguments = arguments![self.address(x)?, self.scales(x)?, y.address(), u(count)];
        let kernel = kernel!(Quantized, "dequantize_{}_{}", name(x.spec.dtype)?, float(to)?);
        self.launch(kernel, blocks(count, 1), arguments)?;
        Ok(y)
    }

    pub(super) fn quantize(&self, x: &Value, to: &TensorSpec) -> Result<Buffer> {
        let y = self.make(to)?;
        let (count, integers) = planes(to);
        let arguments = arguments![self.address(x)?, y.address(), y.address() + integers, u(count)];
        let kernel = kernel!(Quantized, "quantize_{}_{}", name(to.dtype)?, float(x.spec.dtype)?);
        self.launch(kernel, blocks(count, 1), arguments)?;
        Ok(y)
    }

    pub(super) fn quantized_rows(&self, table: &Value, ids: &Value, to: &TensorSpec) -> Result<Buffer> {
        let y = self.make(to)?;
        let (count, d) = (ids.spec.shape.count(), to.shape.last());
        let rows = table.spec.shape.rows() as i64;
        let (integers, scales) = (self.address(table)?, self.scales(table)?);
        let from = self.address(ids)?;
        let arguments = arguments![integers, scales, from, y.address(), u(count), rows, u(d), wide_ids(ids), self.status];
        self.launch(kernel!(Quantized, "rows_{}", name(table.spec.dtype)?), blocks(count * d, 1), arguments)?;
        Ok(y)
    }
}
