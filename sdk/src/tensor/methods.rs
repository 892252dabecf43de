//! The methods of [`Tensor`] and [`Device`] that build instructions; the same on the host and in a
//! WASM guest.

use super::{AttentionSpec, BinaryOp, CompareOp, GatedOp, ReduceOp, UnaryOp};
use super::{DType, Device, Op, Shape, Tensor};
use crate::{Error, Result};

impl Device {
    /// A tensor with every element set to `value`.
    ///
    /// # Errors
    /// If the tensor is too large.
    pub fn full(&self, dtype: DType, shape: impl Into<Shape>, value: f64) -> Result<Tensor> {
        Tensor::create(Op::Fill { shape: shape.into(), dtype, value }, self)
    }

    /// A tensor of zeros.
    ///
    /// # Errors
    /// If the tensor is too large.
    pub fn zeros(&self, dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
        self.full(dtype, shape, 0.0)
    }

    /// The integers `start, start + 1, ...` as i64 `[len]`.
    ///
    /// # Errors
    /// If the tensor is too large.
    pub fn arange(&self, start: i64, len: usize) -> Result<Tensor> {
        Tensor::create(Op::Arange { start, len }, self)
    }

    /// Seeded numbers in `[0, 1)` as f32, equal on every device.
    ///
    /// # Errors
    /// If the tensor is too large.
    pub fn uniform(&self, shape: impl Into<Shape>, seed: u64) -> Result<Tensor> {
        Tensor::create(Op::Uniform { shape: shape.into(), seed }, self)
    }
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident => $op:ident),* $(,)?) => {
        impl Tensor {
            $($(#[$doc])*
            ///
            /// # Errors
            /// If the elements are not floating-point numbers.
            pub fn $name(&self) -> Result<Tensor> {
                self.one(Op::Unary(UnaryOp::$op))
            })*
        }
    };
}

unary! {
    /// The negative of each element.
    neg => Neg,
    /// The absolute value of each element.
    abs => Abs,
    /// The square of each element.
    square => Square,
    /// The square root of each element.
    sqrt => Sqrt,
    /// One over the square root of each element.
    rsqrt => Rsqrt,
    /// One over each element.
    recip => Recip,
    /// `e` to the power of each element.
    exp => Exp,
    /// The natural logarithm of each element.
    log => Log,
    /// The sine of each element.
    sin => Sin,
    /// The cosine of each element.
    cos => Cos,
    /// The hyperbolic tangent of each element.
    tanh => Tanh,
    /// The logistic function of each element.
    sigmoid => Sigmoid,
    /// The greater of each element and 0.
    relu => Relu,
    /// `x * sigmoid(x)`.
    silu => Silu,
    /// The exact Gaussian error linear unit.
    gelu => Gelu,
    /// The tanh approximation of [`Tensor::gelu`].
    gelu_tanh => GeluTanh,
    /// The Gauss error function of each element.
    erf => Erf,
}

macro_rules! binary_methods {
    ($($doc:literal $name:ident => $op:expr),* $(,)?) => {
        impl Tensor {
            $(#[doc = $doc]
            ///
            /// # Errors
            /// If the types differ or the shapes do not broadcast.
            pub fn $name(&self, other: &Tensor) -> Result<Tensor> {
                Tensor::single($op, &[self, other])
            })*
        }
    };
}

binary_methods! {
    "The sum of two tensors, with broadcasting." add => Op::Binary(BinaryOp::Add),
    "The difference of two tensors, with broadcasting." sub => Op::Binary(BinaryOp::Sub),
    "The element-wise product of two tensors, with broadcasting." mul => Op::Binary(BinaryOp::Mul),
    "The quotient of two tensors, with broadcasting." div => Op::Binary(BinaryOp::Div),
    "The greater of two elements, with broadcasting." maximum => Op::Binary(BinaryOp::Maximum),
    "The lesser of two elements, with broadcasting." minimum => Op::Binary(BinaryOp::Minimum),
    "Where two elements are equal, with broadcasting." eq => Op::Compare(CompareOp::Eq),
    "Where two elements differ, with broadcasting." ne => Op::Compare(CompareOp::Ne),
    "Where the first element is less, with broadcasting." lt => Op::Compare(CompareOp::Lt),
    "Where the first element is less or equal, with broadcasting." le => Op::Compare(CompareOp::Le),
    "Where the first element is greater, with broadcasting." gt => Op::Compare(CompareOp::Gt),
    "Where the first element is greater or equal, with broadcasting." ge => Op::Compare(CompareOp::Ge),
}

impl Tensor {
    /// `x * mul + add` for each element.
    ///
    /// # Errors
    /// If the elements are not floating-point numbers.
    pub fn affine(&self, mul: f64, add: f64) -> Result<Tensor> {
        self.one(Op::Affine { mul, add })
    }

    /// Each element converted to `dtype`; the tensor itself if it is of that type.
    ///
    /// # Errors
    /// If the device fails.
    pub fn cast(&self, dtype: DType) -> Result<Tensor> {
        if self.dtype() == dtype { Ok(self.clone()) } else { self.one(Op::Cast { dtype }) }
    }

    /// The elements of `a` where `self` (of type Bool) is true, else those of `b`, with
    /// broadcasting.
    ///
    /// # Errors
    /// If the types or shapes do not fit.
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Tensor::single(Op::Select, &[self, a, b])
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        self.one(Op::Reshape { shape: shape.into() })
    }

    /// Dimension `i` of the result is dimension `dims[i]` of `self`.
    ///
    /// # Errors
    /// If `dims` is not a permutation.
    pub fn permute(&self, dims: impl Into<Vec<usize>>) -> Result<Tensor> {
        self.one(Op::Permute { dims: dims.into() })
    }

    /// The tensor repeated to `shape` by NumPy's rules.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if *self.shape() == shape { Ok(self.clone()) } else { self.one(Op::Broadcast { shape }) }
    }

    /// The indices `start..start + len` of dimension `dim`.
    ///
    /// # Errors
    /// If the range does not lie within the dimension.
    pub fn slice(&self, dim: usize, start: usize, len: usize) -> Result<Tensor> {
        self.one(Op::Slice { dim, start, len })
    }

    /// `self` with `update` written at `start` of dimension `dim`; in place if `self` is unshared.
    ///
    /// # Errors
    /// If the update does not fit.
    pub fn write_slice(self, update: &Tensor, dim: usize, start: usize) -> Result<Tensor> {
        let op = Op::WriteSlice { dim, start };
        Tensor::sole(op.name(), Tensor::apply_owned(op.clone(), vec![self, update.clone()])?)
    }

    /// Tensors joined in dimension `dim`.
    ///
    /// # Errors
    /// If there are none, or their other extents or types differ.
    pub fn concat(tensors: &[&Tensor], dim: usize) -> Result<Tensor> {
        Tensor::single(Op::Concat { dim }, tensors)
    }

    /// The sum over `dims`, which stay as extents of 1 if `keep`.
    ///
    /// # Errors
    /// If `dims` are not ascending dimensions of the tensor.
    pub fn sum(&self, dims: impl Into<Vec<usize>>, keep: bool) -> Result<Tensor> {
        self.one(Op::Reduce { op: ReduceOp::Sum, dims: dims.into(), keep })
    }

    /// The mean over `dims`, which stay as extents of 1 if `keep`.
    ///
    /// # Errors
    /// If `dims` are not ascending dimensions of the tensor.
    pub fn mean(&self, dims: impl Into<Vec<usize>>, keep: bool) -> Result<Tensor> {
        self.one(Op::Reduce { op: ReduceOp::Mean, dims: dims.into(), keep })
    }

    /// The greatest element over `dims`, which stay as extents of 1 if `keep`.
    ///
    /// # Errors
    /// If `dims` are not ascending dimensions of the tensor, or are empty.
    pub fn max(&self, dims: impl Into<Vec<usize>>, keep: bool) -> Result<Tensor> {
        self.one(Op::Reduce { op: ReduceOp::Max, dims: dims.into(), keep })
    }

    /// The sum of all elements, a scalar.
    ///
    /// # Errors
    /// If the device fails.
    pub fn sum_all(&self) -> Result<Tensor> {
        self.sum((0..self.shape().rank()).collect::<Vec<_>>(), false)
    }

    /// The mean of all elements, a scalar.
    ///
    /// # Errors
    /// If the device fails.
    pub fn mean_all(&self) -> Result<Tensor> {
        self.mean((0..self.shape().rank()).collect::<Vec<_>>(), false)
    }

    /// The index of the greatest element of each row: `[.., n] -> [..]` of i64.
    ///
    /// # Errors
    /// If the rows are empty.
    pub fn arg_max(&self) -> Result<Tensor> {
        self.one(Op::ArgMax)
    }

    /// The `k` greatest elements of each row in falling order, and their indices:
    /// `[.., n] -> ([.., k], [.., k] of i64)`.
    ///
    /// # Errors
    /// If a row has fewer.
    pub fn top_k(&self, k: usize) -> Result<(Tensor, Tensor)> {
        Tensor::pair("top_k", Tensor::apply(Op::TopK { k }, &[self])?)
    }

    /// The matrix product `[.., m, k] x [.., k, n]`; leading dimensions broadcast.
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        self.matmul_transposed(other, false, false)
    }

    /// The matrix product of two tensors, each of which may be stored transposed; see
    /// [`Op::MatMul`].
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn matmul_transposed(&self, other: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor> {
        Tensor::single(Op::MatMul { transpose_a, transpose_b }, &[self, other])
    }

    /// `x weight^T + bias`: `[.., i]`, `[o, i]`, `[o]` to `[.., o]`.
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        Tensor::single(Op::Linear, &[&[self, weight], bias.as_slice()].concat())
    }

    /// The rows of this table `[n, d]` that `ids [..]` name: `[.., d]`.
    ///
    /// # Errors
    /// If an id is not a row, or the ids are not integers.
    pub fn embedding(&self, ids: &Tensor) -> Result<Tensor> {
        Tensor::single(Op::Embedding, &[self, ids])
    }

    /// Root-mean-square normalisation of the last dimension.
    ///
    /// # Errors
    /// If the weight does not fit.
    pub fn rms_norm(&self, weight: &Tensor, eps: f64) -> Result<Tensor> {
        Tensor::single(Op::RmsNorm { eps }, &[self, weight])
    }

    /// Layer normalisation of the last dimension.
    ///
    /// # Errors
    /// If the weight or bias does not fit.
    pub fn layer_norm(&self, weight: &Tensor, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
        Tensor::single(Op::LayerNorm { eps }, &[&[self, weight], bias.as_slice()].concat())
    }

    /// Softmax over the last dimension.
    ///
    /// # Errors
    /// If the elements are not floating-point numbers.
    pub fn softmax(&self) -> Result<Tensor> {
        self.one(Op::Softmax)
    }

    /// Rotary position embedding of `[b, s, h, d]`; see [`Op::Rope`].
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn rope(&self, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
        Tensor::single(Op::Rope { inverse: false }, &[self, cos, sin])
    }

    /// `f(self) * up`, the gated linear unit.
    ///
    /// # Errors
    /// If the shapes or types differ.
    pub fn gated(&self, activation: GatedOp, up: &Tensor) -> Result<Tensor> {
        Tensor::single(Op::Gated(activation), &[self, up])
    }

    /// Attention of the queries `self [b, s, h, d]` over keys and values `[b, t, g, d]`; see
    /// [`Op::Attention`]. `spans [b, 3]` say which keys are real and where the queries begin;
    /// `positions` are those of the queries `[b, s]` and of the keys `[b, t]`; all are i64, and the
    /// flags of `spec` are set accordingly.
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn attention(
        &self,
        k: &Tensor,
        v: &Tensor,
        spec: AttentionSpec,
        spans: Option<&Tensor>,
        positions: Option<(&Tensor, &Tensor)>,
    ) -> Result<Tensor> {
        let mut inputs = vec![self, k, v];
        inputs.extend(spans);
        inputs.extend(positions.iter().flat_map(|&(q, k)| [q, k]));
        let spec = AttentionSpec { spans: spans.is_some(), positions: positions.is_some(), ..spec };
        Tensor::single(Op::Attention(spec), &inputs)
    }

    /// Sets elements to 0 with probability `p` and scales the rest by `1 / (1 - p)`; the seed
    /// decides which.
    ///
    /// # Errors
    /// If `p` is not in `[0, 1)`.
    pub fn dropout(&self, p: f64, seed: u64) -> Result<Tensor> {
        if p == 0.0 { Ok(self.clone()) } else { self.one(Op::Dropout { p, seed }) }
    }

    /// The cross-entropy of each row of logits `[n, v]` against `targets [n]` (i64; negative ones
    /// give 0): `[n]`.
    ///
    /// # Errors
    /// If the shapes do not fit or a target is not a column.
    pub fn cross_entropy(&self, targets: &Tensor) -> Result<Tensor> {
        Tensor::single(Op::CrossEntropy, &[self, targets])
    }

    /// The sum of the squares of all elements of all tensors, a scalar.
    ///
    /// # Errors
    /// If there are none, or they are not floating-point numbers.
    pub fn sum_squares(tensors: &[&Tensor]) -> Result<Tensor> {
        Tensor::single(Op::SumSquares, tensors)
    }

    /// The function `op` of each element.
    ///
    /// # Errors
    /// If the elements are not floating-point numbers.
    pub fn unary(&self, op: UnaryOp) -> Result<Tensor> {
        self.one(Op::Unary(op))
    }

    /// The parts of these `sizes` that this tensor falls into in dimension `dim`.
    ///
    /// # Errors
    /// If the sizes do not add up to the extent.
    pub fn split(&self, dim: usize, sizes: impl Into<Vec<usize>>) -> Result<Vec<Tensor>> {
        Tensor::apply(Op::Split { dim, sizes: sizes.into() }, &[self])
    }

    /// `f(a) * b`, where the rows of this tensor are those of `a` followed by those of `b`.
    ///
    /// # Errors
    /// If the rows are of an odd length.
    pub fn gated_halves(&self, activation: GatedOp) -> Result<Tensor> {
        self.one(Op::Gated(activation))
    }

    /// `f(self + bias)`, for a bias `[n]` of rows of `n`.
    ///
    /// # Errors
    /// If the bias does not fit.
    pub fn bias_activation(&self, bias: &Tensor, function: UnaryOp) -> Result<Tensor> {
        Tensor::single(Op::BiasActivation(function), &[self, bias])
    }

    /// The sum with a residual, and its root-mean-square normalisation: `(sum, normed)`.
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn add_rms_norm(&self, residual: &Tensor, weight: &Tensor, eps: f64) -> Result<(Tensor, Tensor)> {
        Tensor::pair("add_rms_norm", Tensor::apply(Op::AddRmsNorm { eps }, &[self, residual, weight])?)
    }

    /// The sum with a residual, and its layer normalisation: `(sum, normed)`.
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn add_layer_norm(
        &self,
        residual: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<(Tensor, Tensor)> {
        let inputs = [&[self, residual, weight], bias.as_slice()].concat();
        Tensor::pair("add_layer_norm", Tensor::apply(Op::AddLayerNorm { eps }, &inputs)?)
    }

    /// This tensor plus the low-rank update `scale (dropout(x) down^T) up^T`; see [`Op::Adapter`].
    /// Gives the tensor away, so that a device may add to it in place.
    ///
    /// # Errors
    /// If the shapes or types do not fit.
    pub fn adapter(self, x: &Tensor, down: &Tensor, up: &Tensor, scale: f64, dropout: (f64, u64)) -> Result<Tensor> {
        let op = Op::Adapter { scale, p: dropout.0, seed: dropout.1 };
        Tensor::sole(op.name(), Tensor::apply_owned(op.clone(), vec![self, x.clone(), down.clone(), up.clone()])?)
    }

    fn one(&self, op: Op) -> Result<Tensor> {
        Tensor::single(op, &[self])
    }

    /// Runs an instruction and returns its first output.
    pub(crate) fn single(op: Op, inputs: &[&Tensor]) -> Result<Tensor> {
        Tensor::sole(op.name(), Tensor::apply(op, inputs)?)
    }

    /// The first two of an instruction's outputs.
    fn pair(op: &str, outputs: Vec<Tensor>) -> Result<(Tensor, Tensor)> {
        let mut outputs = outputs.into_iter();
        outputs.next().zip(outputs.next()).ok_or_else(|| Error::Autodiff(format!("{op} has fewer than two outputs")))
    }

    /// The first of an instruction's outputs.
    pub(crate) fn sole(op: &str, outputs: Vec<Tensor>) -> Result<Tensor> {
        outputs.into_iter().next().ok_or_else(|| Error::Autodiff(format!("{op} has no output")))
    }
}
