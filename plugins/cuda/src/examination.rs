//! What a machine has of CUDA, for `scaledown doctor`.

use std::fmt;
use std::path::PathBuf;

use crate::card::{CardInfo, cards};
use crate::error::CudaError;
use crate::libraries::cublaslt::CublasLt;
use crate::libraries::cuda::Cuda;
use crate::libraries::nvrtc::Nvrtc;
use crate::libraries::search;

/// The newest version of the libraries that is looked for where there is no driver to say which it
/// can use.
const NEWEST: i32 = 13;

/// A library that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its file.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
}

/// What a machine has of CUDA.
#[derive(Debug)]
pub struct CudaExamination {
    /// The driver, with the CUDA version that it supports.
    pub driver: Result<Library, CudaError>,
    /// The cards that it knows.
    pub cards: Vec<CardInfo>,
    /// The compiler.
    pub nvrtc: Result<Library, CudaError>,
    /// The library of products.
    pub cublaslt: Result<Library, CudaError>,
}

impl CudaExamination {
    /// Looks at this machine.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::of(&search::directories())
    }

    /// Looks for the libraries in these directories, and where the system looks.
    #[must_use]
    pub fn of(directories: &[PathBuf]) -> Self {
        let cuda = Cuda::open(directories);
        let version = cuda.as_ref().ok().and_then(|cuda| cuda.version().ok());
        let most = version.map_or(NEWEST, |(major, _)| major);
        let named = |path: PathBuf, (major, minor): (i32, i32)| Library { path, version: format!("{major}.{minor}") };
        CudaExamination {
            cards: cuda.as_ref().ok().and_then(|cuda| cards(cuda).ok()).unwrap_or_default(),
            driver: cuda.map(|cuda| named(cuda.path.clone(), version.unwrap_or_default())),
            nvrtc: Nvrtc::open(most, directories).map(|nvrtc| named(nvrtc.path.clone(), nvrtc.version())),
            cublaslt: CublasLt::open(most, directories).map(|blas| {
                // SAFETY: the function takes nothing.
                let version = unsafe { (blas.cublasLtGetVersion)() };
                Library { path: blas.path.clone(), version: format!("{}.{}", version / 10_000, version / 100 % 100) }
            }),
        }
    }

    /// Whether the device can be used.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.driver.is_ok() && self.nvrtc.is_ok() && self.cublaslt.is_ok() && !self.cards.is_empty()
    }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.path.display())
    }
}
