//! The tensor handle in a WASM guest: it names a tensor of the host, which holds the elements and the history.

use std::cell::Cell;
use std::sync::Arc;

use super::{DType, Element, Op, Shape, TensorData, TensorSpec};
use crate::guest::bindings::scaledown::plugin::tensor as host;
use crate::guest::error::from_host;
use crate::guest::{dtype_from_wit, dtype_to_wit, op_to_wit, shape_from_wit, shape_to_wit};
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

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Runs `f` without recording: no gradient flows through tensors made inside.
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    let outer = RECORDING.replace(false);
    let result = f();
    RECORDING.set(outer);
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
        handle.map(Tensor::new).map_err(|error| from_host("upload", error))
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
    pub(crate) fn new(handle: host::Tensor) -> Self {
        let spec = TensorSpec::new(dtype_from_wit(handle.dtype()), shape_from_wit(&handle.shape()));
        Tensor(Arc::new(Inner { handle, spec }))
    }

    /// The handle, for the host to take. Where others hold it too, the host gets one of its own to the same tensor.
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
        let handles: Vec<&host::Tensor> = inputs.iter().map(|input| &input.0.handle).collect();
        let outputs = host::apply(&op_to_wit(&op)?, &handles).map_err(|error| from_host(op.name(), error))?;
        let kept = |output: host::Tensor| if RECORDING.get() { output } else { output.detach() };
        Ok(outputs.into_iter().map(|output| Tensor::new(kept(output))).collect())
    }

    /// As [`Tensor::apply`], but gives the inputs away.
    ///
    /// # Errors
    /// If the inputs do not fit the instruction or each other, or the device fails.
    pub fn apply_owned(op: Op, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Tensor::apply(op, &inputs.iter().collect::<Vec<_>>())
    }

    /// Runs an instruction with no inputs.
    ///
    /// # Errors
    /// If the instruction is malformed or the device fails.
    pub fn create(op: Op, _device: &Device) -> Result<Tensor> {
        host::create(&op_to_wit(&op)?).map(Tensor::new).map_err(|error| from_host(op.name(), error))
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
        Tensor::new(self.0.handle.detach())
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
