//! What programs may consist of on Neuron, whose compiler has no sort, no loop, no f64, no 64-bit
//! integers, no reduction of several operands and no product of integers, and fails on constants
//! beyond 32 bits.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use scaledown_conformance::device::cases::{all, apply, differentiable};
use scaledown_conformance::device::fits;
use scaledown_sdk::tensor::{DeviceInfo, Storage, Value};
use scaledown_sdk::{DType, Device, DeviceBackend, Op, Result, TensorData, TensorSpec};
use scaledown_trainium::stablehlo::{
    ElementType, Function, InstructionKind, Lowering, Numbers, Step, Unary, element, lower, numbers, supports, text,
};

/// StableHLO instructions that Neuron's compiler is known to take.
const ALLOWED: [&str; 36] = [
    "abs",
    "add",
    "and",
    "broadcast_in_dim",
    "compare",
    "concatenate",
    "constant",
    "convert",
    "cosine",
    "divide",
    "dot_general",
    "dynamic_update_slice",
    "exponential",
    "gather",
    "iota",
    "log",
    "logistic",
    "maximum",
    "minimum",
    "multiply",
    "negate",
    "or",
    "reduce",
    "reshape",
    "return",
    "rsqrt",
    "scatter",
    "select",
    "shift_left",
    "shift_right_logical",
    "sine",
    "slice",
    "sqrt",
    "subtract",
    "tanh",
    "transpose",
];

/// Besides, where it stands between truth values and words.
const OF_BITS: &str = "xor";

/// A device that lowers each instruction as Neuron's does, and runs nothing.
#[derive(Clone, Default)]
struct Lowers(Arc<Mutex<Found>>);

#[derive(Default)]
struct Found {
    instructions: BTreeSet<String>,
    problems: Vec<String>,
    programs: usize,
}

impl DeviceBackend for Lowers {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            name: "lowers".into(),
            description: "lowers and runs nothing".into(),
            threads: 1,
            dtypes: vec![DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool],
            memory: None,
            static_shapes: true,
        }
    }

    fn upload(&self, _: &TensorSpec, _: &[u8]) -> Result<Storage> {
        Ok(Storage::new(()))
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        values.iter().map(|value| TensorData::new(value.spec.clone(), vec![0; value.spec.bytes()])).collect()
    }

    fn supports(&self, op: &Op, _: &[TensorSpec]) -> bool {
        supports(op)
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let mut at = Lowering::new(true);
        let argument = |at: &mut Lowering, spec: &TensorSpec| at.builder.argument(element(spec.dtype, true), spec.shape.dims());
        let arguments: Vec<_> = inputs.iter().map(|input| argument(&mut at, &input.spec)).collect();
        let mut taken = Numbers::default();
        numbers(op, inputs.first().map_or(DType::F32, |input| input.spec.dtype.accumulator()), &mut taken);
        at.take_numbers(&taken);
        let results = lower(&mut at, &Step { op, inputs: &arguments, outputs, ids_known: false }).expect("a program");
        let function = at.builder.finish(results, &[]);
        let mut found = self.0.lock().expect("no panic");
        found.programs += 1;
        let problems = check(&function).into_iter().map(|problem| format!("{op:?}: {problem}"));
        found.problems.extend(problems);
        found.instructions.extend(words(&text(&function)));
        Ok(outputs.iter().map(|_| Storage::new(())).collect())
    }
}

/// What Neuron refuses in a program.
fn check(function: &Function) -> Vec<String> {
    let mut problems = Vec::new();
    for ty in &function.types {
        if matches!(ty.element, ElementType::F64 | ElementType::I64) {
            problems.push(format!("a value of {}", ty.element.name()));
        }
    }
    for instruction in &function.body {
        match &instruction.kind {
            InstructionKind::Constant(bits) if *bits > u64::from(u32::MAX) => problems.push(format!("the constant {bits:#x}")),
            InstructionKind::Unary(Unary::Erf) => problems.push("erf".into()),
            InstructionKind::Dot { .. } if !function.ty(instruction.operands[0]).element.is_float() => {
                problems.push("a product of integers".into())
            }
            InstructionKind::Reduce { .. } if instruction.operands.len() != 2 => {
                problems.push("a reduction of several operands".into())
            }
            InstructionKind::AllReduce(_) => problems.push("a sum over devices in a device of its own".into()),
            _ => {}
        }
    }
    problems
}

/// The instructions that a text names, of every dialect.
fn words(text: &str) -> Vec<String> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for dialect in ["stablehlo.", "chlo.", "mhlo."] {
        for (at, _) in text.match_indices(dialect) {
            // `#stablehlo.gather<` is an attribute.
            if text[..at].ends_with('#') || text[..at].ends_with(letters) {
                continue;
            }
            let word: String = text[at + dialect.len()..].chars().take_while(|&c| letters(c)).collect();
            found.push(if dialect == "stablehlo." { word } else { format!("{dialect}{word}") });
        }
    }
    found
}

#[test]
fn programs_for_neuron_consist_of_what_its_compiler_takes() {
    let lowers = Lowers::default();
    let device = Device::new(lowers.clone());
    for case in all().iter().chain(&differentiable()) {
        for dtype in [DType::F32, DType::BF16].into_iter().filter(|&dtype| fits(&device, case, dtype)) {
            let inputs: Vec<_> = case.inputs.iter().map(|input| input.upload(&device, dtype).expect("a tensor")).collect();
            apply(&case.op, &inputs, &device).unwrap_or_else(|error| panic!("{case}: {error}"));
        }
    }
    let found = lowers.0.lock().expect("no panic");
    assert!(found.programs > 5000, "only {} programs", found.programs);
    assert!(found.problems.is_empty(), "{}", found.problems[..found.problems.len().min(20)].join("\n"));
    let beyond: Vec<&String> =
        found.instructions.iter().filter(|name| !ALLOWED.contains(&name.as_str()) && *name != OF_BITS).collect();
    assert!(beyond.is_empty(), "instructions that are not on the list: {beyond:?}");
    let unused: Vec<&&str> = ALLOWED.iter().filter(|name| !found.instructions.contains(**name)).collect();
    assert!(unused.is_empty(), "instructions that nothing uses: {unused:?}");
}

#[test]
fn what_neuron_refuses_is_found() {
    let mut at = Lowering::new(false);
    let x = at.builder.argument(ElementType::F64, &[2]);
    let erf = at.builder.unary(Unary::Erf, x);
    let far = at.builder.bits(ElementType::I64, 1 << 40);
    let ids = at.builder.argument(ElementType::I32, &[2, 2]);
    let product = at.builder.dot(ids, ids, (1, 0), &[2, 2]);
    let function = at.builder.finish(vec![erf, far, product], &[]);
    let problems = check(&function).join(", ");
    for problem in ["a value of f64", "a value of i64", "the constant 0x10000000000", "erf", "a product of integers"] {
        assert!(problems.contains(problem), "{problem} is not among {problems}");
    }
    assert_eq!(words("%1 = chlo.erf %0 : x\n%2 = \"stablehlo.sort\"(%1) <#stablehlo.gather<"), ["sort", "chlo.erf"]);
}
