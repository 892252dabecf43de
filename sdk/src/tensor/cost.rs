//! The cost of an instruction: floating-point operations and memory traffic.

use super::{Op, TensorSpec};

/// The costs of an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations of products alone, `2mnk` for a matrix product.
    pub flops: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

/// The cost of `op` on inputs and outputs of these specifications.
///
/// Floating-point operations are counted as PyTorch's `FlopCounterMode` counts them: those of
/// products (matrix products, linear maps, attention), with nothing subtracted for masks;
/// everything else counts 0. Attention's backward is five products, one of which recomputes the
/// scores. Bytes are those of the inputs and outputs; of a table or a tensor that is only partly
/// read or written, that part.
#[must_use]
pub fn cost(op: &Op, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> Cost {
    Cost { flops: flops(op, inputs, outputs), bytes: bytes(op, inputs, outputs) }
}

fn flops(op: &Op, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> u64 {
    let (Some(first), Some(output)) = (inputs.first(), outputs.first()) else { return 0 };
    match op {
        Op::MatMul { transpose_a, .. } => {
            let inner = first.shape.dims().iter().rev().nth(usize::from(*transpose_a)).copied().unwrap_or(0);
            product(&[2, output.shape.count(), inner])
        }
        Op::Linear => product(&[2, output.shape.count(), first.shape.last()]),
        Op::Attention(_) => scores(inputs).saturating_mul(2),
        Op::AttentionBackward(_) => scores(inputs).saturating_mul(5),
        // The product with each factor: rows times rank times features.
        Op::Adapter { .. } => {
            let (x, down) = (inputs.get(1), inputs.get(2));
            adapter(x, down).saturating_add(adapter(outputs.first(), down))
        }
        // The gradient of `low` is one product with the second factor, `dx` and `ddown` are one
        // each with the first, `dup` one with the second.
        Op::AdapterBackward { input, down, up, .. } => {
            let (narrow, wide) = (adapter(inputs.first(), inputs.get(1)), adapter(inputs.get(4), inputs.get(1)));
            let times = |product: u64, count: u64| product.saturating_mul(count);
            let of_low = u64::from(*input || *down);
            times(narrow, u64::from(*input) + u64::from(*down)).saturating_add(times(wide, of_low + u64::from(*up)))
        }
        Op::Fill { .. }
        | Op::Arange { .. }
        | Op::Uniform { .. }
        | Op::Reshape { .. }
        | Op::Permute { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Split { .. }
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
        | Op::Embedding
        | Op::EmbeddingBackward { .. }
        | Op::RmsNorm { .. }
        | Op::RmsNormBackward { .. }
        | Op::AddRmsNorm { .. }
        | Op::AddRmsNormBackward { .. }
        | Op::LayerNorm { .. }
        | Op::LayerNormBackward { .. }
        | Op::AddLayerNorm { .. }
        | Op::AddLayerNormBackward { .. }
        | Op::Softmax
        | Op::SoftmaxBackward
        | Op::Rope { .. }
        | Op::BiasActivation(_)
        | Op::BiasActivationBackward { .. }
        | Op::Gated(_)
        | Op::GatedBackward(_)
        | Op::Dropout { .. }
        | Op::CrossEntropy
        | Op::CrossEntropyBackward
        | Op::SumSquares
        | Op::AdamW { .. } => 0,
    }
}

/// The operations of the product of all queries `[b, s, h, d]` with all keys `[b, t, g, d]`.
fn scores(inputs: &[TensorSpec]) -> u64 {
    let keys = inputs.get(1).and_then(|k| k.shape.dims().get(1)).copied().unwrap_or(0);
    product(&[2, inputs[0].shape.count(), keys])
}

/// The operations of the product of the rows of `x [.., n]` with a matrix between `n` features and
/// the rank, which is `down`'s first extent.
fn adapter(x: Option<&TensorSpec>, down: Option<&TensorSpec>) -> u64 {
    let rank = down.and_then(|down| down.shape.dims().first()).copied().unwrap_or(0);
    x.map_or(0, |x| product(&[2, x.shape.count(), rank]))
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, &factor| product.saturating_mul(factor as u64))
}

fn bytes(op: &Op, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> u64 {
    let sum = |specs: &[TensorSpec]| specs.iter().map(|spec| spec.bytes() as u64).sum::<u64>();
    match op {
        // Reads as many bytes as the output has.
        Op::Slice { .. } => 2 * sum(outputs),
        Op::Embedding => sum(inputs.get(1..).unwrap_or_default()) + 2 * sum(outputs),
        // Read from the update and written into the base.
        Op::WriteSlice { .. } => 2 * sum(inputs.get(1..).unwrap_or_default()),
        Op::Reshape { .. } => 0,
        // Every other instruction reads and writes whole tensors.
        _ => sum(inputs) + sum(outputs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::tensor::{AttentionSpec, DType, infer};

    fn f32(shape: &[usize]) -> TensorSpec {
        TensorSpec::new(DType::F32, shape)
    }

    fn of(op: &Op, inputs: &[TensorSpec]) -> Result<Cost> {
        Ok(cost(op, inputs, &infer(op, inputs)?))
    }

    #[test]
    fn products_count_two_operations_for_each_multiplication() -> Result<()> {
        for (transpose_a, transpose_b, a, b) in [
            (false, false, [3, 2, 5], [1, 5, 7]),
            (true, false, [3, 5, 2], [1, 5, 7]),
            (false, true, [3, 2, 5], [1, 7, 5]),
            (true, true, [3, 5, 2], [1, 7, 5]),
        ] {
            let cost = of(&Op::MatMul { transpose_a, transpose_b }, &[f32(&a), f32(&b)])?;
            assert_eq!(cost, Cost { flops: 2 * 3 * 2 * 7 * 5, bytes: 4 * (30 + 35 + 42) });
        }
        let cost = of(&Op::Linear, &[f32(&[3, 2, 5]), f32(&[7, 5]), f32(&[7])])?;
        assert_eq!(cost.flops, 2 * 6 * 5 * 7);
        Ok(())
    }

    #[test]
    fn attention_counts_two_products_forward_and_five_backward() -> Result<()> {
        let spec = AttentionSpec { scale: 1.0, causal: true, window: None, spans: false, positions: false };
        let (q, k, lse) = (f32(&[2, 3, 4, 6]), f32(&[2, 5, 2, 6]), f32(&[2, 4, 3]));
        let scores = 2 * 2 * 4 * 3 * 5 * 6;
        assert_eq!(of(&Op::Attention(spec), &[q.clone(), k.clone(), k.clone()])?.flops, 2 * scores);
        let inputs = [q.clone(), k.clone(), k, q.clone(), lse, q];
        assert_eq!(of(&Op::AttentionBackward(spec), &inputs)?.flops, 5 * scores);
        Ok(())
    }

    #[test]
    fn a_lookup_moves_only_the_rows_that_it_reads() -> Result<()> {
        let ids = TensorSpec::new(DType::I64, [3]);
        assert_eq!(of(&Op::Embedding, &[f32(&[1000, 8]), ids])?, Cost { flops: 0, bytes: 3 * 8 + 2 * 3 * 8 * 4 });
        assert_eq!(of(&Op::WriteSlice { dim: 0, start: 4 }, &[f32(&[1000, 8]), f32(&[2, 8])])?.bytes, 2 * 2 * 8 * 4);
        Ok(())
    }
}
