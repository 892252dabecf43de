//! Instructions for many parameters, in parts that do not depend on how many there are: a model of
//! more layers then has no more modules, and none that takes longer to compile.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, Op, TensorSpec};

use super::cell::{Cell, Input, Node, Task};
use std::sync::Arc;

/// Scalars that are added up at once.
const AT_ONCE: usize = 8;

/// One AdamW step a parameter.
pub(super) fn adamw(
    op: &Op,
    masters: bool,
    inputs: Vec<Input>,
    outputs: &[TensorSpec],
    mut id: impl FnMut() -> u64,
) -> Vec<Arc<Cell>> {
    let each = if masters { 5 } else { 4 };
    let mut inputs = inputs.into_iter();
    let Some(scale) = inputs.next() else { return Vec::new() };
    let mut cells = Vec::with_capacity(outputs.len());
    for outputs in outputs.chunks(each - 1) {
        let own = std::iter::once(Input { cell: Arc::clone(&scale.cell), shape: scale.shape.clone() });
        let own = own.chain(inputs.by_ref().take(each)).collect();
        let outputs = outputs.iter().map(|spec| (spec.clone(), None)).collect();
        cells.extend(Node::noted(id(), Task::Op(op.clone()), own, outputs).apart().cells());
    }
    cells
}

/// The sum of squares of each tensor, and then sums of eight of those, filled up with zeros.
pub(super) fn sum_squares(inputs: Vec<Input>, output: &TensorSpec, mut id: impl FnMut() -> u64) -> Vec<Arc<Cell>> {
    let mut node = |task: Task, inputs: Vec<Input>| {
        let made = Node::noted(id(), task, inputs, vec![(output.clone(), None)]).apart();
        made.cells().into_iter().next()
    };
    let zero = Op::Fill { shape: output.shape.clone(), dtype: output.dtype, value: 0.0 };
    let zero = node(Task::Op(zero), Vec::new());
    let mut sums: Vec<Arc<Cell>> = inputs.into_iter().filter_map(|input| node(Task::Op(Op::SumSquares), vec![input])).collect();
    while sums.len() > 1 {
        let sum = |some: &[Arc<Cell>]| {
            let all = some.iter().chain(zero.iter().cycle()).take(AT_ONCE);
            node(Task::Sum, all.map(|cell| Input { cell: Arc::clone(cell), shape: output.shape.clone() }).collect())
        };
        sums = sums.chunks(AT_ONCE).filter_map(sum).collect();
    }
    sums
}

/// The type in which an instruction's run-time numbers are.
pub(super) fn numbers_type(inputs: &[Input]) -> DType {
    inputs.first().map_or(DType::F32, |input| input.cell.spec.dtype.accumulator())
}

/// The inputs of an instruction as the graph has them.
pub(super) fn inputs(
    values: &[Value],
    cell: impl Fn(&Value) -> scaledown_sdk::Result<Arc<Cell>>,
) -> scaledown_sdk::Result<Vec<Input>> {
    values.iter().map(|value| Ok(Input { cell: cell(value)?, shape: value.spec.shape.clone() })).collect()
}
