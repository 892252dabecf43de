//! Checks of a compressor's training.

use scaledown_sdk::nn::safetensors::{SafetensorsFile, write_safetensors};
use scaledown_sdk::nn::{ForwardMode, Optimizer, OptimizerConfig, Param, ParamGroup, WeightSource};

use super::{BuiltCompressor, CompressorSubject, MEMORY, batch, loss};
use crate::compare::{differ, near, same, values};
use crate::report::{CheckFailure, Checked, ensure};

/// How many steps are made, and how long each is.
const STEPS: usize = 8;
const RATE: f64 = 3e-3;

/// A loss, and the gradient of each trainable parameter that has one.
type Step = (f64, Vec<(Param, Option<Vec<f64>>)>);

fn step(built: &BuiltCompressor, relevance: bool, mut forward: ForwardMode) -> Checked<Step> {
    let loss = loss(&built.compressor.compress(&batch(MEMORY, relevance), &mut forward)?)?;
    let value = loss.scalar()?;
    let found = loss.backward()?;
    let mut gradients = Vec::new();
    for param in built.params.trainable() {
        let gradient = found.get(&param.tensor()).map(values).transpose()?;
        gradients.push((param, gradient));
    }
    Ok((value, gradients))
}

pub(super) fn gradients(subject: &CompressorSubject<'_>) -> Checked {
    for relevance in [false, true] {
        let built = subject.built(relevance)?;
        away_from_zero(&built)?;
        let (_, gradients) = step(&built, relevance, ForwardMode::training(1, false))?;
        ensure(!gradients.is_empty(), "the trainable parameters", "at least one", "none")?;
        for (param, gradient) in gradients {
            let what = format!("the gradient of {} (relevance = {relevance})", param.name());
            let gradient = gradient.ok_or_else(|| CheckFailure::differs(&what, "one that is not zero", "none"))?;
            ensure(gradient.iter().all(|x| x.is_finite()), &what, "finite numbers", "a NaN or an infinity")?;
            ensure(gradient.iter().any(|&x| x != 0.0), &what, "one that is not zero", "zeros only")?;
        }
    }
    Ok(())
}

/// Moves parameters that start at 0, such as the second matrix of an adapter: they would hide the
/// gradients of others.
fn away_from_zero(built: &BuiltCompressor) -> Checked {
    for param in built.params.trainable() {
        let value = param.tensor().detach();
        if values(&value)?.iter().all(|&x| x == 0.0) {
            param.set(&value.device().uniform(value.shape(), 3)?.affine(0.2, -0.1)?)?;
        }
    }
    Ok(())
}

pub(super) fn learns(subject: &CompressorSubject<'_>) -> Checked {
    for relevance in [false, true] {
        let built = subject.built(relevance)?;
        let measured = || Ok::<_, CheckFailure>(loss(&built.compress(&batch(MEMORY, relevance))?)?.scalar()?);
        let before = measured()?;
        train(&built, relevance)?;
        let what = format!("the loss after {STEPS} steps (relevance = {relevance})");
        let after = measured()?;
        ensure(after < before, what, format!("less than {before}"), after)?;
    }
    Ok(())
}

fn train(built: &BuiltCompressor, relevance: bool) -> Checked {
    let group = ParamGroup { name: "compressor".into(), params: built.params.trainable(), lr: RATE };
    let mut optimizer = Optimizer::new(vec![group], OptimizerConfig { weight_decay: 0.0, ..OptimizerConfig::default() })?;
    for seed in 0..STEPS as u64 {
        let compressed = built.compressor.compress(&batch(MEMORY, relevance), &mut ForwardMode::training(seed, false))?;
        let loss = loss(&compressed)?;
        let scale = loss.device().full(loss.dtype(), [], 1.0)?;
        optimizer.step(loss.backward()?, 1.0, &scale)?;
    }
    Ok(())
}

pub(super) fn checkpointing(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let (loss, kept) = step(&built, true, ForwardMode::training(9, false))?;
    let (again, computed) = step(&built, true, ForwardMode::training(9, true))?;
    near("the loss with checkpointing", &[again], &[loss])?;
    for ((param, kept), (_, computed)) in kept.iter().zip(&computed) {
        let what = format!("the gradient of {} with checkpointing", param.name());
        near(&what, computed.as_deref().unwrap_or_default(), kept.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

pub(super) fn seeded(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let loss = || Ok::<_, CheckFailure>(step(&built, true, ForwardMode::training(5, false))?.0);
    same("the loss of a second pass", &[loss()?], &[loss()?])
}

pub(super) fn saved(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let path = subject.scratch.join("compressor.safetensors");
    let all = built.params.all();
    write_safetensors(&path, all.iter().map(|param| (param.name(), param.tensor().detach())), &[])?;
    let expected = built.numbers(&batch(MEMORY, true))?;

    let other = subject.built_with(true, MEMORY, 4)?;
    for param in other.params.all() {
        // Values that neither came from a file nor from the seed.
        param.set(&param.tensor().detach().affine(0.5, 0.1)?)?;
    }
    differ("the vectors of other parameters", &other.numbers(&batch(MEMORY, true))?.0, &expected.0)?;
    let stored = SafetensorsFile::open(&path)?;
    for param in other.params.all() {
        param.set(&subject.device.upload(&stored.read(param.name())?)?)?;
    }
    let found = other.numbers(&batch(MEMORY, true))?;
    same("the vectors of loaded parameters", &found.0, &expected.0)?;
    same("the relevance of loaded parameters", &found.1, &expected.1)
}

pub(super) fn apart(subject: &CompressorSubject<'_>) -> Checked {
    let (first, second) = (subject.built(true)?, subject.built(true)?);
    let before = second.numbers(&batch(MEMORY, true))?;
    for param in first.params.all() {
        param.set(&param.tensor().detach().affine(0.0, 0.25)?)?;
    }
    same("the vectors after another compressor has changed", &second.numbers(&batch(MEMORY, true))?.0, &before.0)
}
