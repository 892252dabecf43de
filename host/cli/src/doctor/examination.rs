//! This machine's devices, memory, threads, CPU features, model cache and disk space.

use std::fmt;
use std::path::{Path, PathBuf};

use scaledown_sdk::component::Kind;
use serde::Serialize;

use crate::terminal::table;
use scaledown_host::config::Component;
use scaledown_host::plugins::registry;
use scaledown_host::support::hub;

/// One gibibyte in bytes.
const GIB: f64 = (1_u64 << 30) as f64;

/// The findings.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// The version of this program.
    pub version: &'static str,
    /// The operating system and architecture, `linux x86_64`.
    pub system: String,
    /// The processor and what it can do.
    pub processor: Processor,
    /// The main memory.
    pub memory: Option<MachineMemory>,
    /// Every device plugin, and whether it works here.
    pub devices: Vec<DeviceFinding>,
    /// Libraries and cards that devices use, where a device looks for some.
    pub libraries: Vec<LibraryFinding>,
    /// Where models from a hub are kept.
    pub cache: ModelCache,
    /// The disk of the working directory.
    pub disk: Option<Disk>,
}

/// The processor.
#[derive(Clone, Debug, Serialize)]
pub struct Processor {
    /// Its name, empty if the system does not say.
    pub name: String,
    /// Threads that this process may use at once.
    pub threads: usize,
    /// Vector instruction sets that numeric kernels can use.
    pub features: Vec<&'static str>,
}

/// The main memory, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MachineMemory {
    /// All of it.
    pub total: u64,
    /// Available without swapping, within the container's limit.
    pub available: u64,
}

/// One device plugin.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceFinding {
    /// The plugin's name.
    pub name: &'static str,
    /// Whether it can be used here.
    pub usable: bool,
    /// The device's description, or why it is unavailable.
    pub description: String,
}

/// A library or a card that a device uses.
#[derive(Clone, Debug, Serialize)]
pub struct LibraryFinding {
    /// What it is.
    pub name: String,
    /// Whether it is there.
    pub found: bool,
    /// Its version and file, or where it was looked for and what to install.
    pub description: String,
}

/// The model cache.
#[derive(Clone, Debug, Serialize)]
pub struct ModelCache {
    /// Its directory.
    pub directory: PathBuf,
    /// Bytes in use; 0 if there is no cache yet.
    pub used: u64,
    /// Where models are downloaded from.
    pub endpoint: String,
    /// Whether downloads are switched off (`HF_HUB_OFFLINE`).
    pub offline: bool,
}

/// A disk, in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Disk {
    /// The directory whose disk this is.
    pub directory: PathBuf,
    /// All of it.
    pub total: u64,
    /// Free space.
    pub available: u64,
}

impl Examination {
    /// Examines this machine. Whatever the system does not tell is left empty.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let mut system = sysinfo::System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_memory();
            system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        }
        Examination {
            version: env!("CARGO_PKG_VERSION"),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: processor(system.as_ref()),
            memory: system.as_ref().map(memory),
            devices: devices(),
            libraries: libraries(),
            cache: cache(),
            disk: std::env::current_dir().ok().and_then(|directory| disk(&directory)),
        }
    }
}

fn processor(system: Option<&sysinfo::System>) -> Processor {
    Processor {
        name: system.and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned())).unwrap_or_default(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        features: features(),
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let known = [
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
    ];
    known.into_iter().filter(|(_, present)| *present).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

fn memory(system: &sysinfo::System) -> MachineMemory {
    let (total, available) = (system.total_memory(), system.available_memory());
    match system.cgroup_limits() {
        Some(limits) => MachineMemory { total: total.min(limits.total_memory), available: available.min(limits.free_memory) },
        None => MachineMemory { total, available },
    }
}

fn devices() -> Vec<DeviceFinding> {
    registry::entries()
        .filter(|entry| entry.kind() == Kind::Device)
        .map(|entry| match registry::device(&Component::new(entry.name)) {
            Ok(device) => DeviceFinding { name: entry.name, usable: true, description: device.info().description },
            Err(error) => DeviceFinding { name: entry.name, usable: false, description: error.to_string() },
        })
        .collect()
}

/// The driver, the cards and the libraries of CUDA.
#[cfg(feature = "cuda")]
fn libraries() -> Vec<LibraryFinding> {
    let examined = scaledown_cuda::CudaExamination::of_this_machine();
    let library = |name: &str, found: Result<scaledown_cuda::Library, scaledown_cuda::CudaError>| LibraryFinding {
        name: name.to_owned(),
        found: found.is_ok(),
        description: found.map_or_else(|error| error.to_string(), |library| library.to_string()),
    };
    let card = |(index, card): (usize, scaledown_cuda::card::CardInfo)| LibraryFinding {
        name: format!("NVIDIA card {index}"),
        found: true,
        description: format!("{}, {:.1} GiB", card.name, card.memory as f64 / GIB),
    };
    let mut found = vec![library("NVIDIA driver", examined.driver)];
    found.extend(examined.cards.into_iter().enumerate().map(card));
    found.extend([library("NVRTC", examined.nvrtc), library("cuBLASLt", examined.cublaslt)]);
    // On a machine without any of it, the device's own line says all.
    if found.iter().any(|finding| finding.found) { found } else { Vec::new() }
}

#[cfg(not(feature = "cuda"))]
fn libraries() -> Vec<LibraryFinding> {
    Vec::new()
}

fn cache() -> ModelCache {
    let settings = hub::HubSettings::from_environment();
    ModelCache {
        used: size(&settings.cache),
        endpoint: settings.shown_endpoint(),
        directory: settings.cache,
        offline: settings.offline,
    }
}

/// The bytes of all files under `directory`; links, which the cache uses for one file's many names,
/// count nothing.
fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
            _ => 0,
        })
        .sum()
}

/// The disk that `directory` is on: the one with the longest mount point above it.
fn disk(directory: &Path) -> Option<Disk> {
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    let disk = disks
        .iter()
        .filter(|disk| directory.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().components().count())?;
    Some(Disk { directory: directory.to_owned(), total: disk.total_space(), available: disk.available_space() })
}

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / GIB);
        let mut rows = vec![
            vec!["version".into(), format!("scaledown {} on {}", self.version, self.system)],
            vec!["processor".into(), format!("{}, {} threads", self.processor.name, self.processor.threads)],
            vec!["features".into(), self.processor.features.join(" ")],
        ];
        if let Some(memory) = self.memory {
            rows.push(vec!["memory".into(), format!("{} of {} available", gib(memory.available), gib(memory.total))]);
        }
        for device in &self.devices {
            let state = if device.usable { "" } else { "not usable: " };
            rows.push(vec![format!("device {}", device.name), format!("{state}{}", device.description)]);
        }
        if self.devices.is_empty() {
            rows.push(vec!["devices".into(), "none: no device plugin is built in".into()]);
        }
        for library in &self.libraries {
            let state = if library.found { "" } else { "missing: " };
            rows.push(vec![library.name.clone(), format!("{state}{}", library.description)]);
        }
        let source =
            if self.cache.offline { "offline (HF_HUB_OFFLINE)".to_owned() } else { format!("from {}", self.cache.endpoint) };
        rows.push(vec![
            "model cache".into(),
            format!("{}, {} used, {source}", self.cache.directory.display(), gib(self.cache.used)),
        ]);
        if let Some(disk) = &self.disk {
            let place = disk.directory.display();
            rows.push(vec!["disk".into(), format!("{} of {} available in {place}", gib(disk.available), gib(disk.total))]);
        }
        f.write_str(&table(&["WHAT", "FOUND"], &rows))
    }
}

#[cfg(test)]
mod tests {
    use super::{Examination, size};

    #[test]
    fn this_machine_has_memory_and_threads() {
        let found = Examination::of_this_machine();
        assert!(found.memory.is_some_and(|memory| memory.total > 0 && memory.available <= memory.total));
        assert!(found.processor.threads >= 1);
        let text = found.to_string();
        assert!(text.contains("memory") && text.contains("model cache"), "{text}");
    }

    #[test]
    fn the_size_of_a_directory_is_that_of_its_files() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("inner")).unwrap();
        std::fs::write(directory.path().join("a"), [0; 10]).unwrap();
        std::fs::write(directory.path().join("inner/b"), [0; 5]).unwrap();
        assert_eq!(size(directory.path()), 15);
        assert_eq!(size(&directory.path().join("none")), 0);
    }
}
