//! cuBLASLt, the library of matrix products.

use std::ffi::{c_int, c_void};
use std::path::PathBuf;

use super::{Wanted, functions, open};
use crate::error::Result;

/// A handle of the library.
pub type LtHandle = *mut c_void;

/// An algorithm and what it needs, as the library gives them (`cublasLtMatmulHeuristicResult_t`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Heuristic {
    /// The algorithm, opaque.
    pub algorithm: [u64; 8],
    /// Bytes of scratch memory.
    pub workspace: usize,
    /// 0 if it can be run.
    pub state: c_int,
    /// How well it fills the card.
    pub waves: f32,
    reserved: [c_int; 4],
}

functions! {
    /// cuBLASLt's functions.
    CublasLt {
        cublasLtGetVersion() -> usize;
        cublasLtCreate(*mut LtHandle) -> c_int;
        cublasLtDestroy(LtHandle) -> c_int;
        cublasLtMatmulDescCreate(*mut LtHandle, c_int, c_int) -> c_int;
        cublasLtMatmulDescDestroy(LtHandle) -> c_int;
        cublasLtMatmulDescSetAttribute(LtHandle, c_int, *const c_void, usize) -> c_int;
        cublasLtMatmulDescGetAttribute(LtHandle, c_int, *mut c_void, usize, *mut usize) -> c_int;
        cublasLtMatrixLayoutCreate(*mut LtHandle, c_int, u64, u64, i64) -> c_int;
        cublasLtMatrixLayoutDestroy(LtHandle) -> c_int;
        cublasLtMatrixLayoutSetAttribute(LtHandle, c_int, *const c_void, usize) -> c_int;
        cublasLtMatrixLayoutGetAttribute(LtHandle, c_int, *mut c_void, usize, *mut usize) -> c_int;
        cublasLtMatmulPreferenceCreate(*mut LtHandle) -> c_int;
        cublasLtMatmulPreferenceDestroy(LtHandle) -> c_int;
        cublasLtMatmulPreferenceSetAttribute(LtHandle, c_int, *const c_void, usize) -> c_int;
        cublasLtMatmulAlgoGetHeuristic(
            LtHandle, LtHandle, LtHandle, LtHandle, LtHandle, LtHandle, LtHandle, c_int, *mut Heuristic, *mut c_int,
        ) -> c_int;
        cublasLtMatmul(
            LtHandle, LtHandle, *const c_void, *const c_void, LtHandle, *const c_void, LtHandle, *const c_void, *const c_void, LtHandle,
            *mut c_void, LtHandle, *const [u64; 8], *mut c_void, usize, LtHandle,
        ) -> c_int;
    }
}

/// Numbers of the library's interface.
#[allow(missing_docs, reason = "the names are the library's")]
pub mod number {
    use std::ffi::c_int;

    pub const COMPUTE_32F: c_int = 68;
    pub const R_32F: c_int = 0;
    pub const R_16F: c_int = 2;
    pub const R_16BF: c_int = 14;
    pub const DESC_TRANSA: c_int = 3;
    pub const DESC_TRANSB: c_int = 4;
    pub const DESC_EPILOGUE: c_int = 7;
    pub const DESC_BIAS_POINTER: c_int = 8;
    pub const DESC_BIAS_DATA_TYPE: c_int = 26;
    pub const EPILOGUE_BIAS: c_int = 4;
    pub const LAYOUT_TYPE: c_int = 0;
    pub const LAYOUT_ROWS: c_int = 2;
    pub const LAYOUT_COLS: c_int = 3;
    pub const LAYOUT_LD: c_int = 4;
    pub const LAYOUT_BATCH_COUNT: c_int = 5;
    pub const LAYOUT_STRIDED_BATCH_OFFSET: c_int = 6;
    pub const PREF_MAX_WORKSPACE_BYTES: c_int = 1;
    pub const PREF_REDUCTION_SCHEME_MASK: c_int = 3;
    pub const PREF_MIN_ALIGNMENT_A_BYTES: c_int = 5;
    pub const PREF_MIN_ALIGNMENT_B_BYTES: c_int = 6;
    pub const PREF_MIN_ALIGNMENT_C_BYTES: c_int = 7;
    pub const PREF_MIN_ALIGNMENT_D_BYTES: c_int = 8;
    pub const REDUCTION_SCHEME_COMPUTE_TYPE: u32 = 2;
}

const WANTED: Wanted = Wanted {
    what: "cuBLASLt, the library of matrix products",
    name: "libcublasLt.so",
    companions: None,
    advice: "install it with `pip install nvidia-cublas` (or a CUDA toolkit, or PyTorch), or name its directory in SCALEDOWN_CUDA_LIBRARIES",
};

impl CublasLt {
    /// Opens the newest version that is no newer than the driver's.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(driver: i32, directories: &[PathBuf]) -> Result<Self> {
        let versions: Vec<i32> = (super::nvrtc::OLDEST..=driver).rev().collect();
        CublasLt::load(open(&WANTED, &versions, directories)?)
    }
}
