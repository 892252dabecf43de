//! A device that runs nothing before a read, as a compiled or asynchronous device does, with the
//! reference device behind it.
//!
//! Code that runs on it needs no result before it reads. Its log has the number of reads, and shows
//! whether two steps are the same program.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scaledown_sdk::tensor::{DeviceInfo, Storage, Value};
use scaledown_sdk::{DType, Device, DeviceBackend, Error, Op, Result, Tensor, TensorData, TensorSpec};

use scaledown_conformance::device::reference::Reference;

/// An instruction without its run-time scalars, and what it is run on.
pub type Program = (Op, Vec<TensorSpec>);

/// What a lazy device was asked for.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The instructions, in order.
    pub program: Vec<Program>,
    /// The number of reads.
    pub reads: usize,
    /// The tensors that were brought to the device.
    pub uploads: usize,
    /// The instructions that were run.
    pub run: usize,
}

/// The lazy device's backend. Cloning shares its log.
#[derive(Clone)]
pub struct Lazy {
    reference: Device,
    log: Arc<Mutex<Log>>,
}

/// One tensor: noted, or computed.
struct Node(Mutex<State>);

enum State {
    Noted(Arc<Noted>),
    Computed(TensorData),
    Failed(String),
}

/// An instruction that is to be run when one of its outputs is read.
struct Noted {
    op: Op,
    /// Each with the shape that the instruction reads it in: reshaped tensors share one node.
    inputs: Vec<(Arc<Node>, TensorSpec)>,
    outputs: Mutex<Vec<std::sync::Weak<Node>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Lazy {
    fn default() -> Self {
        Lazy { reference: Device::new(Reference), log: Arc::default() }
    }
}

impl Lazy {
    /// The requests since the log was last taken.
    #[must_use]
    pub fn take_log(&self) -> Log {
        std::mem::take(&mut *lock(&self.log))
    }

    /// Runs what a tensor needs, oldest first; without recursion, since a history may be long.
    fn compute(&self, node: &Arc<Node>) {
        let mut stack = vec![Arc::clone(node)];
        while let Some(top) = stack.last().cloned() {
            let noted = match &*lock(&top.0) {
                State::Noted(noted) => Arc::clone(noted),
                _ => {
                    stack.pop();
                    continue;
                }
            };
            let waiting = noted.inputs.iter().map(|(input, _)| input).find(|input| matches!(&*lock(&input.0), State::Noted(..)));
            match waiting {
                Some(input) => stack.push(Arc::clone(input)),
                None => self.run(&noted),
            }
        }
    }

    /// Runs one instruction, whose inputs are computed, and keeps the outputs that have owners.
    fn run(&self, noted: &Noted) {
        lock(&self.log).run += 1;
        let results = self.evaluate(noted);
        for (index, output) in lock(&noted.outputs).iter().enumerate() {
            if let Some(output) = output.upgrade() {
                let state = match &results {
                    Ok(data) => State::Computed(data[index].clone()),
                    Err(error) => State::Failed(error.clone()),
                };
                *lock(&output.0) = state;
            }
        }
    }

    fn evaluate(&self, noted: &Noted) -> std::result::Result<Vec<TensorData>, String> {
        let input = |(node, spec): &(Arc<Node>, TensorSpec)| match &*lock(&node.0) {
            State::Computed(data) => self.reference.upload_bytes(spec.clone(), data.bytes()).map_err(|error| error.to_string()),
            State::Failed(error) => Err(error.clone()),
            State::Noted(..) => Err("an input is not computed yet".into()),
        };
        let inputs = noted.inputs.iter().map(input).collect::<std::result::Result<Vec<_>, _>>()?;
        let outputs = if inputs.is_empty() {
            Tensor::create(noted.op.clone(), &self.reference).map(|output| vec![output])
        } else {
            Tensor::apply(noted.op.clone(), &inputs.iter().collect::<Vec<_>>())
        };
        let outputs = outputs.map_err(|error| error.to_string())?;
        outputs.iter().map(|output| output.to_data().map_err(|error| error.to_string())).collect()
    }
}

impl DeviceBackend for Lazy {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            name: "lazy".into(),
            description: "runs on the reference device at the next read".into(),
            threads: 1,
            dtypes: vec![DType::F64, DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool],
            memory: None,
            static_shapes: true,
        }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        lock(&self.log).uploads += 1;
        let data = TensorData::new(spec.clone(), bytes.to_vec())?;
        Ok(Storage::new(Arc::new(Node(Mutex::new(State::Computed(data))))))
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        lock(&self.log).reads += 1;
        let read = |value: &&Value| {
            let node = node(value)?;
            self.compute(node);
            match &*lock(&node.0) {
                State::Computed(data) => TensorData::new(value.spec.clone(), data.bytes().to_vec()),
                State::Failed(error) => Err(failure("read", error)),
                State::Noted(..) => Err(failure("read", "an instruction was not run")),
            }
        };
        values.iter().map(read).collect()
    }

    fn supports(&self, _op: &Op, _inputs: &[TensorSpec]) -> bool {
        true
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let specs = inputs.iter().map(|input| input.spec.clone()).collect();
        lock(&self.log).program.push((op.program(), specs));
        let inputs = inputs.iter().map(|input| Ok((Arc::clone(node(input)?), input.spec.clone()))).collect::<Result<Vec<_>>>()?;
        let noted = Arc::new(Noted { op: op.clone(), inputs, outputs: Mutex::default() });
        let nodes: Vec<Arc<Node>> =
            (0..outputs.len()).map(|_| Arc::new(Node(Mutex::new(State::Noted(Arc::clone(&noted)))))).collect();
        *lock(&noted.outputs) = nodes.iter().map(Arc::downgrade).collect();
        Ok(nodes.into_iter().map(Storage::new).collect())
    }
}

fn node(value: &Value) -> Result<&Arc<Node>> {
    value.get().ok_or_else(|| failure("read", "the value is of another device"))
}

fn failure(op: &'static str, message: impl Into<String>) -> Error {
    Error::Device { device: "lazy".into(), op, message: message.into() }
}
