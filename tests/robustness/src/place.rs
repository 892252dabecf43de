//! A directory with files of every kind, and the binary that reads them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take before it counts as endless.
const ENDLESS: Duration = Duration::from_secs(60);
/// The address space that a command may take, in KiB: what a damaged number asks for must be
/// refused, not taken.
const MEMORY: u64 = 2 << 20;

/// A directory in which commands run.
pub struct Place {
    directory: tempfile::TempDir,
    binary: PathBuf,
    /// The address space of a command in KiB, if it is limited.
    memory: Option<u64>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: Vec<u8>,
    /// Its output.
    pub err: String,
    /// How long it took.
    pub time: Duration,
    /// The most memory that it was seen to take, in KiB; 0 where the system does not say.
    pub peak: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// An empty one.
    ///
    /// # Panics
    /// If there is no binary: build the workspace first, or set `ROBUSTNESS_BIN`.
    #[must_use]
    pub fn new() -> Self {
        let built = || {
            let test = std::env::current_exe().expect("the test's own path");
            test.ancestors().nth(2).expect("target/debug/deps").join(format!("scaledown{}", std::env::consts::EXE_SUFFIX))
        };
        let binary = std::env::var_os("ROBUSTNESS_BIN").map_or_else(built, PathBuf::from);
        assert!(binary.is_file(), "{} is missing: `cargo build --workspace`, or set ROBUSTNESS_BIN", binary.display());
        Place { directory: tempfile::tempdir().expect("a directory"), binary, memory: Some(MEMORY) }
    }

    /// The same without a limit of the address space, of which the runtime of components reserves
    /// more than it uses.
    #[must_use]
    pub fn without_limit(self) -> Self {
        Place { memory: None, ..self }
    }

    /// A path in the directory.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(path)
    }

    /// The content of a file.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes a file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("written");
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Removes a file or a directory, if it is there.
    pub fn remove(&self, path: impl AsRef<Path>) {
        let path = self.path(path);
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }

    /// The files below a directory, by name, with their content.
    #[must_use]
    pub fn files(&self, directory: impl AsRef<Path>) -> Vec<(String, Vec<u8>)> {
        let root = self.path(directory);
        let (mut waiting, mut found) = (vec![root.clone()], Vec::new());
        while let Some(directory) = waiting.pop() {
            for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
                    found.push((name, std::fs::read(&path).unwrap_or_default()));
                }
            }
        }
        found.sort();
        found
    }

    /// Starts a command, whose output goes to the files `out` and `err`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        let file = |name| Stdio::from(File::create(self.path(name)).expect("written"));
        let mut command = match self.memory.filter(|_| cfg!(unix)) {
            Some(memory) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -v {memory} 2>/dev/null; exec \"$0\" \"$@\"")]).arg(&self.binary);
                shell
            }
            None => Command::new(&self.binary),
        };
        command.args(arguments).current_dir(self.path(".")).stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        // What is installed or compiled for later runs.
        for (name, place) in [("HOME", "home"), ("XDG_DATA_HOME", "home/data"), ("XDG_CACHE_HOME", "home/cache")] {
            command.env(name, self.path(place));
        }
        command.env("HF_HUB_OFFLINE", "1").env("RUST_BACKTRACE", "0").spawn().expect("started")
    }

    /// Runs a command to its end; one that does not come to it is killed.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let began = Instant::now();
        let mut child = self.start(arguments);
        let mut peak = 0;
        let status = loop {
            peak = peak_of(child.id()).unwrap_or(0).max(peak);
            match child.try_wait().expect("a status") {
                Some(status) => break Some(status),
                None if began.elapsed() > ENDLESS => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let err = String::from_utf8_lossy(&self.read("err")).into_owned();
        Ended { code: status.and_then(|status| status.code()), out: self.read("out"), err, time: began.elapsed(), peak }
    }

    /// Runs a command that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub fn done(&self, arguments: &[&str]) -> Vec<u8> {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        ended.out
    }
}

/// The most memory that a process has taken so far, in KiB, if the system says so.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
