//! The one place through which every instruction runs: checked, counted, traced, and decomposed where the backend asks for it.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::backend::{DeviceBackend, DeviceInfo, Storage, Value};
use super::{Cost, Element, Op, Shape, Tensor, TensorData, TensorSpec, cost, decompose, finite, infer};
use crate::{Error, Result};

/// A device that tensors live on: a [`DeviceBackend`], and the account of what it has done. Cloning shares both.
#[derive(Clone)]
pub struct Device(Arc<Shared>);

struct Shared {
    backend: Box<dyn DeviceBackend>,
    name: String,
    memory: Arc<MemoryLedger>,
    flops: AtomicU64,
    bytes: AtomicU64,
    instructions: AtomicU64,
}

/// What a device has executed since it was made; subtract two readings to account for what lies between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Floating-point operations, 2mnk for a matrix product (see [`cost`]).
    pub flops: u64,
    /// Bytes read and written by instructions.
    pub bytes: u64,
    /// Instructions executed; a decomposed one counts as one.
    pub instructions: u64,
}

impl std::ops::Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            flops: self.flops - earlier.flops,
            bytes: self.bytes - earlier.bytes,
            instructions: self.instructions - earlier.instructions,
        }
    }
}

/// The memory that tensors of a device take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemoryUse {
    /// Held now.
    pub live: u64,
    /// The most that was held at once since the last [`Device::reset_peak_memory`].
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
    /// Set while a coarse instruction runs as primitives, which are then not counted a second time.
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
        }))
    }

    /// The backend's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the backend says of itself.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        self.0.backend.info()
    }

    /// Whether two handles are the same device.
    #[must_use]
    pub fn same(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What was executed so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            flops: self.0.flops.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
            instructions: self.0.instructions.load(Ordering::Relaxed),
        }
    }

    /// The memory that tensors take.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        MemoryUse { live: self.0.memory.live.load(Ordering::Relaxed), peak: self.0.memory.peak.load(Ordering::Relaxed) }
    }

    /// Starts a new measurement of the peak from what is held now.
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

    /// Brings host data to the device.
    ///
    /// # Errors
    /// If the device is out of memory or does not know the element type.
    pub fn upload(&self, data: &TensorData) -> Result<Tensor> {
        let storage = self.0.backend.upload(data)?;
        Ok(Tensor::from_value(self.value(data.spec().clone(), storage), self.clone()))
    }

    /// A tensor of the given elements.
    ///
    /// # Errors
    /// If there are not as many elements as the shape has, or the device is out of memory.
    pub fn from_slice<T: Element>(&self, elements: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
        self.upload(&TensorData::from_slice(elements, shape)?)
    }

    pub(super) fn download(&self, value: &Value) -> Result<TensorData> {
        self.0.backend.download(value)
    }

    /// Runs one instruction: checks it, counts it, traces it, and hands it to the backend or decomposes it.
    pub(super) fn execute(&self, op: &Op, mut inputs: Vec<Value>) -> Result<Vec<Value>> {
        let specs: Vec<TensorSpec> = inputs.iter().map(|input| input.spec.clone()).collect();
        let outputs = infer(op, &specs)?;
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
                Ok(outputs.iter().cloned().zip(storages).map(|(spec, storage)| self.value(spec, storage)).collect())
            });
        }
        self.watched(op, inputs, |inputs| self.decompose(op, inputs))
    }

    /// Runs an instruction, and where [`watch_finite`](super::watch_finite) asks for it, checks that what it makes of finite inputs is
    /// finite. Primitives of a coarse instruction are not looked at: a mask may well be infinite.
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

    fn value(&self, spec: TensorSpec, storage: Box<dyn Any + Send + Sync>) -> Value {
        let charge = MemoryCharge::new(&self.0.memory, spec.bytes() as u64);
        Value { spec, storage: Arc::new(Storage::new(storage, charge)) }
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", self.0.name)
    }
}
