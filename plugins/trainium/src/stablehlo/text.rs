//! A function as StableHLO text, which XLA's plugins read.

use std::fmt::Write as _;

use super::function::{ComparisonDirection, ElementType, Function, Id, Instruction, InstructionKind, Type, Unary};

/// The module of one function. Equal functions give equal texts.
#[must_use]
pub fn text(function: &Function) -> String {
    let replicas = function.body.iter().find_map(|instruction| match &instruction.kind {
        InstructionKind::AllReduce(all) => Some(all.replicas),
        _ => None,
    });
    let mut out = String::from("module @scaledown");
    if let Some(replicas) = replicas {
        let _ = write!(out, " attributes {{mhlo.num_replicas = {replicas} : i32, mhlo.num_partitions = 1 : i32}}");
    }
    out.push_str(" {\n  func.func public @main(");
    for (index, argument) in function.arguments.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(out, "{comma}%{}: {}", argument.id.0, ty(function.ty(argument.id)));
        if let Some(result) = argument.gives {
            let _ = write!(out, " {{tf.aliasing_output = {result} : i32}}");
        }
    }
    let types = list(&function.results, |id| ty(function.ty(id)));
    let _ = writeln!(out, ") -> ({types}) {{");
    for instruction in &function.body {
        write_instruction(&mut out, function, instruction);
    }
    let _ = writeln!(out, "    return {} : {types}\n  }}\n}}", list(&function.results, name));
    out
}

fn name(id: Id) -> String {
    format!("%{}", id.0)
}

fn list(ids: &[Id], word: impl Fn(Id) -> String) -> String {
    ids.iter().map(|&id| word(id)).collect::<Vec<_>>().join(", ")
}

fn ty(ty: &Type) -> String {
    let mut text = String::from("tensor<");
    for dim in &ty.dims {
        let _ = write!(text, "{dim}x");
    }
    text + ty.element.name() + ">"
}

/// An element as MLIR writes it: floats by their bits.
fn literal(element: ElementType, bits: u64) -> String {
    match element {
        ElementType::F64 => format!("0x{bits:016X}"),
        ElementType::F32 => format!("0x{bits:08X}"),
        ElementType::Bf16 | ElementType::F16 => format!("0x{bits:04X}"),
        ElementType::I64 => (bits as i64).to_string(),
        ElementType::I32 => (bits as u32 as i32).to_string(),
        ElementType::Ui32 => bits.to_string(),
        ElementType::I1 => (bits != 0).to_string(),
    }
}

fn numbers(values: &[usize]) -> String {
    let words: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("[{}]", words.join(", "))
}

/// `: (types of the operands) -> type of the result`.
fn signature(function: &Function, instruction: &Instruction) -> String {
    let operands = list(&instruction.operands, |id| ty(function.ty(id)));
    format!("({operands}) -> {}", ty(function.ty(instruction.result)))
}

fn write_instruction(out: &mut String, function: &Function, instruction: &Instruction) {
    let Instruction { kind, operands, result } = instruction;
    let x = list(operands, name);
    let result_type = ty(function.ty(*result));
    let signature = || signature(function, instruction);
    let element = |id: &Id| function.ty(*id).element;
    let body = match kind {
        InstructionKind::Constant(bits) => {
            let literal = literal(element(result), *bits);
            // No elements, no value.
            let value = if function.ty(*result).count() == 0 { "dense<>".to_owned() } else { format!("dense<{literal}>") };
            format!("stablehlo.constant {value} : {result_type}")
        }
        InstructionKind::Unary(Unary::Erf) => format!("chlo.erf {x} : {result_type} -> {result_type}"),
        InstructionKind::Unary(unary) => format!("stablehlo.{} {x} : {result_type}", unary.name()),
        InstructionKind::Binary(binary) => format!("stablehlo.{} {x} : {result_type}", binary.name()),
        InstructionKind::Compare(comparison) => {
            let order = operands.first().map_or("FLOAT", |id| ComparisonDirection::order(element(id)));
            format!("stablehlo.compare {}, {x}, {order} : {}", comparison.name(), signature())
        }
        InstructionKind::Select => {
            let condition = operands.first().map(|&id| ty(function.ty(id))).unwrap_or_default();
            format!("stablehlo.select {x} : {condition}, {result_type}")
        }
        InstructionKind::Convert => format!("stablehlo.convert {x} : {}", signature()),
        InstructionKind::Reshape => format!("stablehlo.reshape {x} : {}", signature()),
        InstructionKind::Broadcast { dims } => {
            format!("stablehlo.broadcast_in_dim {x}, dims = {} : {}", numbers(dims), signature())
        }
        InstructionKind::Transpose { dims } => format!("stablehlo.transpose {x}, dims = {} : {}", numbers(dims), signature()),
        InstructionKind::Iota { dim } => format!("stablehlo.iota dim = {dim} : {result_type}"),
        InstructionKind::Slice { start, limit } => {
            let ranges: Vec<String> = start.iter().zip(limit).map(|(start, limit)| format!("{start}:{limit}")).collect();
            format!("stablehlo.slice {x} [{}] : {}", ranges.join(", "), signature())
        }
        InstructionKind::DynamicUpdateSlice => format!("stablehlo.dynamic_update_slice {x} : {}", signature()),
        InstructionKind::Concatenate { dim } => format!("stablehlo.concatenate {x}, dim = {dim} : {}", signature()),
        InstructionKind::Reduce { reduction, dims } => {
            let names: Vec<String> = operands.iter().map(|&id| name(id)).collect();
            let applied = reduction.function().name();
            let dims = numbers(dims);
            format!(
                "stablehlo.reduce({}) applies stablehlo.{applied} across dimensions = {dims} : {}",
                names.join(" init: "),
                signature()
            )
        }
        InstructionKind::Dot { batch, left, right } => {
            let batch = numbers(&(0..*batch).collect::<Vec<_>>());
            format!(
                "stablehlo.dot_general {x}, batching_dims = {batch} x {batch}, contracting_dims = [{left}] x [{right}], \
                 precision = [HIGHEST, HIGHEST] : {}",
                signature()
            )
        }
        InstructionKind::GatherRows => {
            let width = function.ty(*result).dims.last().copied().unwrap_or(1);
            format!(
                "\"stablehlo.gather\"({x}) <{{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], \
                 start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, {width}>, indices_are_sorted = false}}> : {}",
                signature()
            )
        }
        InstructionKind::ScatterRows => {
            let scalar = ty(&Type::new(element(result), &[]));
            format!(
                "\"stablehlo.scatter\"({x}) <{{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], \
                 inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, \
                 unique_indices = false}}> ({{\n    ^bb0(%l: {scalar}, %r: {scalar}):\n      %t = stablehlo.add %l, %r : {scalar}\n      \
                 stablehlo.return %t : {scalar}\n    }}) : {}",
                signature()
            )
        }
        InstructionKind::AllReduce(all) => {
            let scalar = ty(&Type::new(element(result), &[]));
            let group = numbers(&(0..all.replicas).collect::<Vec<_>>());
            format!(
                "\"stablehlo.all_reduce\"({x}) <{{replica_groups = dense<[{group}]> : tensor<1x{}xi64>, \
                 channel_handle = #stablehlo.channel_handle<handle = 1, type = 0>}}> ({{\n    ^bb0(%l: {scalar}, %r: {scalar}):\n      \
                 %t = stablehlo.add %l, %r : {scalar}\n      stablehlo.return %t : {scalar}\n    }}) : {}",
                all.replicas,
                signature()
            )
        }
    };
    let _ = writeln!(out, "    %{} = {body}", result.0);
}
