//! The device backend, over any driver.

use std::sync::Arc;

use scaledown_sdk::tensor::{DeviceInfo, DeviceMemory, Storage, Value};
use scaledown_sdk::{DType, DeviceBackend, Error, Op, Result, TensorData, TensorSpec};

use crate::driver::Driver;
use crate::error::{CudaError, NAME};
use crate::execute::{self, Call};
use crate::memory::{Buffer, Memory};
use crate::quantized;

/// The element types that the device stores and computes with. There is no f64: cards compute it
/// slowly, and training does not use it.
const DTYPES: [DType; 8] = [DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool, DType::Q8_0, DType::Q4_0];

/// Bytes of what a kernel reports: a code, a place, a value.
const STATUS: usize = 16;

/// The CUDA device.
pub struct CudaBackend {
    driver: Arc<dyn Driver>,
    memory: Arc<Memory>,
    /// The last bad value that a kernel met.
    status: Buffer,
}

impl CudaBackend {
    /// A device that runs on `driver`.
    ///
    /// # Errors
    /// If it has no memory at all.
    pub fn new(driver: Arc<dyn Driver>) -> crate::error::Result<Self> {
        let memory = Memory::new(Arc::clone(&driver));
        let status = memory.allocate(STATUS)?;
        driver.clear(status.address(), STATUS)?;
        Ok(CudaBackend { driver, memory, status })
    }

    /// What a kernel said of a bad value, which is then forgotten.
    fn judge(&self, status: [u8; STATUS]) -> Result<()> {
        let [c0, c1, c2, c3, p0, p1, p2, p3, value @ ..] = status;
        let (code, place) = (u32::from_le_bytes([c0, c1, c2, c3]), u32::from_le_bytes([p0, p1, p2, p3]));
        if code == 0 {
            return Ok(());
        }
        self.driver.clear(self.status.address(), STATUS).map_err(|error| error.of("read"))?;
        let (op, what) = if code == 1 { (Op::Embedding.name(), "id") } else { (Op::CrossEntropy.name(), "target") };
        let value = i64::from_le_bytes(value);
        Err(CudaError::BadValue(format!("{what} {value} at place {place} names nothing")).of(op))
    }
}

impl DeviceBackend for CudaBackend {
    fn info(&self) -> DeviceInfo {
        let properties = self.driver.properties();
        DeviceInfo {
            name: NAME.into(),
            description: properties.description.clone(),
            threads: properties.processors,
            dtypes: DTYPES.to_vec(),
            memory: Some(properties.memory),
            static_shapes: false,
        }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        if !DTYPES.contains(&spec.dtype) {
            return Err(CudaError::Unsupported(format!("the device has no {}", spec.dtype)).of("upload"));
        }
        let upload = || {
            let buffer = self.memory.allocate(bytes.len())?;
            match quantized::to_planes(spec.dtype, bytes) {
                _ if bytes.is_empty() => {}
                Some(planes) => self.driver.upload(buffer.address(), &planes)?,
                None => self.driver.upload(buffer.address(), bytes)?,
            }
            Ok(buffer)
        };
        upload().map(Storage::new).map_err(|error: CudaError| error.of("upload"))
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        let mut hosts: Vec<Vec<u8>> = values.iter().map(|value| vec![0; value.spec.bytes()]).collect();
        let mut status = [0; STATUS];
        let mut parts: Vec<(u64, &mut [u8])> = Vec::with_capacity(values.len() + 1);
        for (value, host) in values.iter().zip(&mut hosts).filter(|(value, _)| value.spec.bytes() > 0) {
            parts.push((buffer(value)?.address(), host));
        }
        parts.push((self.status.address(), &mut status));
        self.driver.download(&mut parts).map_err(|error| error.of("read"))?;
        self.judge(status)?;
        let data = |(value, host): (&&Value, Vec<u8>)| {
            let bytes = quantized::to_blocks(value.spec.dtype, &host).unwrap_or(host);
            TensorData::new(value.spec.clone(), bytes)
        };
        values.iter().zip(hosts).map(data).collect()
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        execute::supports(op, inputs)
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let call = Call { driver: &*self.driver, memory: &self.memory, status: self.status.address(), outputs };
        let buffers = call.run(op, inputs).map_err(|error| error.of(op.name()))?;
        Ok(buffers.into_iter().map(Storage::new).collect())
    }

    fn synchronize(&self) -> Result<()> {
        let mut status = [0; STATUS];
        self.driver.download(&mut [(self.status.address(), &mut status)]).map_err(|error| error.of("synchronize"))?;
        self.judge(status)
    }

    fn memory(&self) -> Option<DeviceMemory> {
        let DeviceMemory { free, total } = self.driver.memory()?;
        Some(DeviceMemory { free: free.saturating_add(self.memory.kept()).min(total), total })
    }
}

/// The elements of a value.
fn buffer(value: &Value) -> Result<&Buffer> {
    value.get().ok_or_else(|| Error::Data(format!("a tensor {} is not stored on the {NAME} device", value.spec)))
}
