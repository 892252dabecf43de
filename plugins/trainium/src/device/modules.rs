//! Compiled modules: in memory by structure, on disk by program.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::disk::{Disk, Key};
use super::settings::DeviceSettings;
use super::structure::Structure;
use crate::pjrt::{Client, Executable, Failure};
use crate::stablehlo::{portable, text};

/// What a device has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Stats {
    /// Modules that were compiled.
    pub compiles: usize,
    /// Modules that were read from the disk instead.
    pub loads: usize,
    /// Seconds that compiling took.
    pub compile_seconds: f64,
    /// Times that a module was run.
    pub runs: usize,
    /// Seconds from the plan to the start of the device, without compiling: the host's share of a
    /// step.
    pub host_seconds: f64,
    /// Instructions of the contract that were run.
    pub instructions: usize,
    /// Instructions of the largest module.
    pub largest: usize,
    /// Results that took the memory of an argument.
    pub donated: usize,
}

/// A compiled module.
pub(super) struct Module {
    /// What runs; nothing, where the device only compiles.
    pub(super) executable: Executable,
    /// Whether its last result says that an id named nothing.
    pub(super) faults: bool,
}

/// A module, and when it was last used.
struct Known {
    module: Arc<Module>,
    used: u64,
}

/// Modules that stay loaded. A process has room for about ten thousand; no training needs as many.
const MOST: usize = 4096;

/// Why there is no module.
pub(super) enum NoModule {
    /// An instruction has no program on this device.
    Unsupported(String, &'static str),
    /// The compiler refuses it.
    Compiler(Failure),
}

/// All modules of a device.
pub(super) struct Modules {
    known: HashMap<Box<[u64]>, Known>,
    /// Grows with each use.
    time: u64,
    disk: Option<Disk>,
    warned: bool,
}

impl Modules {
    pub(super) fn new(settings: &DeviceSettings, client: &Client) -> Self {
        let disk = settings.cache.clone().map(|directory| Disk::new(directory, settings, client));
        Modules { known: HashMap::new(), time: 0, disk, warned: false }
    }

    /// The module of a structure, compiled if it is new.
    pub(super) fn get(
        &mut self,
        structure: &Structure,
        client: &Arc<Client>,
        settings: &DeviceSettings,
        stats: &mut Stats,
    ) -> Result<Arc<Module>, NoModule> {
        let key = structure.key();
        self.time += 1;
        if let Some(known) = self.known.get_mut(&key) {
            known.used = self.time;
            return Ok(Arc::clone(&known.module));
        }
        let (program, faults) = structure.program(settings.narrow).map_err(|(message, op)| NoModule::Unsupported(message, op))?;
        let program = match settings.portable {
            true => portable(&program).map_err(|message| NoModule::Unsupported(message, "compile"))?,
            false => text(&program).into_bytes(),
        };
        let disk = self.disk.as_ref().map(|disk| (disk, disk.key(&program)));
        let stored = disk.as_ref().and_then(|(disk, key)| load(disk, key, client));
        let executable = match stored {
            Some(executable) => {
                stats.loads += 1;
                executable
            }
            None => {
                let started = Instant::now();
                let executable = client.compile(&program, &settings.options).map_err(NoModule::Compiler)?;
                let seconds = started.elapsed().as_secs_f64();
                stats.compiles += 1;
                stats.compile_seconds += seconds;
                tracing::debug!(instructions = structure.len(), seconds, modules = self.known.len() + 1, "module compiled");
                if let Some((disk, key)) = &disk {
                    store(disk, key, &executable);
                }
                executable
            }
        };
        let module = Arc::new(Module { executable, faults });
        self.known.insert(key, Known { module: Arc::clone(&module), used: self.time });
        self.warn(settings);
        self.forget();
        Ok(module)
    }

    /// Lets the half go that was not used for longest, where there are too many.
    fn forget(&mut self) {
        if self.known.len() > MOST {
            let mut times: Vec<u64> = self.known.values().map(|known| known.used).collect();
            times.sort_unstable();
            let median = times.get(times.len() / 2).copied().unwrap_or(0);
            self.known.retain(|_, known| known.used >= median);
        }
    }

    /// Says once that there are too many modules.
    fn warn(&mut self, settings: &DeviceSettings) {
        if self.known.len() > settings.warn_above && !self.warned {
            self.warned = true;
            tracing::warn!(
                modules = self.known.len(),
                "{} has compiled a module for each of more than {} different programs: shapes change from step to step. \
                 Pad sequences to few widths (`widths = \"buckets\"`), and keep the batch size",
                settings.name,
                settings.warn_above
            );
        }
    }
}

/// A stored module; none where there is none, or where the plugin does not take it, which is then
/// compiled again.
fn load(disk: &Disk, key: &Key, client: &Arc<Client>) -> Option<Executable> {
    let bytes = disk.read(key)?;
    match client.load(&bytes) {
        Ok(executable) => Some(executable),
        Err(failure) => {
            tracing::debug!(%failure, "a stored module cannot be loaded");
            None
        }
    }
}

/// Stores a module. A plugin that cannot, or a full disk, costs a compilation next time and nothing
/// else.
fn store(disk: &Disk, key: &Key, executable: &Executable) {
    match executable.serialize() {
        Ok(bytes) => {
            if let Err(error) = disk.write(key, &bytes) {
                tracing::warn!(%error, "a compiled module could not be stored");
            }
        }
        Err(failure) => tracing::debug!(%failure, "the plugin cannot store modules"),
    }
}
