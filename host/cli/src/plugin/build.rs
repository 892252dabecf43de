//! `scaledown plugin build`: a plugin's file from its project.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use wit_component::ComponentEncoder;

use super::inspect::name_of;
use crate::terminal::Terminal;
use crate::wasm;
use scaledown_host::error::{Error, Result};
use scaledown_host::support::artifact;
use scaledown_wasm::{Contract, Plugin, Settings, with_manifest};

/// The target that Rust plugins are built for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Build a plugin's project into a .wasm file, and check that this host can run it.
#[derive(Debug, clap::Args)]
pub(super) struct PluginBuild {
    /// The project's directory, with a Cargo.toml or a plugin.py.
    #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
    /// The file to write. If not given, the project's name with .wasm, in its directory.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Keep debug information, so that a panic tells its line.
    #[arg(long)]
    debug: bool,
}

impl PluginBuild {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let directory = self.directory.canonicalize().map_err(|error| Error::io(&self.directory, error))?;
        let spinner = terminal.spinner("building");
        let (name, component) = if directory.join("Cargo.toml").is_file() {
            self.rust(&directory)?
        } else if directory.join("plugin.py").is_file() {
            python(&directory)?
        } else {
            let message = "expected a plugin's project: a directory with a Cargo.toml or a plugin.py";
            return Err(Error::usage(format!("{}: {message}", directory.display())));
        };
        drop(spinner);
        let contract = Contract::read(&name, &component)?;
        contract.check(&name)?;
        // Nothing is granted while it says what it is.
        let spinner = terminal.spinner("asking it what it is");
        let plugin = Plugin::compile(&name, &component, &Settings::default(), wasm::alone(), wasm::cache().as_deref())?;
        let component = with_manifest(&name, &component, &plugin.offers()?)?;
        drop(spinner);
        let out = self.out.unwrap_or_else(|| directory.join(format!("{name}.wasm")));
        artifact::write_file(&out, &component)?;
        let kinds: Vec<String> = contract.kinds().iter().map(ToString::to_string).collect();
        terminal.print(format!(
            "{}: {}, {} kB, sha256 {}\n",
            out.display(),
            kinds.join(", "),
            component.len().div_ceil(1000),
            wasm::digest(&component)
        ))
    }

    fn rust(&self, directory: &Path) -> Result<(String, Vec<u8>)> {
        let profile: &[&str] = if self.debug { &[] } else { &["--release"] };
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"]).args(profile);
        let output =
            command.current_dir(directory).stderr(Stdio::inherit()).output().map_err(|error| missing("cargo", &error))?;
        if !output.status.success() {
            return Err(Error::failed(format!(
                "{} does not build for {TARGET}; `rustup target add {TARGET}` installs the target, if it is that",
                directory.display()
            )));
        }
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut modules = messages.lines().filter_map(|line| module(line, directory));
        let module = modules.next_back().ok_or_else(|| {
            Error::failed(format!("{}: expected a library of the type `cdylib` in its Cargo.toml", directory.display()))
        })?;
        let bytes = std::fs::read(&module).map_err(|error| Error::io(&module, error))?;
        Ok((name_of(&module).replace('_', "-"), encode(&bytes)?))
    }
}

/// The core module that a message of cargo says it has made of the project itself.
fn module(line: &str, directory: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let own = Path::new(message.get("manifest_path")?.as_str()?).parent()? == directory;
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    files.filter(|file| own && file.ends_with(".wasm")).map(PathBuf::from).next()
}

/// A component of a core module that says itself which world it is for.
fn encode(module: &[u8]) -> Result<Vec<u8>> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| Error::failed(format!("{error:#}")))
}

fn python(directory: &Path) -> Result<(String, Vec<u8>)> {
    let scratch = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), error))?;
    let out = scratch.path().join("plugin.wasm");
    let mut command = Command::new("componentize-py");
    command.args(["-d", "wit", "-w", "plugin", "componentize", "plugin", "-p", ".", "-o"]).arg(&out).current_dir(directory);
    let output = command.output().map_err(|error| missing("componentize-py", &error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason").to_owned();
        return Err(Error::failed(format!("componentize-py could not build {}: {last}", directory.display())));
    }
    let bytes = std::fs::read(&out).map_err(|error| Error::io(&out, error))?;
    let name = directory.file_name().map_or_else(|| "plugin".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok((name, bytes))
}

fn missing(program: &str, error: &std::io::Error) -> Error {
    let hint = if program == "cargo" { "install Rust (rustup.rs)" } else { "`pip install componentize-py` installs it" };
    Error::failed(format!("{program} cannot be run: {error}; {hint}"))
}
