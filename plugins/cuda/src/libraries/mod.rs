//! NVIDIA's libraries, found when the program runs: nothing of CUDA is needed to build it.

pub mod cublaslt;
pub mod cuda;
pub mod nvrtc;
mod open;
pub mod search;

pub use open::{FoundLibrary, Wanted, open};

/// Makes a table of a library's functions, each found by its name when the table is loaded.
macro_rules! functions {
    ($(#[doc = $doc:literal])* $table:ident { $($name:ident($($arg:ty),* $(,)?) $(-> $ret:ty)?;)* }) => {
        $(#[doc = $doc])*
        #[allow(non_snake_case, missing_docs, reason = "the names are the library's, whose manual describes them")]
        pub struct $table {
            $(pub $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            /// The file that they are of.
            pub path: std::path::PathBuf,
            _library: libloading::os::unix::Library,
        }

        impl $table {
            /// The names of all functions.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Finds all functions in a library.
            ///
            /// # Errors
            /// [`CudaError::FunctionMissing`](crate::CudaError::FunctionMissing) for the first that
            /// it lacks.
            pub fn load(found: $crate::libraries::FoundLibrary) -> $crate::Result<Self> {
                Ok($table {
                    // SAFETY: the types are those of the library's manual.
                    $($name: unsafe { found.function(stringify!($name)) }?,)*
                    path: found.path,
                    _library: found.library,
                })
            }
        }
    };
}
pub(crate) use functions;
