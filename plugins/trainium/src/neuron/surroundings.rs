//! What of the machine decides where Neuron is found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The variables and directories that are looked at; those of the process, or made up for a test.
#[derive(Clone, Debug)]
pub struct NeuronEnvironment {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Where AWS' machine images keep virtual environments.
    pub opt: PathBuf,
    /// Where devices are.
    pub dev: PathBuf,
}

impl NeuronEnvironment {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let text =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        NeuronEnvironment { variables: std::env::vars_os().filter_map(text).collect(), opt: "/opt".into(), dev: "/dev".into() }
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The program of this name on PATH.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.variable("PATH")?;
        std::env::split_paths(path).map(|directory| directory.join(name)).find(|file| is_program(file))
    }

    /// Virtual environments: the active one, and those of AWS' machine images, the newest first.
    #[must_use]
    pub fn environments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.opt).into_iter().flatten().flatten();
        let is_neuron = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("aws_neuron"));
        let mut images: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_neuron).collect();
        images.sort();
        images.reverse();
        self.variable("VIRTUAL_ENV").map(PathBuf::from).into_iter().chain(images).collect()
    }
}

pub(super) fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    file.is_file()
}
