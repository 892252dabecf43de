//! The values that each instruction keeps for the backward pass: only those that its rule reads for
//! the wanted gradients.

use crate::tensor::{BinaryOp, Op, ReduceOp, UnaryOp};

/// Which inputs and outputs of an instruction its rule reads.
pub(crate) struct Saves {
    /// One flag per input.
    pub(crate) inputs: Vec<bool>,
    /// One flag per output; missing ones are unset.
    pub(crate) outputs: Vec<bool>,
}

impl Saves {
    pub(crate) fn output(&self, index: usize) -> bool {
        self.outputs.get(index).copied().unwrap_or(false)
    }
}

/// Which inputs and outputs the rule of `op` reads, given which inputs' gradients are wanted.
pub(crate) fn saves(op: &Op, needs: &[bool]) -> Saves {
    let need = |index: usize| needs.get(index).copied().unwrap_or(false);
    let inputs = |wanted: &dyn Fn(usize) -> bool| (0..needs.len()).map(wanted).collect::<Vec<bool>>();
    let nothing = || inputs(&|_| false);
    let (inputs, outputs) = match op {
        Op::Unary(op) if reads_output(*op) => (nothing(), vec![true]),
        Op::Unary(UnaryOp::Neg) => (nothing(), vec![]),
        Op::Unary(_) => (inputs(&|_| true), vec![]),
        // Each factor's gradient reads the other factor.
        Op::Binary(BinaryOp::Mul) | Op::MatMul { .. } | Op::Linear => (inputs(&|i| i < 2 && need(1 - i)), vec![]),
        Op::Binary(BinaryOp::Div) => (inputs(&|i| i == 1 || need(1)), vec![]),
        Op::Binary(BinaryOp::Maximum | BinaryOp::Minimum) => (inputs(&|_| true), vec![]),
        Op::Select => (inputs(&|i| i == 0), vec![]),
        Op::Reduce { op: ReduceOp::Max, .. } => (inputs(&|_| true), vec![true]),
        Op::Embedding => (inputs(&|i| i == 1), vec![]),
        Op::TopK { .. } => (nothing(), vec![false, true]),
        // The input, both factors, and the low-rank product.
        Op::Adapter { .. } if needs.iter().skip(1).any(|&need| need) => (inputs(&|i| i > 0), vec![false, true]),
        Op::AddRmsNorm { .. } | Op::AddLayerNorm { .. } => (inputs(&|i| i == 2), vec![true]),
        Op::BiasActivation(_) => (inputs(&|_| true), vec![]),
        Op::RmsNorm { .. } => (inputs(&|_| true), vec![]),
        Op::LayerNorm { .. } => (inputs(&|i| i < 2 && (need(0) || need(1))), vec![]),
        Op::Softmax => (nothing(), vec![true]),
        Op::Rope { .. } => (inputs(&|i| i > 0), vec![]),
        Op::Gated(_) => (inputs(&|_| true), vec![]),
        Op::Attention(_) => (inputs(&|_| true), vec![true, true]),
        Op::CrossEntropy => (inputs(&|_| true), vec![false, true]),
        Op::SumSquares => (needs.to_vec(), vec![]),
        Op::Reshape { .. }
        | Op::Permute { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Split { .. }
        | Op::WriteSlice { .. }
        | Op::Concat { .. }
        | Op::Cast { .. }
        | Op::Affine { .. }
        | Op::Binary(BinaryOp::Add | BinaryOp::Sub)
        | Op::Reduce { op: ReduceOp::Sum | ReduceOp::Mean, .. }
        | Op::Adapter { .. }
        | Op::Dropout { .. } => (nothing(), vec![]),
        // No gradient flows through these.
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
        | Op::AdamW { .. } => (nothing(), vec![]),
    };
    Saves { inputs, outputs }
}

/// Whether a function's derivative is simplest in terms of its value.
pub(crate) fn reads_output(op: UnaryOp) -> bool {
    use UnaryOp::{Exp, Recip, Relu, Rsqrt, Sigmoid, Sqrt, Tanh};
    matches!(op, Sqrt | Rsqrt | Recip | Exp | Tanh | Sigmoid | Relu)
}
