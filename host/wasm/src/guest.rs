//! One instance of a plugin, and how it is called.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use scaledown_sdk::component::stop::stop_requested;
use scaledown_sdk::nn::Params;
use scaledown_sdk::{Error, Result, Tensor};
use wasmtime::component::{Instance, Resource};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::checkpoint::Segments;
use crate::imports::Imports;
use crate::plugin::{Plugin, causes};
use crate::services::components::Neighbours;
use crate::services::log::shortened;
use crate::services::storage::Storage;
use crate::settings::Limits;

/// What an instance of a plugin is made with, beside the plugin.
#[derive(Clone)]
pub(crate) struct Setting {
    /// Where its parameters are made, and the device that its tensors are on; nothing where it is
    /// only asked to describe itself.
    pub(crate) params: Option<Params>,
    /// Whether the stored weights of `get-stored` are those that are attached to `params`, as a
    /// generator's are.
    pub(crate) attached: bool,
    /// What `get-stored` starts from: the parameters of a scope with the generator's weights
    /// attached.
    pub(crate) stored: Option<Arc<dyn scaledown_sdk::nn::WeightSource>>,
    /// What it keeps on disk.
    pub(crate) storage: Option<Storage>,
    /// The components that it may call.
    pub(crate) neighbours: Option<Arc<Neighbours>>,
    /// Its keys.
    pub(crate) keys: String,
    /// Models that its keys name, which it may open the tokenizers of.
    pub(crate) models: Vec<PathBuf>,
}

/// An instance. After a failed call, its memory is in an unknown state, and it is not called again.
pub(crate) struct Guest {
    plugin: Plugin,
    store: Store<Imports>,
    instance: Instance,
    failed: bool,
}

/// What a call of an export gives: the component's answer, or a trap.
pub(crate) type Answered<T> = wasmtime::Result<std::result::Result<T, WitError>>;

impl Guest {
    /// Makes an instance.
    ///
    /// # Errors
    /// If the plugin was refused, or the instance traps while it starts.
    pub(crate) fn new(plugin: &Plugin, setting: &Setting) -> Result<Self> {
        plugin.check_standing()?;
        let limits = &plugin.settings().limits;
        let mut store = Store::new(plugin.pre().engine(), Imports::new(plugin, setting));
        store.limiter(|imports| &mut imports.meter);
        store.set_hostcall_fuel(Limits::bytes(limits.transfer));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let deadline = context.data().deadline;
            if Instant::now() >= deadline {
                wasmtime::bail!("its time is over");
            }
            if stop_requested() {
                wasmtime::bail!("it was interrupted");
            }
            Ok(UpdateDeadline::Continue(1))
        });
        store.data_mut().begin_call();
        let instance = plugin.pre().instantiate(&mut store);
        match instance {
            Ok(instance) => Ok(Guest { plugin: plugin.clone(), store, instance, failed: false }),
            Err(error) => Err(failure(plugin, store.data(), &error)),
        }
    }

    /// Calls an export, once. Whatever a component reports is an error in its own words; if it
    /// traps, that is an error, and the instance is not to be used again.
    pub(crate) fn call<T>(&mut self, call: impl FnOnce(&mut Store<Imports>, &Instance, &Plugin) -> Answered<T>) -> Result<T> {
        if self.failed {
            return Err(self.plugin.error("its instance has failed in an earlier call"));
        }
        self.store.data_mut().begin_call();
        match call(&mut self.store, &self.instance, &self.plugin) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(reported(&self.plugin, error)),
            Err(error) => {
                self.failed = true;
                Err(failure(&self.plugin, self.store.data(), &error))
            }
        }
    }

    /// Whether a call has failed in a way that the instance did not survive.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn imports(&mut self) -> &mut Imports {
        self.store.data_mut()
    }

    /// Takes a tensor that the component gives away.
    pub(crate) fn take(&mut self, handle: Resource<Tensor>) -> Result<Tensor> {
        let taken = self.store.data_mut().take(handle);
        taken.map_err(|error| self.plugin.error(causes(&error)))
    }

    /// Gives the component a handle to a tensor.
    pub(crate) fn give(&mut self, tensor: &Tensor) -> Result<Resource<Tensor>> {
        let given = self.store.data_mut().give(tensor.clone());
        given.map_err(|error| self.plugin.error(causes(&error)))
    }

    /// Tells the component of segments that will not run again.
    pub(crate) fn forget_segments(&mut self) -> Result<()> {
        let forgotten = self.store.data().segments.take_forgotten();
        if forgotten.is_empty() {
            return Ok(());
        }
        self.call(|store, instance, plugin| {
            let Some(indices) = &plugin.roles().recomputation else { return Ok(Ok(())) };
            indices.load(&mut *store, instance)?.call_forget(store, &forgotten)?;
            Ok(Ok(()))
        })
    }

    /// Runs a checkpointed segment of the component again.
    pub(crate) fn recompute(&mut self, segment: u64, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        self.forget_segments()?;
        let handles = inputs.iter().map(|input| self.give(input)).collect::<Result<Vec<_>>>()?;
        let returned = self.call(|store, instance, plugin| {
            let Some(indices) = &plugin.roles().recomputation else {
                wasmtime::bail!("it checkpoints a segment and exports no `recomputation`");
            };
            indices.load(&mut *store, instance)?.call_recompute(store, segment, &handles)
        })?;
        returned.into_iter().map(|output| self.take(output)).collect()
    }

    /// The segments of the instance, for its owner.
    pub(crate) fn set_segments(&mut self, segments: Segments) {
        self.store.data_mut().segments = segments;
    }
}

/// A role's exports, or an error that says that there are none.
pub(crate) fn missing(role: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("it exports no `{role}`"))
}

/// The error that a component reported, on one line.
pub(crate) fn reported(plugin: &Plugin, error: WitError) -> Error {
    match error {
        WitError::Config(message) => Error::Config(shortened(&message)),
        WitError::Input(message) => Error::Input(shortened(&message)),
        WitError::Failed(message) => plugin.error(shortened(&message)),
    }
}

/// The error of a call that an instance did not survive, in one sentence.
fn failure(plugin: &Plugin, imports: &Imports, error: &wasmtime::Error) -> Error {
    let limits = &plugin.settings().limits;
    let message = match (&imports.last_words, error.downcast_ref::<Trap>()) {
        (Some(words), Some(Trap::UnreachableCodeReached)) => words.clone(),
        (_, Some(Trap::UnreachableCodeReached)) => "it gave up (WebAssembly `unreachable`), and said nothing".to_owned(),
        (_, Some(Trap::StackOverflow)) => "it called itself too deeply: its stack is full".to_owned(),
        (_, Some(Trap::MemoryOutOfBounds)) => "it reached outside its memory".to_owned(),
        (_, Some(trap)) => trap.to_string(),
        (_, None) => match error.root_cause().to_string() {
            over if over == "its time is over" => {
                format!("a call took more than {} s: `call_seconds` in its limits", limits.call_seconds)
            }
            full if full.contains("resource table has no free keys") => {
                format!("it holds more than {} handles: `handles` in its limits", limits.handles)
            }
            fuel if fuel.contains("fuel allocated for hostcalls") || fuel.contains("hostcall fuel") => {
                format!("a call handed more than {} MiB to the host: `transfer` in its limits", limits.transfer)
            }
            other => other,
        },
    };
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    plugin.failed(&message);
    plugin.error(message)
}
