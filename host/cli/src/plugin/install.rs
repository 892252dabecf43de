//! `scaledown plugin install` and `uninstall`: plugins of registries, addresses and files, by name
//! and digest.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inspect::asked;
use super::installed::{self, LOCK, Lock, Locked};
use super::oci::{Client, Reference};
use crate::terminal::Terminal;
use scaledown_host::error::{Error, Result};
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_wasm::{Contract, manifest};

/// Install a plugin, so that a configuration can name it by its source; plugins.lock keeps its
/// digest.
#[derive(Debug, clap::Args)]
pub(super) struct Install {
    /// The plugin: REGISTRY/NAME:VERSION, an address (https://..) or a file.
    source: String,
    /// The registry of a source that names none.
    #[arg(long, value_name = "HOST")]
    registry: Option<String>,
    /// The SHA-256 that its file must have.
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<String>,
    /// Accept another file than plugins.lock says.
    #[arg(long)]
    update: bool,
    /// Speak plain HTTP to the registry. One on this machine is spoken to so anyway.
    #[arg(long)]
    insecure: bool,
}

/// Remove a plugin from plugins.lock and from this machine.
#[derive(Debug, clap::Args)]
pub(super) struct Uninstall {
    /// The plugin's source, as in plugins.lock.
    source: String,
}

impl Install {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let spinner = terminal.spinner("installing");
        let (from, content) = self.fetch()?;
        drop(spinner);
        let contract = Contract::read(&self.source, &content)?;
        contract.check(&self.source)?;
        let offers = manifest(&self.source, &content)?;
        let sha256 = crate::wasm::digest(&content);
        if let Some(expected) = self.sha256.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(&sha256)) {
            return Err(Error::failed(format!("{}: its SHA-256 is {sha256}, expected {expected}", self.source)));
        }
        let path = Path::new(LOCK);
        let mut lock = Lock::read(path)?;
        if let Some(locked) = lock.plugins.get(&self.source)
            && locked.sha256 != sha256
            && !self.update
        {
            return Err(Error::failed(format!(
                "{}: its SHA-256 is {sha256}, and {LOCK} says {}; `--update` accepts the new file",
                self.source, locked.sha256
            )));
        }
        installed::store(&content)?;
        lock.plugins.insert(self.source.clone(), Locked { from, sha256: sha256.clone() });
        lock.write(path)?;
        let asks = offers.map_or_else(String::new, |offers| format!("asks for: {}\n", asked(&offers)));
        let kinds: Vec<String> = contract.kinds().iter().map(ToString::to_string).collect();
        terminal.print(format!(
            "{}: {}, sha256 {sha256}\n{asks}name it in a configuration:\n\n[plugins.NAME]\nsource = \"{}\"\n",
            self.source,
            kinds.join(", "),
            self.source
        ))
    }

    /// Where it comes from, and what it is.
    fn fetch(&self) -> Result<(String, Vec<u8>)> {
        if self.source.starts_with("https://") || self.source.starts_with("http://") {
            return Ok((self.source.clone(), download(&self.source)?));
        }
        let file = Path::new(&self.source);
        if file.is_file() {
            let from = file.canonicalize().map_err(|error| Error::io(file, error))?;
            let content = read_bytes(file, FileKind::Component).map_err(|error| Error::io(file, error))?;
            return Ok((from.display().to_string(), content));
        }
        let known = Lock::read(Path::new(LOCK))?.plugins.get(&self.source).map(|locked| locked.from.clone());
        let reference = match (Reference::parse(&self.source, self.registry.as_deref()), known) {
            (Ok(reference), _) => reference,
            (Err(_), Some(known)) => Reference::parse(&known, None)?,
            (Err(error), None) => return Err(error),
        };
        let content = Client::new(&reference, self.insecure).download()?;
        Ok((reference.to_string(), content))
    }
}

fn download(url: &str) -> Result<Vec<u8>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(600))).build().into();
    let response = agent
        .get(url)
        .call()
        .and_then(|mut response| response.body_mut().with_config().limit(FileKind::Component.limit()).read_to_vec());
    response.map_err(|error| Error::failed(format!("{url}: {error}")))
}

impl Uninstall {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let path = PathBuf::from(LOCK);
        let mut lock = Lock::read(&path)?;
        let Some(locked) = lock.plugins.remove(&self.source) else {
            return Err(Error::usage(format!("{} is not in {LOCK} here", self.source)));
        };
        lock.write(&path)?;
        if !lock.plugins.values().any(|other| other.sha256 == locked.sha256) {
            let file = installed::file(&locked.sha256)?;
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&file, error)),
                _ => {}
            }
        }
        terminal.print(format!("{} is removed\n", self.source))
    }
}
