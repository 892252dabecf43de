//! What is one module and what is another, without a plugin.

use std::sync::Arc;

use scaledown_sdk::tensor::{BinaryOp, Op, UnaryOp, infer};
use scaledown_sdk::{DType, TensorSpec};

use super::cell::{Cell, CellHandle, Input, Node, State, Task};
use super::parts;
use super::plan::plan;
use super::structure::Structure;

/// A graph in the making.
#[derive(Default)]
struct Graph {
    next: u64,
    /// What tensors hold.
    held: Vec<CellHandle>,
}

impl Graph {
    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A tensor that is on the device.
    fn ready(&mut self, shape: &[usize]) -> Arc<Cell> {
        let cell = Cell::new(TensorSpec::new(DType::F32, shape), None, State::Ready(None));
        self.held.push(CellHandle(Arc::clone(&cell)));
        cell
    }

    fn inputs(cells: &[&Arc<Cell>]) -> Vec<Input> {
        cells.iter().map(|cell| Input { cell: Arc::clone(cell), shape: cell.spec.shape.clone() }).collect()
    }

    fn specs(op: &Op, cells: &[&Arc<Cell>]) -> Vec<TensorSpec> {
        let specs: Vec<TensorSpec> = cells.iter().map(|cell| cell.spec.clone()).collect();
        infer(op, &specs).unwrap()
    }

    fn op(&mut self, op: Op, cells: &[&Arc<Cell>]) -> Arc<Cell> {
        let outputs = Graph::specs(&op, cells).into_iter().map(|spec| (spec, None)).collect();
        Node::noted(self.id(), Task::Op(op), Graph::inputs(cells), outputs).cells().remove(0)
    }

    fn hold(&mut self, cells: &[Arc<Cell>]) {
        self.held.extend(cells.iter().map(|cell| CellHandle(Arc::clone(cell))));
    }
}

/// The keys of the modules that compute these cells.
fn keys(roots: &[Arc<Cell>]) -> Vec<Box<[u64]>> {
    let mut plan = plan(roots);
    let groups = std::mem::take(&mut plan.groups);
    let mut keys = Vec::new();
    for group in groups {
        let structure = Structure::new(group, |cell| plan.keeps(cell)).ok().unwrap();
        keys.push(structure.key());
        // As if it had run.
        structure.results.iter().for_each(|(cell, ..)| cell.set(State::Ready(None)));
    }
    keys
}

fn square() -> Op {
    Op::Unary(UnaryOp::Square)
}

#[test]
fn run_time_numbers_are_no_part_of_a_module() {
    let written = |start: usize| {
        let mut graph = Graph::default();
        let (base, update) = (graph.ready(&[4, 2]), graph.ready(&[1, 2]));
        keys(&[graph.op(Op::WriteSlice { dim: 0, start }, &[&base, &update])])
    };
    assert_eq!(written(0), written(3));
    let dropped = |seed: u64| {
        let mut graph = Graph::default();
        let uniform = graph.op(Op::Uniform { shape: [3].into(), seed }, &[]);
        keys(&[graph.op(square(), &[&uniform])])
    };
    assert_eq!(dropped(1), dropped(u64::MAX));
    let stepped = |lr: f64, step: u64, eps: f64| {
        let mut graph = Graph::default();
        let inputs: Vec<Arc<Cell>> = std::iter::once(graph.ready(&[])).chain((0..4).map(|_| graph.ready(&[2]))).collect();
        let inputs: Vec<&Arc<Cell>> = inputs.iter().collect();
        let op = Op::AdamW { beta1: 0.9, beta2: 0.99, eps, weight_decay: 0.1, masters: false, lr, step };
        keys(&[graph.op(op, &inputs)])
    };
    assert_eq!(stepped(0.1, 1, 1e-8), stepped(0.5, 700, 1e-8));
    assert_ne!(stepped(0.1, 1, 1e-8), stepped(0.1, 1, 1e-6), "another constant is another program");
}

#[test]
fn shapes_operands_and_what_is_kept_are_part_of_a_module() {
    let made = |rows: usize, function: BinaryOp, swapped: bool, keep: bool| {
        let mut graph = Graph::default();
        let (a, b) = (graph.ready(&[rows]), graph.ready(&[rows]));
        let pair = if swapped { [&b, &a] } else { [&a, &b] };
        let sum = graph.op(Op::Binary(function), &[pair[0], &a]);
        let square = graph.op(square(), &[&sum]);
        let last = graph.op(Op::Binary(function), &[&square, pair[1]]);
        graph.hold(std::slice::from_ref(&last));
        if keep {
            graph.hold(std::slice::from_ref(&sum));
        } else {
            drop(CellHandle(Arc::clone(&sum)));
        }
        drop(CellHandle(Arc::clone(&square)));
        keys(&[last])
    };
    let one = made(3, BinaryOp::Add, false, false);
    assert_eq!(one, made(3, BinaryOp::Add, false, false));
    assert_ne!(one, made(4, BinaryOp::Add, false, false), "another shape");
    assert_ne!(one, made(3, BinaryOp::Mul, false, false), "another function");
    assert_ne!(one, made(3, BinaryOp::Add, true, false), "other operands");
    assert_ne!(one, made(3, BinaryOp::Add, false, true), "another result");
}

#[test]
fn what_exchanges_nothing_is_compiled_apart_and_once() {
    let mut graph = Graph::default();
    let made: Vec<Arc<Cell>> = (0..5)
        .map(|_| {
            let x = graph.ready(&[3]);
            let y = graph.op(square(), &[&x]);
            graph.op(square(), &[&y])
        })
        .collect();
    let keys = keys(&made);
    assert_eq!(keys.len(), 5);
    assert!(keys.iter().all(|key| *key == keys[0]), "equal modules have one key");
}

#[test]
fn the_modules_of_a_step_do_not_depend_on_how_many_parameters_there_are() {
    let step = |count: usize| {
        let mut graph = Graph::default();
        let x = graph.ready(&[2, 3]);
        let gradients: Vec<Arc<Cell>> = (0..count).map(|_| graph.op(square(), &[&x])).collect();
        graph.hold(&gradients);
        let scalar = TensorSpec::new(DType::F32, []);
        let all: Vec<&Arc<Cell>> = gradients.iter().collect();
        let mut next = graph.next;
        let mut id = || {
            next += 1;
            next
        };
        let norm = parts::sum_squares(Graph::inputs(&all), &scalar, &mut id).remove(0);
        let op = Op::AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, masters: false, lr: 0.1, step: 1 };
        let mut inputs = vec![norm];
        for gradient in &gradients {
            inputs.extend([graph.ready(&[2, 3]), Arc::clone(gradient), graph.ready(&[2, 3]), graph.ready(&[2, 3])]);
        }
        let inputs: Vec<&Arc<Cell>> = inputs.iter().collect();
        let outputs = Graph::specs(&op, &inputs);
        let updated = parts::adamw(&op, false, Graph::inputs(&inputs), &outputs, &mut id);
        assert_eq!(updated.len(), 3 * count);
        let mut keys = keys(&updated);
        let runs = keys.len();
        keys.sort();
        keys.dedup();
        (keys.len(), runs)
    };
    let (modules, runs) = step(60);
    assert_eq!((modules, modules), (step(56).0, step(500).0));
    assert!(runs > 3 * 60, "a module for each gradient, sum and step: {runs}");
    // Squares, the sum of squares of one, zero, the sum of eight, the step.
    assert_eq!(modules, 5);
}

#[test]
fn what_nobody_needs_is_overwritten_and_nothing_else() {
    let given = |held: bool, elsewhere: bool| {
        let mut graph = Graph::default();
        let (base, update) = (graph.ready(&[64, 32]), graph.ready(&[1, 32]));
        let written = graph.op(Op::WriteSlice { dim: 0, start: 0 }, &[&base, &update]);
        let other = elsewhere.then(|| graph.op(square(), &[&base]));
        if !held {
            graph.held.remove(0);
        }
        graph.hold(std::slice::from_ref(&written));
        let mut plan = plan(&[written]);
        let group = std::mem::take(&mut plan.groups).remove(0);
        let mut structure = Structure::new(group, |cell| plan.keeps(cell)).ok().unwrap();
        structure.give(4096);
        drop(other);
        structure.gives
    };
    assert_eq!(given(false, false), [(0, 0)]);
    assert_eq!(given(true, false), [], "a tensor holds it");
    assert_eq!(given(false, true), [], "an instruction that has not run reads it");
}

#[test]
fn a_long_history_that_nobody_needs_is_dropped_without_recursion() {
    let mut graph = Graph::default();
    let mut x = graph.ready(&[2]);
    for _ in 0..200_000 {
        x = graph.op(square(), &[&x]);
    }
    drop(x);
    assert_eq!(graph.held[0].0.uses(), 0);
}
