//! One program of every instruction.

use scaledown_sdk::tensor::{BinaryOp, CompareOp, ReduceOp, UnaryOp, infer};
use scaledown_sdk::{DType, Op, TensorSpec};
use scaledown_trainium::stablehlo::{Function, Id, Lowering, Numbers, Step, element, lower, numbers};

pub type Case = (Op, Vec<TensorSpec>);

pub fn spec(dtype: DType, shape: &[usize]) -> TensorSpec {
    TensorSpec::new(dtype, shape)
}

/// The program of one instruction, and the run-time numbers that it takes.
pub fn program(op: &Op, inputs: &[TensorSpec], narrow: bool) -> (Function, Numbers) {
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
    (at.builder.finish(results, &[]), taken)
}

/// Instructions with inputs, by name.
pub fn cases() -> Vec<(&'static str, Vec<Case>)> {
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
