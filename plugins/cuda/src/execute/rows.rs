//! Rows: the greatest elements, tables, softmax, cross-entropy.

use scaledown_sdk::DType;
use scaledown_sdk::tensor::Value;

use super::{Call, PACK, THREADS, arguments, blocks, float, u};
use crate::error::Result;
use crate::kernels::kernel;
use crate::memory::Buffer;

impl Call<'_> {
    pub(super) fn arg_max(&self, inputs: &[Value]) -> Result<Buffer> {
        let (x, spec) = (self.input(inputs, 0)?, self.output(0)?);
        let y = self.make(spec)?;
        let arguments = arguments![self.address(x)?, y.address(), u(x.spec.shape.last())];
        self.launch(kernel!(Choose, "arg_max_{}", float(x.spec.dtype)?), spec.shape.count(), arguments)?;
        Ok(y)
    }

    pub(super) fn top_k(&self, inputs: &[Value], k: usize) -> Result<Vec<Buffer>> {
        let x = self.input(inputs, 0)?;
        let (values, indices) = (self.make(self.output(0)?)?, self.make(self.output(1)?)?);
        if k > 0 {
            let (rows, room) = (x.spec.shape.rows(), k.next_power_of_two());
            let keys = self.memory.allocate(rows * room * size_of::<u64>())?;
            let (n, from) = (u(x.spec.shape.last()), self.address(x)?);
            let arguments = arguments![from, values.address(), indices.address(), keys.address(), n, u(k), u(room)];
            self.launch(kernel!(Choose, "top_k_{}", float(x.spec.dtype)?), rows, arguments)?;
        }
        Ok(vec![values, indices])
    }

    pub(super) fn embedding(&self, inputs: &[Value]) -> Result<Buffer> {
        let (table, ids, spec) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.output(0)?);
        if table.spec.dtype.is_quantized() {
            return self.quantized_rows(table, ids, spec);
        }
        let y = self.make(spec)?;
        let bytes = spec.shape.last() * spec.dtype.size();
        let unit = [PACK, 8, 4, 2, 1].into_iter().find(|unit| bytes % unit == 0).unwrap_or(1);
        let (count, units) = (ids.spec.shape.count(), bytes / unit);
        let rows = table.spec.shape.rows() as i64;
        let arguments = arguments![
            self.address(table)?,
            self.address(ids)?,
            y.address(),
            u(count),
            rows,
            u(units),
            wide_ids(ids),
            self.status
        ];
        self.launch(kernel!(Embedding, "embedding_{unit}"), blocks(count * units, 1), arguments)?;
        Ok(y)
    }

    pub(super) fn embedding_backward(&self, inputs: &[Value], rows: usize) -> Result<Buffer> {
        let (grad, ids, spec) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.output(0)?);
        let y = self.make(spec)?;
        if spec.bytes() > 0 {
            self.driver.clear(y.address(), spec.bytes())?;
        }
        let (count, d) = (ids.spec.shape.count(), spec.shape.last());
        let arguments = arguments![
            self.address(grad)?,
            self.address(ids)?,
            y.address(),
            u(count),
            rows as i64,
            u(d),
            wide_ids(ids),
            self.status
        ];
        let name = kernel!(Embedding, "embedding_backward_{}", float(spec.dtype)?);
        self.launch_grid(name, [count, blocks(d, 1), 1], (THREADS, 0), arguments)?;
        Ok(y)
    }

    pub(super) fn softmax(&self, inputs: &[Value]) -> Result<Buffer> {
        let spec = self.output(0)?;
        let y = self.make(spec)?;
        if spec.shape.count() > 0 {
            let arguments = arguments![self.at(inputs, 0)?, y.address(), u(spec.shape.last())];
            self.launch(kernel!(Softmax, "softmax_{}", float(spec.dtype)?), spec.shape.rows(), arguments)?;
        }
        Ok(y)
    }

    pub(super) fn softmax_backward(&self, inputs: &[Value]) -> Result<Buffer> {
        let spec = self.output(0)?;
        let dx = self.make(spec)?;
        if spec.shape.count() > 0 {
            let arguments = arguments![self.at(inputs, 0)?, self.at(inputs, 1)?, dx.address(), u(spec.shape.last())];
            self.launch(kernel!(Softmax, "softmax_backward_{}", float(spec.dtype)?), spec.shape.rows(), arguments)?;
        }
        Ok(dx)
    }

    pub(super) fn cross_entropy(&self, inputs: &[Value]) -> Result<Vec<Buffer>> {
        let x = self.input(inputs, 0)?;
        let (loss, lse) = (self.make(self.output(0)?)?, self.make(self.output(1)?)?);
        let (targets, n) = (self.at(inputs, 1)?, u(x.spec.shape.last()));
        let arguments = arguments![self.address(x)?, targets, loss.address(), lse.address(), n, self.status];
        self.launch(kernel!(Softmax, "cross_entropy_{}", float(x.spec.dtype)?), x.spec.shape.rows(), arguments)?;
        Ok(vec![loss, lse])
    }

    pub(super) fn cross_entropy_backward(&self, inputs: &[Value]) -> Result<Buffer> {
        let spec = self.output(0)?;
        let dx = self.make(spec)?;
        if spec.shape.count() > 0 {
            let (x, targets) = (self.at(inputs, 0)?, self.at(inputs, 1)?);
            let (lse, grad) = (self.at(inputs, 2)?, self.at(inputs, 3)?);
            let arguments = arguments![x, targets, lse, grad, dx.address(), u(spec.shape.last()), self.status];
            let name = kernel!(Softmax, "cross_entropy_backward_{}", float(spec.dtype)?);
            self.launch(name, spec.shape.rows(), arguments)?;
        }
        Ok(dx)
    }
}

/// Whether ids are of 64 bits, as kernels take it.
pub(super) fn wide_ids(ids: &Value) -> i32 {
    i32::from(ids.spec.dtype == DType::I64)
}
