//! A training and a decoding on the device, against the processor.

use scaledown_conformance::device::reference::Reference;
use scaledown_sdk::component::Kind;
use scaledown_sdk::{DType, Device};
use serde::Serialize;

use super::model::Model;
use scaledown_host::error::Result;
use scaledown_host::plugins::{Component, registry};

/// How near a device comes.
#[derive(Debug, Serialize)]
pub(super) struct Parity {
    pub(super) name: String,
    /// The greatest relative difference; for tokens, the share that differs.
    pub(super) difference: f64,
    pub(super) allowed: f64,
    pub(super) agrees: bool,
}

impl Parity {
    fn new(name: String, difference: f64, allowed: f64) -> Self {
        Parity { name, difference, allowed, agrees: difference <= allowed }
    }

    pub(super) fn summary(&self) -> String {
        let word = if self.agrees { "agrees" } else { "DIFFERS" };
        format!("{word}: {:.1e} of {:.0e} allowed", self.difference, self.allowed)
    }
}

/// What f32 may differ by after three steps: sums in another order.
const F32: f64 = 1e-4;
/// What 16 bits may.
const BF16: f64 = 1e-2;

pub(super) fn measure(device: &Device) -> Result<Vec<Parity>> {
    let processor = match registry::find(Kind::Device, "cpu") {
        Some(_) => registry::device(&Component::new("cpu"))?,
        None => Device::new(Reference),
    };
    let mut found = Vec::new();
    for (dtype, allowed) in [(DType::F32, F32), (DType::BF16, BF16)] {
        if !device.info().dtypes.contains(&dtype) {
            continue;
        }
        let (ours, theirs) = (run(device, dtype)?, run(&processor, dtype)?);
        let pairs = ours.numbers.iter().zip(&theirs.numbers);
        let difference = pairs.map(|(a, b)| (a - b).abs() / b.abs().max(1e-3)).fold(0.0, f64::max);
        found.push(Parity::new(format!("training in {dtype}"), difference, allowed));
        let other = ours.tokens.iter().zip(&theirs.tokens).filter(|(a, b)| a != b).count();
        // A token that is chosen otherwise in 16 bits changes all that follow it.
        if dtype == DType::F32 {
            found.push(Parity::new("decoding in f32".into(), other as f64 / theirs.tokens.len().max(1) as f64, 0.0));
        }
    }
    Ok(found)
}

struct Run {
    numbers: Vec<f64>,
    tokens: Vec<i64>,
}

fn run(device: &Device, dtype: DType) -> Result<Run> {
    let mut model = Model::new(device, dtype)?;
    let mut numbers = Vec::new();
    for step in 0..3 {
        numbers.extend(model.step(step)?);
    }
    Ok(Run { numbers, tokens: model.decode(12, || {})? })
}
