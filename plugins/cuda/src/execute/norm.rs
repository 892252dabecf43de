//! Normalisation.

use scaledown_sdk::Op;
use scaledown_sdk::tensor::{ReduceOp, Value};

use super::{Call, THREADS, arguments, blocks, chunks, float, u, width};
use crate::error::Result;
use crate::kernels::kernel;
use crate::memory::Buffer;

/// Bytes of what is kept of a row: its mean, and one over its deviation.
const MOMENTS: usize = 8;

/// Which normalisation an instruction does, and whether after a residual connection.
fn kind(op: &Op) -> (&'static str, bool) {
    match op {
        Op::RmsNorm { .. } | Op::RmsNormBackward { .. } => ("rms", false),
        Op::AddRmsNorm { .. } | Op::AddRmsNormBackward { .. } => ("rms", true),
        Op::AddLayerNorm { .. } | Op::AddLayerNormBackward { .. } => ("layer", true),
        _ => ("layer", false),
    }
}

impl Call<'_> {
    pub(super) fn norm(&self, op: &Op, inputs: &[Value], eps: f64) -> Result<Vec<Buffer>> {
        let (kind, adds) = kind(op);
        let (x, spec) = (self.at(inputs, 0)?, self.output(0)?);
        let after = usize::from(adds);
        let (weight, bias) = (self.at(inputs, 1 + after)?, self.optional(inputs, 2 + after)?);
        let (d, y) = (spec.shape.last(), self.make(spec)?);
        let sum = if adds { self.make(spec)? } else { Buffer::default() };
        let residual = if adds { self.at(inputs, 1)? } else { 0 };
        let (width, _) = width(spec.dtype, &[d]);
        let name = kernel!(Norm, "{kind}_norm_{}_{width}", float(spec.dtype)?);
        if spec.shape.count() > 0 {
            let arguments = arguments![x, residual, weight, bias, sum.address(), y.address(), u(d), eps as f32];
            self.launch(name, spec.shape.rows(), arguments)?;
        }
        Ok(if adds { vec![sum, y] } else { vec![y] })
    }

    pub(super) fn norm_backward(&self, op: &Op, inputs: &[Value], eps: f64, wanted: (bool, bool)) -> Result<Vec<Buffer>> {
        let (kind, _) = kind(op);
        let x = self.input(inputs, 0)?;
        let (dtype, rows, d) = (x.spec.dtype, x.spec.shape.rows(), x.spec.shape.last());
        let (from, weight, grad) = (self.address(x)?, self.at(inputs, 1)?, self.at(inputs, 2)?);
        let own = self.optional(inputs, 3)?;
        let dx = if wanted.0 { self.make(&x.spec)? } else { Buffer::default() };
        let moments = if wanted.1 { self.memory.allocate(rows * MOMENTS)? } else { Buffer::default() };
        let (width, _) = width(dtype, &[d]);
        if x.spec.shape.count() > 0 {
            let name = kernel!(Norm, "{kind}_norm_backward_{}_{width}", float(dtype)?);
            let arguments = arguments![from, weight, grad, own, dx.address(), moments.address(), u(d), eps as f32];
            self.launch(name, rows, arguments)?;
        }
        let mut gradients = Vec::new();
        gradients.extend(wanted.0.then_some(dx));
        if wanted.1 {
            let dweight = self.make(&self.input(inputs, 1)?.spec)?;
            let (chunk, chunks) = chunks(rows);
            let partial = self.scratch(chunks * d)?;
            let arguments = arguments![from, grad, moments.address(), partial.address(), u(rows), u(d), u(chunk)];
            let name = kernel!(Norm, "norm_weight_{}", float(dtype)?);
            self.launch_grid(name, [blocks(d, 1), chunks, 1], (THREADS, 0), arguments)?;
            self.join_chunks(dtype, &partial, dweight.address(), (chunks, d), (rows, ReduceOp::Sum))?;
            gradients.push(dweight);
        }
        Ok(gradients)
    }
}
