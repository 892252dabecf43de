//! The interface of a device.

use std::any::Any;
use std::sync::Arc;

use super::{DType, Op, TensorData, TensorSpec};
use crate::tensor::device::MemoryCharge;
use crate::{Error, Result};

/// A tensor's elements in a device's own representation, contiguous and row-major.
pub struct Storage(Arc<Held<dyn Any + Send + Sync>>);

struct Held<T: ?Sized> {
    /// The entry in the device's ledger.
    charge: Option<MemoryCharge>,
    /// Known bounds of integers from the host.
    range: Option<IntegerRange>,
    data: T,
}

impl Storage {
    /// Elements that a device has made for the caller.
    pub fn new<T: Any + Send + Sync>(data: T) -> Self {
        Storage(Arc::new(Held { charge: None, range: None, data }))
    }

    /// Notes what the elements take and, of integers, between which numbers they lie. Only an
    /// unshared storage records it.
    pub(super) fn noted(mut self, charge: MemoryCharge, range: Option<IntegerRange>) -> Self {
        if let Some(held) = Arc::get_mut(&mut self.0) {
            held.charge = Some(charge);
            held.range = range;
        }
        self
    }
}

impl Clone for Storage {
    fn clone(&self) -> Self {
        Storage(Arc::clone(&self.0))
    }
}

/// A tensor as a device sees it: a specification, and elements that other tensors may share.
#[derive(Clone)]
pub struct Value {
    /// Element type and shape.
    pub spec: TensorSpec,
    pub(super) storage: Storage,
}

impl Value {
    /// The elements, if they are of the representation `T`. A device always gets back what it made.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.storage.0.data.downcast_ref()
    }

    /// The elements for writing, if they are unshared and of the representation `T`.
    pub fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        Arc::get_mut(&mut self.storage.0)?.data.downcast_mut()
    }

    /// The elements themselves, if they are unshared and of the representation `T`. Leaves an empty
    /// `T`.
    ///
    /// # Errors
    /// The unchanged value.
    pub fn take<T: Default + 'static>(mut self) -> std::result::Result<T, Self> {
        match self.get_mut::<T>() {
            Some(data) => Ok(std::mem::take(data)),
            None => Err(self),
        }
    }

    pub(super) fn range(&self) -> Option<IntegerRange> {
        self.storage.0.range
    }
}

/// The least and the greatest of the integers of an upload, and where they first stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntegerRange {
    pub(super) min: (i64, usize),
    pub(super) max: (i64, usize),
}

impl IntegerRange {
    /// The range of the elements of `bytes`, if they are integers and there are any.
    pub(super) fn of(dtype: DType, bytes: &[u8]) -> Option<Self> {
        match dtype {
            DType::I64 => IntegerRange::over(bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned::<i64>)),
            DType::U32 => IntegerRange::over(bytes.chunks_exact(4).map(|id| i64::from(bytemuck::pod_read_unaligned::<u32>(id)))),
            _ => None,
        }
    }

    fn over(elements: impl Iterator<Item = i64>) -> Option<Self> {
        let mut elements = elements.zip(0..);
        let first = elements.next()?;
        Some(elements.fold(IntegerRange { min: first, max: first }, |IntegerRange { min, max }, element| IntegerRange {
            min: if element.0 < min.0 { element } else { min },
            max: if element.0 > max.0 { element } else { max },
        }))
    }
}

/// Bytes kept alive by an owner, such as a file's memory map.
#[derive(Clone)]
pub struct HostBytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: std::ops::Range<usize>,
}

impl HostBytes {
    /// The bytes `range` of what `owner` keeps.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many.
    pub fn new(owner: Arc<dyn AsRef<[u8]> + Send + Sync>, range: std::ops::Range<usize>) -> Result<Self> {
        let len = (*owner).as_ref().len();
        if range.start > range.end || range.end > len {
            return Err(Error::Data(format!("expected a range within {len} bytes, found {range:?}")));
        }
        Ok(HostBytes { owner, range })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        (*self.owner).as_ref().get(self.range.clone()).unwrap_or_default()
    }
}

/// The memory of a device, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DeviceMemory {
    /// Memory that is still available.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// A device's description.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeviceInfo {
    /// The plugin's name, `cpu`.
    pub name: String,
    /// The device's name for people (the processor's name, features in use).
    pub description: String,
    /// Threads or multiprocessors that it computes with.
    pub threads: usize,
    /// The element types that it stores and computes with.
    pub dtypes: Vec<DType>,
    /// Its memory in bytes, if it has one of its own.
    pub memory: Option<u64>,
    /// Whether each shape costs a compilation, so that sequences had better be padded to few
    /// widths.
    pub static_shapes: bool,
}

/// A device: it stores tensors and runs instructions.
///
/// A backend implements forward instructions only; gradients are instructions as well.
/// Specifications have been checked by [`infer`](super::infer) before a backend sees them, so it
/// may rely on shapes and types, and ids and targets that came from the host have been checked as
/// well. Results must not depend on the number of threads.
///
/// **When things happen.** A device may run an instruction at once, in the background, or lazily at
/// the next read. A late error is returned by the next [`read`](Self::read) or
/// [`synchronize`](Self::synchronize). The instructions of a thread take effect in program order. A
/// storage that is dropped is free for the instructions that follow it in that order, so its memory
/// may be given away while earlier ones still run. A lazy device keeps the inputs of instructions
/// until they have run, and need not compute outputs without owners.
pub trait DeviceBackend: Send + Sync + 'static {
    /// This device's description.
    fn info(&self) -> DeviceInfo;

    /// Brings elements from the host to the device: little-endian, as `spec` says. The bytes are
    /// the caller's again when the call returns.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; or if the device does not know the element type.
    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage>;

    /// As [`upload`](Self::upload), of bytes that stay where they are, so that a device that shares
    /// the host's memory may use them there.
    ///
    /// # Errors
    /// As [`upload`](Self::upload).
    fn adopt(&self, spec: &TensorSpec, bytes: &HostBytes) -> Result<Storage> {
        self.upload(spec, bytes.bytes())
    }

    /// Brings the elements of all `values` to the host in one go, after everything that they depend
    /// on.
    ///
    /// # Errors
    /// If the transfer fails, or an instruction that was still under way.
    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>>;

    /// Whether [`execute`](Self::execute) runs `op` on inputs of these specifications. A coarse
    /// instruction that it does not run is decomposed; a primitive one that it does not run is an
    /// error.
    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool;

    /// Runs one instruction, or notes it to be run. `outputs` are the specifications of its
    /// results, as [`infer`](super::infer) gives them. Inputs are passed by value, so that unshared
    /// ones ([`Value::take`]) can be overwritten.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; or if the device fails.
    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>>;

    /// Waits until everything asked for so far is done. Timings call it.
    ///
    /// # Errors
    /// If an instruction that is still under way fails.
    fn synchronize(&self) -> Result<()> {
        Ok(())
    }

    /// Starts deferred instructions without waiting for them.
    ///
    /// # Errors
    /// If the device fails.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// A hint that what came before and what follows had better be compiled apart, since either is
    /// likely to be repeated: between layers, at the segments of a checkpointed backward sweep,
    /// after building a model, after a step.
    ///
    /// # Errors
    /// If the device fails.
    fn cut(&self) -> Result<()> {
        Ok(())
    }

    /// The memory that is left, where the device has one of its own.
    fn memory(&self) -> Option<DeviceMemory> {
        None
    }
}
