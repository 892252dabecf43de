//! Creation, and elements that move.

use scaledown_sdk::tensor::{Value, uniform_run};
use scaledown_sdk::{DType, Shape};

use super::strided::{Walk, broadcast_strides};
use super::{Call, PACK, arguments, blocks, u};
use crate::error::{CudaError, Result};
use crate::kernels::kernel;
use crate::memory::Buffer;

/// Elements that a thread of a kernel over a layout handles.
pub(super) const ROUNDS: usize = 4;

/// One side of a copy: where it begins, and the elements between neighbours in each dimension.
pub(super) struct Side<'a> {
    pub(super) address: u64,
    pub(super) strides: &'a [usize],
}

impl Call<'_> {
    pub(super) fn fill(&self, value: f64) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (y, count) = (self.make(spec)?, spec.shape.count());
        let bits: u64 = match spec.dtype {
            DType::F32 => u64::from((value as f32).to_bits()),
            DType::BF16 => u64::from(half::bf16::from_f64(value).to_bits()),
            DType::F16 => u64::from(half::f16::from_f64(value).to_bits()),
            DType::I64 => (value as i64).cast_unsigned(),
            DType::U32 => u64::from(value as u32),
            DType::Bool => u64::from(value != 0.0),
            other => return Err(CudaError::Unsupported(format!("a tensor of {other} cannot be filled"))),
        };
        let (to, n, grid) = (y.address(), u(count), blocks(count, ROUNDS));
        match spec.dtype.size() {
            1 => self.launch(kernel!(Create, "fill_1"), grid, arguments![to, n, bits as u8])?,
            2 => self.launch(kernel!(Create, "fill_2"), grid, arguments![to, n, bits as u16])?,
            4 => self.launch(kernel!(Create, "fill_4"), grid, arguments![to, n, bits as u32])?,
            _ => self.launch(kernel!(Create, "fill_8"), grid, arguments![to, n, bits])?,
        }
        Ok(y)
    }

    pub(super) fn arange(&self, start: i64) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (y, count) = (self.make(spec)?, spec.shape.count());
        self.launch(kernel!(Create, "arange"), blocks(count, ROUNDS), arguments![y.address(), u(count), start])?;
        Ok(y)
    }

    pub(super) fn uniform(&self, seed: u64) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (y, count) = (self.make(spec)?, spec.shape.count());
        self.launch(
            kernel!(Create, "uniform"),
            blocks(count, ROUNDS),
            arguments![y.address(), u(count), seed, u(uniform_run(&spec.shape))],
        )?;
        Ok(y)
    }

    /// Copies elements of `size` bytes, walking over `extents` on both sides.
    pub(super) fn copy_strided(&self, size: usize, extents: &[usize], from: &Side<'_>, to: &Side<'_>) -> Result<()> {
        if extents.contains(&0) {
            return Ok(());
        }
        let walk = Walk::new(extents, [from.strides, to.strides]);
        // The most bytes that lie together and are aligned on both sides.
        let fits = |unit: usize| {
            let elements = unit / size;
            unit == size
                || (unit > size
                    && walk.run() % elements == 0
                    && walk.steps_by(elements)
                    && from.address.is_multiple_of(unit as u64)
                    && to.address.is_multiple_of(unit as u64))
        };
        let unit = [PACK, 8, 4, 2, 1].into_iter().find(|&unit| fits(unit)).unwrap_or(size);
        let layout = walk.in_units(unit / size).layout()?;
        let grid = blocks(layout.count as usize, ROUNDS);
        self.launch(kernel!(Copy, "copy_{unit}"), grid, arguments![from.address, to.address, &layout])
    }

    /// A tensor whose elements are those of `x` at `offset` and on, with these strides.
    fn gather(&self, x: &Value, offset: usize, strides: &[usize]) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (y, size) = (self.make(spec)?, spec.dtype.size());
        let from = Side { address: self.address(x)? + u(offset * size), strides };
        let own = spec.shape.strides();
        self.copy_strided(size, spec.shape.dims(), &from, &Side { address: y.address(), strides: &own })?;
        Ok(y)
    }

    pub(super) fn permute(&self, inputs: &[Value], dims: &[usize]) -> Result<Buffer> {
        let x = self.input(inputs, 0)?;
        let own = x.spec.shape.strides();
        let strides: Vec<usize> = dims.iter().map(|&dim| own.get(dim).copied().unwrap_or(0)).collect();
        self.gather(x, 0, &strides)
    }

    pub(super) fn broadcast(&self, inputs: &[Value]) -> Result<Buffer> {
        let x = self.input(inputs, 0)?;
        self.gather(x, 0, &broadcast_strides(&x.spec.shape, &self.output(0)?.shape))
    }

    pub(super) fn slice(&self, inputs: &[Value], dim: usize, start: usize) -> Result<Buffer> {
        let x = self.input(inputs, 0)?;
        let strides = x.spec.shape.strides();
        self.gather(x, start * strides.get(dim).copied().unwrap_or(0), &strides)
    }

    pub(super) fn write_slice(&self, inputs: Vec<Value>, dim: usize, start: usize) -> Result<Buffer> {
        let Ok([base, update]) = <[Value; 2]>::try_from(inputs) else {
            return Err(CudaError::Unsupported("expected a base and an update".into()));
        };
        let shape = base.spec.shape.clone();
        let base = self.owned(base)?;
        self.write(&base, &shape, &update, dim, start)?;
        Ok(base)
    }

    /// Writes `part` into the tensor `to` of `shape`, from index `start` of dimension `dim` on.
    fn write(&self, to: &Buffer, shape: &Shape, part: &Value, dim: usize, start: usize) -> Result<()> {
        let (size, strides, own) = (part.spec.dtype.size(), shape.strides(), part.spec.shape.strides());
        let offset = start * strides.get(dim).copied().unwrap_or(0) * size;
        let from = Side { address: self.address(part)?, strides: &own };
        self.copy_strided(size, part.spec.shape.dims(), &from, &Side { address: to.address() + u(offset), strides: &strides })
    }

    pub(super) fn concat(&self, inputs: &[Value], dim: usize) -> Result<Buffer> {
        let spec = self.output(0)?;
        let y = self.make(spec)?;
        let mut start = 0;
        for part in inputs {
            self.write(&y, &spec.shape, part, dim, start)?;
            start += part.spec.shape.dims().get(dim).copied().unwrap_or(0);
        }
        Ok(y)
    }
}
