//! Where Neuron's plugin and compiler are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::NeuronError;
use super::surroundings::{NeuronEnvironment, is_program};
use super::{LIBRARY, PLUGIN_VARIABLE};

/// The program that the plugin compiles with.
const COMPILER: &str = "neuronx-cc";

/// A version of a Python package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u64>);

impl Version {
    /// The version that a text begins with: `3.0.1234+abc` is 3.0.1234.
    #[must_use]
    pub fn parse(text: &str) -> Option<Version> {
        let numbers: Vec<u64> = text.split(['.', '+', '-']).map_while(|part| part.parse().ok()).collect();
        (!numbers.is_empty()).then_some(Version(numbers))
    }

    /// The first number.
    #[must_use]
    pub fn major(&self) -> u64 {
        self.0.first().copied().unwrap_or(0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// A plugin that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The library.
    pub library: PathBuf,
    /// The version of the package that it is part of, if it stands in one.
    pub version: Option<Version>,
}

/// The plugin: `plugin_path`, else what the variable names, else what libneuronpjrt-path prints,
/// else that of a virtual environment.
///
/// # Errors
/// [`NeuronError`] if there is none, or one that cannot be used.
pub fn find(plugin_path: Option<&Path>, surroundings: &NeuronEnvironment) -> Result<Found, NeuronError> {
    let named = plugin_path
        .map(|path| ("plugin_path", path.to_owned()))
        .or_else(|| Some((PLUGIN_VARIABLE, surroundings.variable(PLUGIN_VARIABLE)?.into())))
        .or_else(|| Some(("libneuronpjrt-path", printed(surroundings)?)));
    let library = match named {
        Some((_, path)) if path.is_file() => path,
        Some((named, path)) => return Err(NeuronError::NoFile { named, path }),
        None => {
            let environments = surroundings.environments();
            let found = environments.iter().find_map(|environment| within(environment));
            found.ok_or(NeuronError::NoPlugin(environments))?
        }
    };
    let version = version_of(&library);
    match version {
        Some(version) if version.major() < 3 => Err(NeuronError::NeedsPython { version, path: library }),
        version => Ok(Found { library, version }),
    }
}

/// The directory of the compiler: none where it is on PATH already, else that of the virtual
/// environment that the plugin stands in.
///
/// # Errors
/// [`NeuronError::NoCompiler`].
pub fn compiler(found: &Found, surroundings: &NeuronEnvironment) -> Result<Option<PathBuf>, NeuronError> {
    if surroundings.program(COMPILER).is_some() {
        return Ok(None);
    }
    let directory = environment_of(found).map(|environment| environment.join("bin"));
    directory.filter(|directory| is_program(&directory.join(COMPILER))).map(Some).ok_or(NeuronError::NoCompiler)
}

/// The version of the compiler's package, if it stands in a virtual environment.
#[must_use]
pub fn compiler_version(found: &Found, surroundings: &NeuronEnvironment) -> Option<Version> {
    let on_path = surroundings.program(COMPILER);
    // environment/bin/neuronx-cc
    let environment = match &on_path {
        Some(program) => program.ancestors().nth(2),
        None => environment_of(found),
    };
    let pythons = std::fs::read_dir(environment?.join("lib")).into_iter().flatten().flatten();
    pythons.filter_map(|python| version_in(&python.path().join("site-packages"), "neuronx_cc-")).max()
}

/// The virtual environment that a plugin stands in:
/// environment/lib/python3.x/site-packages/libneuronxla/libneuronpjrt.so.
fn environment_of(found: &Found) -> Option<&Path> {
    found.library.ancestors().nth(5)
}

/// What libneuronpjrt-path prints, if there is one.
fn printed(surroundings: &NeuronEnvironment) -> Option<PathBuf> {
    let output = Command::new(surroundings.program("libneuronpjrt-path")?).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !path.trim().is_empty()).then(|| path.trim().into())
}

/// The plugin of a virtual environment.
fn within(environment: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
    let mut pythons: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    pythons.sort();
    let library = |python: &PathBuf| python.join("site-packages/libneuronxla").join(LIBRARY);
    pythons.iter().rev().map(library).find(|library| library.is_file())
}

/// The version of the plugin's package.
fn version_of(library: &Path) -> Option<Version> {
    version_in(library.parent()?.parent()?, "libneuronxla-")
}

/// The version of a package, which Python's installers note in the name of a directory beside it.
fn version_in(packages: &Path, package: &str) -> Option<Version> {
    let entries = std::fs::read_dir(packages).into_iter().flatten().flatten();
    let version = |name: String| Version::parse(name.strip_prefix(package)?.strip_suffix(".dist-info")?);
    entries.filter_map(|entry| version(entry.file_name().into_string().ok()?)).max()
}
