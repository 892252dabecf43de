//! The instruction set: every computation of ScaleDown is a sequence of these operations.
//!
//! The set is closed, so that a device, the autodiff, the FLOP count and a WASM guest each handle
//! it completely. Each instruction is declared once, in the table of this file: name, attributes,
//! inputs, outputs, who runs it, whether gradients flow through it, and who may call it. The
//! compiler then asks for what else it needs: its shapes ([`infer`](super::infer)), its cost, its
//! gradient, its decomposition.
//!
//! *Primitive* instructions are what every device must run. *Coarse* ones are compositions that a
//! device may run as one fused kernel; one that does not falls back to
//! [`decompose`](super::decompose).
//!
//! An attribute is *fixed*, and shapes the program that a device compiles, or it is a *run-time*
//! scalar, which may differ each time that the same program runs: [`Op::program`] and
//! [`Op::scalars`] take the two apart. A value that a device computes, such as the clipping factor
//! of gradients, is an input, not an attribute. So two steps of a training are one program,
//! whatever the learning rate and the seeds are.
//!
//! Notation: `b` batch, `s` query positions, `t` key positions, `h` heads, `g` key/value heads (`h`
//! is a multiple of `g`), `d` size of a head, `n` rows, `v` vocabulary. All tensors are contiguous
//! and row-major. "float" is any floating-point type; sums, norms, softmax and losses are computed
//! in [`DType::accumulator`].
//!
//! # Meaning at the edges, on every device
//!
//! - **NaN** wins: it is the result of `Maximum`, `Minimum`, `Relu` and of a `Max` over elements
//!   with a NaN; `ArgMax` and `TopK` take it for the greatest element. Every comparison with it is
//!   false, but for `Ne`. A mask hides it: a key that no query sees may be NaN.
//! - **Integers** wrap around in sums, differences and products. Division truncates towards zero;
//!   division by zero is 0, and the least number divided by -1 is itself.
//! - **Conversion** of a float to an integer truncates towards zero; beyond the range it is the
//!   nearest end of the range, and NaN is 0. An integer to a narrower one keeps the low bits.
//!   Anything but 0 is true, NaN included.
//! - **Empty tensors** (an extent of 0) are tensors: a sum over no elements is 0, a mean NaN, the
//!   greatest of none an error. A scalar has no dimensions and one element.
//! - **The same tensor** may be passed as several inputs. A shared input is never
//!   changed.
//! - **Bad values**: ids and targets that come from the host are checked where an instruction meets
//!   them, by the range that their upload noted, so that the call itself fails. For those that a
//!   device computed, the device fails at the call or, at the latest, at the next
//!   [read](super::Device::read) or [synchronisation](super::Device::synchronize).
//! - **Threads**: a device may be used by many at once. Each sees its own instructions in program
//!   order; a tensor made by one may be used and dropped by another.

use super::declare::{Audience, Declaration, Field, FieldClass, Gradient, OpKind, Scalar, instructions};
use super::{BinaryOp, CompareOp, DType, GatedOp, ReduceOp, Shape, UnaryOp};

instructions! {
    /// One instruction. The inputs are passed beside it, in the order in which its documentation
    /// lists them.
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub enum Op {
    // ---- creation
    /// `() -> shape`: every element is `value`, converted to `dtype`.
    Fill {
        /// The output's shape.
        fixed shape: Shape,
        /// The output's element type.
        fixed dtype: DType,
        /// The value of every element.
        fixed value: f64,
    } = "fill" Primitive "" -> "y", Stops, Everyone;

    /// `() -> [len]` of i64: `start, start + 1, ...`.
    Arange {
        /// The first value.
        fixed start: i64,
        /// The number of values.
        fixed len: usize,
    } = "arange" Primitive "" -> "y", Stops, Everyone;

    /// `() -> shape` of f32 in `[0, 1)`: element `i` is a fixed function of `seed` and `i`, equal
    /// on every device: `(splitmix64(seed + (i + 1) * 0x9E3779B97F4A7C15) >> 40) / 2^24`, where
    /// `splitmix64` is that generator's output mix. In a shape of three dimensions and more, such
    /// as `[batch, seq, hidden]`, `i` is `b 2^32` and the index within row `b`: a row's numbers do
    /// not depend on the width to which it is padded.
    Uniform {
        /// The output's shape.
        fixed shape: Shape,
        /// The seed.
        runtime seed: u64,
    } = "uniform" Primitive "" -> "y", Stops, Everyone;

    // ---- layout
    /// `x -> shape` with the same elements in the same order. Never reaches a device.
    Reshape {
        /// The output's shape, of as many elements.
        fixed shape: Shape,
    } = "reshape" Primitive "x" -> "y", Flows, Everyone;

    /// `x -> y` with `y.shape[i] = x.shape[dims[i]]`.
    Permute {
        /// A permutation of `0..rank`.
        fixed dims: Vec<usize>,
    } = "permute" Primitive "x" -> "y", Flows, Everyone;

    /// `x -> shape` by NumPy's broadcasting rules.
    Broadcast {
        /// The output's shape.
        fixed shape: Shape,
    } = "broadcast" Primitive "x" -> "y", Flows, Everyone;

    /// `x -> x[.., start..start + len, ..]` in dimension `dim`.
    Slice {
        /// The dimension.
        fixed dim: usize,
        /// The first index.
        fixed start: usize,
        /// The number of indices.
        fixed len: usize,
    } = "slice" Primitive "x" -> "y", Flows, Everyone;

    /// Coarse. `x -> (y0, y1, ...)`: `x` cut in dimension `dim` into parts of these `sizes`, which
    /// add up to its extent.
    Split {
        /// The dimension.
        fixed dim: usize,
        /// The extent of each part in it.
        fixed sizes: Vec<usize>,
    } = "split" Coarse "x" -> "parts*", Flows, Everyone;

    /// `(base, update) -> base` with `base[.., start..start + update.shape[dim], ..] = update`; all
    /// other extents agree. A device overwrites `base` if it is unshared (a KV cache grows without
    /// copies).
    WriteSlice {
        /// The dimension.
        fixed dim: usize,
        /// The first index that is written.
        runtime start: usize,
    } = "write_slice" Primitive "base! update" -> "y", Flows, Everyone;

    /// `(x0, x1, ...) -> y`, joined in dimension `dim`; all other extents and the types agree.
    Concat {
        /// The dimension.
        fixed dim: usize,
    } = "concat" Primitive "parts*" -> "y", Flows, Everyone;

    // ---- elements
    /// `x -> x` converted to `dtype`. Floats round to nearest even; float to integer truncates
    /// towards zero; to `Bool` is `x != 0`. A float to a quantised type rounds in f32, block by
    /// block, as [`BlockFormat`](super::BlockFormat) says; back, it becomes scale times integer in
    /// f32, then the float. Nothing else converts to or from a quantised type.
    Cast {
        /// The output's element type.
        fixed dtype: DType,
    } = "cast" Primitive "x" -> "y", Flows, Everyone;

    /// `x -> f(x)`, float.
    Unary(UnaryOp) = "unary" Primitive "x" -> "y", Flows, Everyone;

    /// `x -> x * mul + add`, float.
    Affine {
        /// The factor.
        fixed mul: f64,
        /// The summand.
        fixed add: f64,
    } = "affine" Primitive "x" -> "y", Flows, Everyone;

    /// `(a, b) -> f(a, b)` with broadcasting; both of one float or integer type.
    Binary(BinaryOp) = "binary" Primitive "a b" -> "y", Flows, Everyone;

    /// `(a, b) -> Bool` with broadcasting; both of one type.
    Compare(CompareOp) = "compare" Primitive "a b" -> "y", Stops, Everyone;

    /// `(condition, a, b) -> condition ? a : b` with broadcasting; `condition` is `Bool`.
    Select = "select" Primitive "condition a b" -> "y", Flows, Everyone;

    // ---- reductions
    /// `x -> y`, reduced over `dims`, which stay as extents of 1 where `keep` is set. An empty sum
    /// is 0, an empty mean NaN.
    Reduce {
        /// The function.
        fixed op: ReduceOp,
        /// The dimensions, strictly ascending.
        fixed dims: Vec<usize>,
        /// Whether reduced dimensions stay.
        fixed keep: bool,
    } = "reduce" Primitive "x" -> "y", Flows, Everyone;

    /// `x [.., n] -> [..]` of i64: the index of the greatest element, the first on ties.
    ArgMax = "arg_max" Primitive "x" -> "indices", Stops, Everyone;

    /// `x [.., n] -> (values [.., k], indices [.., k] of i64)`: the `k` greatest elements of each
    /// row in falling order, the first on ties.
    TopK {
        /// How many, at most `n`.
        fixed k: usize,
    } = "top_k" Primitive "x" -> "values indices", Flows, Everyone;

    // ---- products
    /// `(a [.., m, k], b [.., k, n]) -> [.., m, n]`; leading dimensions broadcast. With
    /// `transpose_a` the first input is `[.., k, m]`, with `transpose_b` the second is
    /// `[.., n, k]`.
    MatMul {
        /// Whether the first input is stored transposed.
        fixed transpose_a: bool,
        /// Whether the second input is stored transposed.
        fixed transpose_b: bool,
    } = "matmul" Primitive "a b" -> "y", Flows, Everyone;

    /// Coarse. `(x [.., i], weight [o, i], bias [o]?) -> [.., o]`: `x weight^T + bias`. The weight
    /// alone may be quantised, or bf16 or f16 beside an `x` of f32, and then stands for what its
    /// cast to the type of `x` is; no gradient flows to it. Beside a quantised weight a device may
    /// round every 32 numbers of a row of `x` to multiples of a 32767th of the greatest of them,
    /// beside q4_0 of a 127th.
    Linear = "linear" Coarse "x weight bias?" -> "y", Flows, Everyone;

    /// Coarse. A low-rank adapter (Hu et al. 2021, arXiv 2106.09685):
    /// `(y [.., o], x [.., i], down [r, i], up [o, r]) -> (sum [.., o], low [.., r])` with `low =
    /// dropout(x) down^T` and `sum = y + scale low
    /// up^T`; the dropout is [`Op::Dropout`]'s, with this `p` and `seed`. `low` has no gradient of
    /// its own: the backward instruction reads it. A device adds to `y` in place if it is unshared.
    Adapter {
        /// The factor on the update, `alpha / r`.
        fixed scale: f64,
        /// The probability that an element of `x` is dropped, in `[0, 1)`.
        fixed p: f64,
        /// The seed of the dropout.
        runtime seed: u64,
    } = "adapter" Coarse "y! x down up" -> "sum low", Flows, Everyone;

    /// Coarse. `(x, down, up, low, grad [.., o]) -> (dx?, ddown?, dup?)`, those that are asked for,
    /// in that order. (The gradient of `y` is `grad` itself.)
    AdapterBackward {
        /// The factor on the update.
        fixed scale: f64,
        /// The probability that an element of `x` was dropped.
        fixed p: f64,
        /// Whether `dx` is wanted.
        fixed input: bool,
        /// Whether `ddown` is wanted.
        fixed down: bool,
        /// Whether `dup` is wanted.
        fixed up: bool,
        /// The seed of the dropout.
        runtime seed: u64,
    } = "adapter_backward" Coarse "x down up low grad" -> "dx? ddown? dup?", Stops, Host;

    // ---- rows
    /// `(table [n, d], ids [..] of i64 or u32) -> [.., d]`: row `ids[i]` of the table. An id
    /// outside `0..n` is an error. The rows of a quantised table come out in f32.
    Embedding = "embedding" Primitive "table ids" -> "y", Flows, Everyone;

    /// `(grad [.., d], ids [..]) -> [rows, d]`: row `r` is the sum of the gradients whose id is
    /// `r`, in an order that is the device's own but the same from run to run.
    EmbeddingBackward {
        /// The number of rows of the table.
        fixed rows: usize,
    } = "embedding_backward" Primitive "grad ids" -> "dtable", Stops, Host;

    // ---- normalisation
    /// Coarse. `(x [.., d], weight [d]) -> [.., d]`: `x / sqrt(mean(x^2) + eps) * weight`.
    RmsNorm {
        /// Added to the mean square.
        fixed eps: f64,
    } = "rms_norm" Coarse "x weight" -> "y", Flows, Everyone;

    /// Coarse. `(x, weight, grad) -> (dx?, dweight?)`, those that are asked for, in that order.
    RmsNormBackward {
        /// Added to the mean square.
        fixed eps: f64,
        /// Whether `dx` is wanted.
        fixed input: bool,
        /// Whether `dweight` is wanted.
        fixed weight: bool,
    } = "rms_norm_backward" Coarse "x weight grad" -> "dx? dweight?", Stops, Host;

    /// Coarse. A residual connection and the norm of the next block:
    /// `(x [.., d], residual [.., d], weight [d]) -> (sum, y)` with `sum = x + residual` and `y`
    /// the [`Op::RmsNorm`] of `sum`.
    AddRmsNorm {
        /// Added to the mean square.
        fixed eps: f64,
    } = "add_rms_norm" Coarse "x residual weight" -> "sum y", Flows, Everyone;

    /// Coarse. `(sum, weight, grad, grad_sum?) -> (dsum?, dweight?)`, those that are asked for: as
    /// [`Op::RmsNormBackward`], with `grad_sum`, the gradient that reaches `sum` by itself, added
    /// to `dsum`, which is the gradient of `x` and of `residual`.
    AddRmsNormBackward {
        /// Added to the mean square.
        fixed eps: f64,
        /// Whether `dsum` is wanted.
        fixed input: bool,
        /// Whether `dweight` is wanted.
        fixed weight: bool,
    } = "add_rms_norm_backward" Coarse "sum weight grad grad_sum?" -> "dsum? dweight?", Stops, Host;

    /// Coarse. `(x [.., d], weight [d], bias [d]?) -> [.., d]`:
    /// `(x - mean) / sqrt(variance + eps) * weight + bias`.
    LayerNorm {
        /// Added to the (population) variance.
        fixed eps: f64,
    } = "layer_norm" Coarse "x weight bias?" -> "y", Flows, Everyone;

    /// Coarse. `(x, weight, grad) -> (dx?, dweight?)`, those that are asked for, in that order. (A
    /// bias' gradient is a sum.)
    LayerNormBackward {
        /// Added to the variance.
        fixed eps: f64,
        /// Whether `dx` is wanted.
        fixed input: bool,
        /// Whether `dweight` is wanted.
        fixed weight: bool,
    } = "layer_norm_backward" Coarse "x weight grad" -> "dx? dweight?", Stops, Host;

    /// Coarse. As [`Op::AddRmsNorm`], with [`Op::LayerNorm`]:
    /// `(x, residual, weight, bias?) -> (sum, y)`.
    AddLayerNorm {
        /// Added to the variance.
        fixed eps: f64,
    } = "add_layer_norm" Coarse "x residual weight bias?" -> "sum y", Flows, Everyone;

    /// Coarse. `(sum, weight, grad, grad_sum?) -> (dsum?, dweight?)`, as
    /// [`Op::AddRmsNormBackward`].
    AddLayerNormBackward {
        /// Added to the variance.
        fixed eps: f64,
        /// Whether `dsum` is wanted.
        fixed input: bool,
        /// Whether `dweight` is wanted.
        fixed weight: bool,
    } = "add_layer_norm_backward" Coarse "sum weight grad grad_sum?" -> "dsum? dweight?", Stops, Host;

    /// Coarse. `x [.., n] -> [.., n]`: softmax over the last dimension.
    Softmax = "softmax" Coarse "x" -> "y", Flows, Everyone;

    /// Coarse. `(y, grad) -> dx`, where `y` is the output of the softmax.
    SoftmaxBackward = "softmax_backward" Coarse "y grad" -> "dx", Stops, Host;

    // ---- transformer blocks
    /// Coarse. `(x [b, s, h, d], cos [b, s, d / 2], sin [b, s, d / 2]) -> [b, s, h, d]`: rotary
    /// position embedding of the two halves of each head (`x1 cos - x2 sin`, `x2 cos + x1 sin`), as
    /// Hugging Face stores weights. `cos` and `sin` are f32 (f64 where `x` is), and a leading
    /// extent of 1 broadcasts over the batch.
    Rope {
        /// Rotate backwards; this is the gradient.
        fixed inverse: bool,
    } = "rope" Coarse "x cos sin" -> "y", Flows, Everyone;

    /// Coarse. `(x [.., n], bias [n]) -> [.., n]`: `f(x + bias)`.
    BiasActivation(UnaryOp) = "bias_activation" Coarse "x bias" -> "y", Flows, Everyone;

    /// Coarse. `(x, bias, grad) -> (dx?, dbias?)`, those that are asked for, in that order.
    BiasActivationBackward {
        /// The function.
        fixed function: UnaryOp,
        /// Whether `dx` is wanted.
        fixed input: bool,
        /// Whether `dbias` is wanted.
        fixed bias: bool,
    } = "bias_activation_backward" Coarse "x bias grad" -> "dx? dbias?", Stops, Host;

    /// Coarse. `(gate, up) -> f(gate) * up`, of one shape; or `both [.., 2 n] -> [.., n]`, whose
    /// rows are those of the gate followed by those of `up`.
    Gated(GatedOp) = "gated" Coarse "gate up?" -> "y", Flows, Everyone;

    /// Coarse. `(gate, up, grad) -> (dgate, dup)`, or `(both, grad) -> dboth`.
    GatedBackward(GatedOp) = "gated_backward" Coarse "gate up? grad" -> "dgate dup?", Stops, Host;

    /// Coarse. `(q [b, s, h, d], k [b, t, g, d], v [b, t, g, d], spans [b, 3]?, q_positions [b,
    /// s]?, k_positions [b, t]?) -> (out [b, s, h, d], lse [b, h,
    /// s])`: scaled dot-product attention; query head `i` reads key head `i / (h /
    /// g)`; `lse` is the log-sum-exp of the scaled scores in the accumulator type. Which keys a
    /// query sees: see [`AttentionSpec`]. A query that sees no key has output 0 and `lse` of minus
    /// infinity.
    Attention(AttentionSpec) = "attention" Coarse "q k v spans? q_positions? k_positions?" -> "out lse", Flows, Everyone;

    /// Coarse. `(q, k, v, spans?, q_positions?, k_positions?, out, lse, grad) -> (dq, dk, dv)`.
    AttentionBackward(AttentionSpec)
        = "attention_backward" Coarse "q k v spans? q_positions? k_positions? out lse grad" -> "dq dk dv", Stops, Host;

    /// Coarse. `x -> y`: element `i` becomes 0 where the element `i` of [`Op::Uniform`] with this
    /// seed is below `p`, else `x / (1 - p)`. Its gradient is the same instruction.
    Dropout {
        /// The probability that an element is dropped, in `[0, 1)`.
        fixed p: f64,
        /// The seed.
        runtime seed: u64,
    } = "dropout" Coarse "x" -> "y", Flows, Everyone;

    // ---- loss and optimizer
    /// Coarse. `(logits [n, v], targets [n] of i64) -> (loss [n], lse [n])` in the accumulator
    /// type: per row `logsumexp(logits) - logits[target]`, and 0 where the target is negative. A
    /// target of `v` or more is an error.
    CrossEntropy = "cross_entropy" Coarse "logits targets" -> "loss lse", Flows, Everyone;

    /// Coarse. `(logits, targets, lse, grad [n]) -> dlogits`.
    CrossEntropyBackward = "cross_entropy_backward" Coarse "logits targets lse grad" -> "dlogits", Stops, Host;

    /// Coarse. `(x0, x1, ...) -> []` in f32 (f64 if the inputs are): the sum of the squares of all
    /// elements of all inputs.
    SumSquares = "sum_squares" Coarse "tensors*" -> "y", Flows, Everyone;

    /// Coarse. One AdamW step (Loshchilov and Hutter 2019, as in PyTorch) of many parameters:
    /// `(grad_scale [], then for each parameter: parameter, grad, m, v, master if `masters`) ->
    /// (for each: parameter, m, v, master if
    /// `masters`)`. Gradients are multiplied by `grad_scale` (f32, or f64 where the parameters are)
    /// first: clipping, averaging. **Where it is NaN, nothing changes**: every output is its input.
    /// `m`, `v` and `master` are f32 (f64 where the parameter is); with `masters`, the update
    /// happens there and the parameter is its rounded copy. A device overwrites unshared inputs.
    AdamW {
        /// The decay of the first moment.
        fixed beta1: f64,
        /// The decay of the second moment.
        fixed beta2: f64,
        /// Added to the root of the second moment.
        fixed eps: f64,
        /// Decoupled weight decay.
        fixed weight_decay: f64,
        /// Whether each parameter has a master copy.
        fixed masters: bool,
        /// The learning rate of this step.
        runtime lr: f64,
        /// The number of this step, from 1; for bias correction.
        runtime step: u64,
    } = "adamw" Coarse "grad_scale parameters*" -> "updated*", Stops, Host;
    }
}

/// Which keys each query sees in an [`Op::Attention`], and the scale of the scores.
///
/// Query `i` at position `p` sees key `j` at position `r` where all of these hold: `j` is in the
/// row's span, if spans are given; `r <= p` if `causal`; `|p - r| <= window` if a window is given.
///
/// A row of `spans` is `(start, len, first)`: the keys `start..start + len` are real, and the row's
/// first query stands where key `first` does. So padding on either side and the unused slots of a
/// cache are never seen, and a decoding moves on by adding `(0, 1, 1)` to it.
///
/// Positions are the last two inputs if `positions` is set, for tokens that are not consecutive;
/// else key `j` is at position `j`, and query `i` at `first + i`, or without spans at `t - s + i`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AttentionSpec {
    /// The factor on the scores, usually `1 / sqrt(d)`.
    pub scale: f64,
    /// Whether a query sees only keys at its own position and before.
    pub causal: bool,
    /// The greatest distance at which a key is seen. (A sliding window of `w` tokens, Mistral's way
    /// of counting, is `w - 1`.)
    pub window: Option<usize>,
    /// Whether the spans of the rows are passed as an input.
    #[serde(default)]
    pub spans: bool,
    /// Whether positions are passed as inputs.
    pub positions: bool,
}

/// How many elements of [`Op::Uniform`] stand side by side in its sequence of numbers: all, or
/// those of a row of `[batch, seq, hidden]`.
#[must_use]
pub fn uniform_run(shape: &Shape) -> usize {
    let dims = shape.dims();
    dims.get(usize::from(dims.len() > 2)..).unwrap_or_default().iter().product::<usize>().max(1)
}

/// The place of element `index` of a shape in that sequence, if `run` stand side by side
/// ([`uniform_run`]).
#[must_use]
pub const fn uniform_place(run: u64, index: u64) -> u64 {
    ((index / run) << 32).wrapping_add(index % run)
}

/// Number `index` of the sequence of [`Op::Uniform`] with `seed`, as an integer in `0..2^24`.
#[must_use]
pub const fn uniform_bits(seed: u64, index: u64) -> u32 {
    let mut z = seed.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as u32
}
