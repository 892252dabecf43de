//! Normalisation, and the blocks of a transformer.

use scaledown_sdk::Result;
use scaledown_sdk::tensor::{AttentionSpec, GatedOp, Value, uniform_run};

use super::{Call, for_float};
use crate::activation::{self, Activation, RopeShape};
use crate::attention::{self, Mask, Shape};
use crate::elementwise::{self, Dropout};
use crate::gemm::{with_wide, with_wide_output};
use crate::math::{Float, Numeric, Real};
use crate::norm::{self, Layer, Norm, Rms};
use crate::storage::{Buffer, Scalar, Scratch};

/// The computation type.
type Compute<T> = <T as Numeric>::Compute;

impl Call<'_> {
    pub(super) fn rms_norm(&self, inputs: &[Value], eps: f64) -> Result<Buffer> {
        self.norm::<Rms>(inputs, eps)
    }

    pub(super) fn layer_norm(&self, inputs: &[Value], eps: f64) -> Result<Buffer> {
        self.norm::<Layer>(inputs, eps)
    }

    fn norm<N: Norm>(&self, inputs: &[Value], eps: f64) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let (x, weight) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?);
            let bias = self.optional::<T>(inputs, 2)?;
            self.build(|out| norm::norm::<T, N>(x, weight, bias, eps, out))
        })
    }

    pub(super) fn rms_norm_backward(&self, inputs: &[Value], eps: f64, input: bool, weight: bool) -> Result<Vec<Buffer>> {
        self.norm_backward::<Rms>(inputs, eps, input, weight)
    }

    pub(super) fn layer_norm_backward(&self, inputs: &[Value], eps: f64, input: bool, weight: bool) -> Result<Vec<Buffer>> {
        self.norm_backward::<Layer>(inputs, eps, input, weight)
    }

    pub(super) fn norm_backward<N: Norm>(&self, inputs: &[Value], eps: f64, input: bool, weight: bool) -> Result<Vec<Buffer>> {
        for_float!(self.op, self.output.dtype, T => {
            let values = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?, self.get::<T>(inputs, 2)?);
            let mut dx = input.then(|| Scratch::<T>::new(values.0.len()));
            let mut dweight = weight.then(|| Scratch::<T>::new(values.1.len()));
            norm::norm_backward::<T, N>(values, self.optional::<T>(inputs, 3)?, eps, dx.as_deref_mut(), dweight.as_deref_mut());
            Ok([dx, dweight].into_iter().flatten().map(Scratch::into_buffer).collect())
        })
    }

    pub(super) fn softmax(&self, inputs: &[Value]) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let x = self.get::<T>(inputs, 0)?;
            self.build(|out| norm::softmax(self.output.shape.last(), x, out))
        })
    }

    pub(super) fn softmax_backward(&self, inputs: &[Value]) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let (y, grad) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?);
            self.build(|out| norm::softmax_backward(self.output.shape.last(), y, grad, out))
        })
    }

    pub(super) fn rope(&self, inputs: &[Value], inverse: bool) -> Result<Buffer> {
        let dims = self.output.shape.dims();
        let [_, _, heads, size] = *dims else { return self.fail(format!("expected four dimensions, got {}", dims.len())) };
        for_float!(self.op, self.output.dtype, T => {
            let x = self.get::<T>(inputs, 0)?;
            let angles = (self.get::<Compute<T>>(inputs, 1)?, self.get::<Compute<T>>(inputs, 2)?);
            self.build(|out| activation::rope(RopeShape { heads, size }, inverse, x, angles, out))
        })
    }

    pub(super) fn gated(&self, inputs: &[Value], function: GatedOp) -> Result<Buffer> {
        match function {
            GatedOp::Silu => self.gated_by::<activation::Silu>(inputs),
            GatedOp::Gelu => self.gated_by::<activation::Gelu>(inputs),
            GatedOp::GeluTanh => self.gated_by::<activation::GeluTanh>(inputs),
        }
    }

    fn gated_by<A: Activation>(&self, inputs: &[Value]) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let (gate, up) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?);
            self.build(|out| activation::gated::<T, A>(gate, up, out))
        })
    }

    pub(super) fn gated_backward(&self, inputs: &[Value], function: GatedOp) -> Result<Vec<Buffer>> {
        match function {
            GatedOp::Silu => self.gated_backward_by::<activation::Silu>(inputs),
            GatedOp::Gelu => self.gated_backward_by::<activation::Gelu>(inputs),
            GatedOp::GeluTanh => self.gated_backward_by::<activation::GeluTanh>(inputs),
        }
    }

    fn gated_backward_by<A: Activation>(&self, inputs: &[Value]) -> Result<Vec<Buffer>> {
        for_float!(self.op, self.output.dtype, T => {
            let values = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?, self.get::<T>(inputs, 2)?);
            let (mut dgate, mut dup) = (Scratch::<T>::new(values.0.len()), Scratch::<T>::new(values.0.len()));
            activation::gated_backward::<T, A>(values, &mut dgate, &mut dup);
            Ok(vec![dgate.into_buffer(), dup.into_buffer()])
        })
    }

    pub(super) fn dropout(&self, inputs: &[Value], p: f64, seed: u64) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let x = self.get::<T>(inputs, 0)?;
            let dropout = Dropout { p, seed, run: uniform_run(&self.output.shape) };
            self.build(|out| elementwise::dropout(dropout, x, out))
        })
    }

    /// Dropout of an input.
    pub(super) fn dropout_of(&self, inputs: &[Value], index: usize, p: f64, seed: u64) -> Result<Dropout> {
        Ok(Dropout { p, seed, run: uniform_run(&self.input(inputs, index)?.spec.shape) })
    }

    pub(super) fn attention(&self, inputs: &[Value], spec: &AttentionSpec) -> Result<Vec<Buffer>> {
        let shape = self.attention_shape(inputs)?;
        let mask = self.mask(inputs, spec, shape)?;
        for_float!(self.op, self.output.dtype, T => {
            let (q, k, v) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?, self.get::<T>(inputs, 2)?);
            let mut out = Scratch::<T>::new(q.len());
            let mut lse = Scratch::<Compute<T>>::new(shape.batch * shape.heads * shape.queries);
            if shape.queries == 1 && shape.size > 0 {
                attention::decode(shape, &mask, spec.scale, (q, k, v), &mut out, &mut lse);
                return Ok(vec![out.into_buffer(), lse.into_buffer()]);
            }
            with_wide(q, |q| with_wide(k, |k| with_wide(v, |v| with_wide_output(&mut out, |out| {
                attention::forward(shape, &mask, spec.scale, (q, k, v), out, &mut lse);
            }))));
            Ok(vec![out.into_buffer(), lse.into_buffer()])
        })
    }

    pub(super) fn attention_backward(&self, inputs: &[Value], spec: &AttentionSpec) -> Result<Vec<Buffer>> {
        let shape = self.attention_shape(inputs)?;
        let mask = self.mask(inputs, spec, shape)?;
        for_float!(self.op, self.output.dtype, T => self.attention_backward_as::<T>(inputs, spec, shape, &mask))
    }

    fn attention_backward_as<T: Float + Scalar>(
        &self,
        inputs: &[Value],
        spec: &AttentionSpec,
        shape: Shape,
        mask: &Mask,
    ) -> Result<Vec<Buffer>>
    where
        T::Compute: Real + Scalar,
    {
        let rest = 3 + usize::from(spec.spans) + 2 * usize::from(spec.positions);
        let get = |index: usize| self.get::<T>(inputs, index);
        let (q, k, v, out, grad) = (get(0)?, get(1)?, get(2)?, get(rest)?, get(rest + 2)?);
        let lse = self.get::<T::Compute>(inputs, rest + 1)?;
        let (mut dq, mut dk, mut dv) = (Scratch::<T>::new(q.len()), Scratch::<T>::new(k.len()), Scratch::<T>::new(v.len()));
        with_wide(q, |q| {
            with_wide(k, |k| {
                with_wide(v, |v| {
                    with_wide(out, |out| {
                        with_wide(grad, |grad| {
                            with_wide_output(&mut dq, |dq| {
                                with_wide_output(&mut dk, |dk| {
                                    with_wide_output(&mut dv, |dv| {
                                        let saved = attention::AttentionGradient { q, k, v, out, lse, grad };
                                        attention::backward(shape, mask, spec.scale, saved, (dq, dk, dv));
                                    })
                                })
                            });
                        })
                    })
                })
            })
        });
        Ok(vec![dq.into_buffer(), dk.into_buffer(), dv.into_buffer()])
    }

    fn attention_shape(&self, inputs: &[Value]) -> Result<Shape> {
        let (q, k) = (self.input(inputs, 0)?.spec.shape.dims(), self.input(inputs, 1)?.spec.shape.dims());
        match (q, k) {
            (&[batch, queries, heads, size], &[_, keys, groups, _]) => Ok(Shape { batch, queries, keys, heads, groups, size }),
            _ => self.fail("expected queries and keys of four dimensions"),
        }
    }

    fn mask(&self, inputs: &[Value], spec: &AttentionSpec, shape: Shape) -> Result<Mask> {
        let spans = if spec.spans { Some(self.get::<i64>(inputs, 3)?) } else { None };
        let at = 3 + usize::from(spec.spans);
        let positions =
            if spec.positions { Some((self.get::<i64>(inputs, at)?, self.get::<i64>(inputs, at + 1)?)) } else { None };
        Ok(Mask::new(spec, shape, spans, positions))
    }
}
