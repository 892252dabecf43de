//! What two modules have in common that are one program: instructions, types, what is read and what
//! is kept. It is the key of the modules in memory, and made without writing a program down.

use std::collections::HashMap;
use std::sync::Arc;

use scaledown_sdk::{Op, Shape, TensorSpec};

use super::cell::{Cell, Input, Node, Task};
use super::parts::numbers_type;
use super::plan::Group;
use crate::pjrt::Buffer;
use crate::stablehlo::{self, Lowering, Numbers, Step};

/// Where an input of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// An argument of the module.
    Argument(usize),
    /// An output of a node of the group.
    Made { node: usize, output: usize },
    /// It has no elements.
    Empty,
}

/// An argument of a module.
pub(super) struct StructureArgument {
    pub(super) cell: Arc<Cell>,
    pub(super) buffer: Option<Arc<Buffer>>,
    /// How many inputs of the group it is.
    pub(super) uses: usize,
}

/// A group as a program: where each input comes from, and which outputs are kept.
pub(super) struct Structure {
    nodes: Vec<Arc<Node>>,
    sources: Vec<Vec<Source>>,
    pub(super) arguments: Vec<StructureArgument>,
    /// The cells that are kept, and the node and output that each is.
    pub(super) results: Vec<(Arc<Cell>, usize, usize)>,
    /// Pairs of an argument and the result that overwrites it.
    pub(super) gives: Vec<(usize, usize)>,
}

/// Why a group cannot run: an input's failure.
pub(super) type Broken = Arc<str>;

impl Structure {
    /// The structure of a group of which the cells for which `kept` holds are results.
    pub(super) fn new(group: Group, kept: impl Fn(&Arc<Cell>) -> bool) -> Result<Self, Broken> {
        let mut structure =
            Structure { nodes: group.nodes, sources: Vec::new(), arguments: Vec::new(), results: Vec::new(), gives: Vec::new() };
        let place: HashMap<u64, usize> = structure.nodes.iter().enumerate().map(|(index, node)| (node.id, index)).collect();
        let mut known: HashMap<*const Cell, usize> = HashMap::new();
        for node in &structure.nodes {
            let mut sources = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                if matches!(node.task, Task::Sum) {
                    // A sum's padding occurs several times; the program is the same for any count.
                    known.clear();
                }
                sources.push(source(input, &place, &mut known, &mut structure.arguments)?);
            }
            structure.sources.push(sources);
        }
        for (index, node) in structure.nodes.iter().enumerate() {
            let cells = node.cells().enumerate().filter_map(|(output, cell)| Some((cell?, index, output)));
            structure.results.extend(cells.filter(|(cell, ..)| cell.spec.shape.count() > 0 && kept(cell)));
        }
        Ok(structure)
    }

    /// Lets results overwrite arguments that are no longer needed: first where the instruction
    /// itself works in place.
    pub(super) fn give(&mut self, from: usize) {
        let mut free: Vec<bool> = self
            .arguments
            .iter()
            .map(|argument| {
                let cell = &argument.cell;
                cell.spec.bytes() >= from && !cell.held() && cell.uses() == argument.uses
            })
            .collect();
        let mut given = vec![None; self.results.len()];
        for (result, &(ref cell, node, output)) in self.results.iter().enumerate() {
            let Some(input) = in_place(&self.nodes[node].task, output) else { continue };
            let Some(&Source::Argument(argument)) = self.sources[node].get(input) else { continue };
            if free[argument] && self.arguments[argument].cell.spec == cell.spec {
                free[argument] = false;
                given[result] = Some(argument);
            }
        }
        for (argument, free) in free.iter_mut().enumerate().filter(|(_, free)| **free) {
            let spec = &self.arguments[argument].cell.spec;
            let fits = |result: &usize| given[*result].is_none() && self.results[*result].0.spec == *spec;
            if let Some(result) = (0..self.results.len()).find(fits) {
                *free = false;
                given[result] = Some(argument);
            }
        }
        let pairs = given.iter().enumerate().filter_map(|(result, argument)| Some(((*argument)?, result)));
        self.gives = pairs.collect();
        self.gives.sort_unstable();
    }

    /// The key: equal for groups that are one program, whatever run-time numbers they take.
    pub(super) fn key(&self) -> Box<[u64]> {
        let mut key = Vec::with_capacity(self.nodes.len() * 12);
        for argument in &self.arguments {
            spec(&argument.cell.spec, &mut key);
        }
        for (node, sources) in self.nodes.iter().zip(&self.sources) {
            key.push(0xA000 + u64::from(node.ids_known));
            match &node.task {
                Task::Op(op) => instruction(op, &mut key),
                Task::Sum => key.push(99),
            }
            node.outputs.iter().for_each(|output| spec(output, &mut key));
            for (source, input) in sources.iter().zip(&node.inputs) {
                key.push(match *source {
                    Source::Argument(index) => 1 << 32 | index as u64,
                    Source::Made { node, output } => 2 << 32 | (node as u64) << 8 | output as u64,
                    Source::Empty => 3 << 32 | input.cell.spec.dtype as u64,
                });
                shape(&input.shape, &mut key);
            }
        }
        key.push(0xB000);
        key.extend(self.results.iter().map(|&(_, node, output)| (node as u64) << 8 | output as u64));
        key.push(0xC000);
        key.extend(self.gives.iter().map(|&(argument, result)| (argument as u64) << 32 | result as u64));
        key.into_boxed_slice()
    }

    /// The numbers that the program takes at this run.
    pub(super) fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::default();
        for node in &self.nodes {
            if let Task::Op(op) = &node.task {
                stablehlo::numbers(op, numbers_type(&node.inputs), &mut numbers);
            }
        }
        numbers
    }

    /// The number of instructions.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The program. A last result says whether an id named nothing, where one might.
    pub(super) fn program(&self, narrow: bool) -> Result<(stablehlo::Function, bool), (String, &'static str)> {
        let mut at = Lowering::new(narrow);
        let arguments: Vec<_> = self
            .arguments
            .iter()
            .map(|argument| {
                at.builder.argument(stablehlo::element(argument.cell.spec.dtype, narrow), argument.cell.spec.shape.dims())
            })
            .collect();
        at.take_numbers(&self.numbers());
        let mut made: Vec<Vec<stablehlo::Id>> = Vec::with_capacity(self.nodes.len());
        for (node, sources) in self.nodes.iter().zip(&self.sources) {
            let mut inputs = Vec::with_capacity(sources.len());
            for (source, input) in sources.iter().zip(&node.inputs) {
                let id = match *source {
                    Source::Argument(index) => arguments.get(index).copied(),
                    Source::Made { node, output } => made.get(node).and_then(|outputs| outputs.get(output)).copied(),
                    Source::Empty => {
                        let element = stablehlo::element(input.cell.spec.dtype, narrow);
                        Some(at.builder.empty(element, input.shape.dims()))
                    }
                };
                let id = id.ok_or(("a module reads what it does not make".to_owned(), "compile"))?;
                inputs.push(at.builder.reshape(id, input.shape.dims()));
            }
            made.push(lower(&mut at, node, &inputs)?);
        }
        let mut results: Vec<_> =
            self.results.iter().filter_map(|&(_, node, output)| made.get(node)?.get(output).copied()).collect();
        let fault = at.fault();
        results.extend(fault);
        Ok((at.builder.finish(results, &self.gives), fault.is_some()))
    }
}

fn lower(at: &mut Lowering, node: &Node, inputs: &[stablehlo::Id]) -> Result<Vec<stablehlo::Id>, (String, &'static str)> {
    match &node.task {
        Task::Op(op) => {
            let step = Step { op, inputs, outputs: &node.outputs, ids_known: node.ids_known };
            stablehlo::lower(at, &step).map_err(|message| (message, op.name()))
        }
        Task::Sum => {
            Ok(inputs.iter().copied().reduce(|a, b| at.builder.binary(stablehlo::Binary::Add, a, b)).into_iter().collect())
        }
    }
}

fn source(
    input: &Input,
    place: &HashMap<u64, usize>,
    known: &mut HashMap<*const Cell, usize>,
    arguments: &mut Vec<StructureArgument>,
) -> Result<Source, Broken> {
    use super::cell::State;
    let buffer = match &*input.cell.state() {
        State::Empty => return Ok(Source::Empty),
        State::Pending(node, output) => match place.get(&node.id) {
            Some(&node) => return Ok(Source::Made { node, output: *output }),
            None => return Err("a tensor is read before it is computed".into()),
        },
        State::Failed(message) => return Err(Arc::clone(message)),
        State::Given => return Err("a tensor is read after it was overwritten".into()),
        State::Ready(buffer) => buffer.clone(),
    };
    let index = *known.entry(Arc::as_ptr(&input.cell)).or_insert_with(|| {
        arguments.push(StructureArgument { cell: Arc::clone(&input.cell), buffer, uses: 0 });
        arguments.len() - 1
    });
    arguments[index].uses += 1;
    Ok(Source::Argument(index))
}

/// The input that an output of an instruction is a changed copy of.
fn in_place(task: &Task, output: usize) -> Option<usize> {
    match task {
        Task::Op(Op::WriteSlice { .. }) => Some(0),
        // The parameter, its moments and its master copy stand behind the factor; the gradient is
        // between them.
        Task::Op(Op::AdamW { .. }) => [1, 3, 4, 5].get(output).copied(),
        _ => None,
    }
}

fn shape(shape: &Shape, key: &mut Vec<u64>) {
    key.push(shape.rank() as u64);
    key.extend(shape.dims().iter().map(|&dim| dim as u64));
}

fn spec(spec: &TensorSpec, key: &mut Vec<u64>) {
    key.push(0xD000 + spec.dtype as u64);
    shape(&spec.shape, key);
}

/// An instruction without its run-time numbers.
fn instruction(op: &Op, key: &mut Vec<u64>) {
    // FNV-1a of the name.
    key.push(
        op.name().bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)),
    );
    match op {
        Op::Fill { value, .. } => key.push(value.to_bits()),
        Op::Arange { start, .. } => key.push(*start as u64),
        Op::Permute { dims } => key.extend(dims.iter().map(|&dim| dim as u64)),
        Op::Slice { dim, start, len } => key.extend([*dim as u64, *start as u64, *len as u64]),
        Op::WriteSlice { dim, .. } | Op::Concat { dim } => key.push(*dim as u64),
        Op::Unary(function) => key.push(*function as u64),
        Op::Binary(function) => key.push(*function as u64),
        Op::Compare(function) => key.push(*function as u64),
        Op::Affine { mul, add } => key.extend([mul.to_bits(), add.to_bits()]),
        Op::Reduce { op, dims, keep } => {
            key.extend([*op as u64, u64::from(*keep), dims.len() as u64]);
            key.extend(dims.iter().map(|&dim| dim as u64));
        }
        Op::MatMul { transpose_a, transpose_b } => key.extend([u64::from(*transpose_a), u64::from(*transpose_b)]),
        Op::AdamW { beta1, beta2, eps, masters, .. } => {
            key.extend([beta1.to_bits(), beta2.to_bits(), eps.to_bits(), u64::from(*masters)]);
        }
        // The rest follows from types and shapes, which are part of the key.
        _ => {}
    }
}
