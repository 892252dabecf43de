//! What a card is asked to do. There are two implementations: [`Card`](crate::card::Card), and the
//! emulation that the tests run on.

use std::ffi::c_void;

use scaledown_sdk::DType;
use scaledown_sdk::tensor::DeviceMemory;

use crate::error::Result;
use crate::kernels::Kernel;

/// What a card is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// The name, and what else a person wants to know.
    pub description: String,
    /// Multiprocessors.
    pub processors: usize,
    /// Its memory in bytes.
    pub memory: u64,
    /// Whether freed memory is kept for the next tensor of its size. A device without it shows
    /// reads of freed memory.
    pub keeps_memory: bool,
}

/// An argument of a kernel, passed by value.
#[derive(Clone, Copy, Debug)]
pub enum KernelArgument<'a> {
    /// The low bytes of a word, of which there are so many.
    Number(u64, usize),
    /// The bytes of a struct.
    Struct(&'a [u8]),
}

/// Structs that kernels take by value.
///
/// # Safety
/// The bytes are those of the C++ struct: the same fields in the same order, without padding, and
/// without pointers of the host.
pub unsafe trait Parameter: Copy {}

impl KernelArgument<'_> {
    /// Where the value stands, as the driver takes it.
    #[must_use]
    pub fn pointer(&self) -> *mut c_void {
        match self {
            KernelArgument::Number(word, _) => (&raw const *word).cast_mut().cast(),
            KernelArgument::Struct(bytes) => bytes.as_ptr().cast_mut().cast(),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            KernelArgument::Number(_, size) => *size,
            KernelArgument::Struct(bytes) => bytes.len(),
        }
    }
}

impl<'a, T: Parameter> From<&'a T> for KernelArgument<'a> {
    fn from(value: &'a T) -> Self {
        // SAFETY: the slice covers the value, which has no padding.
        KernelArgument::Struct(unsafe { std::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) })
    }
}

impl From<f32> for KernelArgument<'_> {
    fn from(value: f32) -> Self {
        KernelArgument::Number(u64::from(value.to_bits()), size_of::<f32>())
    }
}

macro_rules! numbers {
    ($($number:ty => $bits:ty),*) => { $(
        impl From<$number> for KernelArgument<'_> {
            fn from(value: $number) -> Self {
                KernelArgument::Number(u64::from(value as $bits), size_of::<$number>())
            }
        }
    )* };
}
numbers!(u8 => u8, u16 => u16, u32 => u32, u64 => u64, i32 => u32, i64 => u64);

/// A launch of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The kernel.
    pub kernel: Kernel,
    /// Blocks in each dimension; none is 0.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// Dynamic shared memory of a block in bytes.
    pub shared: u32,
    /// The arguments in order.
    pub arguments: &'a [KernelArgument<'a>],
}

/// A matrix of a product, row-major and contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// The element type: f32, bf16 or f16.
    pub dtype: DType,
    /// Whether rows and columns are exchanged in memory.
    pub transposed: bool,
    /// Elements between neighbours of a batch; 0 if all are the same matrix.
    pub batch_stride: usize,
}

/// What shapes a product `D = alpha A B + beta D + bias`, with `A [m, k]`, `B [k, n]`, `D [m, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProductShape {
    /// Rows.
    pub m: usize,
    /// Columns.
    pub n: usize,
    /// Inner extent.
    pub k: usize,
    /// Matrices.
    pub batch: usize,
    /// The left factor.
    pub a: Matrix,
    /// The right factor.
    pub b: Matrix,
    /// The result, which is not transposed.
    pub d: Matrix,
    /// Whether a bias `[n]`, of the type of the result, is added.
    pub bias: bool,
    /// Whether the result is added to the existing contents.
    pub accumulate: bool,
}

/// A product: its shape, and addresses on the device.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// The shape.
    pub shape: ProductShape,
    /// The left factor.
    pub a: u64,
    /// The right factor.
    pub b: u64,
    /// The result.
    pub d: u64,
    /// The bias, or 0.
    pub bias: u64,
    /// The factor.
    pub alpha: f32,
}

/// A device's memory and what happens to it, in the order of the calls. Addresses are the device's.
pub trait Driver: Send + Sync + 'static {
    /// What the card is.
    fn properties(&self) -> &Properties;

    /// Memory of `bytes`, which are at least 1, aligned to 256.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`](crate::CudaError::OutOfMemory).
    fn allocate(&self, bytes: usize) -> Result<u64>;

    /// Gives memory back, after everything that was asked for so far.
    fn free(&self, address: u64);

    /// Copies from the host; the bytes are the caller's again at once.
    ///
    /// # Errors
    /// If the copy cannot be started.
    fn upload(&self, to: u64, bytes: &[u8]) -> Result<()>;

    /// Copies to the host, and waits for all copies together.
    ///
    /// # Errors
    /// If a copy fails, or something that was asked for before.
    fn download(&self, parts: &mut [(u64, &mut [u8])]) -> Result<()>;

    /// Copies on the device.
    ///
    /// # Errors
    /// If the copy cannot be started.
    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()>;

    /// Fills memory with zeroes.
    ///
    /// # Errors
    /// If it cannot be started.
    fn clear(&self, address: u64, bytes: usize) -> Result<()>;

    /// Launches a kernel.
    ///
    /// # Errors
    /// If the kernel does not exist, does not compile, or cannot be launched.
    fn launch(&self, launch: &Launch<'_>) -> Result<()>;

    /// Multiplies matrices. No extent is 0.
    ///
    /// # Errors
    /// [`CudaError::Product`](crate::CudaError::Product) if no algorithm fits: a kernel of ours
    /// then runs it.
    fn multiply(&self, product: &Product) -> Result<()>;

    /// Waits for everything that was asked for.
    ///
    /// # Errors
    /// If something failed.
    fn synchronize(&self) -> Result<()>;

    /// The memory that the system says is free, and all of it.
    fn memory(&self) -> Option<DeviceMemory>;
}
