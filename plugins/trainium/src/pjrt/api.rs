//! A loaded plugin: its table of functions, its errors and its events.

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libloading::Library;
use parking_lot::Mutex;

use super::sys::{self, Arguments, Handle, Table};

/// A plugin that could not be loaded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is missing, or the system's loader refuses it.
    #[error("{path} cannot be loaded: {message}")]
    Library {
        /// The library.
        path: PathBuf,
        /// The loader's own words.
        message: String,
    },
    /// The library is something else.
    #[error("{path} is no PJRT plugin: it does not export GetPjrtApi")]
    NoPlugin {
        /// The library.
        path: PathBuf,
    },
    /// The plugin speaks another version of the interface.
    #[error("{path} has version {major}.{minor} of the PJRT interface, expected 0.{oldest} or newer; install a newer plugin")]
    Version {
        /// The library.
        path: PathBuf,
        /// Its major version.
        major: i32,
        /// Its minor version.
        minor: i32,
        /// The oldest minor version that works.
        oldest: i32,
    },
    /// The plugin refuses to start.
    #[error("{path} cannot start: {failure}")]
    Start {
        /// The library.
        path: PathBuf,
        /// What it says.
        failure: Failure,
    },
}

/// What a plugin says of a call that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{function}: {message}")]
pub struct Failure {
    /// The function.
    pub function: &'static str,
    /// Whether the device has no memory left.
    pub out_of_memory: bool,
    /// The plugin's own words.
    pub message: String,
}

impl Failure {
    pub(super) fn new(function: &'static str, message: impl Into<String>) -> Self {
        Failure { function, out_of_memory: false, message: message.into() }
    }
}

/// A plugin, loaded and started. It stays loaded until the process ends, as the interface wants it.
pub struct Api {
    path: PathBuf,
    table: *const Table,
}

// SAFETY: the table is never changed, and its functions may be called from any thread.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

/// What has been loaded. A library is started once, whatever the number of devices on it.
static LOADED: Mutex<Option<HashMap<PathBuf, Arc<Api>>>> = Mutex::new(None);

/// The oldest minor version whose structures have the fields that are used here.
const OLDEST: i32 = 40;

impl Api {
    /// Loads the plugin at `path`, once a process.
    ///
    /// # Errors
    /// [`LoadError`], which says what is wrong with the file.
    pub fn load(path: &Path) -> Result<Arc<Api>, LoadError> {
        let mut loaded = LOADED.lock();
        let loaded = loaded.get_or_insert_default();
        if let Some(api) = loaded.get(path) {
            return Ok(Arc::clone(api));
        }
        let api = Arc::new(Api::open(path)?);
        loaded.insert(path.to_owned(), Arc::clone(&api));
        Ok(api)
    }

    fn open(path: &Path) -> Result<Api, LoadError> {
        let no_plugin = || LoadError::NoPlugin { path: path.to_owned() };
        // SAFETY: loading a library runs its initialisers. It is the plugin that the user's
        // configuration names.
        let library = unsafe { Library::new(path) }
            .map_err(|error| LoadError::Library { path: path.to_owned(), message: error.to_string() })?;
        // SAFETY: this is the signature that the interface gives the symbol.
        let get = unsafe { library.get::<unsafe extern "C" fn() -> *const Table>(b"GetPjrtApi\0") }.map_err(|_| no_plugin())?;
        // SAFETY: as above.
        let table = unsafe { get() };
        // A plugin's threads may run until the process ends.
        std::mem::forget(library);
        if table.is_null() {
            return Err(no_plugin());
        }
        let api = Api { path: path.to_owned(), table };
        let (major, minor) = api.version();
        if major != 0 || minor < OLDEST {
            return Err(LoadError::Version { path: path.to_owned(), major, minor, oldest: OLDEST });
        }
        let started = api.call(&mut sys::PluginInitialize::new());
        started.map_err(|failure| LoadError::Start { path: path.to_owned(), failure })?;
        Ok(api)
    }

    /// The library's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version of the interface that the plugin has: major and minor.
    #[must_use]
    pub fn version(&self) -> (i32, i32) {
        // SAFETY: the table lives as long as the plugin, which is never unloaded.
        unsafe { ((*self.table).major_version, (*self.table).minor_version) }
    }

    /// The function at `index` of the table, if the plugin has it.
    fn function(&self, index: usize) -> Option<*const c_void> {
        let offset = size_of::<Table>() + index * size_of::<*const c_void>();
        // SAFETY: the plugin says how far its table reaches.
        let function = unsafe {
            if offset + size_of::<*const c_void>() > (*self.table).struct_size {
                return None;
            }
            self.table.cast::<u8>().add(offset).cast::<*const c_void>().read()
        };
        (!function.is_null()).then_some(function)
    }

    /// Calls the function that takes these arguments.
    pub(super) fn call<A: Arguments>(&self, arguments: &mut A) -> Result<(), Failure> {
        let function = self.function(A::INDEX).ok_or_else(|| Failure::new(A::NAME, "the plugin does not have this function"))?;
        // SAFETY: the function at this place takes these arguments (`Arguments`) and returns an
        // error or null.
        let error = unsafe {
            let function: unsafe extern "C" fn(*mut A) -> Handle = std::mem::transmute(function);
            function(arguments)
        };
        if error.is_null() { Ok(()) } else { Err(self.failure(error, A::NAME)) }
    }

    /// Calls a function that returns nothing.
    fn call_void<A: Arguments>(&self, arguments: &mut A) {
        if let Some(function) = self.function(A::INDEX) {
            // SAFETY: the function at this place takes these arguments and returns nothing.
            unsafe {
                let function: unsafe extern "C" fn(*mut A) = std::mem::transmute(function);
                function(arguments);
            }
        }
    }

    /// The words of an error, which is destroyed.
    fn failure(&self, error: Handle, function: &'static str) -> Failure {
        let mut code = sys::ErrorCode::new();
        code.error = error;
        let exhausted = self.call(&mut code).is_ok() && code.code == sys::RESOURCE_EXHAUSTED;
        let mut text = sys::ErrorMessage::new();
        text.error = error;
        self.call_void(&mut text);
        // SAFETY: the message lives until its error is destroyed.
        let message = unsafe { words(text.message, text.message_size) };
        let mut destroy = sys::ErrorDestroy::new();
        destroy.error = error;
        self.call_void(&mut destroy);
        Failure { function, out_of_memory: exhausted, message }
    }
}

/// The text that a plugin points to.
///
/// # Safety
/// `text` is null or points to `size` bytes.
pub(super) unsafe fn words(text: *const std::ffi::c_char, size: usize) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(text.cast::<u8>(), size) }).into_owned()
}

/// Something of the plugin's that is not done yet.
pub(super) struct Event {
    pub(super) api: Arc<Api>,
    pub(super) raw: Handle,
}

// SAFETY: events may be awaited and destroyed by any thread.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// Waits until it is done.
    pub(super) fn wait(&self) -> Result<(), Failure> {
        if self.raw.is_null() {
            return Ok(());
        }
        let mut wait = sys::EventAwait::new();
        wait.event = self.raw;
        self.api.call(&mut wait)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            let mut destroy = sys::EventDestroy::new();
            destroy.event = self.raw;
            // A failure cannot be reported.
            let _ = self.api.call(&mut destroy);
        }
    }
}
