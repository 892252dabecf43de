//! How each primitive instruction, AdamW and the sum of squares become StableHLO.
//!
//! Nothing that changes from step to step is written into a program: [`numbers`] says what a
//! program takes at run time instead.

mod elements;
mod layout;
mod numbers;
mod optimizer;
mod products;
mod random;
mod reduce;
mod top_k;

pub use numbers::{Numbers, numbers};

use scaledown_sdk::{DType, Op, TensorSpec};

use super::build::FunctionBuilder;
use super::function::{Binary, ComparisonDirection, ElementType, Id, Reduction};

/// A function in the making, and what the device that it is for needs.
pub struct Lowering {
    /// The function.
    pub builder: FunctionBuilder,
    /// Whether integers of 64 bits are stored and computed in 32.
    narrow: bool,
    /// The run-time numbers of each kind, as arguments, and how many of them have been taken.
    words: Taken,
    singles: Taken,
    doubles: Taken,
    /// Truth values that say that an id named nothing.
    faults: Vec<Id>,
}

/// An argument of several numbers, of which the first ones have been taken.
#[derive(Clone, Copy, Default)]
struct Taken {
    argument: Option<Id>,
    next: usize,
}

/// What an instruction reads and makes.
pub struct Step<'a> {
    /// The instruction.
    pub op: &'a Op,
    /// Its inputs, in the shapes in which it reads them.
    pub inputs: &'a [Id],
    /// What it makes.
    pub outputs: &'a [TensorSpec],
    /// Whether its ids are known to name rows.
    pub ids_known: bool,
}

/// Why an instruction has no program.
pub type Unsupported = String;

impl Lowering {
    /// An empty function.
    #[must_use]
    pub fn new(narrow: bool) -> Self {
        Lowering {
            builder: FunctionBuilder::default(),
            narrow,
            words: Taken::default(),
            singles: Taken::default(),
            doubles: Taken::default(),
            faults: Vec::new(),
        }
    }

    /// The arguments for run-time numbers; they stand behind the tensors.
    pub fn take_numbers(&mut self, numbers: &Numbers) {
        let mut argument = |element, count: usize| {
            let argument = (count > 0).then(|| self.builder.argument(element, &[count]));
            Taken { argument, next: 0 }
        };
        let words = argument(ElementType::Ui32, numbers.words.len());
        let singles = argument(ElementType::F32, numbers.singles.len());
        let doubles = argument(ElementType::F64, numbers.doubles.len());
        (self.words, self.singles, self.doubles) = (words, singles, doubles);
    }

    /// How a type of the contract is stored.
    #[must_use]
    pub fn element(&self, dtype: DType) -> ElementType {
        element(dtype, self.narrow)
    }

    /// The element type of indices that the contract has as 64-bit integers.
    fn index(&self) -> ElementType {
        self.element(DType::I64)
    }

    fn take(&mut self, choose: impl Fn(&mut Self) -> &mut Taken) -> Result<Id, Unsupported> {
        let taken = choose(self);
        let (argument, next) = (taken.argument, taken.next);
        taken.next += 1;
        let argument = argument.ok_or("the program has no such run-time number")?;
        let one = self.builder.slice(argument, 0, next, 1);
        Ok(self.builder.reshape(one, &[]))
    }

    /// The next run-time number of 32 bits.
    fn word(&mut self) -> Result<Id, Unsupported> {
        self.take(|lowering| &mut lowering.words)
    }

    /// The next run-time number of a floating-point type.
    fn number(&mut self, element: ElementType) -> Result<Id, Unsupported> {
        match element {
            ElementType::F64 => self.take(|lowering| &mut lowering.doubles),
            _ => self.take(|lowering| &mut lowering.singles),
        }
    }

    /// Whether any id of the function named nothing, if one might: a truth value.
    pub fn fault(&mut self) -> Option<Id> {
        let faults = std::mem::take(&mut self.faults);
        faults.into_iter().reduce(|all, fault| self.builder.binary(Binary::Or, all, fault))
    }

    /// Ids `[m]` of 32 bits that name one of `rows` rows; if it is not known that they do, those
    /// that do not are noted and replaced.
    fn row_ids(&mut self, ids: Id, rows: usize, known: bool) -> Id {
        let count = self.builder.ty(ids).count();
        let ids = self.builder.reshape(ids, &[count]);
        let element = self.builder.element(ids);
        if known || count == 0 {
            return self.builder.convert(ids, ElementType::I32);
        }
        let end = self.builder.constant(element, rows as f64);
        let mut bad = self.builder.compare(ComparisonDirection::Ge, ids, end);
        let zero = self.builder.constant(element, 0.0);
        if element != ElementType::Ui32 {
            let negative = self.builder.compare(ComparisonDirection::Lt, ids, zero);
            bad = self.builder.binary(Binary::Or, bad, negative);
        }
        let good = self.builder.select(bad, zero, ids);
        let no = self.builder.constant(ElementType::I1, 0.0);
        let fault = self.builder.reduce(Reduction::Or, bad, no, &[0]);
        self.faults.push(fault);
        self.builder.convert(good, ElementType::I32)
    }
}

/// How a type of the contract is stored; `narrow` where integers have 32 bits.
#[must_use]
pub fn element(dtype: DType, narrow: bool) -> ElementType {
    match dtype {
        DType::F64 => ElementType::F64,
        DType::F32 => ElementType::F32,
        DType::BF16 => ElementType::Bf16,
        DType::F16 => ElementType::F16,
        DType::I64 if narrow => ElementType::I32,
        DType::I64 => ElementType::I64,
        DType::U32 => ElementType::Ui32,
        // Quantised types have no instructions here.
        DType::Bool | DType::Q8_0 | DType::Q4_0 => ElementType::I1,
    }
}

/// Whether an instruction has a program.
#[must_use]
pub fn supports(op: &Op) -> bool {
    matches!(
        op,
        Op::Fill { .. }
            | Op::Arange { .. }
            | Op::Uniform { .. }
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
            | Op::EmbeddingBackward { .. }
            | Op::SumSquares
            | Op::AdamW { .. }
    )
}

/// Adds the instructions of one instruction of the contract, and returns what it makes.
///
/// # Errors
/// A sentence, if the device cannot have a program of it.
pub fn lower(at: &mut Lowering, step: &Step<'_>) -> Result<Vec<Id>, Unsupported> {
    if step.outputs.iter().all(|spec| spec.shape.count() == 0) {
        let empty = |spec: &TensorSpec| at.builder.empty(element(spec.dtype, at.narrow), spec.shape.dims());
        return Ok(step.outputs.iter().map(empty).collect());
    }
    let Some(first) = step.outputs.first() else { return Ok(Vec::new()) };
    let (x, dims, out) = (step.inputs, first.shape.dims(), at.element(first.dtype));
    let one = match step.op {
        Op::Fill { value, .. } => layout::fill(at, *value, out, dims)?,
        Op::Arange { start, .. } => layout::arange(at, *start, dims)?,
        Op::Uniform { .. } => random::uniform(at, dims)?,
        Op::Permute { dims: order } => at.builder.transpose(input(x, 0)?, order),
        Op::Broadcast { .. } => at.builder.broadcast(input(x, 0)?, dims),
        Op::Slice { dim, start, len } => at.builder.slice(input(x, 0)?, *dim, *start, *len),
        Op::WriteSlice { dim, .. } => layout::write_slice(at, input(x, 0)?, input(x, 1)?, *dim)?,
        Op::Concat { dim } => layout::concat(at, x, *dim, dims),
        Op::Cast { .. } => elements::cast(at, input(x, 0)?, out),
        Op::Unary(function) => elements::unary(at, *function, input(x, 0)?),
        Op::Affine { mul, add } => elements::affine(at, input(x, 0)?, *mul, *add),
        Op::Binary(function) => elements::binary(at, *function, input(x, 0)?, input(x, 1)?, dims),
        Op::Compare(function) => elements::compare(at, *function, input(x, 0)?, input(x, 1)?, dims),
        Op::Select => {
            let condition = at.builder.broadcast(input(x, 0)?, dims);
            at.builder.select(condition, input(x, 1)?, input(x, 2)?)
        }
        Op::Reduce { op, dims: over, .. } => reduce::reduce(at, *op, input(x, 0)?, over, dims),
        Op::ArgMax => reduce::arg_max(at, input(x, 0)?),
        Op::TopK { k } => return top_k::top_k(at, input(x, 0)?, *k),
        Op::MatMul { transpose_a, transpose_b } => {
            products::matmul(at, (input(x, 0)?, *transpose_a), (input(x, 1)?, *transpose_b), dims)
        }
        Op::Embedding => products::embedding(at, input(x, 0)?, input(x, 1)?, step.ids_known, dims),
        Op::EmbeddingBackward { rows } => products::embedding_backward(at, input(x, 0)?, input(x, 1)?, step.ids_known, *rows),
        Op::SumSquares => reduce::sum_squares(at, x, out),
        Op::AdamW { .. } => return optimizer::adamw(at, step.op, x),
        other => return Err(format!("there is no program for {}", other.name())),
    };
    Ok(vec![one])
}

fn input(inputs: &[Id], index: usize) -> Result<Id, Unsupported> {
    inputs.get(index).copied().ok_or_else(|| format!("input {index} is missing"))
}
