//! NVRTC, the compiler of kernels.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;

use super::{Wanted, functions, open};
use crate::error::{CudaError, Result};
use crate::kernels::{HEADERS, Module};

type Program = *mut c_void;

functions! {
    /// NVRTC's functions.
    Nvrtc {
        nvrtcVersion(*mut c_int, *mut c_int) -> c_int;
        nvrtcCreateProgram(*mut Program, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char) -> c_int;
        nvrtcCompileProgram(Program, c_int, *const *const c_char) -> c_int;
        nvrtcGetProgramLogSize(Program, *mut usize) -> c_int;
        nvrtcGetProgramLog(Program, *mut c_char) -> c_int;
        nvrtcGetCUBINSize(Program, *mut usize) -> c_int;
        nvrtcGetCUBIN(Program, *mut c_char) -> c_int;
        nvrtcDestroyProgram(*mut Program) -> c_int;
    }
}

/// The oldest version that knows sm_90 and gives cubins.
pub const OLDEST: i32 = 12;

const WANTED: Wanted = Wanted {
    what: "NVRTC, the compiler of kernels",
    name: "libnvrtc.so",
    companions: Some("libnvrtc-builtins.so"),
    advice: "install it with `pip install nvidia-cuda-nvrtc` (or a CUDA toolkit, or PyTorch), or name its directory in SCALEDOWN_CUDA_LIBRARIES",
};

/// What a compilation gave.
pub struct Compiled {
    /// Code for one architecture.
    pub cubin: Vec<u8>,
    /// The compiler's words, if it was asked for them.
    pub log: String,
}

/// A program that is destroyed when it goes.
struct Owned<'a>(&'a Nvrtc, Program);

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        // SAFETY: the program is this one's.
        unsafe { (self.0.nvrtcDestroyProgram)(&mut self.1) };
    }
}

impl Nvrtc {
    /// Opens the newest version that is no newer than the driver's.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(driver: i32, directories: &[PathBuf]) -> Result<Self> {
        let versions: Vec<i32> = (OLDEST..=driver).rev().collect();
        Nvrtc::load(open(&WANTED, &versions, directories)?)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> (i32, i32) {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both pointers are to numbers that live on.
        unsafe { (self.nvrtcVersion)(&mut major, &mut minor) };
        (major, minor)
    }

    /// Compiles a module for an architecture, `sm_90`; `more` are further options.
    ///
    /// # Errors
    /// [`CudaError::Compile`] with the compiler's words.
    pub fn compile(&self, module: Module, architecture: &str, more: &[&str]) -> Result<Compiled> {
        let failed = |log: String| CudaError::Compile { module: module.name(), architecture: architecture.to_owned(), log };
        let text = |text: &str| CString::new(text).map_err(|error| failed(error.to_string()));
        let (source, name) = (text(module.source())?, text(&format!("{}.cu", module.name()))?);
        let names = HEADERS.iter().map(|(name, _)| text(name)).collect::<Result<Vec<_>>>()?;
        let bodies = HEADERS.iter().map(|(_, body)| text(body)).collect::<Result<Vec<_>>>()?;
        let all = options(architecture).into_iter().chain(more.iter().map(|&option| option.to_owned()));
        let options = all.map(|option| text(&option)).collect::<Result<Vec<_>>>()?;
        let pointers = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let (name_pointers, body_pointers, option_pointers) = (pointers(&names), pointers(&bodies), pointers(&options));
        let mut program = std::ptr::null_mut();
        // SAFETY: strings are terminated and live on, arrays have the lengths that are given, and
        // buffers have the sizes that the library asks for.
        unsafe {
            let count = HEADERS.len() as c_int;
            let made = (self.nvrtcCreateProgram)(
                &mut program,
                source.as_ptr(),
                name.as_ptr(),
                count,
                body_pointers.as_ptr(),
                name_pointers.as_ptr(),
            );
            if made != 0 {
                return Err(failed(format!("nvrtcCreateProgram failed with code {made}")));
            }
            let program = Owned(self, program);
            let code = (self.nvrtcCompileProgram)(program.1, options.len() as c_int, option_pointers.as_ptr());
            let log = self.log(program.1);
            if code != 0 {
                return Err(failed(if log.is_empty() { format!("nvrtcCompileProgram failed with code {code}") } else { log }));
            }
            let mut size = 0;
            let known = (self.nvrtcGetCUBINSize)(program.1, &mut size);
            let mut cubin = vec![0_u8; size];
            let code = if known == 0 { (self.nvrtcGetCUBIN)(program.1, cubin.as_mut_ptr().cast()) } else { known };
            if code != 0 || cubin.is_empty() {
                return Err(failed(format!("nvrtcGetCUBIN failed with code {code}")));
            }
            Ok(Compiled { cubin, log })
        }
    }

    /// What the compiler said.
    ///
    /// # Safety
    /// The program is one of this library.
    unsafe fn log(&self, program: Program) -> String {
        let mut size = 0;
        // SAFETY: the buffer has the size that the library asks for, and one byte more at the end.
        unsafe {
            (self.nvrtcGetProgramLogSize)(program, &mut size);
            let mut log = vec![0_u8; size + 1];
            (self.nvrtcGetProgramLog)(program, log.as_mut_ptr().cast());
            CStr::from_bytes_until_nul(&log).map(|log| log.to_string_lossy().into_owned()).unwrap_or_default()
        }
    }
}

/// The options that every module is compiled with.
#[must_use]
pub fn options(architecture: &str) -> Vec<String> {
    vec![format!("--gpu-architecture={architecture}"), "-std=c++17".into()]
}
