//! The kernels of the CUDA device on a processor: a [`Driver`] for tests on machines without a
//! card.
//!
//! Memory is the host's and begins as NaN. Every allocation is as large as was asked for, so that a
//! sanitizer sees what is out of bounds, and none is given out twice. By choice, nothing runs
//! before a wait, as on a card.

mod work;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use scaledown_cuda::driver::{Driver, Launch, Product, Properties};
use scaledown_cuda::{CudaBackend, CudaError, Result};
use scaledown_sdk::Device;
use scaledown_sdk::tensor::DeviceMemory;

use work::{Allocation, Work};

/// How a device is emulated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The order in which the warps of a block run: 0 ascending, 1 descending, more: other orders.
    /// In descending order asynchronous copies land at once, in others when they are waited for.
    /// Results must not depend on it.
    pub order: u32,
    /// Whether everything waits until a read.
    pub late: bool,
    /// Whether freed memory is kept for the next tensor of its size, as on a card.
    pub keeps_memory: bool,
    /// Whether products are done by kernels, as those are that the library of a card has no
    /// algorithm for.
    pub plain_products: bool,
    /// The memory in bytes.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { order: 0, late: false, keeps_memory: false, plain_products: false, memory: 4 << 30 }
    }
}

/// An emulated card.
pub struct Emulator {
    properties: Properties,
    options: Options,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was asked for and has not run yet.
    work: Vec<Work>,
    /// The allocations, by address.
    allocations: HashMap<u64, Allocation>,
    used: u64,
    peak: u64,
    launches: u64,
    /// What went wrong with work that ran late.
    failed: Option<CudaError>,
}

impl Emulator {
    /// An emulated card.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let properties = Properties {
            description: format!("emulated on this processor (order of warps {})", options.order),
            processors: 1,
            memory: options.memory,
            keeps_memory: options.keeps_memory,
        };
        Emulator { properties, options, state: Mutex::default() }
    }

    /// A device on an emulated card.
    ///
    /// # Errors
    /// If the device cannot be made.
    pub fn device(options: Options) -> Result<Device> {
        Ok(Device::new(CudaBackend::new(Arc::new(Emulator::new(options)))?))
    }

    /// The kernels that were launched so far, and the most bytes that were allocated at once.
    #[must_use]
    pub fn statistics(&self) -> (u64, u64) {
        let state = self.lock();
        (state.launches, state.peak)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Does some work, now or late.
    fn ask(&self, work: Work) -> Result<()> {
        let mut state = self.lock();
        if self.options.late {
            state.work.push(work);
            return Ok(());
        }
        state.run(work, self.options.order)
    }

    /// Does everything that waits.
    fn finish(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        for work in std::mem::take(&mut state.work) {
            if let Err(error) = state.run(work, self.options.order) {
                state.failed.get_or_insert(error);
            }
        }
        match state.failed.take() {
            Some(error) => Err(error),
            None => Ok(state),
        }
    }
}

impl State {
    fn run(&mut self, work: Work, order: u32) -> Result<()> {
        match work {
            Work::Free(address) => {
                if let Some(allocation) = self.allocations.remove(&address) {
                    self.used -= allocation.bytes();
                }
                Ok(())
            }
            other => other.run(order),
        }
    }
}

impl Driver for Emulator {
    fn properties(&self) -> &Properties {
        &self.properties
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        let mut state = self.lock();
        if state.used.saturating_add(bytes as u64) > self.options.memory {
            // What waits may free some.
            drop(state);
            state = self.finish()?;
            if state.used.saturating_add(bytes as u64) > self.options.memory {
                return Err(CudaError::OutOfMemory { bytes: bytes as u64 });
            }
        }
        let allocation = Allocation::new(bytes).ok_or(CudaError::OutOfMemory { bytes: bytes as u64 })?;
        let address = allocation.address();
        state.used += allocation.bytes();
        state.allocations.insert(address, allocation);
        state.peak = state.peak.max(state.used);
        Ok(address)
    }

    fn free(&self, address: u64) {
        // Freeing does not fail.
        let _ = self.ask(Work::Free(address));
    }

    fn upload(&self, to: u64, bytes: &[u8]) -> Result<()> {
        self.ask(Work::Upload { to, bytes: bytes.to_vec() })
    }

    fn download(&self, parts: &mut [(u64, &mut [u8])]) -> Result<()> {
        let _state = self.finish()?;
        for (from, to) in parts {
            work::read(*from, to);
        }
        Ok(())
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        self.ask(Work::Copy { from, to, bytes })
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<()> {
        self.ask(Work::Clear { address, bytes })
    }

    fn launch(&self, launch: &Launch<'_>) -> Result<()> {
        self.lock().launches += 1;
        self.ask(Work::launch(launch))
    }

    fn multiply(&self, product: &Product) -> Result<()> {
        if self.options.plain_products {
            return Err(CudaError::Product { call: "multiply", code: 0, product: "any".into() });
        }
        self.ask(Work::Multiply(*product))
    }

    fn synchronize(&self) -> Result<()> {
        self.finish().map(drop)
    }

    fn memory(&self) -> Option<DeviceMemory> {
        let used = self.lock().used;
        Some(DeviceMemory { free: self.options.memory.saturating_sub(used), total: self.options.memory })
    }
}
