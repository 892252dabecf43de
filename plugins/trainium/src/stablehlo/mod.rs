//! Programs in StableHLO: how they are built, how instructions of the contract are lowered to them,
//! and how they are written down.

mod build;
mod function;
mod lower;
mod portable;
mod text;

pub use build::FunctionBuilder;
pub use function::{
    AllReduce, Argument, Binary, ComparisonDirection, Dims, ElementType, Function, Id, Instruction, InstructionKind, Reduction,
    Type, Unary,
};
pub use lower::{Lowering, Numbers, Step, Unsupported, element, lower, numbers, supports};
pub use portable::portable;
pub use text::text;
