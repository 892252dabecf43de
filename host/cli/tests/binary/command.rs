//! Runs the built binary away from the user's own settings.

use std::path::Path;
use std::process::Command;

/// The result of a process.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, with no setting of the environment it is tested in.
pub(crate) fn scaledown() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scaledown"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SCALEDOWN_") || name == "RUST_LOG" || name == "NO_COLOR" {
            command.env_remove(name.as_ref());
        }
    }
    command
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_in(Path::new("."), arguments, &[])
}

pub(crate) fn run_in(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let output = scaledown().current_dir(directory).args(arguments).envs(environment.iter().copied()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
