//! The program of every instruction, as it was looked at once. `SCALEDOWN_UPDATE_GOLDEN=1` writes
//! what is made now.

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::programs::{cases, program, spec};
use scaledown_sdk::{DType, Op, TensorSpec};
use scaledown_trainium::stablehlo::{Numbers, numbers, text};

/// The module of one instruction.
fn module(op: &Op, inputs: &[TensorSpec], narrow: bool) -> String {
    text(&program(op, inputs, narrow).0)
}

#[test]
fn programs_are_those_that_were_looked_at() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("SCALEDOWN_UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, cases) in cases() {
        let mut made = String::new();
        for (op, inputs) in &cases {
            let inputs_named: Vec<String> = inputs.iter().map(ToString::to_string).collect();
            let _ = writeln!(made, "// {op:?} of {}\n{}", inputs_named.join(" "), module(op, inputs, true));
        }
        let file = directory.join(format!("{name}.mlir"));
        if update {
            std::fs::write(&file, &made).expect("a file");
        }
        let looked_at = std::fs::read_to_string(&file).unwrap_or_default();
        if made != looked_at {
            let line = made.lines().zip(looked_at.lines()).find(|(a, b)| a != b);
            wrong.push(format!("{}: {line:?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_instruction_with_a_program_is_among_them() {
    let shown: Vec<&str> =
        cases().iter().flat_map(|(_, cases)| cases.iter().map(|(op, _)| op.name()).collect::<Vec<_>>()).collect();
    for declaration in Op::TABLE {
        let primitive = declaration.kind == scaledown_sdk::tensor::OpKind::Primitive && declaration.name != "reshape";
        let wanted = primitive || ["adamw", "sum_squares"].contains(&declaration.name);
        assert_eq!(shown.contains(&declaration.name), wanted, "{}", declaration.name);
    }
}

#[test]
fn what_changes_from_step_to_step_is_no_part_of_a_program() {
    let step = |lr, step| Op::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters: false, lr, step };
    let parameter = vec![
        spec(DType::F32, &[]),
        spec(DType::F32, &[2]),
        spec(DType::F32, &[2]),
        spec(DType::F32, &[2]),
        spec(DType::F32, &[2]),
    ];
    let cache = vec![spec(DType::F32, &[3, 2]), spec(DType::F32, &[1, 2])];
    let pairs: [(Op, Op, Vec<TensorSpec>); 3] = [
        (step(0.01, 1), step(0.5, 900), parameter),
        (Op::Uniform { shape: [4].into(), seed: 1 }, Op::Uniform { shape: [4].into(), seed: u64::MAX }, vec![]),
        (Op::WriteSlice { dim: 0, start: 0 }, Op::WriteSlice { dim: 0, start: 2 }, cache),
    ];
    for (one, other, inputs) in pairs {
        assert_eq!(module(&one, &inputs, false), module(&other, &inputs, false), "{}", one.name());
        let taken = |op: &Op| {
            let mut taken = Numbers::default();
            numbers(op, DType::F32, &mut taken);
            taken
        };
        assert_ne!(taken(&one), taken(&other), "{} takes its numbers at run time", one.name());
    }
}
