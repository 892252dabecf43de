//! Every instruction, value and gradient, against PyTorch.

use scaledown_sdk::{Device, Op, Result, Tensor};
use scaledown_tests::parity::{ComparisonReport, Fixture, Tolerance, devices, directory};

/// One entry of `ops.json`.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    op: Op,
    inputs: usize,
    outputs: usize,
    gradients: Vec<usize>,
}

#[test]
fn instructions_agree_with_pytorch() {
    let manifest = std::fs::read(directory("ops.json")).expect("a file of the repository");
    let cases: Vec<Case> = serde_json::from_slice(&manifest).expect("operations as serde writes them");
    let fixture = Fixture::read("ops.safetensors");
    for device in devices() {
        let (narrow, wide): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.name.ends_with(".bf16"));
        for (cases, tolerance) in [(wide, Tolerance::F32), (narrow, Tolerance::BF16)] {
            let mut report = ComparisonReport::new(&format!("instructions on {}", device.name()), tolerance);
            for case in cases {
                let expected = fixture.under(&format!("{}/", case.name));
                if expected.iter().any(|(_, tensor)| !device.info().dtypes.contains(&tensor.spec().dtype)) {
                    continue;
                }
                if let Err(error) = compare(case, &expected, &device, &mut report) {
                    report.problem(&format!("{}: {error}", case.name));
                }
            }
            report.finish();
        }
    }
}

fn compare(case: &Case, expected: &Fixture, device: &Device, report: &mut ComparisonReport) -> Result<()> {
    let input = |i: usize| -> Result<Tensor> {
        let tensor = expected.upload(&format!("input.{i}"), device);
        if case.gradients.contains(&i) { tensor.leaf() } else { Ok(tensor) }
    };
    let inputs = (0..case.inputs).map(input).collect::<Result<Vec<_>>>()?;
    let outputs = match inputs.len() {
        0 => vec![Tensor::create(case.op.clone(), device)?],
        _ => Tensor::apply(case.op.clone(), &inputs.iter().collect::<Vec<_>>())?,
    };
    for (i, output) in outputs.iter().enumerate().take(case.outputs) {
        let theirs = expected.get(&format!("output.{i}"));
        if matches!(case.op, Op::Cast { .. }) && output.to_data()? != *theirs {
            report.problem(&format!("{}: {:?}, PyTorch's {:?}", case.name, output.to_data()?.to_f64(), theirs.to_f64()));
        }
        report.tensor(&format!("{}: output {i}", case.name), output, theirs);
    }
    if case.gradients.is_empty() {
        return Ok(());
    }
    let mut weighted = outputs[0].mul(&expected.upload("grad_output", device))?.sum_all()?;
    if expected.find("grad_output.1").is_some() {
        weighted = weighted.add(&outputs[1].mul(&expected.upload("grad_output.1", device))?.sum_all()?)?;
    }
    let gradients = weighted.backward()?;
    for &i in &case.gradients {
        let (name, theirs) = (format!("{}: gradient {i}", case.name), expected.get(&format!("grad.{i}")));
        match gradients.get(&inputs[i]) {
            Some(ours) => report.tensor(&name, ours, theirs),
            None => report.problem(&format!("{name} is missing")),
        }
    }
    Ok(())
}

/// The settings of `optimizer.json`.
#[derive(serde::Deserialize)]
struct Optimizer {
    adamw: Settings,
    clip: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Settings {
    lr: Vec<f64>,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
}

fn optimizer() -> (Optimizer, Fixture) {
    let settings = std::fs::read(directory("optimizer.json")).expect("a file of the repository");
    (serde_json::from_slice(&settings).expect("settings"), Fixture::read("optimizer.safetensors"))
}

#[test]
fn adamw_steps_agree_with_pytorch() {
    let (Optimizer { adamw: settings, .. }, fixture) = optimizer();
    for device in devices() {
        compare_adamw(&settings, &fixture.under("adamw/"), &device);
    }
}

fn compare_adamw(settings: &Settings, fixture: &Fixture, device: &Device) {
    let tolerance = Tolerance { absolute: 1e-6, ..Tolerance::F32 };
    let mut report = ComparisonReport::new(&format!("AdamW on {}", device.name()), tolerance);
    let mut state = vec![fixture.upload("parameter", device)];
    state.extend([(); 2].map(|()| device.zeros(state[0].dtype(), state[0].shape()).expect("zeros")));
    for (step, &lr) in (1..).zip(&settings.lr) {
        let Settings { beta1, beta2, eps, weight_decay, .. } = *settings;
        let op = Op::AdamW { beta1, beta2, eps, weight_decay, masters: false, lr, step };
        let scale = device.full(state[0].dtype().accumulator(), [], 1.0).expect("a factor");
        let gradient = fixture.upload(&format!("grad.{step}"), device);
        state = Tensor::apply(op, &[&scale, &state[0], &gradient, &state[1], &state[2]]).expect("a step");
        for (name, ours) in ["parameter", "m", "v"].iter().zip(&state) {
            report.tensor(&format!("{name} after step {step}"), ours, fixture.get(&format!("{name}.{step}")));
        }
    }
    report.finish();
}

#[test]
fn clipped_gradients_agree_with_pytorch() {
    let (Optimizer { clip, .. }, fixture) = optimizer();
    for device in devices() {
        for &limit in &clip {
            compare_clipping(limit, &fixture.under(&format!("clip/{limit:.1}/")), &device);
        }
    }
}

fn compare_clipping(limit: f64, fixture: &Fixture, device: &Device) {
    let tolerance = Tolerance { absolute: 1e-6, ..Tolerance::F32 };
    let mut report = ComparisonReport::new(&format!("clipping to {limit} on {}", device.name()), tolerance);
    let gradients: Vec<Tensor> = (0..3).map(|i| fixture.upload(&format!("grad.{i}"), device)).collect();
    let norm = Tensor::sum_squares(&gradients.iter().collect::<Vec<_>>()).and_then(|sum| sum.scalar()).expect("a sum").sqrt();
    report.values("norm", &[norm], &fixture.get("norm").to_f64());
    // PyTorch adds 1e-6 to the norm so as not to divide by 0.
    let scale = (limit / (norm + 1e-6)).min(1.0);
    for (i, gradient) in gradients.iter().enumerate() {
        let clipped: Vec<f64> = gradient.to_data().expect("data").to_f64().iter().map(|g| g * scale).collect();
        report.values(&format!("gradient {i}"), &clipped, &fixture.get(&format!("clipped.{i}")).to_f64());
    }
    report.finish();
}
