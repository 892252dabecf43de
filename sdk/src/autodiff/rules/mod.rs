//! The vector-Jacobian product of every instruction.

mod blocks;
mod elements;
mod layout;
mod products;
mod reduce;
mod saved;
mod training;

pub(crate) use elements::unary_product;
pub(crate) use saved::{reads_output, saves};

use crate::tensor::{Gradient, Op, Tensor, TensorSpec};
use crate::{Error, Result};

/// The gradients of an instruction's inputs, `None` for those that are not wanted.
type InputGradients = Result<Vec<Option<Tensor>>>;

/// The input of a rule.
pub(crate) struct Vjp<'a> {
    /// The specifications of all inputs.
    pub(crate) input_specs: &'a [TensorSpec],
    /// The specifications of all outputs.
    pub(crate) output_specs: &'a [TensorSpec],
    /// The inputs that [`saves`] asked for.
    pub(crate) inputs: &'a [Option<Tensor>],
    /// The outputs that [`saves`] asked for.
    pub(crate) outputs: &'a [Option<Tensor>],
    /// The gradients of the outputs; missing or `None` where none arrived.
    pub(crate) gradients: &'a [Option<Tensor>],
    /// Which inputs' gradients are wanted.
    pub(crate) needs: &'a [bool],
}

impl<'a> Vjp<'a> {
    fn input(&self, index: usize) -> Result<&'a Tensor> {
        self.inputs.get(index).and_then(Option::as_ref).ok_or_else(|| Error::Autodiff(format!("input {index} was not kept")))
    }

    fn output(&self, index: usize) -> Result<&'a Tensor> {
        self.outputs.get(index).and_then(Option::as_ref).ok_or_else(|| Error::Autodiff(format!("output {index} was not kept")))
    }

    /// The gradient of an output, if one arrived.
    fn gradient(&self, index: usize) -> Option<&'a Tensor> {
        self.gradients.get(index).and_then(Option::as_ref)
    }

    /// The gradient of output `index`, zeros where none arrived though one of another output did.
    fn gradient_or_zeros(&self, index: usize, spec: &TensorSpec) -> Result<Tensor> {
        match (self.gradient(index), self.gradients.iter().flatten().next()) {
            (Some(gradient), _) => Ok(gradient.clone()),
            (None, Some(other)) => other.device().zeros(spec.dtype, &spec.shape),
            (None, None) => Err(Error::Autodiff("no gradient arrived".into())),
        }
    }

    fn needs(&self, index: usize) -> bool {
        self.needs.get(index).copied().unwrap_or(false)
    }

    /// The gradient that `rule` computes for an input, if it is wanted.
    fn wanted(&self, index: usize, rule: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
        if self.needs(index) { rule().map(Some) } else { Ok(None) }
    }

    /// As [`Vjp::wanted`], summed over the dimensions in which the input was broadcast.
    fn broadcast(&self, index: usize, rule: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
        self.wanted(index, || layout::sum_to(&rule()?, &self.input_specs[index].shape))
    }
}

/// Whether gradients flow through this instruction.
pub(crate) fn differentiable(op: &Op) -> bool {
    op.declaration().gradient == Gradient::Flows
}

/// The gradients of the inputs of `op`, `None` for those that are not wanted.
pub(crate) fn vjp(op: &Op, x: Vjp<'_>) -> InputGradients {
    // These have several outputs with a derivative; of all others, the first alone has one.
    match op {
        Op::Split { dim, .. } => return layout::split(&x, *dim),
        Op::AddRmsNorm { eps } => return blocks::add_rms_norm(&x, *eps),
        Op::AddLayerNorm { eps } => return blocks::add_layer_norm(&x, *eps),
        _ => {}
    }
    if x.gradients.iter().skip(1).any(Option::is_some) {
        return Err(Error::Autodiff(format!("only the first output of {} has a derivative", op.name())));
    }
    match x.gradients.first() {
        Some(Some(gradient)) => rule(op, &x, gradient),
        _ => Ok(vec![None; x.needs.len()]),
    }
}

fn rule(op: &Op, x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    match op {
        Op::Reshape { .. } => layout::reshape(x, gradient),
        Op::Permute { dims } => layout::permute(x, gradient, dims),
        Op::Broadcast { .. } => layout::broadcast(x, gradient),
        Op::Slice { dim, start, .. } => layout::slice(x, gradient, *dim, *start),
        Op::Split { dim, .. } => layout::split(x, *dim),
        Op::WriteSlice { dim, start } => layout::write_slice(x, gradient, *dim, *start),
        Op::Concat { dim } => layout::concat(x, gradient, *dim),
        Op::Cast { .. } => elements::cast(x, gradient),
        Op::Unary(op) => elements::unary(x, gradient, *op),
        Op::Affine { mul, .. } => elements::affine(x, gradient, *mul),
        Op::Binary(op) => elements::binary(x, gradient, *op),
        Op::Select => elements::select(x, gradient),
        Op::BiasActivation(function) => elements::bias_activation(x, gradient, *function),
        Op::Gated(op) => elements::gated(x, gradient, *op),
        Op::Dropout { p, seed } => elements::dropout(x, gradient, *p, *seed),
        Op::Reduce { op, dims, .. } => reduce::reduce(x, gradient, *op, dims),
        Op::TopK { .. } => reduce::top_k(x, gradient),
        Op::MatMul { transpose_a, transpose_b } => products::matmul(x, gradient, *transpose_a, *transpose_b),
        Op::Linear => products::linear(x, gradient),
        Op::Adapter { scale, p, seed } => products::adapter(x, gradient, (*scale, *p), *seed),
        Op::Embedding => products::embedding(x, gradient),
        Op::RmsNorm { eps } => blocks::rms_norm(x, gradient, *eps),
        Op::AddRmsNorm { eps } => blocks::add_rms_norm(x, *eps),
        Op::LayerNorm { eps } => blocks::layer_norm(x, gradient, *eps),
        Op::AddLayerNorm { eps } => blocks::add_layer_norm(x, *eps),
        Op::Softmax => blocks::softmax(x, gradient),
        Op::Rope { inverse } => blocks::rope(x, gradient, *inverse),
        Op::Attention(spec) => blocks::attention(x, gradient, *spec),
        Op::CrossEntropy => training::cross_entropy(x, gradient),
        Op::SumSquares => training::sum_squares(x, gradient),
        Op::Fill { .. }
        | Op::Arange { .. }
        | Op::Uniform { .. }
        | Op::Compare(_)
        | Op::ArgMax
        | Op::EmbeddingBackward { .. }
        | Op::AdapterBackward { .. }
        | Op::RmsNormBackward { .. }
        | Op::AddRmsNormBackward { .. }
        | Op::LayerNormBackward { .. }
        | Op::AddLayerNormBackward { .. }
        | Op::SoftmaxBackward
        | Op::BiasActivationBackward { .. }
        | Op::GatedBackward(_)
        | Op::AttentionBackward(_)
        | Op::CrossEntropyBackward
        | Op::AdamW { .. } => Err(Error::Autodiff(format!("{} has no derivative", op.name()))),
    }
}
