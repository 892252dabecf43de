//! The tensor handle on the host: a value on a device, and the history that its gradient needs.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::backend::Value;
use super::{DType, Device, Element, Op, Shape, TensorData, TensorSpec};
use crate::autodiff::{Gradients, SegmentFn, backward, differentiable, saves};
use crate::{Error, Result};

/// A tensor. Cloning is cheap and shares the elements; a tensor never changes.
#[derive(Clone)]
pub struct Tensor(Arc<Inner>);

struct Inner {
    value: Value,
    device: Device,
    edge: Option<Edge>,
}

/// Identifies a leaf of the autodiff graph: a tensor whose gradient is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeafId(u64);

/// One output of a recorded node.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) node: Arc<Node>,
    pub(crate) output: usize,
}

/// A recorded computation. Ids grow with time, so that descending ids are a topological order.
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) kind: NodeKind,
    /// Where the gradient of each input flows to; `None` where none is wanted.
    pub(crate) inputs: Vec<Option<Edge>>,
}

pub(crate) enum NodeKind {
    Leaf,
    Op {
        op: Op,
        input_specs: Vec<TensorSpec>,
        output_specs: Vec<TensorSpec>,
        inputs: Vec<Option<Tensor>>,
        outputs: Vec<Option<Tensor>>,
    },
    Checkpoint {
        segment: Arc<SegmentFn>,
        inputs: Vec<Tensor>,
    },
    /// Where one layer ends and the next begins; gradients pass as they are.
    Boundary(Device),
}

static NEXT_NODE: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Runs `f` without recording: tensors made inside have no history.
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    with_recording(false, f)
}

/// Runs `f` with recording switched on or off, whatever is set around it.
pub(crate) fn with_recording<T>(on: bool, f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let _restore = Restore(RECORDING.replace(on));
    f()
}

impl Node {
    pub(crate) fn new(kind: NodeKind, inputs: Vec<Option<Edge>>) -> Arc<Node> {
        Arc::new(Node { id: NEXT_NODE.fetch_add(1, Ordering::Relaxed), kind, inputs })
    }
}

impl Drop for Node {
    /// Takes a long history apart in a loop, since dropping it recursively would exhaust the stack.
    fn drop(&mut self) {
        let mut pending: Vec<Edge> = self.inputs.drain(..).flatten().collect();
        while let Some(edge) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(edge.node) {
                pending.extend(node.inputs.drain(..).flatten());
            }
        }
    }
}

impl Tensor {
    pub(super) fn from_value(value: Value, device: Device) -> Self {
        Tensor(Arc::new(Inner { value, device, edge: None }))
    }

    pub(super) fn into_value(self) -> Value {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.value,
            Err(shared) => shared.value.clone(),
        }
    }

    pub(super) fn value(&self) -> &Value {
        &self.0.value
    }

    pub(crate) fn with_edge(self, edge: Edge) -> Self {
        let device = self.0.device.clone();
        Tensor(Arc::new(Inner { value: self.into_value(), device, edge: Some(edge) }))
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        self.0.edge.as_ref()
    }

    /// Runs one instruction on `inputs` and records it where a gradient will be wanted.
    ///
    /// # Errors
    /// If the inputs do not fit the instruction or each other, or the device fails.
    pub fn apply(op: Op, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Tensor::apply_owned(op, inputs.iter().map(|&tensor| tensor.clone()).collect())
    }

    /// As [`Tensor::apply`], but gives the inputs away, so that the device may overwrite an
    /// unshared one.
    ///
    /// # Errors
    /// If the inputs do not fit the instruction or each other, or the device fails.
    pub fn apply_owned(op: Op, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let device = common_device(&op, &inputs)?;
        let needs: Vec<bool> = inputs.iter().map(|input| input.edge().is_some()).collect();
        if !(recording() && needs.contains(&true) && differentiable(&op)) {
            let values = inputs.into_iter().map(Tensor::into_value).collect();
            return Ok(wrap(device.execute(&op, values)?, &device));
        }
        let kept = saves(&op, &needs);
        let edges = inputs.iter().map(|input| input.edge().cloned()).collect();
        let input_specs = inputs.iter().map(|input| input.spec().clone()).collect();
        let saved_inputs = inputs.iter().zip(&kept.inputs).map(|(input, &keep)| keep.then(|| input.detach())).collect();
        let values = inputs.into_iter().map(Tensor::into_value).collect();
        let outputs = wrap(device.execute(&op, values)?, &device);
        let saved_outputs = outputs.iter().enumerate().map(|(i, output)| kept.output(i).then(|| output.clone())).collect();
        let output_specs = outputs.iter().map(|output| output.spec().clone()).collect();
        let node = Node::new(NodeKind::Op { op, input_specs, output_specs, inputs: saved_inputs, outputs: saved_outputs }, edges);
        let attach = |(output, tensor): (usize, Tensor)| {
            let edge = Edge { node: Arc::clone(&node), output };
            if tensor.dtype().is_float() { tensor.with_edge(edge) } else { tensor }
        };
        Ok(outputs.into_iter().enumerate().map(attach).collect())
    }

    /// Runs an instruction with no inputs on `device`.
    ///
    /// # Errors
    /// If the instruction is malformed or the device fails.
    pub fn create(op: Op, device: &Device) -> Result<Tensor> {
        Tensor::sole(op.name(), wrap(device.execute(&op, Vec::new())?, device))
    }

    /// The device that the tensor lives on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Element type and shape.
    #[must_use]
    pub fn spec(&self) -> &TensorSpec {
        &self.0.value.spec
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.spec().shape
    }

    /// The extents.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        self.shape().dims()
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.spec().dtype
    }

    /// The same elements without a history: no gradient flows through the result.
    #[must_use]
    pub fn detach(&self) -> Tensor {
        if self.edge().is_none() {
            return self.clone();
        }
        Tensor::from_value(self.0.value.clone(), self.device().clone())
    }

    /// As [`Tensor::detach`], but gives the tensor away, so that the result may be its elements'
    /// only holder.
    pub(crate) fn detached(self) -> Tensor {
        let device = self.device().clone();
        Tensor::from_value(self.into_value(), device)
    }

    /// The same elements as a new leaf, whose gradient [`Tensor::backward`] computes.
    ///
    /// # Errors
    /// [`Error::Autodiff`] if the elements are not floating-point numbers.
    pub fn leaf(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::Autodiff(format!("a tensor {} has no gradient; only floats do", self.spec())));
        }
        let node = Node::new(NodeKind::Leaf, Vec::new());
        Ok(Tensor::from_value(self.0.value.clone(), self.device().clone()).with_edge(Edge { node, output: 0 }))
    }

    /// As [`Tensor::leaf`], taking over the identity of an earlier leaf, in whose place this one
    /// stands: gradients stay in its order.
    ///
    /// # Errors
    /// As [`Tensor::leaf`].
    pub(crate) fn leaf_in_place_of(&self, earlier: Option<LeafId>) -> Result<Tensor> {
        let Some(LeafId(id)) = earlier.filter(|_| self.dtype().is_float()) else { return self.leaf() };
        let node = Arc::new(Node { id, kind: NodeKind::Leaf, inputs: Vec::new() });
        Ok(Tensor::from_value(self.0.value.clone(), self.device().clone()).with_edge(Edge { node, output: 0 }))
    }

    /// The identity of this leaf, if the tensor is one.
    #[must_use]
    pub fn leaf_id(&self) -> Option<LeafId> {
        self.edge().filter(|edge| matches!(edge.node.kind, NodeKind::Leaf)).map(|edge| LeafId(edge.node.id))
    }

    /// Whether a gradient flows through this tensor.
    #[must_use]
    pub fn has_gradient(&self) -> bool {
        self.edge().is_some()
    }

    /// The gradients of this tensor's sum with respect to all leaves that it was computed from.
    /// Takes the tensor by value: its history is freed as the sweep passes through it.
    ///
    /// # Errors
    /// If the tensor has no history, or the device fails.
    pub fn backward(self) -> Result<Gradients> {
        let seed = self.device().full(self.dtype(), self.shape(), 1.0)?;
        backward(vec![(self, seed)])
    }

    /// The elements in host memory.
    ///
    /// # Errors
    /// If the transfer fails.
    pub fn to_data(&self) -> Result<TensorData> {
        let read = self.device().read(&[self])?.pop();
        read.ok_or_else(|| Error::Data(format!("the device gave nothing for a tensor {}", self.spec())))
    }

    /// The elements, which must be of type `T`.
    ///
    /// # Errors
    /// [`Error::DType`] if they are of another type, or if the transfer fails.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.to_data()?.to_vec()
    }

    /// The first element as f64; for losses and norms.
    ///
    /// # Errors
    /// [`Error::Data`] if the tensor is empty, or if the transfer fails.
    pub fn scalar(&self) -> Result<f64> {
        let first = self.to_data()?.to_f64().first().copied();
        first.ok_or_else(|| Error::Data(format!("a tensor {} has no first element", self.spec())))
    }
}

pub(crate) fn recording() -> bool {
    RECORDING.get()
}

impl LeafId {
    pub(crate) fn of(node: &Node) -> Self {
        LeafId(node.id)
    }
}

fn wrap(values: Vec<Value>, device: &Device) -> Vec<Tensor> {
    values.into_iter().map(|value| Tensor::from_value(value, device.clone())).collect()
}

fn common_device(op: &Op, inputs: &[Tensor]) -> Result<Device> {
    let Some(first) = inputs.first() else {
        return Err(Error::Invalid { op: op.name(), inputs: Vec::new(), message: "expected at least one input".into() });
    };
    match inputs.iter().find(|input| !input.device().same(first.device())) {
        None => Ok(first.device().clone()),
        Some(other) => Err(Error::DeviceMismatch {
            op: op.name(),
            first: first.device().name().to_owned(),
            second: other.device().name().to_owned(),
        }),
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} on {})", self.spec(), self.device().name())
    }
}
