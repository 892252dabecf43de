//! Whether the card computes what it must: the suite of devices, and a few instructions beside the
//! emulation and the processor.

use scaledown_conformance::device::{self, Case, cases};
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_sdk::tensor::AttentionSpec;
use scaledown_sdk::{DType, Device, Error, Result, Tensor};

use crate::Setting;
use crate::table::Table;

/// The whole suite.
pub(crate) fn conformance(setting: &Setting, table: &mut Table) -> Result<()> {
    let report = device::check("the card", &setting.device);
    let failures: Vec<String> = report.failures().map(|check| format!("{}: {:?}", check.name, check.outcome)).collect();
    table.row("conformance", "checks", report.checks.len() as f64, "");
    table.row("conformance", "checks that failed", failures.len() as f64, "");
    failures.iter().for_each(|failure| table.problem("conformance", failure));
    Ok(())
}

/// Instructions whose kernels are ours and of which no two sums need have one order.
fn chosen() -> Vec<(&'static str, Case)> {
    let spec = AttentionSpec { scale: 0.1, causal: true, window: None, spans: true, positions: false };
    vec![
        ("attention", cases::attention([2, 70, 131, 4, 2, 128], spec)),
        ("attention, decoding", cases::attention([2, 1, 300, 4, 1, 128], spec)),
        ("attention, backward", cases::attention_backward([1, 70, 70, 4, 2, 64], spec)),
        ("adapter", cases::adapter(&[64], [256, 16, 128], 0.1)),
        ("linear", cases::linear(&[64], 256, 128, true)),
        ("linear of one row", cases::linear(&[1], 1024, 128, false)),
        ("rms_norm", cases::norm(cases::Norm::Rms, &[8, 4096])),
        ("layer_norm", cases::norm(cases::Norm::Layer { bias: true }, &[8, 1543])),
        ("softmax", cases::softmax(&[8, 3000], 3.0)),
        ("cross_entropy", cases::cross_entropy(16, 3000, 3.0)),
    ]
}

fn outputs(device: &Device, case: &Case, dtype: DType) -> Result<Vec<Vec<f64>>> {
    let inputs = case.inputs.iter().map(|input| input.upload(device, dtype)).collect::<Result<Vec<_>>>()?;
    let outputs = cases::apply(&case.op, &inputs, device)?;
    outputs.iter().map(|output| Ok(output.to_data()?.to_f64())).collect()
}

/// The greatest difference, relative to the greatest number.
fn difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let of_output = |(a, b): (&Vec<f64>, &Vec<f64>)| {
        let greatest = a.iter().filter(|x| x.is_finite()).fold(1e-6, |greatest: f64, x| greatest.max(x.abs()));
        let apart = |(x, y): (&f64, &f64)| if x == y || (x.is_nan() && y.is_nan()) { 0.0 } else { (x - y).abs() / greatest };
        a.iter().zip(b).map(apart).fold(0.0, |worst: f64, x| if x.is_nan() { f64::INFINITY } else { worst.max(x) })
    };
    a.iter().zip(b).map(of_output).fold(0.0, f64::max)
}

/// The card beside the emulation and the processor, and beside itself.
pub(crate) fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let emulated = Emulator::device(Options::default()).map_err(|error| Error::Config(error.to_string()))?;
    let processor = scaledown_cpu::device()?;
    for (name, case) in chosen() {
        for (dtype, most) in [(DType::F32, 1e-4), (DType::BF16, 2e-2)] {
            let here = outputs(&setting.device, &case, dtype)?;
            for (other, device) in [("the emulation", &emulated), ("the processor", &processor)] {
                let apart = difference(&here, &outputs(device, &case, dtype)?);
                table.row("agreement", &format!("{name} in {dtype}, difference from {other}"), apart, "");
                if apart > most {
                    table.problem("agreement", &format!("{name} in {dtype} is {apart:e} from {other}"));
                }
            }
            if here != outputs(&setting.device, &case, dtype)? {
                table.problem("agreement", &format!("{name} in {dtype} does not repeat"));
            }
        }
    }
    repeats(setting, table)
}

/// A product of the size of a model, twice.
fn repeats(setting: &Setting, table: &mut Table) -> Result<()> {
    let n = if setting.tiny { 64 } else { 4096 };
    let device = &setting.device;
    let x = device.uniform([n, n], 1)?.cast(DType::BF16)?;
    let read = |y: Tensor| y.cast(DType::F32)?.sum([1], false)?.to_data();
    if read(x.matmul(&x)?)? != read(x.matmul(&x)?)? {
        table.problem("agreement", "a product does not repeat");
    }
    Ok(())
}
