//! What a plugin may do, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// What the user grants a plugin and how much it may use: the tables `[plugins.NAME.permissions]`
/// and `.limits`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What it may do beside computing.
    pub permissions: Permissions,
    /// How much it may use.
    pub limits: Limits,
}

/// What a plugin may do beside computing; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Permissions {
    /// Files that it may read, and directories with everything in them.
    pub read: Vec<PathBuf>,
    /// Files that it may read and write, and directories with everything in them.
    pub write: Vec<PathBuf>,
    /// Hosts that it may send requests to: `example.org`, `example.org:8080`, or `*` for all.
    pub http: Vec<String>,
    /// Environment variables that it may read.
    pub env: Vec<String>,
    /// Whether it may read the clock.
    pub clock: bool,
    /// Components of the configuration that it may call.
    pub components: Vec<String>,
}

/// How much a plugin may use.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The seconds that a call may take, without what the host does for it between documents.
    pub call_seconds: f64,
    /// The seconds that one operation of the host may take for it: a request, a file, a call of
    /// another component.
    pub host_seconds: f64,
    /// The MiB of memory of an instance.
    pub memory: u64,
    /// The MiB of the host's tensors that an instance may hold, or make in one call.
    pub tensors: u64,
    /// The handles to things of the host that an instance may hold.
    pub handles: u32,
    /// The elements of an instance's tables.
    pub table_elements: u64,
    /// The MiB that a call may hand to the host.
    pub transfer: u64,
    /// The most instances at a time, each of which answers one call.
    pub instances: usize,
    /// The failed calls after which the plugin is refused.
    pub failures: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            call_seconds: 60.0,
            host_seconds: 600.0,
            memory: 1024,
            tensors: 16 * 1024,
            handles: 100_000,
            table_elements: 1_000_000,
            transfer: 128,
            instances: 4,
            failures: 3,
        }
    }
}

impl Limits {
    /// How long a call may take.
    pub(crate) fn call(&self) -> Duration {
        Duration::try_from_secs_f64(self.call_seconds).unwrap_or(Duration::MAX)
    }

    /// MiB as bytes of this machine.
    pub(crate) fn bytes(mebibytes: u64) -> usize {
        usize::try_from(mebibytes.saturating_mul(1 << 20)).unwrap_or(usize::MAX)
    }
}
