//! A device of one's own: `[device] plugin = "tally"`. It computes as `cpu` does, and writes down
//! how often it ran each instruction.
//!
//! A device is a [`DeviceBackend`]: this one passes everything on, and shows what there is to
//! implement. Instructions that a backend does not support are decomposed into ones that it does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use scaledown_cpu::{CpuBackend, CpuConfig};
use scaledown_sdk::component::{DevicePlugin, Registration, inventory};
use scaledown_sdk::tensor::{DeviceInfo, HostBytes, Storage, Value};
use scaledown_sdk::{Device, DeviceBackend, Op, Result, TensorData, TensorSpec};

inventory::submit! {
    Registration::device::<Tally>("tally", "Computes on the processor, and counts instructions.")
}

/// Its keys beside `plugin`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct TallyConfig {
    /// The file that the counts are written to at the end.
    #[schemars(extend("format" = "path", "operational" = true))]
    file: PathBuf,
}

/// The processor's device, with a count of each instruction.
struct Tally {
    cpu: CpuBackend,
    file: PathBuf,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl DevicePlugin for Tally {
    type Config = TallyConfig;

    fn build(config: TallyConfig) -> Result<Device> {
        let cpu = CpuBackend::new(CpuConfig::default())?;
        Ok(Device::new(Tally { cpu, file: config.file, counts: Mutex::default() }))
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, count) in &*counts {
            let _ = writeln!(text, "{name} {count}");
        }
        // There is no caller to return an error to.
        let _ = std::fs::write(&self.file, text);
    }
}

impl DeviceBackend for Tally {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { name: "tally".into(), ..self.cpu.info() }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        self.cpu.upload(spec, bytes)
    }

    fn adopt(&self, spec: &TensorSpec, bytes: &HostBytes) -> Result<Storage> {
        self.cpu.adopt(spec, bytes)
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        self.cpu.read(values)
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        self.cpu.supports(op, inputs)
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(op.name()).or_default() += 1;
        self.cpu.execute(op, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    // `scaledown_conformance::device::check` has all that a device promises; it takes a minute.
    use super::*;

    #[test]
    fn it_counts() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tally.txt");
        let device = Tally::build(TallyConfig { file: file.clone() }).unwrap();
        let x = device.from_slice(&[1.0f32, 2.0], [2]).unwrap();
        let sum = x.add(&x).unwrap().add(&x).unwrap();
        assert_eq!(sum.to_vec::<f32>().unwrap(), [3.0, 6.0]);
        drop((sum, x, device));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "binary 2\n");
    }
}
