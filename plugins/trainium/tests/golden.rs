//! The program of every instruction, as it was looked at once. `SCALEDOWN_UPDATE_GOLDEN=1` writes
//! what is made now.

use std::fmt::Write as _;
use std::path::Path;

use scaledown_sdk::tensor::{BinaryOp, CompareOp, ReduceOp, UnaryOp, infer};
use scaledown_sdk::{DType, Op, TensorSpec};
use scaledown_trainium::stablehlo::{Id, Lowering, Numbers, Step, element, lower, numbers, text};

type Case = (Op, Vec<TensorSpec>);

fn spec(dtype: DType, shape: &[usize]) -> TensorSpec {
    TensorSpec::new(dtype, shape)
}

/// The module of one instruction.
fn module(op: &Op, inputs: &[TensorSpec], narrow: bool) -> String {
    let outputs = infer(op, inputs).expect("inputs that fit");
    let mut at = Lowering::new(narrow);
    let arguments: Vec<Id> =
        inputs.iter().map(|spec| at.builder.argument(element(spec.dtype, narrow), spec.shape.dims())).collect();
    let mut taken = Numbers::default();
    numbers(op, inputs.first().map_or(DType::F32, |input| input.dtype.accumulator()), &mut taken);
    at.take_numbers(&taken);
    let step = Step { op, inputs: &arguments, outputs: &outputs, ids_known: false };
    let mut results = lower(&mut at, &step).expect("a program");
    results.extend(at.fault());
    text(&at.builder.finish(results, &[]))
}

fn cases() -> Vec<(&'static str, Vec<Case>)> {
    let f32 = |shape: &[usize]| spec(DType::F32, shape);
    let i64 = |shape: &[usize]| spec(DType::I64, shape);
    let adamw = |masters| Op::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters, lr: 0.01, step: 3 };
    let unary = |dtype| UnaryOp::ALL.iter().map(move |&f| (Op::Unary(f), vec![spec(dtype, &[3])])).collect::<Vec<_>>();
    let binary = BinaryOp::ALL.iter().map(|&f| (Op::Binary(f), vec![f32(&[2, 3]), f32(&[3])])).collect::<Vec<_>>();
    let compare = CompareOp::ALL.iter().map(|&f| (Op::Compare(f), vec![f32(&[2]), f32(&[])])).collect::<Vec<_>>();
    let reduce = |op| (Op::Reduce { op, dims: vec![1], keep: true }, vec![spec(DType::BF16, &[2, 3])]);
    let cast = |from, to| (Op::Cast { dtype: to }, vec![spec(from, &[2])]);
    vec![
        ("fill", vec![(Op::Fill { shape: [2].into(), dtype: DType::BF16, value: 0.5 }, vec![])]),
        ("arange", vec![(Op::Arange { start: -2, len: 3 }, vec![]), (Op::Arange { start: 0, len: 3 }, vec![])]),
        ("uniform", vec![(Op::Uniform { shape: [2, 3].into(), seed: 7 }, vec![])]),
        ("permute", vec![(Op::Permute { dims: vec![1, 0] }, vec![f32(&[2, 3])])]),
        ("broadcast", vec![(Op::Broadcast { shape: [2, 3].into() }, vec![f32(&[1])])]),
        ("slice", vec![(Op::Slice { dim: 1, start: 1, len: 2 }, vec![f32(&[2, 4])])]),
        ("write_slice", vec![(Op::WriteSlice { dim: 0, start: 1 }, vec![f32(&[3, 2]), f32(&[1, 2])])]),
        ("concat", vec![(Op::Concat { dim: 0 }, vec![f32(&[1, 2]), f32(&[0, 2]), f32(&[2, 2])])]),
        (
            "cast",
            vec![
                cast(DType::F32, DType::BF16),
                cast(DType::F32, DType::Bool),
                cast(DType::F16, DType::I64),
                cast(DType::F32, DType::U32),
                cast(DType::I64, DType::U32),
                cast(DType::Bool, DType::F32),
            ],
        ),
        ("unary", unary(DType::F32)),
        ("unary_bf16", unary(DType::BF16)),
        ("affine", vec![(Op::Affine { mul: 2.0, add: 0.5 }, vec![spec(DType::BF16, &[2])])]),
        ("binary", binary),
        ("binary_integers", vec![(Op::Binary(BinaryOp::Div), vec![i64(&[2]), i64(&[2])])]),
        ("compare", compare),
        ("select", vec![(Op::Select, vec![spec(DType::Bool, &[2, 1]), f32(&[3]), f32(&[])])]),
        ("reduce", [ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max].map(reduce).to_vec()),
        ("arg_max", vec![(Op::ArgMax, vec![f32(&[2, 5])])]),
        ("top_k", vec![(Op::TopK { k: 2 }, vec![f32(&[2, 5])]), (Op::TopK { k: 40 }, vec![f32(&[50])])]),
        (
            "matmul",
            [(false, false), (false, true), (true, false)]
                .map(|(transpose_a, transpose_b)| {
                    let stored = |transposed: bool, [m, n]: [usize; 2]| if transposed { [n, m] } else { [m, n] };
                    let (a, b) = (stored(transpose_a, [2, 3]), stored(transpose_b, [3, 4]));
                    let inputs = vec![spec(DType::BF16, &[&[5], &a[..]].concat()), spec(DType::BF16, &b)];
                    (Op::MatMul { transpose_a, transpose_b }, inputs)
                })
                .to_vec(),
        ),
        (
            "embedding",
            vec![(Op::Embedding, vec![f32(&[5, 2]), i64(&[3, 1])]), (Op::Embedding, vec![f32(&[5, 2]), spec(DType::U32, &[3])])],
        ),
        ("embedding_backward", vec![(Op::EmbeddingBackward { rows: 5 }, vec![spec(DType::BF16, &[3, 2]), i64(&[3])])]),
        ("sum_squares", vec![(Op::SumSquares, vec![spec(DType::BF16, &[2, 3]), spec(DType::BF16, &[])])]),
        (
            "adamw",
            vec![
                (adamw(false), vec![f32(&[]), f32(&[2]), f32(&[2]), f32(&[2]), f32(&[2])]),
                (adamw(true), vec![f32(&[]), spec(DType::BF16, &[2]), spec(DType::BF16, &[2]), f32(&[2]), f32(&[2]), f32(&[2])]),
            ],
        ),
    ]
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
