//! Matrix products and rows of tables.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, Result, Shape};

use super::{Call, for_any, for_float};
use crate::gemm::{self, Batch, Extents};
use crate::layout::broadcast_strides;
use crate::math::Float;
use crate::rows;
use crate::storage::{Buffer, Scalar};

/// The extents but the last two, and those two.
fn matrices(shape: &Shape) -> (Shape, [usize; 2]) {
    let dims = shape.dims();
    let (leading, last) = dims.split_at(dims.len().saturating_sub(2));
    (Shape::from(leading), [last.first().copied().unwrap_or(1), last.get(1).copied().unwrap_or(1)])
}

impl Call<'_> {
    pub(super) fn matmul(&self, inputs: &[Value], transpose_a: bool, transpose_b: bool) -> Result<Buffer> {
        let (a, b) = (self.input(inputs, 0)?, self.input(inputs, 1)?);
        let (a_leading, a_dims) = matrices(&a.spec.shape);
        let (b_leading, _) = matrices(&b.spec.shape);
        let (leading, [m, n]) = matrices(&self.output.shape);
        let k = a_dims[usize::from(!transpose_a)];
        let batch = Batch {
            a: broadcast_strides(&a_leading, &leading),
            b: broadcast_strides(&b_leading, &leading),
            dims: leading.dims().to_vec(),
        };
        for_float!(self.op, self.output.dtype, T => {
            let (a, b) = (self.elements::<T>(a)?, self.elements::<T>(b)?);
            self.build(|out| gemm::matmul(Extents { m, k, n }, &batch, (a, transpose_a), (b, transpose_b), out))
        })
    }

    pub(super) fn linear(&self, inputs: &[Value]) -> Result<Buffer> {
        if self.input(inputs, 1)?.spec.dtype.is_quantized() {
            return self.quantized_linear(inputs);
        }
        let rows = self.input(inputs, 0)?.spec.shape.rows();
        match (self.output.dtype, self.input(inputs, 1)?.spec.dtype) {
            (DType::F32, DType::BF16) => return self.linear_of::<half::bf16>(rows, inputs),
            (DType::F32, DType::F16) => return self.linear_of::<half::f16>(rows, inputs),
            _ => {}
        }
        for_float!(self.op, self.output.dtype, T => {
            let (x, weight) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?);
            let bias = self.optional::<T>(inputs, 2)?;
            self.build(|out| gemm::linear(rows, x, weight, bias, out))
        })
    }

    /// A linear map of f32 with a weight of a shorter type.
    fn linear_of<W: Float<Compute = f32> + Scalar>(&self, rows: usize, inputs: &[Value]) -> Result<Buffer> {
        let (x, weight, bias) = (self.get::<f32>(inputs, 0)?, self.get::<W>(inputs, 1)?, self.optional::<f32>(inputs, 2)?);
        self.build(|out| gemm::linear(rows, x, weight, bias, out))
    }

    pub(super) fn embedding(&self, inputs: &[Value]) -> Result<Buffer> {
        let table = self.input(inputs, 0)?;
        let ids = self.ids(self.input(inputs, 1)?, table.spec.shape.rows())?;
        if table.spec.dtype.is_quantized() {
            return self.quantized_embedding(table, &ids);
        }
        let width = table.spec.shape.last();
        for_any!(self.op, self.output.dtype, T => {
            let table = self.elements::<T>(table)?;
            self.build(|out| rows::embedding(table, width, &ids, out))
        })
    }

    pub(super) fn embedding_backward(&self, inputs: &[Value], count: usize) -> Result<Buffer> {
        let ids = self.ids(self.input(inputs, 1)?, count)?;
        let width = self.output.shape.last();
        for_float!(self.op, self.output.dtype, T => {
            let grad = self.get::<T>(inputs, 0)?;
            self.build(|out| rows::embedding_backward(grad, width, &ids, out))
        })
    }

    /// The row numbers of `value`, each below `count`.
    fn ids(&self, value: &Value, count: usize) -> Result<Vec<usize>> {
        let numbers: Vec<i64> = match value.spec.dtype {
            DType::U32 => self.elements::<u32>(value)?.iter().map(|&id| i64::from(id)).collect(),
            _ => self.elements::<i64>(value)?.to_vec(),
        };
        let mut ids = Vec::with_capacity(numbers.len());
        for (position, id) in numbers.into_iter().enumerate() {
            match usize::try_from(id) {
                Ok(id) if id < count => ids.push(id),
                _ => return self.fail(format!("id {id} at position {position} is outside the table's rows 0..{count}")),
            }
        }
        Ok(ids)
    }
}
