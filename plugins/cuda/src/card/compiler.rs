//! Kernels, compiled when they are launched first, and kept on disk.

use std::collections::HashMap;
use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};

use super::context::Context;
use super::{Shared, c_string, number};
use crate::error::Result;
use crate::kernels::{HEADERS, Kernel, Module};
use crate::libraries::nvrtc::{self, Nvrtc};

/// The attribute of a function that says how much shared memory it may be launched with, and what
/// it may be without.
const MAX_DYNAMIC_SHARED: c_int = 8;
const SHARED_BY_DEFAULT: u32 = 48 << 10;
/// Bytes of a checksum.
const CHECKSUM: usize = 32;

/// The name of the architecture of a card.
#[must_use]
pub fn architecture((major, minor): (i32, i32)) -> String {
    format!("sm_{major}{minor}")
}

/// Compiled kernels on disk: a file is named after everything that it depends on, and ends in its
/// checksum. What cannot be read or written is compiled again.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    /// A cache in a directory, which is made if it is not there.
    #[must_use]
    pub fn at(directory: PathBuf) -> Self {
        Cache { directory: Some(directory) }
    }

    /// No cache.
    #[must_use]
    pub fn none() -> Self {
        Cache::default()
    }

    /// The file of a module that is compiled by this version of NVRTC for this architecture.
    fn file(&self, module: Module, architecture: &str, version: (i32, i32)) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(format!("{}.{}", version.0, version.1).as_bytes());
        nvrtc::options(architecture).iter().for_each(|option| add(option.as_bytes()));
        HEADERS.iter().for_each(|(name, body)| [name, body].iter().for_each(|part| add(part.as_bytes())));
        add(module.source().as_bytes());
        let digest: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(self.directory.as_ref()?.join(format!("{}-{architecture}-{digest}.cubin", module.name())))
    }

    /// The code of a module: that on disk, or what `compile` gives, which is then kept.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn code(
        &self,
        module: Module,
        architecture: &str,
        version: (i32, i32),
        compile: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let file = self.file(module, architecture, version);
        if let Some(code) = file.as_deref().and_then(|file| std::fs::read(file).ok()).and_then(sound) {
            return Ok(code);
        }
        let code = compile()?;
        if let Some(file) = file
            && let Err(error) = write(&file, &code)
        {
            tracing::debug!(file = %file.display(), %error, "compiled kernels are not kept");
        }
        Ok(code)
    }
}

/// The code of a file, if its checksum is right.
fn sound(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (code, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    let right = !code.is_empty() && Sha256::digest(code).as_slice() == checksum;
    bytes.truncate(bytes.len() - CHECKSUM);
    right.then_some(bytes)
}

/// Writes a file whole: other processes may be at it as well.
fn write(file: &std::path::Path, code: &[u8]) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(directory)?;
    let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
    let bytes = [code, Sha256::digest(code).as_slice()].concat();
    let written = std::fs::write(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, file));
    if written.is_err() {
        // What is left is of no use to anybody.
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

/// A kernel that can be launched.
struct Function {
    handle: Shared,
    /// The dynamic shared memory that it may have.
    shared: u32,
}

/// Compiles kernels, and knows those that are loaded.
pub(super) struct Compiler {
    nvrtc: Nvrtc,
    context: Arc<Context>,
    cache: Cache,
    functions: RwLock<HashMap<String, Function>>,
    modules: Mutex<HashMap<Module, Shared>>,
}

impl Compiler {
    pub(super) fn new(nvrtc: Nvrtc, context: Arc<Context>, cache: Cache) -> Self {
        Compiler { nvrtc, context, cache, functions: RwLock::default(), modules: Mutex::default() }
    }

    /// The function of a kernel that is launched with so much dynamic shared memory.
    pub(super) fn function(&self, kernel: Kernel, shared: u32) -> Result<crate::libraries::cuda::Handle> {
        let known = |functions: &HashMap<String, Function>| {
            functions.get(kernel.name()).filter(|function| function.shared >= shared).map(|function| function.handle.0)
        };
        if let Some(handle) = known(&self.functions.read()) {
            return Ok(handle);
        }
        let cuda = self.context.enter()?;
        let (module, name) = (self.module(kernel.module)?, c_string(kernel.name())?);
        let mut handle = std::ptr::null_mut();
        // SAFETY: the module is loaded, the name is terminated.
        unsafe {
            cuda.check("cuModuleGetFunction", (cuda.cuModuleGetFunction)(&mut handle, module, name.as_ptr()))?;
            if shared > SHARED_BY_DEFAULT {
                let code = (cuda.cuFuncSetAttribute)(handle, MAX_DYNAMIC_SHARED, number(shared as usize)?);
                cuda.check("cuFuncSetAttribute", code)?;
            }
        }
        let function = Function { handle: Shared(handle), shared: shared.max(SHARED_BY_DEFAULT) };
        self.functions.write().insert(kernel.name().to_owned(), function);
        Ok(handle)
    }

    /// A module, loaded.
    fn module(&self, module: Module) -> Result<crate::libraries::cuda::Handle> {
        let mut modules = self.modules.lock();
        if let Some(handle) = modules.get(&module) {
            return Ok(handle.0);
        }
        let architecture = architecture(self.context.info.capability);
        let code = self.cache.code(module, &architecture, self.nvrtc.version(), || {
            tracing::info!(module = module.name(), %architecture, "compiling kernels, which are kept for the next time");
            Ok(self.nvrtc.compile(module, &architecture, &[])?.cubin)
        })?;
        let cuda = self.context.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the code is a whole cubin.
        cuda.check("cuModuleLoadData", unsafe { (cuda.cuModuleLoadData)(&mut handle, code.as_ptr().cast()) })?;
        modules.insert(module, Shared(handle));
        Ok(handle)
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        if self.context.synchronize().is_ok()
            && let Ok(cuda) = self.context.enter()
        {
            for (_, module) in self.modules.lock().drain() {
                // SAFETY: nothing runs any more.
                unsafe { (cuda.cuModuleUnload)(module.0) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(cache: &Cache, architecture: &str, version: (i32, i32), made: &[u8]) -> (Vec<u8>, bool) {
        let mut compiled = false;
        let code = cache.code(Module::Copy, architecture, version, || {
            compiled = true;
            Ok(made.to_vec())
        });
        (code.unwrap(), compiled)
    }

    #[test]
    fn code_is_kept_by_everything_that_it_depends_on() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::at(scratch.path().join("kernels"));
        assert_eq!(code(&cache, "sm_80", (13, 0), b"one"), (b"one".to_vec(), true));
        assert_eq!(code(&cache, "sm_80", (13, 0), b"two"), (b"one".to_vec(), false));
        assert!(code(&cache, "sm_90", (13, 0), b"two").1, "another architecture");
        assert!(code(&cache, "sm_80", (13, 1), b"two").1, "another compiler");
        // Behind the module's name, which differs anyway.
        let digest = |module: Module| {
            let file = cache.file(module, "sm_80", (13, 0)).unwrap();
            file.file_name().unwrap().to_str().unwrap().rsplit('-').next().unwrap().to_owned()
        };
        assert_ne!(digest(Module::Copy), digest(Module::Cast), "another source");
    }

    #[test]
    fn damaged_files_are_compiled_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::at(scratch.path().to_owned());
        code(&cache, "sm_80", (13, 0), b"one");
        let file = cache.file(Module::Copy, "sm_80", (13, 0)).unwrap();
        let whole = std::fs::read(&file).unwrap();
        for damaged in [&whole[1..], &whole[..whole.len() - 1], b"", b"x", &[&whole[..], b"x"].concat()[..]] {
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(code(&cache, "sm_80", (13, 0), b"two"), (b"two".to_vec(), true), "{} bytes", damaged.len());
            assert_eq!(code(&cache, "sm_80", (13, 0), b"three"), (b"two".to_vec(), false));
        }
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_none() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        std::fs::write(&file, b"").unwrap();
        for cache in [Cache::at(file.join("below")), Cache::none()] {
            assert_eq!(code(&cache, "sm_80", (13, 0), b"one"), (b"one".to_vec(), true));
            assert_eq!(code(&cache, "sm_80", (13, 0), b"two"), (b"two".to_vec(), true));
        }
    }
}
