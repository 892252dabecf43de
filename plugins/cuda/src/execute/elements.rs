//! Functions of elements.

use scaledown_sdk::tensor::{UnaryOp, Value};
use scaledown_sdk::{DType, TensorSpec};

use super::layout::ROUNDS;
use super::strided::{Walk, broadcast_strides};
use super::{Call, any, arguments, blocks, code, float, function, lanes, u};
use crate::error::Result;
use crate::kernels::kernel;
use crate::memory::Buffer;

impl Call<'_> {
    pub(super) fn unary(&self, inputs: &[Value], op: UnaryOp) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (y, count) = (self.make(spec)?, spec.shape.count());
        let name = kernel!(Elements, "unary_{}", float(spec.dtype)?);
        let arguments = arguments![self.at(inputs, 0)?, y.address(), u(count), function(op)];
        self.launch(name, blocks(count, lanes(spec.dtype)), arguments)?;
        Ok(y)
    }

    pub(super) fn affine(&self, inputs: &[Value], mul: f64, add: f64) -> Result<Buffer> {
        let spec = self.output(0)?;
        let y = self.make(spec)?;
        self.scale(spec, self.at(inputs, 0)?, y.address(), (mul, add))?;
        Ok(y)
    }

    /// `to = from mul + add`, element by element.
    pub(super) fn scale(&self, spec: &TensorSpec, from: u64, to: u64, (mul, add): (f64, f64)) -> Result<()> {
        let count = spec.shape.count();
        let name = kernel!(Elements, "affine_{}", float(spec.dtype)?);
        self.launch(name, blocks(count, lanes(spec.dtype)), arguments![from, to, u(count), mul as f32, add as f32])
    }

    pub(super) fn binary(&self, inputs: &[Value], operation: i32) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (a, b) = (self.input(inputs, 0)?, self.input(inputs, 1)?);
        let (y, from, name) = (self.make(spec)?, (self.address(a)?, self.address(b)?), any(spec.dtype)?);
        if spec.dtype.is_float() && a.spec.shape == b.spec.shape {
            let count = spec.shape.count();
            let arguments = arguments![from.0, from.1, y.address(), u(count), operation];
            self.launch(kernel!(Elements, "binary_{name}"), blocks(count, lanes(spec.dtype)), arguments)?;
            return Ok(y);
        }
        let layout = self.together(&[a, b])?.layout()?;
        let arguments = arguments![from.0, from.1, y.address(), &layout, operation];
        self.launch(kernel!(Elements, "binary_broadcast_{name}"), blocks(layout.count as usize, ROUNDS), arguments)?;
        Ok(y)
    }

    pub(super) fn compare(&self, inputs: &[Value], relation: i32) -> Result<Buffer> {
        let (a, b) = (self.input(inputs, 0)?, self.input(inputs, 1)?);
        let y = self.make(self.output(0)?)?;
        let layout = self.together(&[a, b])?.layout()?;
        let arguments = arguments![self.address(a)?, self.address(b)?, y.address(), &layout, relation];
        self.launch(kernel!(Elements, "compare_{}", any(a.spec.dtype)?), blocks(layout.count as usize, ROUNDS), arguments)?;
        Ok(y)
    }

    pub(super) fn select(&self, inputs: &[Value]) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (condition, a, b) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.input(inputs, 2)?);
        let y = self.make(spec)?;
        let layout = self.together(&[condition, a, b])?.layout()?;
        let arguments = arguments![self.address(condition)?, self.address(a)?, self.address(b)?, y.address(), &layout];
        self.launch(kernel!(Elements, "select_{}", spec.dtype.size()), blocks(layout.count as usize, ROUNDS), arguments)?;
        Ok(y)
    }

    /// A walk over the output and over up to three inputs that broadcast to it.
    fn together(&self, inputs: &[&Value]) -> Result<Walk<3>> {
        let shape = &self.output(0)?.shape;
        let strides: Vec<Vec<usize>> = inputs.iter().map(|input| broadcast_strides(&input.spec.shape, shape)).collect();
        let of = |index: usize| strides.get(index).map_or(&[][..], Vec::as_slice);
        Ok(Walk::new(shape.dims(), [of(0), of(1), of(2)]))
    }

    pub(super) fn cast(&self, inputs: &[Value]) -> Result<Buffer> {
        let (x, to) = (self.input(inputs, 0)?, self.output(0)?);
        if x.spec.dtype == to.dtype {
            return self.duplicate(x);
        }
        if to.dtype.is_quantized() {
            return self.quantize(x, to);
        }
        self.cast_to(x, to.dtype)
    }

    /// The elements of `x` in another type that is not quantised.
    pub(super) fn cast_to(&self, x: &Value, to: DType) -> Result<Buffer> {
        if x.spec.dtype.is_quantized() {
            return self.dequantize(x, to);
        }
        let count = x.spec.shape.count();
        let y = self.make(&TensorSpec::new(to, &x.spec.shape))?;
        let arguments = arguments![self.address(x)?, y.address(), u(count), code(x.spec.dtype)?, code(to)?];
        self.launch(kernel!(Cast, "cast"), blocks(count, ROUNDS), arguments)?;
        Ok(y)
    }
}
