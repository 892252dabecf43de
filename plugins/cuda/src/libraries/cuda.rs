//! The driver's library.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::PathBuf;

use super::{Wanted, functions, open};
use crate::error::{CudaError, Result};

/// A device's address.
pub type Address = u64;
/// A handle of the driver.
pub type Handle = *mut c_void;

functions! {
    /// The driver's functions.
    Cuda {
        cuInit(c_uint) -> c_int;
        cuDriverGetVersion(*mut c_int) -> c_int;
        cuGetErrorName(c_int, *mut *const c_char) -> c_int;
        cuGetErrorString(c_int, *mut *const c_char) -> c_int;
        cuDeviceGetCount(*mut c_int) -> c_int;
        cuDeviceGet(*mut c_int, c_int) -> c_int;
        cuDeviceGetName(*mut c_char, c_int, c_int) -> c_int;
        cuDeviceGetAttribute(*mut c_int, c_int, c_int) -> c_int;
        cuDeviceTotalMem_v2(*mut usize, c_int) -> c_int;
        cuDevicePrimaryCtxRetain(*mut Handle, c_int) -> c_int;
        cuDevicePrimaryCtxRelease_v2(c_int) -> c_int;
        cuCtxSetCurrent(Handle) -> c_int;
        cuMemGetInfo_v2(*mut usize, *mut usize) -> c_int;
        cuDeviceGetDefaultMemPool(*mut Handle, c_int) -> c_int;
        cuMemPoolSetAttribute(Handle, c_int, *mut c_void) -> c_int;
        cuMemPoolGetAttribute(Handle, c_int, *mut c_void) -> c_int;
        cuMemAllocAsync(*mut Address, usize, Handle) -> c_int;
        cuMemFreeAsync(Address, Handle) -> c_int;
        cuMemHostAlloc(*mut *mut c_void, usize, c_uint) -> c_int;
        cuMemFreeHost(*mut c_void) -> c_int;
        cuMemcpyHtoDAsync_v2(Address, *const c_void, usize, Handle) -> c_int;
        cuMemcpyDtoHAsync_v2(*mut c_void, Address, usize, Handle) -> c_int;
        cuMemcpyDtoDAsync_v2(Address, Address, usize, Handle) -> c_int;
        cuMemsetD8Async(Address, u8, usize, Handle) -> c_int;
        cuStreamCreate(*mut Handle, c_uint) -> c_int;
        cuStreamDestroy_v2(Handle) -> c_int;
        cuStreamSynchronize(Handle) -> c_int;
        cuEventCreate(*mut Handle, c_uint) -> c_int;
        cuEventDestroy_v2(Handle) -> c_int;
        cuEventRecord(Handle, Handle) -> c_int;
        cuEventSynchronize(Handle) -> c_int;
        cuModuleLoadData(*mut Handle, *const c_void) -> c_int;
        cuModuleUnload(Handle) -> c_int;
        cuModuleGetFunction(*mut Handle, Handle, *const c_char) -> c_int;
        cuFuncSetAttribute(Handle, c_int, c_int) -> c_int;
        cuLaunchKernel(
            Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void,
        ) -> c_int;
    }
}

/// The code of a call that found no room.
const OUT_OF_MEMORY: c_int = 2;

/// What is looked for.
const WANTED: Wanted = Wanted {
    what: "the NVIDIA driver",
    name: "libcuda.so",
    companions: None,
    advice: "install the driver of the card, version 525 or later",
};

impl Cuda {
    /// Opens the driver's library and starts it.
    ///
    /// # Errors
    /// If there is none, or no card.
    pub fn open(directories: &[PathBuf]) -> Result<Self> {
        let cuda = Cuda::load(open(&WANTED, &[1], directories)?)?;
        // SAFETY: the function takes no pointers.
        cuda.check("cuInit", unsafe { (cuda.cuInit)(0) })?;
        Ok(cuda)
    }

    /// The CUDA version that the driver supports: major and minor.
    ///
    /// # Errors
    /// If the driver does not say.
    pub fn version(&self) -> Result<(i32, i32)> {
        let mut version = 0;
        // SAFETY: the pointer is to a number that lives on.
        self.check("cuDriverGetVersion", unsafe { (self.cuDriverGetVersion)(&mut version) })?;
        Ok((version / 1000, version % 1000 / 10))
    }

    /// The error that a call's result is, if it is one.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`] of 0 bytes, which the caller knows; else [`CudaError::Driver`].
    pub fn check(&self, call: &'static str, code: c_int) -> Result<()> {
        match code {
            0 => Ok(()),
            OUT_OF_MEMORY => Err(CudaError::OutOfMemory { bytes: 0 }),
            code => Err(CudaError::Driver { call, code, text: self.text(code) }),
        }
    }

    /// The driver's words for a code.
    fn text(&self, code: c_int) -> String {
        let words = |function: unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int| {
            let mut text: *const c_char = std::ptr::null();
            // SAFETY: the driver gives a string of its own, or null.
            unsafe {
                let known = function(code, &mut text) == 0 && !text.is_null();
                known.then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
            }
        };
        match (words(self.cuGetErrorName), words(self.cuGetErrorString)) {
            (Some(name), Some(text)) => format!("{text} ({name})"),
            (name, text) => text.or(name).unwrap_or_else(|| "an unknown error".into()),
        }
    }
}
