//! Where toolkits, wheels and the system keep NVIDIA's libraries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that names directories to search before all others, apart by colons.
pub const VARIABLE: &str = "SCALEDOWN_CUDA_LIBRARIES";

/// What a search looks at: the environment, and the root of the file system.
pub struct SearchPlace<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The root, `/`.
    pub root: &'a Path,
}

/// The directories of this machine that exist, in the order in which they are searched.
#[must_use]
pub fn directories() -> Vec<PathBuf> {
    directories_of(&SearchPlace { variable: &|name| std::env::var_os(name), root: Path::new("/") })
}

/// The directories of a machine that exist: those of the own variable, of `CUDA_HOME` and
/// `CUDA_PATH`, of Python environments (an active one, and that of each `python3` on the path),
/// then the usual places of toolkits, containers and WSL. The system's own search comes last.
#[must_use]
pub fn directories_of(place: &SearchPlace<'_>) -> Vec<PathBuf> {
    let variable = |name: &str| (place.variable)(name).filter(|value| !value.is_empty());
    let paths = |name: &str| variable(name).map(|value| std::env::split_paths(&value).collect()).unwrap_or_default();
    let mut found: Vec<PathBuf> = paths(VARIABLE);
    for home in ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(variable).map(PathBuf::from) {
        found.extend([home.join("lib64"), home.join("lib")]);
    }
    let mut prefixes: Vec<PathBuf> =
        ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable).map(PathBuf::from).collect();
    let programs: Vec<PathBuf> = paths("PATH");
    // A relative directory would be looked for wherever the program happens to be started.
    let with_python = programs.iter().filter(|program| program.is_absolute() && program.join("python3").exists());
    prefixes.extend(with_python.filter_map(|program| program.parent().map(Path::to_owned)));
    for prefix in prefixes {
        found.extend(wheels(&prefix));
        found.push(prefix.join("lib"));
    }
    let mut toolkits = entries(&place.root.join("usr/local"), "cuda");
    toolkits.sort();
    toolkits.reverse();
    for toolkit in toolkits {
        found.extend([toolkit.join("lib64"), toolkit.join("targets/x86_64-linux/lib"), toolkit.join("targets/sbsa-linux/lib")]);
    }
    found.extend(["usr/local/nvidia/lib64", "usr/lib/wsl/lib"].map(|usual| place.root.join(usual)));
    let mut known = std::collections::HashSet::new();
    found.retain(|directory| directory.is_dir() && known.insert(directory.clone()));
    found
}

/// The directories of the wheels that a Python environment has.
fn wheels(prefix: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for version in entries(&prefix.join("lib"), "python3") {
        for packages in ["site-packages", "dist-packages"] {
            let nvidia = version.join(packages).join("nvidia");
            let mut shared = entries(&nvidia, "cu1");
            shared.sort();
            shared.reverse();
            found.extend(shared.into_iter().map(|toolkit| toolkit.join("lib")));
            found.extend(["cublas/lib", "cuda_nvrtc/lib"].map(|library| nvidia.join(library)));
        }
    }
    found
}

/// What lies in a directory under names that begin so.
fn entries(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let named = |entry: std::fs::DirEntry| entry.file_name().to_str()?.starts_with(prefix).then(|| entry.path());
    std::fs::read_dir(directory).into_iter().flatten().flatten().filter_map(named).collect()
}
