use proptest::prelude::*;

use super::infer;
use crate::tensor::{AttentionSpec, BinaryOp, CompareOp, DType, GatedOp, Op, ReduceOp, TensorSpec, UnaryOp};
use crate::{Error, Result};

fn spec(dtype: DType, shape: &[usize]) -> TensorSpec {
    TensorSpec::new(dtype, shape)
}

fn f32(shape: &[usize]) -> TensorSpec {
    spec(DType::F32, shape)
}

fn bf16(shape: &[usize]) -> TensorSpec {
    spec(DType::BF16, shape)
}

fn i64(shape: &[usize]) -> TensorSpec {
    spec(DType::I64, shape)
}

fn mask(positions: bool) -> AttentionSpec {
    AttentionSpec { scale: 0.5, causal: true, window: None, spans: false, positions }
}

fn adamw(step: u64) -> Op {
    Op::AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0, masters: false, lr: 0.1, step }
}

/// That `op` refuses `inputs` with a message that contains `expected` and names the instruction and
/// all inputs.
#[track_caller]
fn refused(op: &Op, inputs: &[TensorSpec], expected: &str) {
    let message = infer(op, inputs).map_err(|error| error.to_string()).expect_err("the inputs do not fit");
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    if message.starts_with("tensor data") {
        return;
    }
    assert!(message.starts_with(op.name()), "{message:?} does not name the instruction");
    for input in inputs {
        assert!(message.contains(&input.to_string()), "{message:?} does not name {input}");
    }
}

#[test]
fn outputs_have_the_shapes_and_types_of_the_contract() -> Result<()> {
    let reduce = |op, dims: &[usize], keep| Op::Reduce { op, dims: dims.to_vec(), keep };
    let matmul = |transpose_a, transpose_b| Op::MatMul { transpose_a, transpose_b };
    let (q, k) = (bf16(&[2, 3, 4, 6]), bf16(&[2, 5, 2, 6]));
    let (lse, positions) = (f32(&[2, 4, 3]), [i64(&[2, 3]), i64(&[2, 5])]);
    let cases: Vec<(Op, Vec<TensorSpec>, Vec<TensorSpec>)> = vec![
        (Op::Arange { start: -1, len: 3 }, vec![], vec![i64(&[3])]),
        (Op::Permute { dims: vec![2, 0, 1] }, vec![i64(&[2, 3, 4])], vec![i64(&[4, 2, 3])]),
        (Op::Concat { dim: 1 }, vec![f32(&[2, 0]), f32(&[2, 3])], vec![f32(&[2, 3])]),
        (Op::Binary(BinaryOp::Add), vec![bf16(&[4, 1]), bf16(&[2, 1, 3])], vec![bf16(&[2, 4, 3])]),
        (Op::Compare(CompareOp::Lt), vec![i64(&[0]), i64(&[1])], vec![spec(DType::Bool, &[0])]),
        (reduce(ReduceOp::Sum, &[0, 2], false), vec![f32(&[2, 3, 4])], vec![f32(&[3])]),
        (reduce(ReduceOp::Max, &[0, 2], true), vec![f32(&[2, 3, 4])], vec![f32(&[1, 3, 1])]),
        (Op::ArgMax, vec![bf16(&[2, 3])], vec![i64(&[2])]),
        (matmul(true, false), vec![f32(&[7, 1, 3, 2]), f32(&[5, 3, 4])], vec![f32(&[7, 5, 2, 4])]),
        (matmul(false, true), vec![f32(&[2, 3]), f32(&[5, 4, 3])], vec![f32(&[5, 2, 4])]),
        (Op::Linear, vec![f32(&[2, 3, 4]), f32(&[5, 4]), f32(&[5])], vec![f32(&[2, 3, 5])]),
        (Op::Embedding, vec![bf16(&[9, 4]), spec(DType::U32, &[2, 3])], vec![bf16(&[2, 3, 4])]),
        (Op::EmbeddingBackward { rows: 9 }, vec![bf16(&[2, 4]), i64(&[2])], vec![bf16(&[9, 4])]),
        (
            Op::RmsNormBackward { eps: 0.1, input: false, weight: true },
            vec![f32(&[2, 4]), f32(&[4]), f32(&[2, 4])],
            vec![f32(&[4])],
        ),
        (Op::Rope { inverse: false }, vec![bf16(&[2, 3, 4, 6]), f32(&[1, 3, 3]), f32(&[1, 3, 3])], vec![bf16(&[2, 3, 4, 6])]),
        (Op::Attention(mask(false)), vec![q.clone(), k.clone(), k.clone()], vec![q.clone(), lse.clone()]),
        (
            Op::AttentionBackward(mask(true)),
            [vec![q.clone(), k.clone(), k.clone()], positions.to_vec(), vec![q.clone(), lse, q.clone()]].concat(),
            vec![q, k.clone(), k],
        ),
        (Op::CrossEntropy, vec![bf16(&[2, 9]), i64(&[2])], vec![f32(&[2]), f32(&[2])]),
        (Op::CrossEntropyBackward, vec![bf16(&[2, 9]), i64(&[2]), f32(&[2]), f32(&[2])], vec![bf16(&[2, 9])]),
        (Op::SumSquares, vec![bf16(&[2, 9]), f32(&[])], vec![f32(&[])]),
        (
            adamw(1),
            vec![f32(&[]), bf16(&[2]), bf16(&[2]), f32(&[2]), f32(&[2]), f32(&[3]), f32(&[3]), f32(&[3]), f32(&[3])],
            vec![bf16(&[2]), f32(&[2]), f32(&[2]), f32(&[3]), f32(&[3]), f32(&[3])],
        ),
        (Op::Split { dim: 1, sizes: vec![1, 0, 3] }, vec![bf16(&[2, 4])], vec![bf16(&[2, 1]), bf16(&[2, 0]), bf16(&[2, 3])]),
        (
            Op::Adapter { scale: 2.0, p: 0.1, seed: 1 },
            vec![bf16(&[2, 3, 5]), bf16(&[2, 3, 7]), bf16(&[4, 7]), bf16(&[5, 4])],
            vec![bf16(&[2, 3, 5]), bf16(&[2, 3, 4])],
        ),
        (Op::AddRmsNorm { eps: 0.1 }, vec![f32(&[2, 3]), f32(&[2, 3]), f32(&[3])], vec![f32(&[2, 3]), f32(&[2, 3])]),
        (Op::BiasActivation(UnaryOp::Gelu), vec![f32(&[2, 3]), f32(&[3])], vec![f32(&[2, 3])]),
        (Op::Gated(GatedOp::Silu), vec![f32(&[2, 6])], vec![f32(&[2, 3])]),
        (Op::GatedBackward(GatedOp::Silu), vec![f32(&[2, 6]), f32(&[2, 3])], vec![f32(&[2, 6])]),
    ];
    for (op, inputs, outputs) in cases {
        assert_eq!(infer(&op, &inputs)?, outputs, "{op:?}");
    }
    Ok(())
}

#[test]
fn inputs_that_do_not_fit_are_refused_in_words() {
    let huge = usize::MAX / 2;
    let fill = |shape: &[usize]| Op::Fill { shape: shape.into(), dtype: DType::F64, value: 0.0 };
    refused(&fill(&[huge, 3]), &[], "larger than the address space");
    refused(&fill(&[0, huge, huge]), &[], "larger than the address space");
    refused(&fill(&[1]), &[f32(&[1])], "expected 0 inputs, found 1");
    refused(&Op::Arange { start: i64::MAX, len: 2 }, &[], "do not fit i64");
    refused(&Op::Reshape { shape: [4].into() }, &[f32(&[2, 3])], "expected a shape of 6 elements, found [4] of 4");
    refused(&Op::Reshape { shape: [huge, huge].into() }, &[f32(&[2, 3])], "larger than the address space");
    refused(&Op::Permute { dims: vec![0, 0] }, &[f32(&[2, 3])], "expected a permutation of the 2 dimensions, found [0, 0]");
    refused(&Op::Broadcast { shape: [3].into() }, &[f32(&[2, 3])], "shape [2, 3] does not broadcast to [3]");
    refused(&Op::Broadcast { shape: [1].into() }, &[f32(&[0])], "does not broadcast");
    refused(&Op::Slice { dim: 2, start: 0, len: 1 }, &[f32(&[2, 3])], "expected a dimension below 2, found 2");
    refused(&Op::Slice { dim: 1, start: usize::MAX, len: 2 }, &[f32(&[2, 3])], "within the 3 indices of dimension 1");
    refused(&Op::WriteSlice { dim: 0, start: 2 }, &[f32(&[3]), f32(&[2])], "within the 3 indices of dimension 0");
    refused(&Op::WriteSlice { dim: 0, start: 0 }, &[f32(&[3, 1]), f32(&[2, 2])], "expected an update of shape [2, 1]");
    refused(&Op::Concat { dim: 0 }, &[], "expected at least one input");
    refused(&Op::Concat { dim: 0 }, &[f32(&[2, 3]), f32(&[2, 4])], "expected each input of shape [2, 3]");
    refused(&Op::Unary(UnaryOp::Exp), &[i64(&[2])], "of a floating-point type, found i64");
    refused(&Op::Binary(BinaryOp::Add), &[f32(&[2]), bf16(&[2])], "expected the second input of type f32, found bf16");
    refused(&Op::Binary(BinaryOp::Add), &[f32(&[2]), f32(&[3])], "shapes [2] and [3] do not broadcast");
    refused(&Op::Binary(BinaryOp::Mul), &[spec(DType::Bool, &[1]), spec(DType::Bool, &[1])], "expected numbers");
    refused(&Op::Select, &[f32(&[2]), f32(&[2]), f32(&[2])], "expected a condition of type bool");
    refused(&Op::Dropout { p: 1.0, seed: 0 }, &[f32(&[2])], "below 1, found 1");
    refused(&Op::Dropout { p: f64::NAN, seed: 0 }, &[f32(&[2])], "found NaN");
    refused(&Op::Gated(GatedOp::Silu), &[f32(&[2]), f32(&[1])], "of shape [2], found [1]");
    let reduce = |op, dims: &[usize]| Op::Reduce { op, dims: dims.to_vec(), keep: false };
    refused(&reduce(ReduceOp::Sum, &[1, 0]), &[f32(&[2, 3])], "expected strictly ascending dimensions below 2, found [1, 0]");
    refused(&reduce(ReduceOp::Sum, &[2]), &[f32(&[2, 3])], "below 2, found [2]");
    refused(&reduce(ReduceOp::Max, &[0]), &[f32(&[0, 3])], "the maximum of no elements");
    refused(&Op::ArgMax, &[f32(&[])], "at least 1 dimensions");
    refused(&Op::ArgMax, &[f32(&[2, 0])], "the maximum of no elements");
    let matmul = Op::MatMul { transpose_a: false, transpose_b: false };
    refused(&matmul, &[f32(&[2, 3]), f32(&[2, 3])], "expected equal inner extents, found 3 and 2");
    refused(&matmul, &[f32(&[3]), f32(&[3, 2])], "expected the first input of at least 2 dimensions, found [3]");
    refused(&Op::Linear, &[f32(&[2, 3]), f32(&[5, 4])], "expected an input of 4 features (the weight's), found 3");
    refused(&Op::Linear, &[f32(&[2, 3]), f32(&[5, 3]), f32(&[3])], "expected a bias of shape [5]");
    refused(&Op::Linear, &[f32(&[2, 3])], "expected 2 to 3 inputs, found 1");
    refused(&Op::Embedding, &[f32(&[9, 4]), f32(&[2])], "expected ids of type i64 or u32, found f32");
    refused(&Op::RmsNorm { eps: 0.1 }, &[f32(&[2, 4]), f32(&[2])], "expected a weight of shape [4]");
    let nothing = Op::LayerNormBackward { eps: 0.1, input: false, weight: false };
    refused(&nothing, &[f32(&[2, 4]), f32(&[4]), f32(&[2, 4])], "is wanted");
    refused(
        &Op::Rope { inverse: false },
        &[f32(&[1, 2, 1, 3]), f32(&[1, 2, 1]), f32(&[1, 2, 1])],
        "heads of an even size, found 3",
    );
    refused(&Op::Rope { inverse: false }, &[f32(&[3, 2, 1, 2]), f32(&[2, 2, 1]), f32(&[2, 2, 1])], "cosines of shape [3, 2, 1]");
    let (q, k) = (f32(&[1, 2, 3, 4]), f32(&[1, 5, 2, 4]));
    refused(&Op::Attention(mask(false)), &[q.clone(), k.clone(), k.clone()], "a multiple of the 2 key heads, found 3");
    let none = f32(&[1, 5, 0, 4]);
    refused(&Op::Attention(mask(false)), &[q.clone(), none.clone(), none], "a multiple of the 0 key heads");
    refused(&Op::Attention(mask(true)), &[q, k.clone(), k], "expected 5 inputs, found 3");
    refused(&Op::CrossEntropy, &[f32(&[2, 3]), spec(DType::U32, &[2])], "expected targets of type i64");
    refused(&Op::SumSquares, &[f32(&[2]), spec(DType::F64, &[2])], "all inputs in f64, or none");
    refused(&adamw(0), &[f32(&[]), f32(&[2]), f32(&[2]), f32(&[2]), f32(&[2])], "a step of at least 1");
    refused(&adamw(1), &[f32(&[]), bf16(&[2]), bf16(&[2]), bf16(&[2]), f32(&[2])], "a first moment of type f32");
}

fn ops() -> impl Strategy<Value = Op> {
    let n = || prop_oneof![0..4usize, Just(usize::MAX), Just(usize::MAX / 2)];
    let dims = || prop::collection::vec(n(), 0..4);
    let (flag, eps) = (any::<bool>, 1e-5);
    prop_oneof![
        dims().prop_map(|dims| Op::Reshape { shape: dims.into() }),
        dims().prop_map(|dims| Op::Broadcast { shape: dims.into() }),
        dims().prop_map(|dims| Op::Permute { dims }),
        dims().prop_map(|dims| Op::Fill { shape: dims.into(), dtype: DType::F32, value: 0.0 }),
        (any::<i64>(), n()).prop_map(|(start, len)| Op::Arange { start, len }),
        (n(), n(), n()).prop_map(|(dim, start, len)| Op::Slice { dim, start, len }),
        (n(), n()).prop_map(|(dim, start)| Op::WriteSlice { dim, start }),
        n().prop_map(|dim| Op::Concat { dim }),
        (dims(), flag()).prop_map(|(dims, keep)| Op::Reduce { op: ReduceOp::Max, dims, keep }),
        (flag(), flag()).prop_map(|(transpose_a, transpose_b)| Op::MatMul { transpose_a, transpose_b }),
        n().prop_map(|rows| Op::EmbeddingBackward { rows }),
        (flag(), flag()).prop_map(move |(input, weight)| Op::RmsNormBackward { eps, input, weight }),
        flag().prop_map(|positions| Op::Attention(mask(positions))),
        flag().prop_map(|positions| Op::AttentionBackward(mask(positions))),
        prop::sample::select(vec![
            Op::Unary(UnaryOp::Exp),
            Op::Binary(BinaryOp::Add),
            Op::Compare(CompareOp::Eq),
            Op::Select,
            Op::ArgMax,
            Op::Linear,
            Op::Embedding,
            Op::LayerNorm { eps },
            Op::Softmax,
            Op::SoftmaxBackward,
            Op::Rope { inverse: true },
            Op::GatedBackward(GatedOp::Gelu),
            Op::CrossEntropy,
            Op::CrossEntropyBackward,
            Op::SumSquares,
            adamw(1),
        ]),
    ]
}

fn specs() -> impl Strategy<Value = TensorSpec> {
    let dtypes = vec![DType::F32, DType::BF16, DType::I64, DType::Bool];
    let extent = prop_oneof![8 => 0..4usize, 1 => Just(usize::MAX), 1 => Just(1 << 40)];
    (prop::sample::select(dtypes), prop::collection::vec(extent, 0..5)).prop_map(|(dtype, dims)| TensorSpec::new(dtype, dims))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_every_output_can_exist(op in ops(), inputs in prop::collection::vec(specs(), 0..9)) {
        match infer(&op, &inputs) {
            Ok(outputs) => {
                prop_assert!(outputs.iter().all(|output| output.check().is_ok()));
                let _does_not_panic = crate::tensor::cost(&op, &inputs, &outputs);
            }
            Err(error) => prop_assert!(matches!(error, Error::Invalid { .. } | Error::Data(_)), "{error}"),
        }
    }
}
