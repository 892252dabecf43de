//! What is checked and measured on a machine with a card: `scaledown-gpu-check [--emulated] [--only
//! SECTION,..] [--json FILE]`.
//!
//! Sections, in this order: `machine`, `conformance`, `agreement` (with the emulation and the
//! processor), `peaks`, `training`, `lora`, `decoding`, `rag`. It prints a table and writes JSON; a
//! check that fails makes the exit code 1. With `--emulated`, the same runs on the emulation with
//! tiny shapes, so that the program itself is tested where there is no card.

mod agreement;
mod decoding;
mod models;
mod peaks;
mod table;
mod training;

use std::process::ExitCode;

use scaledown_cuda::{CudaConfig, CudaExamination};
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_sdk::{Device, Error, Result};

use table::Table;

/// Where and how large.
struct Setting {
    device: Device,
    /// Whether shapes are tiny.
    tiny: bool,
    only: Vec<String>,
}

impl Setting {
    fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == section)
    }
}

/// A part of the check: its name, and what it runs.
type Section = (&'static str, fn(&Setting, &mut Table) -> Result<()>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let emulated = arguments.iter().any(|argument| argument == "--emulated");
    let only = value("--only").map(|only| only.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let device = match emulated {
        true => Emulator::device(Options { late: true, keeps_memory: true, memory: 12 << 30, ..Options::default() }),
        false => scaledown_cuda::device(&CudaConfig::default()),
    };
    let device = match device {
        Ok(device) => device,
        Err(error) => {
            eprintln!("there is no card to check: {error}");
            return ExitCode::FAILURE;
        }
    };
    let setting = Setting { device, tiny: emulated, only };
    let mut table = Table::default();
    let json = value("--json").map(String::as_str);
    if let Err((file, error)) = run(&setting, &mut table, json) {
        eprintln!("{file}: {error}");
        return ExitCode::FAILURE;
    }
    if table.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs every section that is wanted; one that fails does not keep the next from running. After
/// each, what was found so far is written to the file: the next may be cut off.
fn run<'a>(setting: &Setting, table: &mut Table, json: Option<&'a str>) -> std::result::Result<(), (&'a str, std::io::Error)> {
    let write = |table: &Table| json.map_or(Ok(()), |file| table.write(file).map_err(|error| (file, error)));
    if setting.wants("machine") {
        machine(setting, table);
        write(table)?;
    }
    let sections: [Section; 7] = [
        ("agreement", agreement::run),
        ("peaks", peaks::run),
        ("decoding", decoding::run),
        ("rag", decoding::rag),
        ("lora", training::lora),
        ("training", training::oscar),
        ("conformance", agreement::conformance),
    ];
    for (name, section) in sections {
        if !setting.wants(name) {
            continue;
        }
        let started = std::time::Instant::now();
        let result = section(setting, table);
        match &result {
            Err(error @ Error::OutOfMemory { .. }) => table.problem(name, &format!("did not fit: {error}")),
            Err(error) => table.problem(name, &error.to_string()),
            Ok(()) => {}
        }
        table.row(name, "time of the section", started.elapsed().as_secs_f64(), "s");
        write(table)?;
    }
    Ok(())
}

fn machine(setting: &Setting, table: &mut Table) {
    table.text("machine", "device", &setting.device.info().description);
    let found = CudaExamination::of_this_machine();
    let version = |library: &std::result::Result<scaledown_cuda::Library, scaledown_cuda::CudaError>| match library {
        Ok(library) => library.to_string(),
        Err(error) => error.to_string(),
    };
    table.text("machine", "driver", &version(&found.driver));
    table.text("machine", "NVRTC", &version(&found.nvrtc));
    table.text("machine", "cuBLASLt", &version(&found.cublaslt));
    if let Some(memory) = setting.device.free_memory() {
        table.row("machine", "free memory", memory.free as f64 / 1e9, "GB");
    }
}
