//! A card: the driver behind everything.

mod compiler;
mod context;
mod products;
mod staging;

use std::ffi::{CString, c_int, c_void};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use scaledown_sdk::tensor::DeviceMemory;

pub use compiler::{Cache, architecture};
pub use context::{CardInfo, cards};
pub use products::check_description;

use crate::driver::{Driver, Launch, Product, Properties};
use crate::error::{CudaError, Result};
use crate::libraries::cublaslt::CublasLt;
use crate::libraries::cuda::{Cuda, Handle};
use crate::libraries::nvrtc::Nvrtc;
use compiler::Compiler;
use context::Context;
use products::Products;
use staging::Staging;

/// One card and one stream on it.
pub struct Card {
    // In the order in which they go: the context is the last.
    products: Products,
    staging: Mutex<Staging>,
    compiler: Compiler,
    context: Arc<Context>,
    properties: Properties,
}

impl Card {
    /// Opens card `index`. Kernels that are compiled are kept in `cache`.
    ///
    /// # Errors
    /// If a library is missing, or there is no such card, or it is too old.
    pub fn open(index: usize, directories: &[PathBuf], cache: Cache) -> Result<Self> {
        let cuda = Cuda::open(directories)?;
        let (driver, minor) = cuda.version()?;
        let nvrtc = Nvrtc::open(driver, directories)?;
        let blas = CublasLt::open(driver, directories)?;
        let context = Arc::new(Context::open(cuda, index)?);
        let info = &context.info;
        let (major, small) = info.capability;
        let versions = format!("CUDA {driver}.{minor}, NVRTC {}.{}", nvrtc.version().0, nvrtc.version().1);
        let properties = Properties {
            description: format!("{} (compute capability {major}.{small}, {versions})", info.name),
            processors: info.processors,
            memory: info.memory,
            keeps_memory: true,
        };
        Ok(Card {
            products: Products::new(blas, Arc::clone(&context))?,
            staging: Mutex::new(Staging::new(Arc::clone(&context))?),
            compiler: Compiler::new(nvrtc, Arc::clone(&context), cache),
            context,
            properties,
        })
    }

    fn staging(&self) -> MutexGuard<'_, Staging> {
        self.staging.lock()
    }
}

impl Driver for Card {
    fn properties(&self) -> &Properties {
        &self.properties
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        let cuda = self.context.enter()?;
        let mut address = 0;
        // SAFETY: the pointer is to a number that lives on.
        let code = unsafe { (cuda.cuMemAllocAsync)(&mut address, bytes, self.context.stream) };
        cuda.check("cuMemAllocAsync", code).map_err(|error| match error {
            CudaError::OutOfMemory { .. } => CudaError::OutOfMemory { bytes: bytes as u64 },
            other => other,
        })?;
        Ok(address)
    }

    fn free(&self, address: u64) {
        if let Ok(cuda) = self.context.enter() {
            // SAFETY: the address is of an allocation without owners.
            unsafe { (cuda.cuMemFreeAsync)(address, self.context.stream) };
        }
    }

    fn upload(&self, to: u64, bytes: &[u8]) -> Result<()> {
        self.staging().upload(to, bytes)
    }

    fn download(&self, parts: &mut [(u64, &mut [u8])]) -> Result<()> {
        self.staging().download(parts)
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        let cuda = self.context.enter()?;
        // SAFETY: both are allocations of as many bytes.
        cuda.check("cuMemcpyDtoDAsync", unsafe { (cuda.cuMemcpyDtoDAsync_v2)(to, from, bytes, self.context.stream) })
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<()> {
        let cuda = self.context.enter()?;
        // SAFETY: the allocation has as many bytes.
        cuda.check("cuMemsetD8Async", unsafe { (cuda.cuMemsetD8Async)(address, 0, bytes, self.context.stream) })
    }

    fn launch(&self, launch: &Launch<'_>) -> Result<()> {
        let cuda = self.context.enter()?;
        let function = self.compiler.function(launch.kernel, launch.shared)?;
        let mut arguments: [*mut c_void; 16] = [std::ptr::null_mut(); 16];
        if launch.arguments.len() > arguments.len() {
            let message = format!("{} arguments; at most {} are passed", launch.arguments.len(), arguments.len());
            return Err(CudaError::Launch { kernel: launch.kernel.name().into(), message });
        }
        arguments.iter_mut().zip(launch.arguments).for_each(|(pointer, argument)| *pointer = argument.pointer());
        let ([x, y, z], stream) = (launch.grid, self.context.stream);
        // SAFETY: the arguments are those of the kernel, as the tests on the emulation check, and
        // the driver copies them.
        let code = unsafe {
            let none = std::ptr::null_mut();
            (cuda.cuLaunchKernel)(function, x, y, z, launch.threads, 1, 1, launch.shared, stream, arguments.as_mut_ptr(), none)
        };
        cuda.check("cuLaunchKernel", code).map_err(|error| match error {
            CudaError::Driver { code, text, .. } => {
                CudaError::Launch { kernel: launch.kernel.name().into(), message: format!("{text} (code {code})") }
            }
            other => other,
        })
    }

    fn multiply(&self, product: &Product) -> Result<()> {
        self.products.multiply(product)
    }

    fn synchronize(&self) -> Result<()> {
        self.context.synchronize()
    }

    fn memory(&self) -> Option<DeviceMemory> {
        let (free, total) = self.context.memory().ok()?;
        Some(DeviceMemory { free, total })
    }
}

/// A name as the driver takes it.
fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|error| CudaError::Unsupported(error.to_string()))
}

/// A number as the driver takes it.
fn number(value: usize) -> Result<c_int> {
    c_int::try_from(value).map_err(|_| CudaError::Unsupported(format!("{value} is too large for the driver")))
}

/// A handle that may go to other threads: the driver's handles are not bound to one.
struct Shared(Handle);
// SAFETY: the driver's functions may be called from any thread with any handle.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}
