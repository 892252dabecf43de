//! One function of StableHLO instructions, as data: what is lowered to, and what the writers of
//! text and of bytecode read.
//!
//! The instructions here are all that a lowering may use. Each is one that every known plugin
//! compiles, Neuron's included: there is no sort, no loop, no reduction of several operands, no
//! complex number and no shape that is not known.

use smallvec::SmallVec;

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the types'")]
pub enum ElementType {
    F64,
    F32,
    Bf16,
    F16,
    I64,
    I32,
    Ui32,
    I1,
}

impl ElementType {
    /// The name in MLIR.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ElementType::F64 => "f64",
            ElementType::F32 => "f32",
            ElementType::Bf16 => "bf16",
            ElementType::F16 => "f16",
            ElementType::I64 => "i64",
            ElementType::I32 => "i32",
            ElementType::Ui32 => "ui32",
            ElementType::I1 => "i1",
        }
    }

    /// Whether it is a floating-point type.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, ElementType::F64 | ElementType::F32 | ElementType::Bf16 | ElementType::F16)
    }

    /// The type in which sums of this type are computed.
    #[must_use]
    pub const fn accumulator(self) -> ElementType {
        match self {
            ElementType::F64 => ElementType::F64,
            ElementType::F32 | ElementType::Bf16 | ElementType::F16 => ElementType::F32,
            other => other,
        }
    }

    /// The bits of a number in this type: floats rounded to nearest even, integers truncated
    /// towards zero.
    #[must_use]
    pub fn bits(self, value: f64) -> u64 {
        match self {
            ElementType::F64 => value.to_bits(),
            ElementType::F32 => u64::from((value as f32).to_bits()),
            ElementType::Bf16 => u64::from(half::bf16::from_f64(value).to_bits()),
            ElementType::F16 => u64::from(half::f16::from_f64(value).to_bits()),
            ElementType::I64 => (value as i64) as u64,
            ElementType::I32 => u64::from((value as i32) as u32),
            ElementType::Ui32 => u64::from(value as u32),
            ElementType::I1 => u64::from(value != 0.0),
        }
    }

    /// The size of one element in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            ElementType::F64 | ElementType::I64 => 8,
            ElementType::F32 | ElementType::I32 | ElementType::Ui32 => 4,
            ElementType::Bf16 | ElementType::F16 => 2,
            ElementType::I1 => 1,
        }
    }
}

/// Extents.
pub type Dims = SmallVec<[usize; 6]>;

/// The type of a value: its elements, and how many in each dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// The element type.
    pub element: ElementType,
    /// The extents.
    pub dims: Dims,
}

impl Type {
    /// A tensor type.
    #[must_use]
    pub fn new(element: ElementType, dims: &[usize]) -> Self {
        Type { element, dims: Dims::from_slice(dims) }
    }

    /// The number of elements.
    #[must_use]
    pub fn count(&self) -> usize {
        self.dims.iter().product()
    }
}

/// A value of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

/// Functions of one operand, of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum Unary {
    Abs,
    Cosine,
    /// `chlo.erf`: of f64 alone, which no device with other than XLA's own compiler has.
    Erf,
    Exponential,
    Log,
    Logistic,
    Negate,
    Rsqrt,
    Sine,
    Sqrt,
    Tanh,
}

impl Unary {
    /// The name in StableHLO.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Unary::Abs => "abs",
            Unary::Cosine => "cosine",
            Unary::Erf => "erf",
            Unary::Exponential => "exponential",
            Unary::Log => "log",
            Unary::Logistic => "logistic",
            Unary::Negate => "negate",
            Unary::Rsqrt => "rsqrt",
            Unary::Sine => "sine",
            Unary::Sqrt => "sqrt",
            Unary::Tanh => "tanh",
        }
    }
}

/// Functions of two operands of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum Binary {
    Add,
    And,
    Divide,
    Maximum,
    Minimum,
    Multiply,
    Or,
    ShiftLeft,
    ShiftRightLogical,
    Subtract,
    Xor,
}

impl Binary {
    /// The name in StableHLO.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::And => "and",
            Binary::Divide => "divide",
            Binary::Maximum => "maximum",
            Binary::Minimum => "minimum",
            Binary::Multiply => "multiply",
            Binary::Or => "or",
            Binary::ShiftLeft => "shift_left",
            Binary::ShiftRightLogical => "shift_right_logical",
            Binary::Subtract => "subtract",
            Binary::Xor => "xor",
        }
    }
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the comparisons' own")]
pub enum ComparisonDirection {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

impl ComparisonDirection {
    /// The name in StableHLO.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ComparisonDirection::Eq => "EQ",
            ComparisonDirection::Ne => "NE",
            ComparisonDirection::Ge => "GE",
            ComparisonDirection::Gt => "GT",
            ComparisonDirection::Le => "LE",
            ComparisonDirection::Lt => "LT",
        }
    }

    /// How elements of a type are compared.
    #[must_use]
    pub const fn order(element: ElementType) -> &'static str {
        match element {
            ElementType::F64 | ElementType::F32 | ElementType::Bf16 | ElementType::F16 => "FLOAT",
            ElementType::I64 | ElementType::I32 => "SIGNED",
            ElementType::Ui32 | ElementType::I1 => "UNSIGNED",
        }
    }
}

/// Reductions of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum Reduction {
    Add,
    Maximum,
    Minimum,
    Or,
}

impl Reduction {
    /// The function of two elements.
    #[must_use]
    pub const fn function(self) -> Binary {
        match self {
            Reduction::Add => Binary::Add,
            Reduction::Maximum => Binary::Maximum,
            Reduction::Minimum => Binary::Minimum,
            Reduction::Or => Binary::Or,
        }
    }
}

/// A sum over devices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllReduce {
    /// The number of devices, all of which take part.
    pub replicas: usize,
}

/// What an instruction does. Operands are listed with it; each has one result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InstructionKind {
    /// Every element is the one of these bits.
    Constant(u64),
    /// `x -> f(x)`.
    Unary(Unary),
    /// `(a, b) -> f(a, b)`.
    Binary(Binary),
    /// `(a, b) -> i1`.
    Compare(ComparisonDirection),
    /// `(condition, a, b) -> condition ? a : b`.
    Select,
    /// To another element type.
    Convert,
    /// The same elements in another shape.
    Reshape,
    /// Dimension `i` of the operand becomes dimension `dims[i]` of the result.
    Broadcast {
        /// The dimensions.
        dims: Dims,
    },
    /// Dimension `i` of the result is dimension `dims[i]` of the operand.
    Transpose {
        /// The dimensions.
        dims: Dims,
    },
    /// Numbers that grow along a dimension.
    Iota {
        /// The dimension.
        dim: usize,
    },
    /// A range of each dimension.
    Slice {
        /// The first index of each.
        start: Dims,
        /// The index behind the last of each.
        limit: Dims,
    },
    /// `(base, update, start of each dimension) -> base`, with the update written.
    DynamicUpdateSlice,
    /// Operands joined in a dimension.
    Concatenate {
        /// The dimension.
        dim: usize,
    },
    /// `(x, init) -> y`, reduced over `dims`.
    Reduce {
        /// What is computed.
        reduction: Reduction,
        /// The dimensions.
        dims: Dims,
    },
    /// A product over the contracting dimensions, for each index of the first `batch` dimensions.
    Dot {
        /// The number of leading dimensions that are batches.
        batch: usize,
        /// The dimension of the first operand that is summed over.
        left: usize,
        /// That of the second.
        right: usize,
    },
    /// `(table [n, d], ids [m]) -> [m, d]`.
    GatherRows,
    /// `(zeros [n, d], ids [m], rows [m, d]) -> [n, d]`: rows added at their ids.
    ScatterRows,
    /// The sum over all devices.
    AllReduce(AllReduce),
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// What it does.
    pub kind: InstructionKind,
    /// What it reads.
    pub operands: SmallVec<[Id; 4]>,
    /// What it makes.
    pub result: Id,
}

/// An argument of a function.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The value.
    pub id: Id,
    /// The result that takes its memory.
    pub gives: Option<usize>,
}

/// A function, which is a whole program.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// The type of each value.
    pub types: Vec<Type>,
    /// The arguments.
    pub arguments: Vec<Argument>,
    /// The instructions, in order.
    pub body: Vec<Instruction>,
    /// The results.
    pub results: Vec<Id>,
}

impl Function {
    /// The type of a value.
    #[must_use]
    pub fn ty(&self, id: Id) -> &Type {
        &self.types[id.0 as usize]
    }
}
