//! Rotary embedding, gates, biases with an activation, dropout.

use scaledown_sdk::tensor::{GatedOp, ReduceOp, UnaryOp, Value, uniform_run};

use super::{Call, THREADS, arguments, blocks, chunks, float, function, lanes, u, width};
use crate::error::Result;
use crate::kernels::kernel;
use crate::memory::Buffer;

/// Whether kernels fuse this function with a bias.
pub(super) fn fuses(function: UnaryOp) -> bool {
    matches!(function, UnaryOp::Tanh | UnaryOp::Relu | UnaryOp::Silu | UnaryOp::Gelu | UnaryOp::GeluTanh)
}

fn gate(op: GatedOp) -> i32 {
    function(match op {
        GatedOp::Silu => UnaryOp::Silu,
        GatedOp::Gelu => UnaryOp::Gelu,
        GatedOp::GeluTanh => UnaryOp::GeluTanh,
    })
}

impl Call<'_> {
    pub(super) fn rope(&self, inputs: &[Value], inverse: bool) -> Result<Buffer> {
        let (x, cosines, spec) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.output(0)?);
        let y = self.make(spec)?;
        let &[b, s, h, d] = spec.shape.dims() else { return Ok(y) };
        let (half, count) = (d / 2, spec.shape.count() / 2);
        let batched = i32::from(cosines.spec.shape.dims().first() == Some(&b));
        let direction: f32 = if inverse { -1.0 } else { 1.0 };
        let (width, each) = width(spec.dtype, &[half]);
        let (from, tables) = (self.address(x)?, (self.address(cosines)?, self.at(inputs, 2)?));
        let arguments = arguments![from, tables.0, tables.1, y.address(), u(count), u(s), u(h), u(half), batched, direction];
        self.launch(kernel!(Blocks, "rope_{}_{width}", float(spec.dtype)?), blocks(count, each), arguments)?;
        Ok(y)
    }

    /// The addresses of gate and up, the length of their rows, and the distance of these.
    fn halves(&self, inputs: &[Value], both: bool) -> Result<(u64, u64, usize, usize)> {
        let gate = self.input(inputs, 0)?;
        let (from, last) = (self.address(gate)?, gate.spec.shape.last());
        if !both {
            return Ok((from, self.at(inputs, 1)?, last, last));
        }
        let n = last / 2;
        Ok((from, from + u(n * gate.spec.dtype.size()), n, last))
    }

    pub(super) fn gated(&self, inputs: &[Value], op: GatedOp) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (gate_at, up_at, n, stride) = self.halves(inputs, inputs.len() == 1)?;
        let (y, count) = (self.make(spec)?, spec.shape.count());
        let extents = if n == stride { [count, 0] } else { [n, stride] };
        let (width, each) = width(spec.dtype, &extents);
        let arguments = arguments![gate_at, up_at, y.address(), u(count), u(n), u(stride), gate(op)];
        self.launch(kernel!(Blocks, "gated_{}_{width}", float(spec.dtype)?), blocks(count, each), arguments)?;
        Ok(y)
    }

    pub(super) fn gated_backward(&self, inputs: &[Value], op: GatedOp) -> Result<Vec<Buffer>> {
        let (spec, both) = (self.output(0)?, inputs.len() == 2);
        let (gate_at, up_at, n, stride) = self.halves(inputs, both)?;
        let (grad, count) = (self.input(inputs, inputs.len() - 1)?, spec.shape.count() / if both { 2 } else { 1 });
        let dgate = self.make(spec)?;
        let dup = if both { None } else { Some(self.make(spec)?) };
        let dup_at = dup.as_ref().map_or(dgate.address() + u(n * spec.dtype.size()), Buffer::address);
        let extents = if n == stride { [count, 0] } else { [n, stride] };
        let (width, each) = width(spec.dtype, &extents);
        let from = self.address(grad)?;
        let arguments = arguments![gate_at, up_at, from, dgate.address(), dup_at, u(count), u(n), u(stride), gate(op)];
        self.launch(kernel!(Blocks, "gated_backward_{}_{width}", float(spec.dtype)?), blocks(count, each), arguments)?;
        Ok(std::iter::once(dgate).chain(dup).collect())
    }

    pub(super) fn bias_activation(&self, inputs: &[Value], op: UnaryOp) -> Result<Buffer> {
        let spec = self.output(0)?;
        let (y, count, n) = (self.make(spec)?, spec.shape.count(), spec.shape.last());
        let (width, each) = width(spec.dtype, &[n]);
        let arguments = arguments![self.at(inputs, 0)?, self.at(inputs, 1)?, y.address(), u(count), u(n), function(op)];
        self.launch(kernel!(Blocks, "bias_activation_{}_{width}", float(spec.dtype)?), blocks(count, each), arguments)?;
        Ok(y)
    }

    pub(super) fn bias_activation_backward(&self, inputs: &[Value], op: UnaryOp, wanted: (bool, bool)) -> Result<Vec<Buffer>> {
        let x = self.input(inputs, 0)?;
        let (dtype, rows, n, count) = (x.spec.dtype, x.spec.shape.rows(), x.spec.shape.last(), x.spec.shape.count());
        let (from, bias, grad) = (self.address(x)?, self.at(inputs, 1)?, self.at(inputs, 2)?);
        let (width, each) = width(dtype, &[n]);
        let mut gradients = Vec::new();
        if wanted.0 {
            let dx = self.make(&x.spec)?;
            let arguments = arguments![from, bias, grad, dx.address(), u(count), u(n), function(op)];
            self.launch(kernel!(Blocks, "bias_backward_{}_{width}", float(dtype)?), blocks(count, each), arguments)?;
            gradients.push(dx);
        }
        if wanted.1 {
            let dbias = self.make(&self.input(inputs, 1)?.spec)?;
            let (chunk, chunks) = chunks(rows);
            let partial = self.scratch(chunks * n)?;
            let arguments = arguments![from, bias, grad, partial.address(), u(rows), u(n), u(chunk), function(op)];
            let name = kernel!(Blocks, "bias_sums_{}", float(dtype)?);
            self.launch_grid(name, [blocks(n, 1), chunks, 1], (THREADS, 0), arguments)?;
            self.join_chunks(dtype, &partial, dbias.address(), (chunks, n), (rows, ReduceOp::Sum))?;
            gradients.push(dbias);
        }
        Ok(gradients)
    }

    pub(super) fn dropout(&self, x: &Value, settings: (f64, u64)) -> Result<Buffer> {
        let y = self.make(&x.spec)?;
        self.drop_out(x, self.address(x)?, &y, settings)?;
        Ok(y)
    }

    /// Drops elements of a tensor that is like `like` and stands at `from`.
    pub(super) fn drop_out(&self, like: &Value, from: u64, to: &Buffer, (p, seed): (f64, u64)) -> Result<()> {
        const STEPS: f64 = (1 << 24) as f64;
        let (least, scale) = ((p * STEPS).ceil() as u32, (1.0 - p).recip() as f32);
        let (dtype, count) = (like.spec.dtype, like.spec.shape.count());
        let arguments = arguments![from, to.address(), u(count), seed, least, scale, u(uniform_run(&like.spec.shape))];
        self.launch(kernel!(Blocks, "dropout_{}", float(dtype)?), blocks(count, lanes(dtype)), arguments)
    }
}
