//! What an emulated card does: the only place that touches its memory.

use std::alloc::Layout;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};

use scaledown_cuda::driver::{Launch, Matrix, Product};
use scaledown_cuda::{CudaError, Result};
use scaledown_sdk::DType;

/// A matrix as the emulation takes it.
#[repr(C)]
struct EmulatedMatrix {
    data: *const c_void,
    row: i64,
    column: i64,
    batch: i64,
    kind: c_int,
}

unsafe extern "C" {
    fn emulation_link();
    fn emulation_problem() -> *const c_char;
    fn emulation_launch(
        name: *const c_char,
        grid: *const c_uint,
        size: *const c_uint,
        shared: c_uint,
        order: c_uint,
        arguments: *mut *mut c_void,
        sizes: *const u32,
        count: u32,
    ) -> c_int;
    fn emulation_product(
        batches: i64,
        m: i64,
        n: i64,
        k: i64,
        a: *const EmulatedMatrix,
        b: *const EmulatedMatrix,
        c: *const EmulatedMatrix,
        bias: *const EmulatedMatrix,
        alpha: f32,
        beta: f32,
    );
}

/// Something that a card does, with everything that it needs.
pub(crate) enum Work {
    Free(u64),
    Upload { to: u64, bytes: Vec<u8> },
    Copy { from: u64, to: u64, bytes: usize },
    Clear { address: u64, bytes: usize },
    Launch { name: String, grid: [u32; 3], threads: u32, shared: u32, arguments: Vec<(Vec<u64>, usize)> },
    Multiply(Product),
}

impl Work {
    /// A launch with copies of its arguments.
    pub(crate) fn launch(launch: &Launch<'_>) -> Self {
        let copy = |argument: &scaledown_cuda::driver::KernelArgument<'_>| {
            let size = argument.size();
            let mut words = vec![0_u64; size.div_ceil(8).max(1)];
            // SAFETY: the argument has `size` bytes, and the words as many or more.
            unsafe { std::ptr::copy_nonoverlapping(argument.pointer().cast::<u8>(), words.as_mut_ptr().cast::<u8>(), size) };
            (words, size)
        };
        Work::Launch {
            name: launch.kernel.name().to_owned(),
            grid: launch.grid,
            threads: launch.threads,
            shared: launch.shared,
            arguments: launch.arguments.iter().map(copy).collect(),
        }
    }

    /// Does it.
    pub(crate) fn run(self, order: u32) -> Result<()> {
        match self {
            Work::Free(_) => {}
            // SAFETY: addresses are those of allocations that are still there, which hold as many
            // bytes.
            Work::Upload { to, bytes } => unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) },
            // SAFETY: as above.
            Work::Copy { from, to, bytes } => unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) },
            // SAFETY: as above.
            Work::Clear { address, bytes } => unsafe { std::ptr::write_bytes(address as *mut u8, 0, bytes) },
            Work::Launch { name, grid, threads, shared, mut arguments } => {
                return launch(&name, grid, [threads, 1, 1], (shared, order), &mut arguments);
            }
            Work::Multiply(product) => multiply(&product),
        }
        Ok(())
    }
}

fn launch(
    name: &str,
    grid: [u32; 3],
    size: [u32; 3],
    (shared, order): (u32, u32),
    arguments: &mut [(Vec<u64>, usize)],
) -> Result<()> {
    let failed = |message: String| CudaError::Launch { kernel: name.to_owned(), message };
    let text = CString::new(name).map_err(|error| failed(error.to_string()))?;
    let sizes: Vec<u32> = arguments.iter().map(|(_, size)| *size as u32).collect();
    let mut pointers: Vec<*mut c_void> = arguments.iter_mut().map(|(words, _)| words.as_mut_ptr().cast()).collect();
    // SAFETY: names are terminated, arrays have the lengths that are given, and the emulation
    // compares the sizes of arguments with those of the kernel's parameters. What the kernel does
    // with addresses is what is tested.
    unsafe {
        emulation_link();
        let count = sizes.len() as u32;
        let code = emulation_launch(
            text.as_ptr(),
            grid.as_ptr(),
            size.as_ptr(),
            shared,
            order,
            pointers.as_mut_ptr(),
            sizes.as_ptr(),
            count,
        );
        match code {
            0 => Ok(()),
            _ => Err(failed(CStr::from_ptr(emulation_problem()).to_string_lossy().into_owned())),
        }
    }
}

fn multiply(product: &Product) {
    let shape = &product.shape;
    let matrix = |address: u64, matrix: &Matrix, rows: usize, columns: usize| EmulatedMatrix {
        data: address as *const c_void,
        row: if matrix.transposed { 1 } else { columns as i64 },
        column: if matrix.transposed { rows as i64 } else { 1 },
        batch: matrix.batch_stride as i64,
        kind: match matrix.dtype {
            DType::BF16 => 1,
            DType::F16 => 2,
            _ => 0,
        },
    };
    let (m, n, k) = (shape.m, shape.n, shape.k);
    let a = matrix(product.a, &shape.a, m, k);
    let b = matrix(product.b, &shape.b, k, n);
    let d = matrix(product.d, &shape.d, m, n);
    let bias = EmulatedMatrix { row: 0, column: 1, batch: 0, ..matrix(product.bias, &shape.d, m, n) };
    let beta = if shape.accumulate { 1.0 } else { 0.0 };
    // SAFETY: the matrices are allocations of these extents.
    unsafe { emulation_product(shape.batch as i64, m as i64, n as i64, k as i64, &a, &b, &d, &bias, product.alpha, beta) }
}

/// Memory of the emulated card: as many bytes as were asked for, so that a sanitizer sees accesses
/// beyond it, aligned as a card's.
pub(crate) struct Allocation {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: the memory is this one's, and users of its address take turns.
unsafe impl Send for Allocation {}

impl Allocation {
    /// Memory that reads as NaN; `None` if the system has none left.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        const ALIGNMENT: usize = 256;
        let layout = Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()?;
        // SAFETY: the layout is not empty, and the memory has as many bytes.
        unsafe {
            let start = std::alloc::alloc(layout);
            (!start.is_null()).then(|| {
                std::ptr::write_bytes(start, 0xFF, bytes);
                Allocation { start, layout }
            })
        }
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> u64 {
        self.start as u64
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.layout.size() as u64
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: the memory was allocated with this layout.
        unsafe { std::alloc::dealloc(self.start, self.layout) }
    }
}

/// Reads memory.
pub(crate) fn read(from: u64, to: &mut [u8]) {
    // SAFETY: as in `Work::run`.
    unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to.as_mut_ptr(), to.len()) }
}
