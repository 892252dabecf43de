//! The instructions of a function in VHLO.

use super::bytes::Bytes;
use super::tables::{LOCATION, Tables};
use super::{HAS_OPERANDS, HAS_PROPERTIES, HAS_REGIONS, HAS_RESULTS, section};
use crate::stablehlo::{Binary, ComparisonDirection, Function, Id, Instruction, InstructionKind, Type, Unary};

/// Codes of VHLO's enumerations.
const DIRECTION: u64 = 3;
const ORDER: u64 = 4;
const PRECISION: u64 = 11;
/// `PrecisionV1::HIGHEST`.
const HIGHEST: u64 = 2;

/// The instructions of a function.
pub(super) struct Body {
    instructions: Bytes,
    count: usize,
    values: usize,
}

impl Body {
    pub(super) fn new(function: &Function, tables: &mut Tables) -> Result<Self, String> {
        // Values are numbered in the order in which they are made, arguments first.
        let mut numbers = vec![0_u64; function.types.len()];
        let made = function.body.iter().map(|instruction| instruction.result);
        for (number, id) in function.arguments.iter().map(|argument| argument.id).chain(made).enumerate() {
            numbers[id.0 as usize] = number as u64;
        }
        let numbers = |ids: &[Id]| ids.iter().map(|id| numbers[id.0 as usize]).collect::<Vec<u64>>();
        let mut instructions = Bytes::default();
        for instruction in &function.body {
            write(&mut instructions, function, instruction, &numbers(&instruction.operands), tables)?;
        }
        give_back(&mut instructions, &numbers(&function.results), tables);
        let values = function.arguments.len() + function.body.len();
        Ok(Body { instructions, count: function.body.len() + 1, values })
    }

    /// A region of one block, whose arguments have these types.
    pub(super) fn region(&self, arguments: &[u64]) -> Bytes {
        region(arguments, self.values, self.count, &self.instructions)
    }
}

fn region(arguments: &[u64], values: usize, count: usize, instructions: &Bytes) -> Bytes {
    let mut region = Bytes::default();
    region.number(1);
    region.number(values as u64);
    region.flagged(count as u64, !arguments.is_empty());
    if !arguments.is_empty() {
        region.number(arguments.len() as u64);
        // Without a location.
        arguments.iter().for_each(|&ty| region.flagged(ty, false));
        // Nor an order of uses.
        region.raw(&[0]);
    }
    region.append(instructions);
    region
}

/// The end of a block.
fn give_back(out: &mut Bytes, results: &[u64], tables: &mut Tables) {
    out.number(tables.operation("return_v1"));
    out.raw(&[if results.is_empty() { 0 } else { HAS_OPERANDS }]);
    out.number(LOCATION);
    list(out, results);
}

fn list(out: &mut Bytes, numbers: &[u64]) {
    if !numbers.is_empty() {
        out.number(numbers.len() as u64);
        numbers.iter().for_each(|&number| out.number(number));
    }
}

fn write(
    out: &mut Bytes,
    function: &Function,
    instruction: &Instruction,
    operands: &[u64],
    tables: &mut Tables,
) -> Result<(), String> {
    let (name, properties) = described(function, instruction, tables)?;
    let scalar = tables.ty(&Type::new(function.ty(instruction.result).element, &[]));
    let combined = match &instruction.kind {
        InstructionKind::Reduce { reduction, .. } => Some(combine(reduction.function(), scalar, tables)?),
        InstructionKind::ScatterRows => Some(combine(Binary::Add, scalar, tables)?),
        _ => None,
    };
    let mut mask = HAS_RESULTS;
    mask |= if operands.is_empty() { 0 } else { HAS_OPERANDS };
    mask |= if properties.is_empty() { 0 } else { HAS_PROPERTIES };
    mask |= if combined.is_some() { HAS_REGIONS } else { 0 };
    out.number(tables.operation(name));
    out.raw(&[mask]);
    out.number(LOCATION);
    if !properties.is_empty() {
        let mut bytes = Bytes::default();
        properties.iter().for_each(|&attribute| bytes.number(attribute));
        out.number(tables.property(bytes));
    }
    let ty = tables.ty(function.ty(instruction.result));
    list(out, &[ty]);
    list(out, operands);
    if let Some(region) = combined {
        // One region, which reads nothing from outside.
        out.flagged(1, true);
        out.section(section::INSTRUCTIONS, &region);
    }
    Ok(())
}

/// The region that combines two elements.
fn combine(binary: Binary, scalar: u64, tables: &mut Tables) -> Result<Bytes, String> {
    let mut body = Bytes::default();
    body.number(tables.operation(binary_name(binary)));
    body.raw(&[HAS_RESULTS | HAS_OPERANDS]);
    body.number(LOCATION);
    list(&mut body, &[scalar]);
    list(&mut body, &[0, 1]);
    give_back(&mut body, &[2], tables);
    Ok(region(&[scalar, scalar], 3, 2, &body))
}

/// The name of an instruction, and its attributes in the order of their names.
fn described(function: &Function, instruction: &Instruction, tables: &mut Tables) -> Result<(&'static str, Vec<u64>), String> {
    Ok(match &instruction.kind {
        InstructionKind::Constant(bits) => ("constant_v1", vec![tables.constant(function.ty(instruction.result), *bits)]),
        InstructionKind::Unary(unary) => (unary_name(*unary)?, vec![]),
        InstructionKind::Binary(binary) => (binary_name(*binary), vec![]),
        InstructionKind::Compare(comparison) => {
            let order = instruction.operands.first().map_or("FLOAT", |&id| ComparisonDirection::order(function.ty(id).element));
            ("compare_v1", vec![tables.case(ORDER, order_case(order)), tables.case(DIRECTION, direction(*comparison))])
        }
        InstructionKind::Select => ("select_v1", vec![]),
        InstructionKind::Convert => ("convert_v1", vec![]),
        InstructionKind::Reshape => ("reshape_v1", vec![]),
        InstructionKind::Broadcast { dims } => ("broadcast_in_dim_v1", vec![tables.indices(dims)]),
        InstructionKind::Transpose { dims } => ("transpose_v1", vec![tables.indices(dims)]),
        InstructionKind::Iota { dim } => ("iota_v1", vec![tables.index(*dim)]),
        InstructionKind::Slice { start, limit } => {
            let strides = tables.indices(&vec![1; start.len()]);
            ("slice_v1", vec![tables.indices(limit), tables.indices(start), strides])
        }
        InstructionKind::DynamicUpdateSlice => ("dynamic_update_slice_v1", vec![]),
        InstructionKind::Concatenate { dim } => ("concatenate_v1", vec![tables.index(*dim)]),
        InstructionKind::Reduce { dims, .. } => ("reduce_v1", vec![tables.indices(dims)]),
        InstructionKind::Dot { batch, left, right } => {
            let batches = tables.indices(&(0..*batch).collect::<Vec<_>>());
            let (left, right) = (tables.indices(&[*left]), tables.indices(&[*right]));
            let highest = tables.case(PRECISION, HIGHEST);
            let precision = tables.array(&[highest, highest]);
            ("dot_general_v1", vec![batches, left, precision, batches, right])
        }
        InstructionKind::GatherRows => {
            let width = function.ty(instruction.result).dims.last().copied().unwrap_or(1);
            let (rows, columns, sizes) = (tables.indices(&[0]), tables.indices(&[1]), tables.indices(&[1, width]));
            let (at, sorted) = (tables.index(1), tables.flag(false));
            ("gather_v1", vec![rows, at, sorted, columns, sizes, rows])
        }
        InstructionKind::ScatterRows => {
            let (rows, columns) = (tables.indices(&[0]), tables.indices(&[1]));
            let (at, no) = (tables.index(1), tables.flag(false));
            ("scatter_v1", vec![at, no, rows, rows, no, columns])
        }
        InstructionKind::AllReduce(_) => return Err("a portable program runs on one device, and has no all_reduce".into()),
    })
}

fn direction(comparison: ComparisonDirection) -> u64 {
    match comparison {
        ComparisonDirection::Eq => 0,
        ComparisonDirection::Ne => 1,
        ComparisonDirection::Ge => 2,
        ComparisonDirection::Gt => 3,
        ComparisonDirection::Le => 4,
        ComparisonDirection::Lt => 5,
    }
}

fn order_case(order: &str) -> u64 {
    match order {
        "FLOAT" => 1,
        "SIGNED" => 3,
        _ => 4,
    }
}

fn unary_name(unary: Unary) -> Result<&'static str, String> {
    Ok(match unary {
        Unary::Abs => "abs_v1",
        Unary::Cosine => "cosine_v1",
        Unary::Erf => return Err("a portable program has no erf of f64".into()),
        Unary::Exponential => "exponential_v1",
        Unary::Log => "log_v1",
        Unary::Logistic => "logistic_v1",
        Unary::Negate => "negate_v1",
        Unary::Rsqrt => "rsqrt_v1",
        Unary::Sine => "sine_v1",
        Unary::Sqrt => "sqrt_v1",
        Unary::Tanh => "tanh_v1",
    })
}

fn binary_name(binary: Binary) -> &'static str {
    match binary {
        Binary::Add => "add_v1",
        Binary::And => "and_v1",
        Binary::Divide => "divide_v1",
        Binary::Maximum => "maximum_v1",
        Binary::Minimum => "minimum_v1",
        Binary::Multiply => "multiply_v1",
        Binary::Or => "or_v1",
        Binary::ShiftLeft => "shift_left_v1",
        Binary::ShiftRightLogical => "shift_right_logical_v1",
        Binary::Subtract => "subtract_v1",
        Binary::Xor => "xor_v1",
    }
}
