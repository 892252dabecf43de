//! The one place through which every instruction runs: checked, counted, traced, and decomposed
//! where the backend asks for it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::backend::{DeviceBackend, DeviceInfo, DeviceMemory, HostBytes, IntegerRange, Storage, Value};
use super::{Cost, Element, Op, Shape, Tensor, TensorData, TensorSpec, cost, decompose, finite, infer};
use crate::{Error, Result};

/// A device that tensors live on: a [`DeviceBackend`], and the account of what it has done. Cloning
/// shares both.
#[derive(Clone)]
pub struct Device(Arc<Shared>);

struct Shared {
    backend: Box<dyn DeviceBackend>,
    name: String,
    memory: Arc<MemoryLedger>,
    flops: AtomicU64,
    bytes: AtomicU64,
    instructions: AtomicU64,
    reads: AtomicU64,
    uploads: AtomicU64,
    allocations: AtomicU64,
}

/// Everything that a device has executed; subtract two readings to measure the work between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Floating-point operations, 2mnk for a matrix product (see [`cost`]).
    pub flops: u64,
    /// Bytes read and written by instructions.
    pub bytes: u64,
    /// Instructions executed; a decomposed one counts as one.
    pub instructions: u64,
    /// Times that elements were brought to the host, however many tensors each brought: what makes
    /// the host wait for the device.
    pub reads: u64,
    /// Tensors that were brought to the device.
    pub uploads: u64,
    /// Storages made for tensors, by uploads and instructions.
    pub allocations: u64,
}

impl std::ops::Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            flops: self.flops - earlier.flops,
            bytes: self.bytes - earlier.bytes,
            instructions: self.instructions - earlier.instructions,
            reads: self.reads - earlier.reads,
            uploads: self.uploads - earlier.uploads,
            allocations: self.allocations - earlier.allocations,
        }
    }
}

/// The memory that tensors of a device take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemoryUse {
    /// Held now.
    pub live: u64,
    /// Peak memory since the last [`Device::reset_peak_memory`].
    pub peak: u64,
}

#[derive(Default)]
struct MemoryLedger {
    live: AtomicU64,
    peak: AtomicU64,
}

/// A storage's entry in its device's ledger; gives the bytes back when the storage goes.
pub(super) struct MemoryCharge {
    ledger: Arc<MemoryLedger>,
    bytes: u64,
}

impl MemoryCharge {
    fn new(ledger: &Arc<MemoryLedger>, bytes: u64) -> Self {
        let live = ledger.live.fetch_add(bytes, Ordering::Relaxed) + bytes;
        ledger.peak.fetch_max(live, Ordering::Relaxed);
        MemoryCharge { ledger: Arc::clone(ledger), bytes }
    }
}

impl Drop for MemoryCharge {
    fn drop(&mut self) {
        self.ledger.live.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

thread_local! {
    /// Set while a coarse instruction runs as primitives, which are then not counted twice.
    static DECOMPOSING: Cell<bool> = const { Cell::new(false) };
}

impl Device {
    /// A device that runs on `backend`.
    pub fn new(backend: impl DeviceBackend) -> Self {
        Device(Arc::new(Shared {
            name: backend.info().name,
            backend: Box::new(backend),
            memory: Arc::default(),
            flops: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            instructions: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            uploads: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
        }))
    }

    /// The backend's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The backend's description.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        self.0.backend.info()
    }

    /// Whether two handles are the same device.
    #[must_use]
    pub fn same(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The work executed so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            flops: self.0.flops.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
            instructions: self.0.instructions.load(Ordering::Relaxed),
            reads: self.0.reads.load(Ordering::Relaxed),
            uploads: self.0.uploads.load(Ordering::Relaxed),
            allocations: self.0.allocations.load(Ordering::Relaxed),
        }
    }

    /// The memory that tensors take.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        MemoryUse { live: self.0.memory.live.load(Ordering::Relaxed), peak: self.0.memory.peak.load(Ordering::Relaxed) }
    }

    /// Resets the peak to the current memory.
    pub fn reset_peak_memory(&self) {
        self.0.memory.peak.store(self.0.memory.live.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Waits until all instructions are done.
    ///
    /// # Errors
    /// If one of them fails.
    pub fn synchronize(&self) -> Result<()> {
        self.0.backend.synchronize()
    }

    /// Starts what the device has put off, without waiting for it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn flush(&self) -> Result<()> {
        self.0.backend.flush()
    }

    /// A hint that what came before and what follows had better be compiled apart; see
    /// [`DeviceBackend::cut`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn cut(&self) -> Result<()> {
        self.0.backend.cut()
    }

    /// The memory that the device has left, if it has one of its own.
    #[must_use]
    pub fn free_memory(&self) -> Option<DeviceMemory> {
        self.0.backend.memory()
    }

    /// Brings host data to the device.
    ///
    /// # Errors
    /// If the device is out of memory or does not know the element type.
    pub fn upload(&self, data: &TensorData) -> Result<Tensor> {
        self.upload_bytes(data.spec().clone(), data.bytes())
    }

    /// Brings little-endian elements to the device.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many bytes as `spec` needs; or if the device is out of
    /// memory or does not know the element type.
    pub fn upload_bytes(&self, spec: TensorSpec, bytes: &[u8]) -> Result<Tensor> {
        check_length(&spec, bytes)?;
        let storage = self.0.backend.upload(&spec, bytes)?;
        Ok(self.uploaded(spec, storage, bytes))
    }

    /// As [`Device::upload_bytes`], of bytes that stay where they are: a device that shares the
    /// host's memory uses them there.
    ///
    /// # Errors
    /// As [`Device::upload_bytes`].
    pub fn adopt(&self, spec: TensorSpec, bytes: &HostBytes) -> Result<Tensor> {
        check_length(&spec, bytes.bytes())?;
        let storage = self.0.backend.adopt(&spec, bytes)?;
        Ok(self.uploaded(spec, storage, bytes.bytes()))
    }

    fn uploaded(&self, spec: TensorSpec, storage: Storage, bytes: &[u8]) -> Tensor {
        self.0.uploads.fetch_add(1, Ordering::Relaxed);
        let range = IntegerRange::of(spec.dtype, bytes);
        Tensor::from_value(self.value(spec, storage, range), self.clone())
    }

    /// The elements of several tensors in host memory, for which the host waits once.
    ///
    /// # Errors
    /// [`Error::DeviceMismatch`] if a tensor lives elsewhere; or if the transfer fails, or an
    /// instruction that was still under way.
    pub fn read(&self, tensors: &[&Tensor]) -> Result<Vec<TensorData>> {
        if let Some(other) = tensors.iter().find(|tensor| !tensor.device().same(self)) {
            let (first, second) = (self.name().to_owned(), other.device().name().to_owned());
            return Err(Error::DeviceMismatch { op: "read", first, second });
        }
        let values: Vec<&Value> = tensors.iter().map(|tensor| tensor.value()).collect();
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.backend.read(&values)
    }

    /// A tensor of the given elements.
    ///
    /// # Errors
    /// If there are not as many elements as the shape has, or the device is out of memory.
    pub fn from_slice<T: Element>(&self, elements: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
        self.upload(&TensorData::from_slice(elements, shape)?)
    }

    /// Runs one instruction: checks it, counts it, traces it, and hands it to the backend or
    /// decomposes it.
    pub(super) fn execute(&self, op: &Op, mut inputs: Vec<Value>) -> Result<Vec<Value>> {
        let specs: Vec<TensorSpec> = inputs.iter().map(|input| input.spec.clone()).collect();
        let outputs = infer(op, &specs)?;
        check_values(op, &inputs)?;
        if let Op::Reshape { .. } = op
            && let (Some(input), Some(spec)) = (inputs.pop(), outputs.first())
        {
            return Ok(vec![Value { spec: spec.clone(), storage: input.storage }]);
        }
        let _span = tracing::trace_span!("op", name = op.name()).entered();
        if !DECOMPOSING.get() {
            self.count(cost(op, &specs, &outputs));
        }
        if self.0.backend.supports(op, &specs) {
            return self.watched(op, inputs, |inputs| {
                let storages = self.0.backend.execute(op, inputs, &outputs)?;
                Ok(outputs.iter().cloned().zip(storages).map(|(spec, storage)| self.value(spec, storage, None)).collect())
            });
        }
        self.watched(op, inputs, |inputs| self.decompose(op, inputs))
    }

    /// Runs an instruction, and where [`watch_finite`](super::watch_finite) asks for it, checks
    /// that what it makes of finite inputs is finite. Primitives of a coarse instruction are not
    /// looked at: a mask may well be infinite.
    fn watched(&self, op: &Op, inputs: Vec<Value>, run: impl FnOnce(Vec<Value>) -> Result<Vec<Value>>) -> Result<Vec<Value>> {
        if !finite::watching() || DECOMPOSING.get() {
            return run(inputs);
        }
        let all_finite = |values: &[Value]| finite::all_finite(&*self.0.backend, values);
        let sound = !inputs.is_empty() && all_finite(&inputs)?;
        let specs = inputs.iter().map(|input| input.spec.clone()).collect();
        let outputs = run(inputs)?;
        // The log-sum-exp of a query that sees no key is minus infinity.
        let judged = if matches!(op, Op::Attention(_)) { &outputs[..1] } else { &outputs[..] };
        if sound && !all_finite(judged)? {
            return Err(Error::NonFinite { op: op.name(), inputs: specs });
        }
        Ok(outputs)
    }

    fn decompose(&self, op: &Op, inputs: Vec<Value>) -> Result<Vec<Value>> {
        let tensors: Vec<Tensor> = inputs.into_iter().map(|value| Tensor::from_value(value, self.clone())).collect();
        let outer = DECOMPOSING.replace(true);
        let result = super::native::no_grad(|| decompose(op, &tensors, self));
        DECOMPOSING.set(outer);
        let outputs = result?.ok_or_else(|| Error::Device {
            device: self.name().to_owned(),
            op: op.name(),
            message: "the device does not support this primitive instruction".into(),
        })?;
        Ok(outputs.into_iter().map(Tensor::into_value).collect())
    }

    fn count(&self, cost: Cost) {
        self.0.flops.fetch_add(cost.flops, Ordering::Relaxed);
        self.0.bytes.fetch_add(cost.bytes, Ordering::Relaxed);
        self.0.instructions.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self, spec: TensorSpec, storage: Storage, range: Option<IntegerRange>) -> Value {
        self.0.allocations.fetch_add(1, Ordering::Relaxed);
        let charge = MemoryCharge::new(&self.0.memory, spec.bytes() as u64);
        Value { spec, storage: storage.noted(charge, range) }
    }
}

fn check_length(spec: &TensorSpec, bytes: &[u8]) -> Result<()> {
    spec.check()?;
    if bytes.len() == spec.bytes() {
        return Ok(());
    }
    Err(Error::Data(format!("{spec} needs {} bytes, got {}", spec.bytes(), bytes.len())))
}

/// Rejects invalid ids and targets from the host early: a device may find them too late to report.
fn check_values(op: &Op, inputs: &[Value]) -> Result<()> {
    let extent = |input: usize, dim: usize| inputs.get(input).and_then(|input| input.spec.shape.dims().get(dim)).copied();
    let (ids, rows, lowest, what) = match op {
        Op::Embedding => (1, extent(0, 0), 0, "ids"),
        Op::EmbeddingBackward { rows } => (1, Some(*rows), 0, "ids"),
        // A negative target says that the row has none.
        Op::CrossEntropy | Op::CrossEntropyBackward => (1, extent(0, 1), i64::MIN, "targets"),
        _ => return Ok(()),
    };
    let (Some(range), Some(rows)) = (inputs.get(ids).and_then(Value::range), rows) else { return Ok(()) };
    let highest = i64::try_from(rows).unwrap_or(i64::MAX);
    let bad = [range.min, range.max].into_iter().find(|(value, _)| *value < lowest || *value >= highest);
    match bad {
        None => Ok(()),
        Some((value, at)) => Err(Error::Invalid {
            op: op.name(),
            inputs: inputs.iter().map(|input| input.spec.clone()).collect(),
            message: format!("expected {what} below {rows}, found {value} at place {at}"),
        }),
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", self.0.name)
    }
}
