//! What a device implements.

use std::any::Any;
use std::sync::Arc;

use super::{Op, TensorData, TensorSpec};
use crate::Result;
use crate::tensor::device::MemoryCharge;

/// A tensor's elements in a device's own representation, contiguous and row-major.
pub struct Storage {
    data: Box<dyn Any + Send + Sync>,
    _charge: MemoryCharge,
}

impl Storage {
    pub(super) fn new(data: Box<dyn Any + Send + Sync>, charge: MemoryCharge) -> Self {
        Storage { data, _charge: charge }
    }
}

/// A tensor as a device sees it: a specification, and elements that other tensors may share.
#[derive(Clone)]
pub struct Value {
    /// Element type and shape.
    pub spec: TensorSpec,
    pub(super) storage: Arc<Storage>,
}

impl Value {
    /// The elements, if they are of the representation `T`. A device always gets back what it made.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.storage.data.downcast_ref()
    }

    /// The elements for writing, if nobody else holds them and they are of the representation `T`.
    pub fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        Arc::get_mut(&mut self.storage)?.data.downcast_mut()
    }

    /// The elements themselves, if nobody else holds them and they are of the representation `T`.
    ///
    /// # Errors
    /// The value as it was.
    pub fn take<T: 'static>(self) -> std::result::Result<T, Self> {
        if !self.storage.data.is::<T>() {
            return Err(self);
        }
        match Arc::try_unwrap(self.storage) {
            Ok(storage) => match storage.data.downcast() {
                Ok(data) => Ok(*data),
                // The type was checked above, while the storage was shared.
                Err(_) => unreachable!("the representation was checked"),
            },
            Err(storage) => Err(Value { spec: self.spec, storage }),
        }
    }
}

/// What a device says of itself.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeviceInfo {
    /// The plugin's name, `cpu`.
    pub name: String,
    /// What a person would call the device (the processor's name, features in use).
    pub description: String,
    /// Threads or multiprocessors that it computes with.
    pub threads: usize,
}

/// A device: it stores tensors and runs instructions.
///
/// A backend implements forward instructions only; gradients are instructions as well. Specifications have been checked by
/// [`infer`](super::infer) before a backend sees them, so it may rely on shapes and types, but values (an embedding's ids, a target)
/// it must check itself. Results must not depend on the number of threads.
pub trait DeviceBackend: Send + Sync + 'static {
    /// What this device is.
    fn info(&self) -> DeviceInfo;

    /// Brings elements from the host to the device.
    ///
    /// # Errors
    /// If the device is out of memory or does not know the element type.
    fn upload(&self, data: &TensorData) -> Result<Box<dyn Any + Send + Sync>>;

    /// Brings elements from the device to the host.
    ///
    /// # Errors
    /// If the transfer fails.
    fn download(&self, value: &Value) -> Result<TensorData>;

    /// Whether [`execute`](Self::execute) runs `op` on inputs of these specifications. A coarse instruction that it does not run is
    /// decomposed; a primitive one that it does not run is an error.
    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool;

    /// Runs one instruction. `outputs` are the specifications of its results, as [`infer`](super::infer) gives them. Inputs are
    /// passed by value, so that an input that nobody else holds ([`Value::take`]) can be overwritten.
    ///
    /// # Errors
    /// If a value is out of range or the device fails.
    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Box<dyn Any + Send + Sync>>>;

    /// Waits until everything asked for so far is done. Timings call it.
    ///
    /// # Errors
    /// If an instruction that is still under way fails.
    fn synchronize(&self) -> Result<()> {
        Ok(())
    }
}
