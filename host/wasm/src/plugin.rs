//! A plugin: a component that was read, checked and compiled, with what the user grants it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use scaledown_sdk::component::{ChatTokenizer, Kind, Reranker, Retriever, Teacher};
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::{Device, Error, Result};
use serde_json::Value;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use crate::bindings::Roles;
use crate::bindings::exports::scaledown::plugin as exports;
use crate::cache;
use crate::contract::Contract;
use crate::engine::engine;
use crate::imports::Imports;
use crate::manifest::{manifest, split};
use crate::offer::Offer;
use crate::settings::Settings;
use crate::wasi;

/// What surrounds a plugin: the rest of the configuration, and the host's tokenizers.
pub trait Surroundings: Send + Sync {
    /// The kind of the component of this name in the configuration's `components`.
    fn kind(&self, name: &str) -> Option<Kind>;

    /// Makes a retriever of the configuration's `components`, which keeps its index in `directory`.
    ///
    /// # Errors
    /// If it cannot be made.
    fn retriever(&self, name: &str, device: &Device, directory: &Path) -> Result<Box<dyn Retriever>>;

    /// Makes a reranker of the configuration's `components`.
    ///
    /// # Errors
    /// If it cannot be made.
    fn reranker(&self, name: &str, device: &Device) -> Result<Box<dyn Reranker>>;

    /// Makes a teacher of the configuration's `components`.
    ///
    /// # Errors
    /// If it cannot be made.
    fn teacher(&self, name: &str, device: &Device) -> Result<Box<dyn Teacher>>;

    /// Opens the tokenizer in a model's directory.
    ///
    /// # Errors
    /// If there is none.
    fn tokenizer(&self, directory: &Path) -> Result<Box<dyn ChatTokenizer>>;
}

/// A plugin, ready to be made instances of. Cloning shares it.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    name: String,
    digest: String,
    contract: Contract,
    manifest: Option<Vec<Offer>>,
    pre: InstancePre<Imports>,
    roles: Exports,
    settings: Settings,
    surroundings: Arc<dyn Surroundings>,
    failures: AtomicU32,
    last_failure: Mutex<String>,
    schemas: Mutex<Vec<Value>>,
}

/// Where the exports of each role are in an instance.
#[allow(missing_docs, reason = "the names are the interfaces'")]
pub(crate) struct Exports {
    pub(crate) reading: Option<exports::reading::GuestIndices>,
    pub(crate) retrieval: Option<exports::retrieval::GuestIndices>,
    pub(crate) reranking: Option<exports::reranking::GuestIndices>,
    pub(crate) teaching: Option<exports::teaching::GuestIndices>,
    pub(crate) compression: Option<exports::compression::GuestIndices>,
    pub(crate) generation: Option<exports::generation::GuestIndices>,
    pub(crate) recomputation: Option<exports::recomputation::GuestIndices>,
}

impl Plugin {
    /// Reads the component in a file, checks it and compiles it, or takes what was compiled before
    /// from the directory `cache`. Nothing of it runs. If `sha256` is given, the file must have
    /// that digest.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Plugin`] if it has another digest, or is
    /// no component that this host can run.
    pub fn load(
        name: &str,
        path: &Path,
        sha256: Option<&str>,
        settings: &Settings,
        surroundings: Arc<dyn Surroundings>,
        cache: Option<PathBuf>,
    ) -> Result<Self> {
        let bytes = read_bytes(path, FileKind::Component).map_err(|error| Error::io(path, error))?;
        let digest = cache::digest(&bytes);
        if let Some(expected) = sha256
            && !expected.eq_ignore_ascii_case(&digest)
        {
            let message = format!("{} has the SHA-256 {digest}, expected {expected}", path.display());
            return Err(Error::Plugin { plugin: name.to_owned(), message });
        }
        Plugin::compile(name, &bytes, settings, surroundings, cache.as_deref())
    }

    /// Checks and compiles a component. Messages call it `name`.
    ///
    /// # Errors
    /// Those of [`Plugin::load`].
    pub fn compile(
        name: &str,
        bytes: &[u8],
        settings: &Settings,
        surroundings: Arc<dyn Surroundings>,
        cache: Option<&Path>,
    ) -> Result<Self> {
        let contract = Contract::read(name, bytes)?;
        contract.check(name)?;
        let digest = cache::digest(bytes);
        let broken = |error: wasmtime::Error| Error::Plugin { plugin: name.to_owned(), message: causes(&error) };
        let engine = engine()?;
        // The code is what is compiled, whatever the file says of it.
        let (code, _) = split(name, bytes)?;
        let manifest = manifest(name, bytes)?;
        let component = cache::compiled(engine, code, &cache::digest(code), cache).map_err(broken)?;
        let mut linker: Linker<Imports> = Linker::new(engine);
        Roles::add_to_linker::<_, HasSelf<_>>(&mut linker, |imports: &mut Imports| imports).map_err(broken)?;
        if contract.needs_wasi() {
            wasi::link(&mut linker).map_err(broken)?;
        }
        let pre = linker.instantiate_pre(&component).map_err(broken)?;
        let roles = Exports::of(&pre, &contract).map_err(broken)?;
        Ok(Plugin(Arc::new(Inner {
            name: name.to_owned(),
            digest,
            contract,
            manifest,
            pre,
            roles,
            settings: settings.clone(),
            surroundings,
            failures: AtomicU32::new(0),
            last_failure: Mutex::default(),
            schemas: Mutex::default(),
        })))
    }

    /// The name under which the configuration has it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The SHA-256 of its file, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// What it imports and exports.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.0.contract
    }

    /// What its file says that it offers, if it says so.
    pub(crate) fn manifest(&self) -> Option<&[Offer]> {
        self.0.manifest.as_deref()
    }

    pub(crate) fn pre(&self) -> &InstancePre<Imports> {
        &self.0.pre
    }

    pub(crate) fn roles(&self) -> &Exports {
        &self.0.roles
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn surroundings(&self) -> &Arc<dyn Surroundings> {
        &self.0.surroundings
    }

    /// Keeps the schema of the plugin's keys in one of its roles.
    pub(crate) fn note_schema(&self, schema: Option<&Value>) {
        let mut schemas = self.0.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = schema.filter(|schema| !schemas.contains(schema)) {
            schemas.push(schema.clone());
        }
    }

    /// The schemas of the plugin's keys, as far as it was asked for them.
    pub(crate) fn schemas(&self) -> Vec<Value> {
        self.0.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error in the plugin's name.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error::Plugin { plugin: self.0.name.clone(), message: message.into() }
    }

    /// Notes that a call failed in a way that its instance did not survive.
    pub(crate) fn failed(&self, message: &str) {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        message.clone_into(&mut self.0.last_failure.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Refuses a plugin that has failed too often.
    pub(crate) fn check_standing(&self) -> Result<()> {
        let failures = self.0.failures.load(Ordering::Relaxed);
        if failures < self.0.settings.limits.failures {
            return Ok(());
        }
        let last = self.0.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        Err(self.error(format!("it is refused after {failures} failed calls, the last of which: {last}")))
    }
}

impl Exports {
    fn of(pre: &InstancePre<Imports>, contract: &Contract) -> wasmtime::Result<Self> {
        macro_rules! role {
            ($interface:ident) => {
                match contract
                    .exports
                    .iter()
                    .any(|name| name.starts_with(concat!("scaledown:plugin/", stringify!($interface), "@")))
                {
                    true => Some(exports::$interface::GuestIndices::new(pre)?),
                    false => None,
                }
            };
        }
        Ok(Exports {
            reading: role!(reading),
            retrieval: role!(retrieval),
            reranking: role!(reranking),
            teaching: role!(teaching),
            compression: role!(compression),
            generation: role!(generation),
            recomputation: role!(recomputation),
        })
    }
}

/// An error with its causes, on one line.
pub(crate) fn causes(error: &wasmtime::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}
