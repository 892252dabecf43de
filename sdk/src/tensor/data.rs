//! Tensors in host memory.

use super::{DType, Element, Shape, TensorSpec};
use crate::{Error, Result};

/// A tensor in host memory, for transfers to and from a device.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorData {
    spec: TensorSpec,
    bytes: Vec<u8>,
}

impl TensorData {
    /// A tensor of raw little-endian bytes.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many bytes as the specification needs.
    pub fn new(spec: TensorSpec, bytes: Vec<u8>) -> Result<Self> {
        spec.check()?;
        if bytes.len() != spec.bytes() {
            return Err(Error::Data(format!("{spec} needs {} bytes, got {}", spec.bytes(), bytes.len())));
        }
        Ok(TensorData { spec, bytes })
    }

    /// A tensor of elements.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many elements as the shape has.
    pub fn from_slice<T: Element>(elements: &[T], shape: impl Into<Shape>) -> Result<Self> {
        TensorData::new(TensorSpec::new(T::DTYPE, shape), bytemuck::cast_slice(elements).to_vec())
    }

    /// Element type and shape.
    #[must_use]
    pub fn spec(&self) -> &TensorSpec {
        &self.spec
    }

    /// The elements as little-endian bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The elements, copied.
    ///
    /// # Errors
    /// [`Error::DType`] if they are of another type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.spec.dtype != T::DTYPE {
            return Err(Error::DType { what: "tensor data".into(), expected: T::DTYPE, found: self.spec.dtype });
        }
        Ok(self.bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
    }

    /// The elements of any type as f64, for printing and comparing.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        fn read<T: Element>(bytes: &[u8], convert: impl Fn(T) -> f64) -> Vec<f64> {
            bytes.chunks_exact(size_of::<T>()).map(|chunk| convert(bytemuck::pod_read_unaligned(chunk))).collect()
        }
        match self.spec.dtype {
            DType::F64 => read(&self.bytes, |x: f64| x),
            DType::F32 => read(&self.bytes, |x: f32| f64::from(x)),
            DType::BF16 => read(&self.bytes, |x: half::bf16| f64::from(x)),
            DType::F16 => read(&self.bytes, |x: half::f16| f64::from(x)),
            DType::I64 => read(&self.bytes, |x: i64| x as f64),
            DType::U32 => read(&self.bytes, |x: u32| f64::from(x)),
            DType::Bool => read(&self.bytes, |x: u8| f64::from(x)),
            #[cfg(not(target_arch = "wasm32"))]
            quantized @ (DType::Q8_0 | DType::Q4_0) => {
                super::quantized::dequantize(quantized, &self.bytes).into_iter().map(f64::from).collect()
            }
        }
    }
}
