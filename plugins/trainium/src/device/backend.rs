//! The device as the contract sees it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;

use parking_lot::{Mutex, MutexGuard};
use scaledown_sdk::tensor::{DeviceInfo, DeviceMemory, Storage, Value};
use scaledown_sdk::{DType, DeviceBackend, Error, Op, Result, TensorData, TensorSpec};

use super::bounds::{Bounds, bounds};
use super::cell::{Cell, CellHandle, Input, Node, State, Task};
use super::flush::{Runner, buffer_type, device};
use super::parts;
use super::{DeviceSettings, Stats};
use crate::pjrt::{Buffer, Client};
use crate::stablehlo;

/// Instructions that a thread may note before they run.
const MOST: usize = 8192;

/// Threads whose notes are kept before those of no use are dropped.
const MANY_THREADS: usize = 64;

/// A lazy device over a PJRT plugin. Cloning shares it.
#[derive(Clone)]
pub struct PjrtBackend(Arc<Inner>);

struct Inner {
    client: Arc<Client>,
    settings: DeviceSettings,
    description: String,
    /// What each thread has noted.
    noted: Mutex<HashMap<ThreadId, Vec<Weak<Cell>>>>,
    /// Held while modules are compiled and started.
    runner: Mutex<Runner>,
    next: AtomicU64,
}

impl PjrtBackend {
    /// The device of a client that the settings choose.
    ///
    /// # Errors
    /// [`Error::Config`] if the client has no such device.
    pub fn new(client: Arc<Client>, mut settings: DeviceSettings) -> Result<Self> {
        let (id, kind) = client.describe(settings.device).map_err(|failure| Error::Config(failure.to_string()))?;
        if settings.device > 0 {
            settings.options.devices = vec![id];
        }
        let description =
            format!("{kind} (platform {}, {})", client.platform(), client.version().lines().next().unwrap_or_default());
        Ok(PjrtBackend(Arc::new(Inner {
            client: Arc::clone(&client),
            settings: settings.clone(),
            description,
            noted: Mutex::default(),
            runner: Mutex::new(Runner::new(client, settings)),
            next: AtomicU64::new(1),
        })))
    }

    /// What it has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.runner().stats
    }

    /// Where a tensor's elements are on the device, after they have been computed; none where the
    /// plugin does not tell.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn address(&self, value: &Value) -> Result<Option<usize>> {
        let cell = self.0.cell(value)?;
        self.0.settle(std::slice::from_ref(&cell))?;
        Ok(self.0.buffer(&cell)?.and_then(|buffer| buffer.address().ok()))
    }
}

impl Inner {
    fn runner(&self) -> MutexGuard<'_, Runner> {
        self.runner.lock()
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<ThreadId, Vec<Weak<Cell>>>> {
        self.noted.lock()
    }

    fn cell(&self, value: &Value) -> Result<Arc<Cell>> {
        let other = || device(self.settings.name, "read", "the value is of another device".into());
        value.get::<CellHandle>().map(|handle| Arc::clone(&handle.0)).ok_or_else(other)
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs what this thread has noted and is still referenced, and what `wanted` need.
    fn settle(&self, wanted: &[Arc<Cell>]) -> Result<()> {
        let own = self.noted().remove(&std::thread::current().id()).unwrap_or_default();
        self.run(own, wanted)
    }

    fn run(&self, noted: Vec<Weak<Cell>>, wanted: &[Arc<Cell>]) -> Result<()> {
        let held = noted.into_iter().filter_map(|cell| cell.upgrade()).filter(|cell| cell.held());
        let roots: Vec<Arc<Cell>> = held.chain(wanted.iter().cloned()).collect();
        self.runner().settle(&roots)
    }

    /// The elements of a cell that has been settled; none where there are none.
    fn buffer(&self, cell: &Cell) -> Result<Option<Arc<Buffer>>> {
        let failed = |message: &str| Err(device(self.settings.name, "read", message.to_owned()));
        match &*cell.state() {
            State::Ready(buffer) => Ok(buffer.clone()),
            State::Empty => Ok(None),
            State::Failed(message) => failed(message),
            State::Given => failed("the tensor was overwritten"),
            State::Pending(..) => failed("the tensor was not computed"),
        }
    }

    /// The elements as the host has them.
    fn widened(&self, dtype: DType, bytes: Vec<u8>) -> Vec<u8> {
        if !(self.settings.narrow && dtype == DType::I64) {
            return bytes;
        }
        let wide = |one: &[u8]| one.try_into().map_or(0, |one| i64::from(i32::from_le_bytes(one))).to_le_bytes();
        bytes.chunks_exact(4).flat_map(wide).collect()
    }

    /// The elements as the device has them.
    fn narrowed(&self, spec: &TensorSpec, bytes: &[u8], bounds: Option<Bounds>) -> Result<Option<Vec<u8>>> {
        if !(self.settings.narrow && spec.dtype == DType::I64) {
            return Ok(None);
        }
        if let Some(number) =
            bounds.and_then(|Bounds { least, greatest }| [least, greatest].into_iter().find(|&n| i32::try_from(n).is_err()))
        {
            return Err(Error::Data(format!("{spec} holds {number}; the integers of {} have 32 bits", self.settings.name)));
        }
        let narrow = |one: &[u8]| one.try_into().map_or(0, i64::from_le_bytes) as i32;
        Ok(Some(bytes.chunks_exact(8).flat_map(|one| narrow(one).to_le_bytes()).collect()))
    }

    /// Notes an instruction; returns the cells of its outputs.
    fn note(&self, op: &Op, inputs: Vec<Input>, outputs: &[TensorSpec]) -> Vec<Arc<Cell>> {
        match op {
            Op::AdamW { masters, .. } => return parts::adamw(op, *masters, inputs, outputs, || self.next()),
            Op::SumSquares if inputs.len() > 1 || inputs.first().is_some_and(|input| input.cell.spec.shape.rank() > 0) => {
                return outputs.first().map(|output| parts::sum_squares(inputs, output, || self.next())).unwrap_or_default();
            }
            _ => {}
        }
        let known: Vec<_> = inputs.iter().map(|input| (&input.cell.spec, input.cell.bounds)).collect();
        let outputs_known = outputs.iter().map(|output| (output.clone(), bounds(op, &known, output))).collect();
        let rows = match op {
            Op::Embedding => inputs.first().and_then(|table| table.shape.dims().first().copied()),
            Op::EmbeddingBackward { rows } => Some(*rows),
            _ => None,
        };
        let ids_known = match (rows, inputs.get(1)) {
            (Some(rows), Some(ids)) => ids.cell.bounds.is_some_and(|bounds| bounds.within(rows)),
            _ => false,
        };
        Node::noted(self.next(), Task::Op(op.clone()), inputs, outputs_known).ids_known(ids_known).cells()
    }
}

impl DeviceBackend for PjrtBackend {
    fn info(&self) -> DeviceInfo {
        let Inner { client, settings, description, .. } = &*self.0;
        let host = || std::thread::available_parallelism().map_or(1, usize::from);
        DeviceInfo {
            name: settings.name.to_owned(),
            description: description.clone(),
            threads: if client.platform() == "cpu" { host() } else { 1 },
            dtypes: settings.dtypes.clone(),
            memory: client.memory(settings.device).map(|(_, total)| total),
            static_shapes: true,
        }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        let Inner { client, settings, .. } = &*self.0;
        if !settings.dtypes.contains(&spec.dtype) {
            return Err(device(settings.name, "upload", format!("the device has no {}", spec.dtype)));
        }
        let bounds = Bounds::of(spec.dtype, bytes);
        let narrowed = self.0.narrowed(spec, bytes, bounds)?;
        let bytes = narrowed.as_deref().unwrap_or(bytes);
        if spec.shape.count() == 0 || settings.compile_only {
            return Ok(Storage::new(CellHandle(Cell::new(spec.clone(), bounds, State::Ready(None)))));
        }
        let kind = buffer_type(stablehlo::element(spec.dtype, settings.narrow));
        let buffer = client.upload(settings.device, kind, spec.shape.dims(), bytes);
        let buffer = buffer.map_err(|failure| match failure.out_of_memory {
            true => Error::OutOfMemory { device: settings.name.to_owned(), bytes: bytes.len() as u64 },
            false => device(settings.name, "upload", failure.to_string()),
        })?;
        Ok(Storage::new(CellHandle(Cell::new(spec.clone(), bounds, State::Ready(Some(Arc::new(buffer)))))))
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        let inner = &*self.0;
        let cells = values.iter().map(|value| inner.cell(value)).collect::<Result<Vec<_>>>()?;
        inner.settle(&cells)?;
        let failed = |failure: crate::pjrt::Failure| device(inner.settings.name, "read", failure.to_string());
        // All transfers are under way before the first is waited for.
        let mut downloads = Vec::with_capacity(cells.len());
        for cell in &cells {
            let element = stablehlo::element(cell.spec.dtype, inner.settings.narrow);
            let size = cell.spec.shape.count() * element.size();
            let download = match inner.buffer(cell)? {
                Some(buffer) => Some(buffer.download(size).map_err(failed)?),
                None => None,
            };
            downloads.push((download, size));
        }
        let mut data = Vec::with_capacity(values.len());
        for (value, (download, size)) in values.iter().zip(downloads) {
            let bytes = download.map_or(Ok(vec![0; size]), crate::pjrt::Download::wait).map_err(failed)?;
            data.push(TensorData::new(value.spec.clone(), inner.widened(value.spec.dtype, bytes))?);
        }
        inner.runner().report_failure()?;
        Ok(data)
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        stablehlo::supports(op) && inputs.iter().all(|input| !input.dtype.is_quantized())
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let inner = &*self.0;
        if let Some(output) = outputs.iter().find(|output| !inner.settings.dtypes.contains(&output.dtype)) {
            return Err(device(inner.settings.name, op.name(), format!("the device has no {}", output.dtype)));
        }
        let noted = parts::inputs(&inputs, |value| inner.cell(value))?;
        let cells = inner.note(op, noted, outputs);
        // From here on they have no owners, so that they can be overwritten.
        drop(inputs);
        let full = {
            let mut all = inner.noted();
            if all.len() > MANY_THREADS {
                // Drops the notes of threads that ended, which nothing references.
                all.retain(|_, cells| cells.iter().any(|cell| cell.strong_count() > 0));
            }
            let own = all.entry(std::thread::current().id()).or_default();
            own.extend(cells.iter().map(Arc::downgrade));
            own.len() > MOST
        };
        let storages = cells.into_iter().map(|cell| Storage::new(CellHandle(cell))).collect();
        if full {
            inner.settle(&[])?;
        }
        Ok(storages)
    }

    fn synchronize(&self) -> Result<()> {
        let noted = std::mem::take(&mut *self.0.noted());
        self.0.run(noted.into_values().flatten().collect(), &[])?;
        self.0.runner().finish()
    }

    fn flush(&self) -> Result<()> {
        self.0.settle(&[])
    }

    fn cut(&self) -> Result<()> {
        self.0.settle(&[])
    }

    fn memory(&self) -> Option<DeviceMemory> {
        let (used, total) = self.0.client.memory(self.0.settings.device)?;
        Some(DeviceMemory { free: total.saturating_sub(used), total })
    }
}
