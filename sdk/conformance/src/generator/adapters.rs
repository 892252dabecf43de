//! Adapters and gradients of a generator.

use scaledown_sdk::component::GeneratorInput;
use scaledown_sdk::nn::{ForwardMode, LoraConfig};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{Result, Tensor};

use super::inputs::{Rows, Side};
use super::{BuiltGenerator, GeneratorSubject};
use crate::compare::{differ, near, same, values};
use crate::report::{CheckFailure, Checked, ensure};

const LENGTHS: [usize; 2] = [8, 5];

fn lora() -> LoraConfig {
    LoraConfig { r: 3, alpha: 6.0, dropout: 0.0, ..LoraConfig::default() }
}

impl GeneratorSubject<'_> {
    /// A generator whose adapters do something: a new adapter's update is zero.
    fn adapted(&self) -> Result<BuiltGenerator> {
        let built = self.built(Some(lora()))?;
        for (param, seed) in built.params.trainable().into_iter().zip(1..) {
            let noise = self.device.uniform(param.tensor().shape(), seed)?;
            param.set(&noise.affine(0.6, -0.3)?)?;
        }
        Ok(built)
    }
}

impl BuiltGenerator {
    fn of_rows(&self) -> Result<Vec<f64>> {
        Ok(self.logits(&Rows::new(self.rows(&LENGTHS), Side::Right))?.concat())
    }

    /// The mean of the logits' squares over an input.
    fn loss(&self, input: &GeneratorInput, mut forward: ForwardMode) -> Result<Tensor> {
        let hidden = self.generator.forward(input, &mut forward)?;
        self.generator.logits(&hidden)?.square()?.mean_all()
    }
}

pub(super) fn off(subject: &GeneratorSubject<'_>) -> Checked {
    let base = subject.built(None)?.of_rows()?;
    let built = subject.adapted()?;
    let adapted = built.of_rows()?;
    differ("the logits with an adapter", &adapted, &base)?;
    let guard = built.params.without_adapters();
    near("the logits with adapters that are off", &built.of_rows()?, &base)?;
    drop(guard);
    same("the logits with adapters that are on again", &built.of_rows()?, &adapted)
}

pub(super) fn merged(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.adapted()?;
    let adapted = built.of_rows()?;
    for times in ["once", "twice"] {
        no_grad(|| built.generator.merge_adapters())?;
        near(&format!("the logits with adapters that were merged {times}"), &built.of_rows()?, &adapted)?;
    }
    Ok(())
}

pub(super) fn gradients(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.adapted()?;
    let input = Rows::new(built.rows(&LENGTHS), Side::Right).input(&*built.generator)?;
    let found = built.loss(&input, ForwardMode::training(1, false))?.backward()?;
    let trainable = built.params.trainable();
    ensure(!trainable.is_empty(), "the adapter's parameters", "at least one", "none")?;
    for param in built.params.all() {
        let gradient = found.get(&param.tensor()).map(values).transpose()?;
        let what = format!("the gradient of {}", param.name());
        let adapter = param.name().contains("lora_");
        ensure(param.trainable() == adapter, format!("whether {} trains", param.name()), adapter, param.trainable())?;
        match gradient {
            Some(gradient) if adapter => {
                ensure(gradient.iter().any(|&x| x != 0.0), &what, "one that is not zero", "zeros only")?;
            }
            Some(_) => return Err(CheckFailure::differs(&what, "none, as it is the base model's", "one")),
            None => ensure(!adapter, &what, "one that is not zero", "none")?,
        }
    }
    Ok(())
}

/// The loss, and the gradient of the embeddings that were read.
fn of_embeddings(subject: &GeneratorSubject<'_>, forward: ForwardMode) -> Checked<(f64, Vec<f64>)> {
    let built = subject.adapted()?;
    let rows = Rows::new(built.rows(&LENGTHS), Side::Right);
    let leaf = built.generator.embed(&rows.ids(&*built.generator)?)?.leaf()?;
    let loss = built.loss(&rows.with(leaf.clone()), forward)?;
    let value = loss.scalar()?;
    let found = loss.backward()?;
    let gradient = found.get(&leaf).ok_or_else(|| CheckFailure::differs("the gradient of the embeddings", "one", "none"))?;
    Ok((value, values(gradient)?))
}

pub(super) fn inputs(subject: &GeneratorSubject<'_>) -> Checked {
    let (_, gradient) = of_embeddings(subject, ForwardMode::training(1, false))?;
    let what = "the gradient of the embeddings";
    ensure(gradient.iter().all(|x| x.is_finite()), what, "finite numbers", "a NaN or an infinity")?;
    ensure(gradient.iter().any(|&x| x != 0.0), what, "one that is not zero", "zeros only")
}

pub(super) fn checkpointing(subject: &GeneratorSubject<'_>) -> Checked {
    let kept = of_embeddings(subject, ForwardMode::training(3, false))?;
    let computed = of_embeddings(subject, ForwardMode::training(3, true))?;
    near("the loss with checkpointing", &[computed.0], &[kept.0])?;
    near("the gradient of the embeddings with checkpointing", &computed.1, &kept.1)
}
