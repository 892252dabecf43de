//! Instructions on quantised weights: conversions and linear maps.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, Result};

use super::{Call, for_block, for_float, for_narrow};
use crate::elementwise;
use crate::gemm::Extents;
use crate::math::{Number, Numeric, Real};
use crate::quantized::{self, QuantizedMatrix};
use crate::storage::{Buffer, Scratch};

impl Call<'_> {
    /// A matrix in blocks.
    fn blocks<'v>(&self, value: &'v Value) -> Result<QuantizedMatrix<'v>> {
        let shape = &value.spec.shape;
        Ok(QuantizedMatrix { bytes: self.elements(value)?, rows: shape.rows(), k: shape.last() })
    }

    /// Floats to blocks.
    pub(super) fn quantize(&self, inputs: &[Value]) -> Result<Buffer> {
        let (rows, k) = (self.output.shape.rows(), self.output.shape.last());
        for_block!(self.op, self.output.dtype, F => for_float!(self.op, self.input(inputs, 0)?.spec.dtype, T => {
            let x = self.get::<T>(inputs, 0)?;
            let mut out = Scratch::<u8>::new(quantized::size::<F>(rows, k));
            quantized::quantize::<F, T>(x, k, |x| x.load().to_f64() as f32, &mut out);
            Ok(out.into_buffer())
        }))
    }

    /// Blocks to floats.
    pub(super) fn dequantize(&self, inputs: &[Value]) -> Result<Buffer> {
        let blocks = self.blocks(self.input(inputs, 0)?)?;
        let mut wide = Scratch::<f32>::new(self.output.shape.count());
        for_block!(self.op, self.input(inputs, 0)?.spec.dtype, F => {
            quantized::dequantize::<F>(blocks, &mut wide);
            Ok(())
        })?;
        if self.output.dtype == DType::F32 {
            return Ok(wide.into_buffer());
        }
        for_float!(self.op, self.output.dtype, T => self.build::<T>(|out| {
            elementwise::convert(&wide, out, |x: f32| T::store(<T as Numeric>::Compute::of(f64::from(x))));
        }))
    }

    /// A linear map whose weight is in blocks.
    pub(super) fn quantized_linear(&self, inputs: &[Value]) -> Result<Buffer> {
        let shape = &self.input(inputs, 0)?.spec.shape;
        let e = Extents { m: shape.rows(), k: shape.last(), n: self.output.shape.last() };
        let weight = self.get::<u8>(inputs, 1)?;
        for_block!(self.op, self.input(inputs, 1)?.spec.dtype, F => for_narrow!(self.op, self.output.dtype, T => {
            let (x, bias) = (self.get::<T>(inputs, 0)?, self.optional::<T>(inputs, 2)?);
            self.build(|out| quantized::linear::<F, T>(e, x, weight, bias, out))
        }))
    }

    /// Rows of a table in blocks, in f32.
    pub(super) fn quantized_embedding(&self, table: &Value, ids: &[usize]) -> Result<Buffer> {
        let matrix = self.blocks(table)?;
        for_block!(self.op, table.spec.dtype, F => self.build(|out| quantized::embedding::<F>(matrix, ids, out)))
    }
}
