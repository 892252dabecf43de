//! Running what is planned, module by module.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use scaledown_sdk::{Error, Result};

use super::cell::{Cell, State};
use super::modules::{Modules, NoModule, Stats};
use super::plan::plan;
use super::settings::DeviceSettings;
use super::structure::Structure;
use crate::pjrt::{Buffer, BufferType, Client, Failure, Running};
use crate::stablehlo::{ElementType, Numbers};

/// Modules that may be under way at once, and hold memory.
const UNDER_WAY: usize = 16;

/// What runs modules.
pub(super) struct Runner {
    pub(super) client: Arc<Client>,
    pub(super) settings: DeviceSettings,
    pub(super) modules: Modules,
    pub(super) stats: Stats,
    running: VecDeque<Running>,
    /// Truth values of modules that have run: whether an id named nothing.
    faults: Vec<Buffer>,
    /// The first unreported failure.
    failure: Option<Error>,
}

impl Runner {
    pub(super) fn new(client: Arc<Client>, settings: DeviceSettings) -> Self {
        let modules = Modules::new(&settings, &client);
        Runner { client, settings, modules, stats: Stats::default(), running: VecDeque::new(), faults: Vec::new(), failure: None }
    }

    /// Compiles and runs everything that these cells need.
    pub(super) fn settle(&mut self, roots: &[Arc<Cell>]) -> Result<()> {
        let started = Instant::now();
        let compiling = self.stats.compile_seconds;
        let mut plan = plan(roots);
        let groups = std::mem::take(&mut plan.groups);
        let mut outcome = Ok(());
        for group in groups {
            // The cells of a group that cannot run get its failure; the first is reported.
            let made: Vec<Arc<Cell>> = group.nodes.iter().flat_map(|node| node.cells().flatten().collect::<Vec<_>>()).collect();
            let done = Structure::new(group, |cell| plan.keeps(cell))
                .map_err(|message| device(self.settings.name, "read", message.to_string()))
                .and_then(|structure| self.run(structure));
            if let Err(error) = done {
                let message: Arc<str> = error.to_string().into();
                made.iter().filter(|cell| cell.node().is_some()).for_each(|cell| cell.set(State::Failed(Arc::clone(&message))));
                if outcome.is_ok() {
                    outcome = Err(error);
                }
            }
        }
        self.stats.host_seconds += started.elapsed().as_secs_f64() - (self.stats.compile_seconds - compiling);
        outcome
    }

    /// Compiles and runs one module.
    fn run(&mut self, mut structure: Structure) -> Result<()> {
        if structure.results.is_empty() {
            return Ok(());
        }
        structure.give(self.settings.donate_from);
        let module =
            self.modules.get(&structure, &self.client, &self.settings, &mut self.stats).map_err(|error| self.no_module(error))?;
        self.stats.instructions += structure.len();
        self.stats.largest = self.stats.largest.max(structure.len());
        if self.settings.compile_only {
            structure.results.iter().for_each(|(cell, ..)| cell.set(State::Ready(None)));
            return Ok(());
        }
        let numbers = self.upload(&structure.numbers()).map_err(|failure| self.failed("upload", &failure, 0))?;
        let tensors = structure.arguments.iter().filter_map(|argument| argument.buffer.as_deref());
        let arguments: Vec<&Buffer> = tensors.chain(&numbers).collect();
        let bytes = structure.results.iter().map(|(cell, ..)| cell.spec.bytes() as u64).sum();
        let (mut outputs, running) =
            module.executable.run(&arguments).map_err(|failure| self.failed("execute", &failure, bytes))?;
        self.stats.runs += 1;
        self.stats.donated += structure.gives.len();
        if module.faults {
            self.faults.extend(outputs.pop());
        }
        for (argument, _) in &structure.gives {
            structure.arguments[*argument].cell.set(State::Given);
        }
        for ((cell, ..), buffer) in structure.results.iter().zip(outputs) {
            cell.set(State::Ready(Some(Arc::new(buffer))));
        }
        self.running.push_back(running);
        self.wait_for_all_but(UNDER_WAY);
        Ok(())
    }

    /// The run-time numbers on the device, in the order in which a program takes them.
    fn upload(&self, numbers: &Numbers) -> std::result::Result<Vec<Buffer>, Failure> {
        let mut buffers = Vec::new();
        let mut upload = |kind, count: usize, bytes: Vec<u8>| -> std::result::Result<(), Failure> {
            if count > 0 {
                buffers.push(self.client.upload(self.settings.device, kind, &[count], &bytes)?);
            }
            Ok(())
        };
        let Numbers { words, singles, doubles } = numbers;
        upload(BufferType::U32, words.len(), words.iter().flat_map(|word| word.to_le_bytes()).collect())?;
        upload(BufferType::F32, singles.len(), singles.iter().flat_map(|number| number.to_le_bytes()).collect())?;
        upload(BufferType::F64, doubles.len(), doubles.iter().flat_map(|number| number.to_le_bytes()).collect())?;
        Ok(buffers)
    }

    /// Waits for the oldest modules, and keeps the first failure.
    fn wait_for_all_but(&mut self, count: usize) {
        while self.running.len() > count {
            if let Some(Err(failure)) = self.running.pop_front().map(|running| running.wait()) {
                let error = self.failed("execute", &failure, 0);
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Waits for everything. Returns an unreported failure.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.wait_for_all_but(0);
        self.report_failure()
    }

    /// Returns an unreported failure: a module's, or of an id that named nothing.
    pub(super) fn report_failure(&mut self) -> Result<()> {
        for fault in std::mem::take(&mut self.faults) {
            let found = fault.download(1).and_then(crate::pjrt::Download::wait);
            let found = found.map_err(|failure| self.failed("embedding", &failure, 0))?;
            if found != [0] {
                let message = "an id that was computed on the device names no row of its table".to_owned();
                return Err(device(self.settings.name, "embedding", message));
            }
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    fn no_module(&self, error: NoModule) -> Error {
        match error {
            NoModule::Unsupported(message, op) => device(self.settings.name, op, message),
            NoModule::Compiler(failure) => self.failed("compile", &failure, 0),
        }
    }

    /// The error of a call that failed while `bytes` were asked for.
    pub(super) fn failed(&self, op: &'static str, failure: &Failure, bytes: u64) -> Error {
        if failure.out_of_memory {
            return Error::OutOfMemory { device: self.settings.name.to_owned(), bytes };
        }
        device(self.settings.name, op, failure.to_string())
    }
}

pub(super) fn device(name: &str, op: &'static str, message: String) -> Error {
    Error::Device { device: name.to_owned(), op, message }
}

/// The type of a buffer of these elements.
pub(super) fn buffer_type(element: ElementType) -> BufferType {
    match element {
        ElementType::F64 => BufferType::F64,
        ElementType::F32 => BufferType::F32,
        ElementType::Bf16 => BufferType::Bf16,
        ElementType::F16 => BufferType::F16,
        ElementType::I64 => BufferType::S64,
        ElementType::I32 => BufferType::S32,
        ElementType::Ui32 => BufferType::U32,
        ElementType::I1 => BufferType::Pred,
    }
}
