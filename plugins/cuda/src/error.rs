//! What can go wrong between this crate and a card.

use std::path::PathBuf;

use scaledown_sdk::Error;

/// The name of the device.
pub const NAME: &str = "cuda";

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, CudaError>;

/// What can go wrong between this crate and a card.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// A library is nowhere.
    #[error("{what} was not found: looked for {names} in {searched} ({reason}); {advice}")]
    LibraryMissing {
        /// What the library is.
        what: &'static str,
        /// The file names, newest first.
        names: String,
        /// The directories that were searched.
        searched: String,
        /// What the system said of the last one that was tried.
        reason: String,
        /// What to install.
        advice: &'static str,
    },
    /// A library lacks a function.
    #[error("{path}: has no function {function}; it is too old: install a newer one (CUDA 12.0 or later)")]
    FunctionMissing {
        /// The library's file.
        path: PathBuf,
        /// The function.
        function: &'static str,
    },
    /// A library is newer than the driver can use.
    #[error(
        "{path}: is of CUDA {library}, and the driver supports CUDA {driver} at most; update the driver or install an older library"
    )]
    LibraryTooNew {
        /// The library's file.
        path: PathBuf,
        /// Its major version.
        library: i32,
        /// The driver's greatest major version.
        driver: i32,
    },
    /// A call of the driver failed.
    #[error("{call} failed: {text} (code {code})")]
    Driver {
        /// The function.
        call: &'static str,
        /// Its result.
        code: i32,
        /// The driver's words.
        text: String,
    },
    /// There is no such card.
    #[error("there is no card {index}: the driver knows {count}")]
    NoCard {
        /// The number that was asked for.
        index: usize,
        /// The number of cards.
        count: usize,
    },
    /// The card is too old.
    #[error("{card} has compute capability {}.{}; 8.0 (Ampere) or later is needed", capability.0, capability.1)]
    CardTooOld {
        /// The card's name.
        card: String,
        /// Its compute capability.
        capability: (i32, i32),
    },
    /// A kernel does not compile.
    #[error("the kernels {module} could not be compiled for {architecture}: {log}")]
    Compile {
        /// The module.
        module: &'static str,
        /// The architecture.
        architecture: String,
        /// The compiler's words.
        log: String,
    },
    /// A matrix product cannot be run.
    #[error("{call} failed with code {code} for the product {product}")]
    Product {
        /// The function.
        call: &'static str,
        /// Its result.
        code: i32,
        /// Extents and types.
        product: String,
    },
    /// There is no room on the card.
    #[error("no room for {bytes} bytes")]
    OutOfMemory {
        /// The bytes that were asked for.
        bytes: u64,
    },
    /// A launch that no card can run.
    #[error("{kernel}: {message}")]
    Launch {
        /// The kernel.
        kernel: String,
        /// What is wrong.
        message: String,
    },
    /// A tensor has a form that no kernel is for.
    #[error("{0}")]
    Unsupported(String),
    /// A kernel met a value that the contract does not allow.
    #[error("{0}")]
    BadValue(String),
}

impl CudaError {
    /// As the error of the instruction `op`.
    #[must_use]
    pub fn of(self, op: &'static str) -> Error {
        match self {
            CudaError::OutOfMemory { bytes } => Error::OutOfMemory { device: NAME.into(), bytes },
            other => Error::Device { device: NAME.into(), op, message: other.to_string() },
        }
    }
}
