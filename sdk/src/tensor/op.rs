//! The instruction set: every computation of ScaleDown is a sequence of these operations.
//!
//! The set is closed, so that a device, the autodiff, the FLOP count and a WASM guest each handle it completely. Operations
//! come in two kinds. *Primitive* ones are what every device must run. *Coarse* ones (marked so below) are compositions
//! that a device may run as one fused kernel; one that does not falls back to [`decompose`](super::decompose).
//!
//! Notation: `b` batch, `s` query positions, `t` key positions, `h` heads, `g` key/value heads (`h` is a multiple of `g`),
//! `d` size of a head, `n` rows, `v` vocabulary. All tensors are contiguous and row-major. "float" is any floating-point
//! type; sums, norms, softmax and losses are computed in [`DType::accumulator`].

use super::{DType, Shape};

/// One instruction. The inputs are passed beside it, in the order in which its documentation lists them.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Op {
    // ---- creation -------------------------------------------------------------------------------------------------
    /// `() -> shape`: every element is `value`, converted to `dtype`.
    Fill {
        /// The output's shape.
        shape: Shape,
        /// The output's element type.
        dtype: DType,
        /// The value of every element.
        value: f64,
    },
    /// `() -> [len]` of i64: `start, start + 1, ...`.
    Arange {
        /// The first value.
        start: i64,
        /// The number of values.
        len: usize,
    },
    /// `() -> shape` of f32 in `[0, 1)`: element `i` is a fixed function of `seed` and `i`, equal on every device:
    /// `(splitmix64(seed + (i + 1) * 0x9E3779B97F4A7C15) >> 40) / 2^24`, where `splitmix64` is that generator's output mix.
    Uniform {
        /// The output's shape.
        shape: Shape,
        /// The seed.
        seed: u64,
    },

    // ---- layout ---------------------------------------------------------------------------------------------------
    /// `x -> shape` with the same elements in the same order. Never reaches a device.
    Reshape {
        /// The output's shape, of as many elements.
        shape: Shape,
    },
    /// `x -> y` with `y.shape[i] = x.shape[dims[i]]`.
    Permute {
        /// A permutation of `0..rank`.
        dims: Vec<usize>,
    },
    /// `x -> shape` by NumPy's broadcasting rules.
    Broadcast {
        /// The output's shape.
        shape: Shape,
    },
    /// `x -> x[.., start..start + len, ..]` in dimension `dim`.
    Slice {
        /// The dimension.
        dim: usize,
        /// The first index.
        start: usize,
        /// The number of indices.
        len: usize,
    },
    /// `(base, update) -> base` with `base[.., start..start + update.shape[dim], ..] = update`; all other extents agree.
    /// A device overwrites `base` where nobody else holds it (a KV cache grows without copies).
    WriteSlice {
        /// The dimension.
        dim: usize,
        /// The first index that is written.
        start: usize,
    },
    /// `(x0, x1, ...) -> y`, joined in dimension `dim`; all other extents and the types agree.
    Concat {
        /// The dimension.
        dim: usize,
    },

    // ---- elements -------------------------------------------------------------------------------------------------
    /// `x -> x` converted to `dtype`. Floats round to nearest even; float to integer truncates towards zero; to `Bool` is `x != 0`. A float
    /// to a quantised type rounds in f32, block by block, as [`BlockFormat`](super::BlockFormat) says; back, it becomes scale times integer
    /// in f32, then the float. Nothing else converts to or from a quantised type.
    Cast {
        /// The output's element type.
        dtype: DType,
    },
    /// `x -> f(x)`, float.
    Unary(UnaryOp),
    /// `x -> x * mul + add`, float.
    Affine {
        /// The factor.
        mul: f64,
        /// The summand.
        add: f64,
    },
    /// `(a, b) -> f(a, b)` with broadcasting; both of one float or integer type.
    Binary(BinaryOp),
    /// `(a, b) -> Bool` with broadcasting; both of one type.
    Compare(CompareOp),
    /// `(condition, a, b) -> condition ? a : b` with broadcasting; `condition` is `Bool`.
    Select,

    // ---- reductions -----------------------------------------------------------------------------------------------
    /// `x -> y`, reduced over `dims`, which stay as extents of 1 where `keep` is set. An empty sum is 0, an empty mean NaN.
    Reduce {
        /// What is computed.
        op: ReduceOp,
        /// The dimensions, strictly ascending.
        dims: Vec<usize>,
        /// Whether reduced dimensions stay.
        keep: bool,
    },
    /// `x [.., n] -> [..]` of i64: the index of the greatest element, the first on ties.
    ArgMax,

    // ---- products -------------------------------------------------------------------------------------------------
    /// `(a [.., m, k], b [.., k, n]) -> [.., m, n]`; leading dimensions broadcast. With `transpose_a` the first input is
    /// `[.., k, m]`, with `transpose_b` the second is `[.., n, k]`.
    MatMul {
        /// Whether the first input is stored transposed.
        transpose_a: bool,
        /// Whether the second input is stored transposed.
        transpose_b: bool,
    },
    /// Coarse. `(x [.., i], weight [o, i], bias [o]?) -> [.., o]`: `x weight^T + bias`. The weight alone may be quantised, or bf16 or f16
    /// beside an `x` of f32, and then stands for what its cast to the type of `x` is; no gradient flows to it. Beside a quantised weight a
    /// device may round every 32 numbers of a row of `x` to multiples of a 32767th of the greatest of them.
    Linear,

    // ---- rows -----------------------------------------------------------------------------------------------------
    /// `(table [n, d], ids [..] of i64 or u32) -> [.., d]`: row `ids[i]` of the table. An id outside `0..n` is an error. The rows of a
    /// quantised table come out in f32.
    Embedding,
    /// `(grad [.., d], ids [..]) -> [rows, d]`: row `r` is the sum of the gradients whose id is `r`, in order of position.
    EmbeddingBackward {
        /// The number of rows of the table.
        rows: usize,
    },

    // ---- normalisation --------------------------------------------------------------------------------------------
    /// Coarse. `(x [.., d], weight [d]) -> [.., d]`: `x / sqrt(mean(x^2) + eps) * weight`.
    RmsNorm {
        /// Added to the mean square.
        eps: f64,
    },
    /// Coarse. `(x, weight, grad) -> (dx?, dweight?)`, those that are asked for, in that order.
    RmsNormBackward {
        /// Added to the mean square.
        eps: f64,
        /// Whether `dx` is wanted.
        input: bool,
        /// Whether `dweight` is wanted.
        weight: bool,
    },
    /// Coarse. `(x [.., d], weight [d], bias [d]?) -> [.., d]`: `(x - mean) / sqrt(variance + eps) * weight + bias`.
    LayerNorm {
        /// Added to the (population) variance.
        eps: f64,
    },
    /// Coarse. `(x, weight, grad) -> (dx?, dweight?)`, those that are asked for, in that order. (A bias' gradient is a sum.)
    LayerNormBackward {
        /// Added to the variance.
        eps: f64,
        /// Whether `dx` is wanted.
        input: bool,
        /// Whether `dweight` is wanted.
        weight: bool,
    },
    /// Coarse. `x [.., n] -> [.., n]`: softmax over the last dimension.
    Softmax,
    /// Coarse. `(y, grad) -> dx`, where `y` is the output of the softmax.
    SoftmaxBackward,

    // ---- transformer blocks ---------------------------------------------------------------------------------------
    /// Coarse. `(x [b, s, h, d], cos [b, s, d / 2], sin [b, s, d / 2]) -> [b, s, h, d]`: rotary position embedding of the
    /// two halves of each head (`x1 cos - x2 sin`, `x2 cos + x1 sin`), as Hugging Face stores weights. `cos` and `sin` are f32
    /// (f64 where `x` is), and a leading extent of 1 broadcasts over the batch.
    Rope {
        /// Rotate backwards; this is the gradient.
        inverse: bool,
    },
    /// Coarse. `(gate, up) -> f(gate) * up`, of one shape.
    Gated(GatedOp),
    /// Coarse. `(gate, up, grad) -> (dgate, dup)`.
    GatedBackward(GatedOp),
    /// Coarse. `(q [b, s, h, d], k [b, t, g, d], v [b, t, g, d], q_positions [b, s]?, k_positions [b, t]?) ->
    /// (out [b, s, h, d], lse [b, h, s])`: scaled dot-product attention; query head `i` reads key head `i / (h / g)`; `lse` is the
    /// log-sum-exp of the scaled scores in the accumulator type. Which keys a query sees: see [`AttentionSpec`].
    /// A query that sees no key has output 0 and `lse` of minus infinity.
    Attention(AttentionSpec),
    /// Coarse. `(q, k, v, q_positions?, k_positions?, out, lse, grad) -> (dq, dk, dv)`.
    AttentionBackward(AttentionSpec),
    /// Coarse. `x -> y`: element `i` becomes 0 where the element `i` of [`Op::Uniform`] with this seed is below `p`, else `x / (1 - p)`.
    /// Its gradient is the same instruction.
    Dropout {
        /// The probability that an element is dropped, in `[0, 1)`.
        p: f64,
        /// The seed.
        seed: u64,
    },

    // ---- loss and optimizer ---------------------------------------------------------------------------------------
    /// Coarse. `(logits [n, v], targets [n] of i64) -> (loss [n], lse [n])` in the accumulator type: per row
    /// `logsumexp(logits) - logits[target]`, and 0 where the target is negative. A target of `v` or more is an error.
    CrossEntropy,
    /// Coarse. `(logits, targets, lse, grad [n]) -> dlogits`.
    CrossEntropyBackward,
    /// Coarse. `(x0, x1, ...) -> []` in f32 (f64 if the inputs are): the sum of the squares of all elements of all inputs.
    SumSquares,
    /// Coarse. One AdamW step (Loshchilov and Hutter 2019, as in PyTorch): `(parameter, grad, m, v, master?) -> (parameter, m, v,
    /// master?)`. `m`, `v` and `master` are f32 (f64 where the parameter is); with `master`, the update happens there and the
    /// parameter is its rounded copy. A device overwrites inputs that nobody else holds.
    AdamW(AdamW),
}

/// Functions of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum UnaryOp {
    Neg,
    Abs,
    Square,
    Sqrt,
    Rsqrt,
    Recip,
    Exp,
    Log,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
    /// `x / 2 * (1 + erf(x / sqrt 2))`.
    Gelu,
    /// The tanh approximation of `Gelu`.
    GeluTanh,
    /// The Gauss error function.
    Erf,
}

/// Functions of two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    /// Its gradient goes to the greater input, and to both in halves on a tie.
    Maximum,
    /// Its gradient goes to the lesser input, and to both in halves on a tie.
    Minimum,
}

/// Comparisons of two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are the relations' own")]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum ReduceOp {
    Sum,
    Mean,
    /// Its gradient is shared equally by all elements that attain the maximum.
    Max,
}

/// The activation of a gated linear unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum GatedOp {
    Silu,
    Gelu,
    GeluTanh,
}

/// Which keys each query sees in an [`Op::Attention`], and the scale of the scores.
///
/// Query `i` at position `p` sees key `j` at position `r` where all of these hold: `r >= 0` (a negative key position marks
/// padding or an unused cache slot); `r <= p` if `causal`; `|p - r| <= window` if a window is given. Positions are the last two
/// inputs if `positions` is set; else key `j` is at position `j` and query `i` at `t - s + i`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AttentionSpec {
    /// The factor on the scores, usually `1 / sqrt(d)`.
    pub scale: f64,
    /// Whether a query sees only keys at its own position and before.
    pub causal: bool,
    /// The greatest distance at which a key is seen. (A sliding window of `w` tokens, Mistral's way of counting, is `w - 1`.)
    pub window: Option<usize>,
    /// Whether positions are passed as inputs.
    pub positions: bool,
}

/// The settings of one AdamW step.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AdamW {
    /// The learning rate of this step.
    pub lr: f64,
    /// The decay of the first moment.
    pub beta1: f64,
    /// The decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// The number of this step, from 1; for bias correction.
    pub step: u64,
    /// The gradient is multiplied by this first (clipping, averaging over accumulated micro-batches).
    pub grad_scale: f64,
}

impl Op {
    /// The instruction's name, for messages and traces.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Op::Fill { .. } => "fill",
            Op::Arange { .. } => "arange",
            Op::Uniform { .. } => "uniform",
            Op::Reshape { .. } => "reshape",
            Op::Permute { .. } => "permute",
            Op::Broadcast { .. } => "broadcast",
            Op::Slice { .. } => "slice",
            Op::WriteSlice { .. } => "write_slice",
            Op::Concat { .. } => "concat",
            Op::Cast { .. } => "cast",
            Op::Unary(_) => "unary",
            Op::Affine { .. } => "affine",
            Op::Binary(_) => "binary",
            Op::Compare(_) => "compare",
            Op::Select => "select",
            Op::Reduce { .. } => "reduce",
            Op::ArgMax => "arg_max",
            Op::MatMul { .. } => "matmul",
            Op::Linear => "linear",
            Op::Embedding => "embedding",
            Op::EmbeddingBackward { .. } => "embedding_backward",
            Op::RmsNorm { .. } => "rms_norm",
            Op::RmsNormBackward { .. } => "rms_norm_backward",
            Op::LayerNorm { .. } => "layer_norm",
            Op::LayerNormBackward { .. } => "layer_norm_backward",
            Op::Softmax => "softmax",
            Op::SoftmaxBackward => "softmax_backward",
            Op::Rope { .. } => "rope",
            Op::Gated(_) => "gated",
            Op::GatedBackward(_) => "gated_backward",
            Op::Attention(_) => "attention",
            Op::AttentionBackward(_) => "attention_backward",
            Op::Dropout { .. } => "dropout",
            Op::CrossEntropy => "cross_entropy",
            Op::CrossEntropyBackward => "cross_entropy_backward",
            Op::SumSquares => "sum_squares",
            Op::AdamW(_) => "adamw",
        }
    }
}

/// Element `index` of [`Op::Uniform`] with `seed`, as an integer in `0..2^24`.
#[must_use]
pub const fn uniform_bits(seed: u64, index: u64) -> u32 {
    let mut z = seed.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as u32
}
