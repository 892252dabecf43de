//! A card's context and its one stream.

use std::ffi::c_char;

use super::{Shared, number};
use crate::error::{CudaError, Result};
use crate::libraries::cuda::{Cuda, Handle};

/// Numbers of the driver's interface.
const PROCESSORS: i32 = 16;
const CAPABILITY_MAJOR: i32 = 75;
const CAPABILITY_MINOR: i32 = 76;
const POOL_RELEASE_THRESHOLD: i32 = 4;
const POOL_RESERVED: i32 = 5;
const POOL_USED: i32 = 7;
const NON_BLOCKING: u32 = 1;

/// The oldest cards that kernels are for: bf16, asynchronous copies.
const OLDEST: (i32, i32) = (8, 0);

/// What a card says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardInfo {
    /// Its name.
    pub name: String,
    /// Its compute capability, major and minor.
    pub capability: (i32, i32),
    /// Its multiprocessors.
    pub processors: usize,
    /// Its memory in bytes.
    pub memory: u64,
}

/// A card's primary context, which it shares with whatever else runs in this process.
pub(super) struct Context {
    cuda: Cuda,
    device: i32,
    handle: Shared,
    pool: Shared,
    pub(super) info: CardInfo,
    pub(super) stream: Handle,
}

// SAFETY: the driver's functions may be called from any thread with any handle.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// The cards that a driver knows.
///
/// # Errors
/// If the driver does not say.
pub fn cards(cuda: &Cuda) -> Result<Vec<CardInfo>> {
    (0..count(cuda)?).map(|index| Ok(describe(cuda, index)?.1)).collect()
}

fn count(cuda: &Cuda) -> Result<usize> {
    let mut count = 0;
    // SAFETY: the pointer is to a number that lives on.
    cuda.check("cuDeviceGetCount", unsafe { (cuda.cuDeviceGetCount)(&mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The driver's number of a card, and what it is.
fn describe(cuda: &Cuda, index: usize) -> Result<(i32, CardInfo)> {
    let mut device = 0;
    // SAFETY: pointers are to values that live on, and the name's buffer has the length that is
    // given.
    unsafe {
        cuda.check("cuDeviceGet", (cuda.cuDeviceGet)(&mut device, number(index)?))?;
        let mut name = [0_u8; 256];
        cuda.check("cuDeviceGetName", (cuda.cuDeviceGetName)(name.as_mut_ptr().cast::<c_char>(), 256, device))?;
        let attribute = |attribute: i32| {
            let mut value = 0;
            let code = (cuda.cuDeviceGetAttribute)(&mut value, attribute, device);
            cuda.check("cuDeviceGetAttribute", code).map(|()| value)
        };
        let mut memory = 0;
        cuda.check("cuDeviceTotalMem", (cuda.cuDeviceTotalMem_v2)(&mut memory, device))?;
        let name: Vec<u8> = name.into_iter().take_while(|&byte| byte != 0).collect();
        let info = CardInfo {
            name: String::from_utf8_lossy(&name).into_owned(),
            capability: (attribute(CAPABILITY_MAJOR)?, attribute(CAPABILITY_MINOR)?),
            processors: usize::try_from(attribute(PROCESSORS)?).unwrap_or(1),
            memory: memory as u64,
        };
        Ok((device, info))
    }
}

impl Context {
    pub(super) fn open(cuda: Cuda, index: usize) -> Result<Self> {
        let count = count(&cuda)?;
        if index >= count {
            return Err(CudaError::NoCard { index, count });
        }
        let (device, info) = describe(&cuda, index)?;
        if info.capability < OLDEST {
            return Err(CudaError::CardTooOld { card: info.name, capability: info.capability });
        }
        let mut handle = std::ptr::null_mut();
        // SAFETY: the pointer is to a handle that lives on.
        cuda.check("cuDevicePrimaryCtxRetain", unsafe { (cuda.cuDevicePrimaryCtxRetain)(&mut handle, device) })?;
        let none = std::ptr::null_mut();
        let mut context = Context { cuda, device, handle: Shared(handle), pool: Shared(none), info, stream: none };
        context.enter()?;
        let (mut stream, mut pool) = (std::ptr::null_mut(), std::ptr::null_mut());
        // Freed memory stays with the pool; otherwise every synchronisation gives it back and
        // stalls.
        let mut threshold = u64::MAX;
        // SAFETY: pointers are to values that live on.
        unsafe {
            let cuda = &context.cuda;
            cuda.check("cuStreamCreate", (cuda.cuStreamCreate)(&mut stream, NON_BLOCKING))?;
            cuda.check("cuDeviceGetDefaultMemPool", (cuda.cuDeviceGetDefaultMemPool)(&mut pool, device))?;
            let value = (&raw mut threshold).cast();
            cuda.check("cuMemPoolSetAttribute", (cuda.cuMemPoolSetAttribute)(pool, POOL_RELEASE_THRESHOLD, value))?;
        }
        context.stream = stream;
        context.pool = Shared(pool);
        Ok(context)
    }

    /// Makes the context current on this thread, and gives the driver's functions. It does so each
    /// time, since whatever else runs in this process may have made another one current.
    pub(super) fn enter(&self) -> Result<&Cuda> {
        // SAFETY: the context lives as long as this.
        self.cuda.check("cuCtxSetCurrent", unsafe { (self.cuda.cuCtxSetCurrent)(self.handle.0) })?;
        Ok(&self.cuda)
    }

    /// The memory that is left, that of the pool included, and all of it.
    pub(super) fn memory(&self) -> Result<(u64, u64)> {
        let cuda = self.enter()?;
        let (mut free, mut total, mut reserved, mut used) = (0, 0, 0_u64, 0_u64);
        // SAFETY: pointers are to numbers of the attributes' types that live on.
        unsafe {
            cuda.check("cuMemGetInfo", (cuda.cuMemGetInfo_v2)(&mut free, &mut total))?;
            for (attribute, value) in [(POOL_RESERVED, &mut reserved), (POOL_USED, &mut used)] {
                let code = (cuda.cuMemPoolGetAttribute)(self.pool.0, attribute, (&raw mut *value).cast());
                cuda.check("cuMemPoolGetAttribute", code)?;
            }
        }
        Ok((free as u64 + reserved.saturating_sub(used), total as u64))
    }

    pub(super) fn synchronize(&self) -> Result<()> {
        let cuda = self.enter()?;
        // SAFETY: the stream lives as long as this.
        cuda.check("cuStreamSynchronize", unsafe { (cuda.cuStreamSynchronize)(self.stream) })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.enter().is_ok() {
            // SAFETY: the stream and the context are no longer used.
            unsafe {
                (self.cuda.cuStreamSynchronize)(self.stream);
                (self.cuda.cuStreamDestroy_v2)(self.stream);
                (self.cuda.cuCtxSetCurrent)(std::ptr::null_mut());
                (self.cuda.cuDevicePrimaryCtxRelease_v2)(self.device);
            }
        }
    }
}
