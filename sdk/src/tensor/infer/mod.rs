//! Shape and type inference: the specification of an instruction's outputs from those of its
//! inputs.

mod adapter;
mod blocks;
mod elements;
mod inputs;
mod layout;
mod products;
#[cfg(test)]
mod tests;
mod training;

use inputs::Inputs;

use super::{Op, TensorSpec};
use crate::Result;

/// The specifications of the outputs of `op`.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the inputs do not fit the instruction; it names the
/// instruction, all inputs, and what was expected. [`Error::Data`](crate::Error::Data) if a tensor
/// would be larger than the address space.
pub fn infer(op: &Op, inputs: &[TensorSpec]) -> Result<Vec<TensorSpec>> {
    // Extents are multiplied below; those of a tensor that exists do not overflow.
    inputs.iter().try_for_each(TensorSpec::check)?;
    let x = Inputs::new(op, inputs);
    x.quantized_weights_only()?;
    let outputs = match op {
        Op::Fill { shape, dtype, .. } => layout::creation(&x, *dtype, shape),
        Op::Arange { start, len } => layout::arange(&x, *start, *len),
        Op::Uniform { shape, .. } => layout::creation(&x, super::DType::F32, shape),
        Op::Reshape { shape } => layout::reshape(&x, shape),
        Op::Permute { dims } => layout::permute(&x, dims),
        Op::Broadcast { shape } => layout::broadcast(&x, shape),
        Op::Slice { dim, start, len } => layout::slice(&x, *dim, *start, *len),
        Op::Split { dim, sizes } => layout::split(&x, *dim, sizes),
        Op::WriteSlice { dim, start } => layout::write_slice(&x, *dim, *start),
        Op::Concat { dim } => layout::concat(&x, *dim),
        Op::Cast { dtype } => elements::cast(&x, *dtype),
        Op::Unary(_) | Op::Affine { .. } => elements::map(&x),
        Op::Binary(_) => elements::binary(&x),
        Op::Compare(_) => elements::compare(&x),
        Op::Select => elements::select(&x),
        Op::Dropout { p, .. } => elements::dropout(&x, *p),
        Op::Gated(_) => elements::gated(&x),
        Op::GatedBackward(_) => elements::gated_backward(&x),
        Op::Reduce { op, dims, keep } => elements::reduce(&x, *op, dims, *keep),
        Op::ArgMax => elements::arg_max(&x),
        Op::TopK { k } => elements::top_k(&x, *k),
        Op::MatMul { transpose_a, transpose_b } => products::matmul(&x, *transpose_a, *transpose_b),
        Op::Linear => products::linear(&x),
        Op::Adapter { scale, p, .. } => adapter::adapter(&x, *scale, *p),
        Op::AdapterBackward { scale, p, input, down, up, .. } => adapter::backward(&x, (*scale, *p), [*input, *down, *up]),
        Op::Embedding => products::embedding(&x),
        Op::EmbeddingBackward { rows } => products::embedding_backward(&x, *rows),
        Op::RmsNorm { .. } => blocks::norm(&x, false),
        Op::LayerNorm { .. } => blocks::norm(&x, true),
        Op::AddRmsNorm { .. } => blocks::add_norm(&x, false),
        Op::AddLayerNorm { .. } => blocks::add_norm(&x, true),
        Op::AddRmsNormBackward { input, weight, .. } | Op::AddLayerNormBackward { input, weight, .. } => {
            blocks::add_norm_backward(&x, *input, *weight)
        }
        Op::BiasActivation(_) => elements::bias_activation(&x),
        Op::BiasActivationBackward { input, bias, .. } => elements::bias_activation_backward(&x, *input, *bias),
        Op::RmsNormBackward { input, weight, .. } | Op::LayerNormBackward { input, weight, .. } => {
            blocks::norm_backward(&x, *input, *weight)
        }
        Op::Softmax => blocks::softmax(&x),
        Op::SoftmaxBackward => blocks::softmax_backward(&x),
        Op::Rope { .. } => blocks::rope(&x),
        Op::Attention(spec) => blocks::attention(&x, spec),
        Op::AttentionBackward(spec) => blocks::attention_backward(&x, spec),
        Op::CrossEntropy => training::cross_entropy(&x),
        Op::CrossEntropyBackward => training::cross_entropy_backward(&x),
        Op::SumSquares => training::sum_squares(&x),
        Op::AdamW { masters, step, .. } => training::adamw(&x, *masters, *step),
    }?;
    outputs.iter().try_for_each(TensorSpec::check)?;
    Ok(outputs)
}
