//! The elementary functions that instructions apply to elements.

use super::declare::functions;

functions! {
    /// Functions of one element.
    pub enum UnaryOp {
        Neg = "neg",
        Abs = "abs",
        Square = "square",
        Sqrt = "sqrt",
        Rsqrt = "rsqrt",
        Recip = "recip",
        Exp = "exp",
        Log = "log",
        Sin = "sin",
        Cos = "cos",
        Tanh = "tanh",
        Sigmoid = "sigmoid",
        Relu = "relu",
        /// `x * sigmoid(x)`.
        Silu = "silu",
        /// `x / 2 * (1 + erf(x / sqrt 2))`.
        Gelu = "gelu",
        /// The tanh approximation of `Gelu`.
        GeluTanh = "gelu_tanh",
        /// The Gauss error function.
        Erf = "erf",
    }
}

functions! {
    /// Functions of two elements.
    pub enum BinaryOp {
        Add = "add",
        Sub = "sub",
        Mul = "mul",
        Div = "div",
        /// Its gradient goes to the greater input, and to both in halves on a tie.
        Maximum = "maximum",
        /// Its gradient goes to the lesser input, and to both in halves on a tie.
        Minimum = "minimum",
    }
}

functions! {
    /// Comparisons of two elements.
    pub enum CompareOp {
        Eq = "eq",
        Ne = "ne",
        Lt = "lt",
        Le = "le",
        Gt = "gt",
        Ge = "ge",
    }
}

functions! {
    /// Reductions.
    pub enum ReduceOp {
        Sum = "sum",
        Mean = "mean",
        /// Its gradient is shared equally by all elements that attain the maximum.
        Max = "max",
    }
}

functions! {
    /// The activation of a gated linear unit.
    pub enum GatedOp {
        Silu = "silu",
        Gelu = "gelu",
        GeluTanh = "gelu_tanh",
    }
}
