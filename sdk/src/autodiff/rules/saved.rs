//! What each instruction keeps for the backward sweep: nothing that its rule does not read for the gradients that are wanted.

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
        Op::RmsNorm { .. } => (inputs(&|_| true), vec![]),
        Op::LayerNorm { .. } => (inputs(&|i| i < 2 && (need(0) || need(1))), vec![]),
        Op::Softmax => (nothing(), vec![true]),
        Op::Rope { .. } => (inputs(&|i| i > 0), vec![]),
        Op::Gated(_) => (inputs(&|_| true), vec![]),
        Op::Attention(_) => (inputs(&|_| true), vec![true, true]),
        Op::CrossEntropy => (inputs(&|_| true), vec![false, true]),
        Op::SumSquares => (needs.to_vec(), vec![]),
        _ => (nothing(), vec![]),
    };
    Saves { inputs, outputs }
}

/// Whether a function's derivative is simplest in terms of its value.
fn reads_output(op: UnaryOp) -> bool {
    use UnaryOp::{Exp, Recip, Relu, Rsqrt, Sigmoid, Sqrt, Tanh};
    matches!(op, Sqrt | Rsqrt | Recip | Exp | Tanh | Sigmoid | Relu)
}
