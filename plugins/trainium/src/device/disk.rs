//! Compiled modules on disk, for the next process.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use super::settings::DeviceSettings;
use crate::pjrt::Client;

/// A directory of modules. Each file is named after the program, the plugin, its compiler and all
/// flags, and begins with the checksum of what follows: a file that was cut short, or of another
/// program, is no module.
pub(super) struct Disk {
    directory: PathBuf,
    /// Everything but the program that a module depends on.
    machine: String,
}

/// The name of a stored module.
pub(super) struct Key(String);

/// Bytes of the checksum.
const CHECKSUM: usize = 32;

impl Disk {
    pub(super) fn new(directory: PathBuf, settings: &DeviceSettings, client: &Client) -> Self {
        // A plugin of the same version may be built otherwise: its file tells them apart.
        let file = std::fs::metadata(client.library()).ok();
        let length = file.as_ref().map_or(0, std::fs::Metadata::len);
        let modified =
            file.and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok()).map_or(0, |time| time.as_secs());
        let machine = format!(
            "1 {} {} {length} {modified} {} {:?} {} {}",
            client.platform(),
            client.version(),
            settings.environment,
            settings.options,
            settings.narrow,
            processor(client),
        );
        Disk { directory, machine }
    }

    pub(super) fn key(&self, program: &[u8]) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.machine.as_bytes());
        hash.update([0]);
        hash.update(program);
        Key(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What is stored, if it is there and whole.
    pub(super) fn read(&self, key: &Key) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.directory.join(&key.0)).ok()?;
        let (checksum, module) = bytes.split_at_checked(CHECKSUM)?;
        (Sha256::digest(module).as_slice() == checksum).then(|| module.to_vec())
    }

    /// Stores a module; who reads at the same time finds all of it or nothing.
    pub(super) fn write(&self, key: &Key, module: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let part = self.directory.join(format!("{}.{}", key.0, std::process::id()));
        let written = std::fs::File::create(&part).and_then(|mut file| {
            file.write_all(&Sha256::digest(module))?;
            file.write_all(module)?;
            file.sync_all()
        });
        written.and_then(|()| std::fs::rename(&part, self.directory.join(&key.0))).inspect_err(|_| {
            let _ = std::fs::remove_file(&part);
        })
    }
}

/// What code for this machine's own processor depends on; modules of a shared directory may be for
/// another one.
fn processor(client: &Client) -> String {
    if client.platform() != "cpu" {
        return String::new();
    }
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name: &str| cpu.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    format!("{} {} {}", std::env::consts::ARCH, line("model name"), line("flags"))
}
