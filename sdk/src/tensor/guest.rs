//! The tensor handle in a WASM guest: it names a tensor of the host, which holds the elements and
//! the history.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{DType, Element, Op, Shape, TensorData, TensorSpec, infer};
use crate::guest::bindings::scaledown::plugin::tensor as host;
use crate::guest::error::from_host;
use crate::guest::{dtype_from_wit, dtype_to_wit, run, shape_from_wit, shape_to_wit};
use crate::{Error, Result};

/// A tensor. Cloning is cheap and shares the handle; a tensor never changes.
#[derive(Clone)]
pub struct Tensor(Arc<Inner>);

struct Inner {
    handle: host::Tensor,
    spec: TensorSpec,
}

/// The device that the host runs on. A guest sees no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device(());

/// Whether the host records: it starts every call of an export with recording on.
static RECORDING: AtomicBool = AtomicBool::new(true);

pub(crate) fn recording() -> bool {
    RECORDING.load(Ordering::Relaxed)
}

/// Notes that the host starts a call, and records.
pub(crate) fn begin_call() {
    RECORDING.store(true, Ordering::Relaxed);
}

/// Runs `f` without recording: no gradient flows through tensors made inside.
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    // A guest that panics is gone, so nothing needs to be put right then.
    let outer = host::set_recording(false);
    RECORDING.store(false, Ordering::Relaxed);
    let result = f();
    host::set_recording(outer);
    RECORDING.store(outer, Ordering::Relaxed);
    result
}

impl Device {
    pub(crate) const HOST: Device = Device(());

    /// The device's name, as a guest knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        "host"
    }

    /// Brings elements to the device.
    ///
    /// # Errors
    /// If the device is out of memory or does not know the element type.
    pub fn upload(&self, data: &TensorData) -> Result<Tensor> {
        let spec = data.spec();
        let handle = host::Tensor::from_bytes(dtype_to_wit(spec.dtype), &shape_to_wit(&spec.shape), data.bytes());
        handle.map(|handle| Tensor::new(handle, spec.clone())).map_err(|error| from_host("upload", error))
    }

    /// A tensor of the given elements.
    ///
    /// # Errors
    /// If there are not as many elements as the shape has, or the device is out of memory.
    pub fn from_slice<T: Element>(&self, elements: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
        self.upload(&TensorData::from_slice(elements, shape)?)
    }
}

impl Tensor {
    /// A tensor that the guest has made, with a known specification.
    pub(crate) fn new(handle: host::Tensor, spec: TensorSpec) -> Self {
        Tensor(Arc::new(Inner { handle, spec }))
    }

    /// A tensor that the host has made.
    pub(crate) fn of_host(handle: host::Tensor) -> Self {
        let spec = TensorSpec::new(dtype_from_wit(handle.dtype()), shape_from_wit(&handle.shape()));
        Tensor::new(handle, spec)
    }

    pub(crate) fn handle(&self) -> &host::Tensor {
        &self.0.handle
    }

    /// The handle, for the host to take. Where others hold it too, the host gets one of its own to
    /// the same tensor.
    pub(crate) fn into_handle(self) -> host::Tensor {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.handle,
            Err(shared) => shared.handle.share(),
        }
    }

    /// Runs one instruction on `inputs`; the host records it where a gradient will be wanted.
    ///
    /// # Errors
    /// If the inputs do not fit the instruction or each other, or the device fails.
    pub fn apply(op: Op, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Tensor::apply_owned(op, inputs.iter().map(|&input| input.clone()).collect())
    }

    /// As [`Tensor::apply`], but gives the inputs away, so that the device may overwrite an
    /// unshared one.
    ///
    /// # Errors
    /// If the inputs do not fit the instruction or each other, or the device fails.
    pub fn apply_owned(op: Op, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        // Inferred from the inputs, as the host does, without a call.
        let specs: Vec<TensorSpec> = inputs.iter().map(|input| input.spec().clone()).collect();
        let outputs = infer(&op, &specs)?;
        let handles = run(&op, inputs)?;
        Ok(handles.into_iter().zip(outputs).map(|(handle, spec)| Tensor::new(handle, spec)).collect())
    }

    /// Runs an instruction with no inputs.
    ///
    /// # Errors
    /// If the instruction is malformed or the device fails.
    pub fn create(op: Op, _device: &Device) -> Result<Tensor> {
        Tensor::sole(op.name(), Tensor::apply_owned(op.clone(), Vec::new())?)
    }

    /// The device that the tensor lives on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &Device::HOST
    }

    /// Element type and shape.
    #[must_use]
    pub fn spec(&self) -> &TensorSpec {
        &self.0.spec
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
        Tensor::new(self.0.handle.detach(), self.spec().clone())
    }

    /// The elements.
    ///
    /// # Errors
    /// If the transfer fails.
    pub fn to_data(&self) -> Result<TensorData> {
        TensorData::new(self.spec().clone(), self.0.handle.to_bytes().map_err(|error| from_host("download", error))?)
    }

    /// The elements, which must be of type `T`.
    ///
    /// # Errors
    /// [`Error::DType`] if they are of another type, or if the transfer fails.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.to_data()?.to_vec()
    }

    /// The first element as f64.
    ///
    /// # Errors
    /// [`Error::Data`] if the tensor is empty, or if the transfer fails.
    pub fn scalar(&self) -> Result<f64> {
        let first = self.to_data()?.to_f64().first().copied();
        first.ok_or_else(|| Error::Data(format!("a tensor {} has no first element", self.spec())))
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} on the host)", self.spec())
    }
}
