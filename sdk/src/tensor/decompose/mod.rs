//! Every coarse instruction as a sequence of primitive ones: the reference that fused kernels are
//! tested against, and the fall-back of a device that has none.

mod adapter;
mod attention;
mod elements;
mod norm;
mod rows;
mod training;

use super::{Device, Op, Tensor};
use crate::Result;

/// The outputs of the coarse instruction `op` computed by primitive ones, or `None` if `op` is
/// primitive.
///
/// Nothing is read from the device. Everything is computed in the accumulator type and rounded
/// once, at the end; matrix products alone run in the type of their inputs where the instruction is
/// itself such a product.
///
/// # Errors
/// If the inputs do not fit the instruction (as [`infer`](super::infer) would say), or the device
/// fails.
pub fn decompose(op: &Op, inputs: &[Tensor], device: &Device) -> Result<Option<Vec<Tensor>>> {
    let specs: Vec<_> = inputs.iter().map(|input| input.spec().clone()).collect();
    super::infer(op, &specs)?;
    let x = inputs;
    let one = |output: Result<Tensor>| output.map(|output| Some(vec![output]));
    match op {
        Op::Split { dim, sizes } => elements::split(&x[0], *dim, sizes).map(Some),
        Op::Adapter { scale, p, seed } => adapter::adapter(x, *scale, *p, *seed).map(Some),
        Op::AdapterBackward { scale, p, input, down, up, seed } => {
            adapter::backward(x, *scale, (*p, *seed), [*input, *down, *up]).map(Some)
        }
        Op::AddRmsNorm { eps } => norm::add(x, |sum, weight| norm::rms_norm(sum, &weight[0], *eps)).map(Some),
        Op::AddLayerNorm { eps } => norm::add(x, |sum, weight| norm::layer_norm(sum, &weight[0], weight.get(1), *eps)).map(Some),
        Op::AddRmsNormBackward { eps, input, weight } => {
            norm::add_backward(x, *input, |x| norm::rms_norm_backward(x, *eps, *input, *weight)).map(Some)
        }
        Op::AddLayerNormBackward { eps, input, weight } => {
            norm::add_backward(x, *input, |x| norm::layer_norm_backward(x, *eps, *input, *weight)).map(Some)
        }
        Op::BiasActivation(function) => one(elements::bias_activation(&x[0], &x[1], *function)),
        Op::BiasActivationBackward { function, input, bias } => {
            elements::bias_activation_backward(x, *function, *input, *bias).map(Some)
        }
        Op::Linear => one(elements::linear(&x[0], &x[1], x.get(2))),
        Op::RmsNorm { eps } => one(norm::rms_norm(&x[0], &x[1], *eps)),
        Op::RmsNormBackward { eps, input, weight } => norm::rms_norm_backward(x, *eps, *input, *weight).map(Some),
        Op::LayerNorm { eps } => one(norm::layer_norm(&x[0], &x[1], x.get(2), *eps)),
        Op::LayerNormBackward { eps, input, weight } => norm::layer_norm_backward(x, *eps, *input, *weight).map(Some),
        Op::Softmax => one(rows::softmax(&x[0])),
        Op::SoftmaxBackward => one(rows::softmax_backward(&x[0], &x[1])),
        Op::Rope { inverse } => one(elements::rope(&x[0], &x[1], &x[2], *inverse)),
        Op::Gated(activation) => one(elements::gated(*activation, x)),
        Op::GatedBackward(activation) => elements::gated_backward(*activation, x).map(Some),
        Op::Dropout { p, seed } => one(elements::dropout(&x[0], *p, *seed, device)),
        Op::Attention(spec) => attention::attention(x, spec, device).map(Some),
        Op::AttentionBackward(spec) => attention::attention_backward(x, spec, device).map(Some),
        Op::CrossEntropy => training::cross_entropy(&x[0], &x[1], device).map(Some),
        Op::CrossEntropyBackward => one(training::cross_entropy_backward(x, device)),
        Op::SumSquares => one(training::sum_squares(x)),
        Op::AdamW { .. } => training::adamw(op, x).map(Some),
        Op::Fill { .. }
        | Op::Arange { .. }
        | Op::Uniform { .. }
        | Op::Reshape { .. }
        | Op::Permute { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::WriteSlice { .. }
        | Op::Concat { .. }
        | Op::Cast { .. }
        | Op::Unary(_)
        | Op::Affine { .. }
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select
        | Op::Reduce { .. }
        | Op::ArgMax
        | Op::TopK { .. }
        | Op::MatMul { .. }
        | Op::Embedding
        | Op::EmbeddingBackward { .. } => Ok(None),
    }
}

/// A tensor in its accumulator type.
fn wide(x: &Tensor) -> Result<Tensor> {
    x.cast(x.dtype().accumulator())
}

/// A scalar that broadcasts against tensors of the type of `like`.
fn scalar(value: f64, like: &Tensor) -> Result<Tensor> {
    like.device().full(like.dtype(), [], value)
}

/// The last dimension of a tensor that has one.
fn last(x: &Tensor) -> [usize; 1] {
    [x.shape().rank().saturating_sub(1)]
}
