//! The graph of what has been asked for: cells, which are tensors, and nodes, which are
//! instructions.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Mutex, MutexGuard};
use scaledown_sdk::{Op, Shape, TensorSpec};

use super::bounds::Bounds;
use crate::pjrt::Buffer;

/// The elements of a tensor: still to be computed, or on the device.
pub(super) struct Cell {
    /// Its element type and the shape in which it is stored. Tensors of other shapes may share it.
    pub(super) spec: TensorSpec,
    /// Between which numbers integers are known to lie.
    pub(super) bounds: Option<Bounds>,
    /// Whether a tensor holds it. Once none does, none will.
    held: AtomicBool,
    /// How many inputs of nodes it is.
    uses: AtomicUsize,
    state: Mutex<State>,
}

/// Where a cell's elements are.
#[derive(Clone)]
pub(super) enum State {
    /// An output of a node that has not run.
    Pending(Arc<Node>, usize),
    /// On the device; nowhere, if it only compiles.
    Ready(Option<Arc<Buffer>>),
    /// There are none.
    Empty,
    /// What computes them failed.
    Failed(Arc<str>),
    /// Overwritten, after the last use.
    Given,
}

impl Cell {
    pub(super) fn new(spec: TensorSpec, bounds: Option<Bounds>, state: State) -> Arc<Cell> {
        let state = if spec.shape.count() == 0 { State::Empty } else { state };
        Arc::new(Cell { spec, bounds, held: AtomicBool::new(true), uses: AtomicUsize::new(0), state: Mutex::new(state) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Replaces the state. The old one is dropped after the lock is released: it may be the last
    /// holder of other cells.
    pub(super) fn set(&self, state: State) {
        let old = std::mem::replace(&mut *self.state(), state);
        drop(old);
    }

    /// The node that computes it, if it has not run.
    pub(super) fn node(&self) -> Option<Arc<Node>> {
        match &*self.state() {
            State::Pending(node, _) => Some(Arc::clone(node)),
            _ => None,
        }
    }

    pub(super) fn held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    pub(super) fn uses(&self) -> usize {
        self.uses.load(Ordering::Acquire)
    }
}

/// A tensor's hold on its cell.
pub(super) struct CellHandle(pub(super) Arc<Cell>);

impl Drop for CellHandle {
    fn drop(&mut self) {
        self.0.held.store(false, Ordering::Release);
    }
}

/// What a node does.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// An instruction.
    Op(Op),
    /// The sum of scalars.
    Sum,
}

/// An instruction that was noted.
pub(super) struct Node {
    /// Grows with time, so that inputs come before what reads them.
    pub(super) id: u64,
    pub(super) task: Task,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<TensorSpec>,
    /// Whether its ids are known to name rows.
    pub(super) ids_known: bool,
    /// Whether it is compiled apart from what it reads and from what reads it.
    pub(super) apart: bool,
    cells: OnceLock<Vec<Weak<Cell>>>,
}

/// A cell, and the shape in which it is read.
pub(super) struct Input {
    pub(super) cell: Arc<Cell>,
    pub(super) shape: Shape,
}

impl Node {
    /// A node and the cells of its outputs.
    pub(super) fn noted(id: u64, task: Task, inputs: Vec<Input>, outputs: Vec<(TensorSpec, Option<Bounds>)>) -> NewNode {
        for input in &inputs {
            input.cell.uses.fetch_add(1, Ordering::AcqRel);
        }
        let (outputs, bounds) = outputs.into_iter().unzip();
        NewNode { node: Node { id, task, inputs, outputs, ids_known: false, apart: false, cells: OnceLock::new() }, bounds }
    }

    /// The cells of its outputs, of which some may be gone.
    pub(super) fn cells(&self) -> impl Iterator<Item = Option<Arc<Cell>>> {
        self.cells.get().into_iter().flatten().map(Weak::upgrade)
    }
}

impl Drop for Node {
    /// Drops a long unused history in a loop, since recursion would exhaust the stack.
    fn drop(&mut self) {
        let mut inputs = std::mem::take(&mut self.inputs);
        while let Some(Input { cell, .. }) = inputs.pop() {
            cell.uses.fetch_sub(1, Ordering::AcqRel);
            let Some(Cell { state, .. }) = Arc::into_inner(cell) else { continue };
            if let State::Pending(node, _) = state.into_inner()
                && let Some(mut node) = Arc::into_inner(node)
            {
                inputs.append(&mut node.inputs);
            }
        }
    }
}

/// A node that has no cells yet.
pub(super) struct NewNode {
    node: Node,
    bounds: Vec<Option<Bounds>>,
}

impl NewNode {
    pub(super) fn apart(mut self) -> Self {
        self.node.apart = true;
        self
    }

    pub(super) fn ids_known(mut self, known: bool) -> Self {
        self.node.ids_known = known;
        self
    }

    /// The cells of the outputs, which keep the node.
    pub(super) fn cells(self) -> Vec<Arc<Cell>> {
        let node = Arc::new(self.node);
        let outputs = node.outputs.iter().cloned().zip(self.bounds).enumerate();
        let cell = |(index, (spec, bounds))| Cell::new(spec, bounds, State::Pending(Arc::clone(&node), index));
        let cells: Vec<Arc<Cell>> = outputs.map(cell).collect();
        // A node is given its cells once.
        let _ = node.cells.set(cells.iter().map(Arc::downgrade).collect());
        cells
    }
}
