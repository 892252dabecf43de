//! Instructions that are several steps of a model in one: adapters, residual connections with a
//! norm, biases with an activation.

use scaledown_sdk::tensor::{GatedOp, UnaryOp, Value};
use scaledown_sdk::{Result, TensorSpec};

use super::{Call, for_float};
use crate::activation::{self, Activation};
use crate::fused::{self, Adapter, AdapterGradient, Wanted};
use crate::norm::{self, Layer, Norm, Rms};
use crate::storage::{Buffer, Scratch};

/// Whether there is a kernel for this function of a sum with a bias.
pub(crate) fn has_bias_kernel(function: UnaryOp) -> bool {
    matches!(function, UnaryOp::Silu | UnaryOp::Gelu | UnaryOp::GeluTanh | UnaryOp::Relu | UnaryOp::Tanh)
}

impl Call<'_> {
    pub(super) fn adapter(&self, inputs: Vec<Value>, adapter: Adapter, outputs: &[TensorSpec]) -> Result<Vec<Buffer>> {
        let Ok([y, x, down, up]) = <[Value; 4]>::try_from(inputs) else { return self.fail("expected four inputs") };
        let rows = self.output.shape.rows();
        let low = outputs.get(1).map_or(0, |low| low.shape.count());
        for_float!(self.op, self.output.dtype, T => {
            let mut sum = self.owned::<T>(y)?;
            let mut low = Scratch::<T>::new(low);
            let inputs = (self.elements::<T>(&x)?, self.elements::<T>(&down)?, self.elements::<T>(&up)?);
            adapter.forward(rows, inputs, &mut low, self.writable::<T>(&mut sum)?);
            Ok(vec![sum, low.into_buffer()])
        })
    }

    pub(super) fn adapter_backward(&self, inputs: &[Value], adapter: Adapter, wanted: [bool; 3]) -> Result<Vec<Buffer>> {
        let rows = self.input(inputs, 0)?.spec.shape.rows();
        for_float!(self.op, self.output.dtype, T => {
            let get = |index: usize| self.get::<T>(inputs, index);
            let saved = AdapterGradient { x: get(0)?, down: get(1)?, up: get(2)?, low: get(3)?, grad: get(4)? };
            let [mut input, mut down, mut up] =
                [(wanted[0], saved.x.len()), (wanted[1], saved.down.len()), (wanted[2], saved.up.len())]
                    .map(|(wanted, len)| wanted.then(|| Scratch::<T>::new(len)));
            let gradients =
                Wanted { input: input.as_deref_mut(), down: down.as_deref_mut(), up: up.as_deref_mut() };
            adapter.backward(rows, saved, gradients);
            Ok([input, down, up].into_iter().flatten().map(Scratch::into_buffer).collect())
        })
    }

    pub(super) fn add_rms_norm(&self, inputs: &[Value], eps: f64) -> Result<Vec<Buffer>> {
        self.add_norm::<Rms>(inputs, eps)
    }

    pub(super) fn add_layer_norm(&self, inputs: &[Value], eps: f64) -> Result<Vec<Buffer>> {
        self.add_norm::<Layer>(inputs, eps)
    }

    fn add_norm<N: Norm>(&self, inputs: &[Value], eps: f64) -> Result<Vec<Buffer>> {
        for_float!(self.op, self.output.dtype, T => {
            let (x, residual, weight) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?, self.get::<T>(inputs, 2)?);
            let bias = self.optional::<T>(inputs, 3)?;
            let (mut sum, mut out) = (Scratch::<T>::new(x.len()), Scratch::<T>::new(x.len()));
            norm::add_norm::<T, N>((x, residual), weight, bias, eps, (&mut sum, &mut out));
            Ok(vec![sum.into_buffer(), out.into_buffer()])
        })
    }

    pub(super) fn add_rms_norm_backward(&self, inputs: &[Value], eps: f64, input: bool, weight: bool) -> Result<Vec<Buffer>> {
        self.norm_backward::<Rms>(inputs, eps, input, weight)
    }

    pub(super) fn add_layer_norm_backward(&self, inputs: &[Value], eps: f64, input: bool, weight: bool) -> Result<Vec<Buffer>> {
        self.norm_backward::<Layer>(inputs, eps, input, weight)
    }

    pub(super) fn gated_halves(&self, inputs: &[Value], function: GatedOp) -> Result<Buffer> {
        match function {
            GatedOp::Silu => self.gated_halves_by::<activation::Silu>(inputs),
            GatedOp::Gelu => self.gated_halves_by::<activation::Gelu>(inputs),
            GatedOp::GeluTanh => self.gated_halves_by::<activation::GeluTanh>(inputs),
        }
    }

    fn gated_halves_by<A: Activation>(&self, inputs: &[Value]) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let both = self.get::<T>(inputs, 0)?;
            self.build(|out| fused::gated_halves::<T, A>(self.output.shape.last(), both, out))
        })
    }

    pub(super) fn gated_halves_backward(&self, inputs: &[Value], function: GatedOp) -> Result<Buffer> {
        match function {
            GatedOp::Silu => self.gated_halves_backward_by::<activation::Silu>(inputs),
            GatedOp::Gelu => self.gated_halves_backward_by::<activation::Gelu>(inputs),
            GatedOp::GeluTanh => self.gated_halves_backward_by::<activation::GeluTanh>(inputs),
        }
    }

    fn gated_halves_backward_by<A: Activation>(&self, inputs: &[Value]) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let (both, grad) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?);
            self.build(|out| fused::gated_halves_backward::<T, A>(self.output.shape.last() / 2, both, grad, out))
        })
    }

    pub(super) fn bias_activation(&self, inputs: &[Value], function: UnaryOp) -> Result<Buffer> {
        match function {
            UnaryOp::Silu => self.bias_activation_by::<activation::Silu>(inputs),
            UnaryOp::Gelu => self.bias_activation_by::<activation::Gelu>(inputs),
            UnaryOp::GeluTanh => self.bias_activation_by::<activation::GeluTanh>(inputs),
            UnaryOp::Relu => self.bias_activation_by::<activation::Relu>(inputs),
            UnaryOp::Tanh => self.bias_activation_by::<activation::Tanh>(inputs),
            other => self.fail(format!("there is no kernel for {other:?} of a sum with a bias")),
        }
    }

    fn bias_activation_by<A: Activation>(&self, inputs: &[Value]) -> Result<Buffer> {
        for_float!(self.op, self.output.dtype, T => {
            let (x, bias) = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?);
            self.build(|out| fused::bias_activation::<T, A>(x, bias, out))
        })
    }

    pub(super) fn bias_activation_backward(
        &self,
        inputs: &[Value],
        function: UnaryOp,
        wanted: (bool, bool),
    ) -> Result<Vec<Buffer>> {
        match function {
            UnaryOp::Silu => self.bias_activation_backward_by::<activation::Silu>(inputs, wanted),
            UnaryOp::Gelu => self.bias_activation_backward_by::<activation::Gelu>(inputs, wanted),
            UnaryOp::GeluTanh => self.bias_activation_backward_by::<activation::GeluTanh>(inputs, wanted),
            UnaryOp::Relu => self.bias_activation_backward_by::<activation::Relu>(inputs, wanted),
            UnaryOp::Tanh => self.bias_activation_backward_by::<activation::Tanh>(inputs, wanted),
            other => self.fail(format!("there is no kernel for {other:?} of a sum with a bias")),
        }
    }

    fn bias_activation_backward_by<A: Activation>(&self, inputs: &[Value], wanted: (bool, bool)) -> Result<Vec<Buffer>> {
        for_float!(self.op, self.output.dtype, T => {
            let values = (self.get::<T>(inputs, 0)?, self.get::<T>(inputs, 1)?, self.get::<T>(inputs, 2)?);
            let mut dx = Scratch::<T>::new(values.0.len());
            let mut dbias = wanted.1.then(|| Scratch::<T>::new(values.1.len()));
            fused::bias_activation_backward::<T, A>(values, &mut dx, dbias.as_deref_mut());
            Ok(wanted.0.then_some(dx).into_iter().chain(dbias).map(Scratch::into_buffer).collect())
        })
    }
}
