//! Opening a library, and saying why none could be.

use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};

use crate::error::{CudaError, Result};

/// A library that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What it is, in a message.
    pub what: &'static str,
    /// Its name up to the version, `libnvrtc.so`.
    pub name: &'static str,
    /// Libraries that must be there before it: the beginning of their names, if there are any.
    pub companions: Option<&'static str>,
    /// What to do if it is nowhere.
    pub advice: &'static str,
}

/// A library that was opened.
pub struct FoundLibrary {
    /// The library.
    pub library: Library,
    /// Its file; its name alone where the system found it.
    pub path: PathBuf,
    /// The major version in its name.
    pub version: i32,
}

impl FoundLibrary {
    /// The function `name`.
    ///
    /// # Errors
    /// [`CudaError::FunctionMissing`].
    ///
    /// # Safety
    /// `F` is the type of the function.
    pub unsafe fn function<F: Copy>(&self, name: &'static str) -> Result<F> {
        // SAFETY: the caller knows the type.
        let symbol = unsafe { self.library.get::<F>(name.as_bytes()) };
        symbol.map(|symbol| *symbol).map_err(|_| CudaError::FunctionMissing { path: self.path.clone(), function: name })
    }
}

/// Opens the first of `versions` of a library that loads, from `directories` and then from where
/// the system looks.
///
/// # Errors
/// [`CudaError::LibraryMissing`], which says where it was looked for and what the system said.
pub fn open(wanted: &Wanted, versions: &[i32], directories: &[PathBuf]) -> Result<FoundLibrary> {
    let names: Vec<String> = versions.iter().map(|version| format!("{}.{version}", wanted.name)).collect();
    let mut reason: Option<String> = None;
    for (name, &version) in names.iter().zip(versions) {
        let files = directories.iter().map(|directory| directory.join(name)).filter(|path| path.exists());
        for path in files.chain([PathBuf::from(name)]) {
            if let (Some(companions), Some(directory)) = (wanted.companions, path.parent()) {
                load_companions(directory, companions);
            }
            // SAFETY: the library is NVIDIA's, whose initialisers have no conditions.
            match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) } {
                Ok(library) => return Ok(FoundLibrary { library, path, version }),
                // An existing file that does not load says more than one that is not.
                Err(error) if path.parent() != Some(Path::new("")) => reason = Some(words(&error)),
                Err(error) => reason = reason.or_else(|| Some(words(&error))),
            }
        }
    }
    let searched: Vec<String> = directories.iter().map(|directory| directory.display().to_string()).collect();
    Err(CudaError::LibraryMissing {
        what: wanted.what,
        names: names.join(" or "),
        searched: match searched.is_empty() {
            true => "the system's directories".into(),
            false => format!("{} and the system's directories", searched.join(", ")),
        },
        reason: reason.unwrap_or_else(|| "no version is known".into()),
        advice: wanted.advice,
    })
}

/// What the system said: the error itself only says that the call failed.
fn words(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Loads what a library of the same directory needs and does not find by itself, and keeps it.
fn load_companions(directory: &Path, prefix: &str) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            // SAFETY: as in `open`. One that does not load is reported by the library that needs
            // it.
            if let Ok(library) = unsafe { Library::open(Some(entry.path()), RTLD_NOW | RTLD_GLOBAL) } {
                std::mem::forget(library);
            }
        }
    }
}
