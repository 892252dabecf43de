//! Compiled modules.

use std::ptr::null_mut;
use std::sync::Arc;

use super::api::{Event, Failure};
use super::buffer::Buffer;
use super::client::Client;
use super::sys::{self, Arguments, Handle};

/// A compiled module, loaded on its devices.
pub struct Executable {
    client: Arc<Client>,
    raw: Handle,
    outputs: usize,
}

// SAFETY: executables may be used by any thread.
unsafe impl Send for Executable {}
// SAFETY: as above.
unsafe impl Sync for Executable {}

/// A module that may still be running.
pub struct Running(Vec<Event>);

impl Running {
    /// Waits until it has run.
    ///
    /// # Errors
    /// What the device says if it fails.
    pub fn wait(&self) -> Result<(), Failure> {
        self.0.iter().try_for_each(Event::wait)
    }
}

impl Executable {
    pub(super) fn new(client: Arc<Client>, raw: Handle) -> Result<Self, Failure> {
        let mut executable = Executable { client, raw, outputs: 0 };
        executable.outputs = executable.unloaded(|api, raw| {
            let mut count = sys::ExecutableNumOutputs::new();
            count.executable = raw;
            api.call(&mut count)?;
            Ok(count.num_outputs)
        })?;
        Ok(executable)
    }

    /// Asks something of the executable without its devices.
    fn unloaded<T>(&self, ask: impl FnOnce(&super::Api, Handle) -> Result<T, Failure>) -> Result<T, Failure> {
        let api = &self.client.api;
        let mut get = sys::LoadedExecutable::new();
        get.loaded = self.raw;
        api.call(&mut get)?;
        let answer = ask(api, get.executable);
        let mut destroy = sys::ExecutableDestroy::new();
        destroy.executable = get.executable;
        api.call(&mut destroy)?;
        answer
    }

    /// The number of results.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The executable as bytes, for [`Client::load`].
    ///
    /// # Errors
    /// If the plugin cannot do so.
    pub fn serialize(&self) -> Result<Vec<u8>, Failure> {
        self.unloaded(|api, raw| {
            let mut serialize = sys::ExecutableSerialize::new();
            serialize.executable = raw;
            api.call(&mut serialize)?;
            // SAFETY: the bytes live until their owner is deleted.
            let bytes = unsafe { std::slice::from_raw_parts(serialize.bytes.cast::<u8>(), serialize.bytes_size) }.to_vec();
            if let Some(delete) = serialize.deleter {
                // SAFETY: this is the function for this object, which is not used afterwards.
                unsafe { delete(serialize.serialized) };
            }
            Ok(bytes)
        })
    }

    /// Runs on one device. Arguments that the module gives away to results must not be used
    /// afterwards.
    ///
    /// # Errors
    /// If the module cannot be started.
    pub fn run(&self, arguments: &[&Buffer]) -> Result<(Vec<Buffer>, Running), Failure> {
        let (mut outputs, running) = self.run_together(&[arguments.to_vec()])?;
        Ok((outputs.pop().unwrap_or_default(), running))
    }

    /// Runs on several devices together, each with arguments of its own.
    ///
    /// # Errors
    /// As [`Executable::run`]; or if the devices have unequal numbers of arguments.
    pub fn run_together(&self, arguments: &[Vec<&Buffer>]) -> Result<(Vec<Vec<Buffer>>, Running), Failure> {
        let count = arguments.first().map_or(0, Vec::len);
        if arguments.iter().any(|own| own.len() != count) {
            return Err(Failure::new("PJRT_LoadedExecutable_Execute", "each device needs as many arguments as the others"));
        }
        let handles: Vec<Vec<Handle>> = arguments.iter().map(|own| own.iter().map(|buffer| buffer.raw).collect()).collect();
        let argument_lists: Vec<*const Handle> = handles.iter().map(|own| own.as_ptr()).collect();
        let mut outputs = vec![vec![null_mut(); self.outputs]; arguments.len()];
        let output_lists: Vec<*mut Handle> = outputs.iter_mut().map(|own| own.as_mut_ptr()).collect();
        let mut events = vec![null_mut(); arguments.len()];
        let mut options = sys::ExecuteOptions::new();
        let mut execute = sys::LoadedExecute::new();
        execute.executable = self.raw;
        execute.options = &mut options;
        execute.argument_lists = argument_lists.as_ptr();
        execute.num_devices = arguments.len();
        execute.num_args = count;
        execute.output_lists = output_lists.as_ptr();
        execute.device_complete_events = events.as_mut_ptr();
        let api = &self.client.api;
        api.call(&mut execute)?;
        let buffer = |raw| Buffer { client: Arc::clone(&self.client), raw };
        let outputs = outputs.into_iter().map(|own| own.into_iter().map(buffer).collect()).collect();
        Ok((outputs, Running(events.into_iter().map(|raw| Event { api: Arc::clone(api), raw }).collect())))
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        let mut destroy = sys::LoadedDestroy::new();
        destroy.executable = self.raw;
        let _ = self.client.api.call(&mut destroy);
    }
}
