//! The training loop: the same for every objective.

use std::time::Instant;

use scaledown_sdk::Tensor;
use scaledown_sdk::autodiff::Gradients;
use scaledown_sdk::nn::{Forward, Optimizer, Param, Params};
use scaledown_sdk::tensor::{no_grad, watch_finite};

use super::checkpoint::{Checkpoint, Store};
use super::{BatchLoss, Objective, Settings, StepReport, TrainingError, Verdict};

/// What a training is watched and stopped by.
pub trait Observer {
    /// A step is done; `extra` are its other numbers by name (parts of the loss, learning rates, tokens per second, and what was measured
    /// after it on the validation records).
    ///
    /// # Errors
    /// If the log cannot be written.
    fn step(&mut self, report: &StepReport, extra: &[(String, f64)]) -> Result<(), TrainingError>;

    /// Something happened that a person wants to know.
    fn note(&mut self, message: &str);

    /// Whether to stop after the present step.
    fn interrupted(&self) -> bool;
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Steps made in all, those before a resumption included.
    pub steps: u64,
    /// The loss of the last step.
    pub final_loss: f64,
    /// Seconds that the training took.
    pub seconds: f64,
    /// Whether it was interrupted before its end.
    pub interrupted: bool,
}

/// Trains `objective` from a checkpoint, or from the start.
///
/// # Errors
/// If a record, the device or a write fails, or the loss is no longer finite; whatever was saved before stays.
pub fn train<O: Objective>(
    objective: &mut O,
    settings: &Settings,
    checkpoints: &Store,
    resume: Option<Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainingError> {
    let started = Instant::now();
    let mut optimizer = Optimizer::new(objective.groups(), settings.optimizer)?;
    let mut last = StepReport::default();
    if let Some(checkpoint) = resume {
        last = checkpoint.restore(objective, &mut optimizer)?;
        checkpoints.tidy()?;
    }
    let _training = tracing::info_span!("training").entered();
    tracing::info!(done = last.step, steps = settings.steps, "training");
    let mut interrupted = false;
    while last.step < settings.steps && !objective.finished() {
        last = step(objective, &mut optimizer, settings, last.step, observer)?;
        let verdict = objective.finish_step(&last);
        interrupted = observer.interrupted();
        let due = settings.checkpoint_every.is_some_and(|every| last.step.is_multiple_of(every));
        let done = last.step == settings.steps || verdict != Verdict::Continue;
        if due || done || interrupted {
            if let Some(tensor) = first_non_finite(objective, Params::trainable)? {
                return Err(TrainingError::NonFiniteUpdate { step: last.step, tensor });
            }
            checkpoints.save(objective, &optimizer, &last)?;
        }
        if let Verdict::Done(reason) = verdict {
            observer.note(&reason);
            break;
        }
        if interrupted {
            break;
        }
    }
    let interrupted = interrupted && last.step < settings.steps && !objective.finished();
    Ok(Outcome { steps: last.step, final_loss: last.loss, seconds: started.elapsed().as_secs_f64(), interrupted })
}

/// The sums over the micro-batches of a step.
#[derive(Default)]
struct Totals {
    gradients: Gradients,
    loss: f64,
    parts: Vec<(&'static str, f64)>,
    tokens: usize,
    correct: usize,
    counted: usize,
}

fn step<O: Objective>(
    objective: &mut O,
    optimizer: &mut Optimizer,
    settings: &Settings,
    step: u64,
    observer: &mut dyn Observer,
) -> Result<StepReport, TrainingError> {
    let started = Instant::now();
    let mut totals = Totals::default();
    for (micro, batch) in objective.batches(step)?.iter().enumerate() {
        let forward = Forward::training(settings.dropout_seed(step, micro), settings.gradient_checkpointing);
        let loss = objective.loss(batch, &mut forward.clone())?;
        let value = loss.loss.scalar()?;
        if !value.is_finite() {
            drop(loss);
            let tensor = trace(objective, batch, forward)?;
            return Err(TrainingError::NonFiniteLoss { step: step + 1, loss: value, tensor });
        }
        totals.add(loss, value)?;
    }
    let norm = optimizer.gradient_norm(&totals.gradients)?;
    if !norm.is_finite() {
        let tensor = optimizer.non_finite(&totals.gradients)?.unwrap_or("all of them together").to_owned();
        return Err(TrainingError::NonFiniteGradient { step: step + 1, tensor });
    }
    let schedule = settings.schedule.factor(step, settings.warmup, settings.steps);
    let scale = if norm > settings.clip { settings.clip / (norm + 1e-6) } else { 1.0 };
    optimizer.step(totals.gradients, schedule, scale)?;
    let report = StepReport {
        step: step + 1,
        loss: totals.loss,
        accuracy: totals.correct as f64 / totals.counted.max(1) as f64,
        gradient_norm: norm,
        tokens: totals.tokens,
    };
    tracing::debug!(step = report.step, loss = report.loss, gradient_norm = norm, tokens = report.tokens, "step");
    let rates = optimizer.groups().iter().map(|group| (format!("lr_{}", group.name), group.lr * schedule));
    let speed = ("tokens_per_second".to_owned(), totals.tokens as f64 / started.elapsed().as_secs_f64());
    let parts = totals.parts.iter().map(|&(name, value)| (name.to_owned(), value));
    let due = |every: u64| report.step.is_multiple_of(every) || report.step == settings.steps;
    let validation = if settings.validate_every.is_some_and(due) { validate(objective)? } else { Vec::new() };
    observer.step(&report, &parts.chain(rates).chain([speed]).chain(validation).collect::<Vec<_>>())?;
    Ok(report)
}

/// The loss and the token accuracy on the validation records. Nothing of the training changes by it: no gradient, no dropout, no state.
fn validate<O: Objective>(objective: &O) -> Result<Vec<(String, f64)>, TrainingError> {
    let batches = objective.validation()?;
    let (mut loss, mut correct, mut counted) = (0.0, 0, 0);
    for batch in &batches {
        let measured = no_grad(|| objective.loss(batch, &mut Forward::inference()))?;
        loss += measured.loss.scalar()?;
        correct += measured.accuracy.0;
        counted += measured.accuracy.1;
    }
    let accuracy = correct as f64 / counted.max(1) as f64;
    let measured = [("validation_loss".to_owned(), loss), ("validation_accuracy".to_owned(), accuracy)];
    Ok(if batches.is_empty() { Vec::new() } else { measured.into() })
}

impl Totals {
    fn add(&mut self, batch: BatchLoss, loss: f64) -> Result<(), TrainingError> {
        self.loss += loss;
        for (name, value) in batch.parts {
            match self.parts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += value,
                None => self.parts.push((name, value)),
            }
        }
        self.tokens += batch.tokens;
        self.correct += batch.accuracy.0;
        self.counted += batch.accuracy.1;
        Ok(self.gradients.accumulate(batch.loss.backward()?)?)
    }
}

/// The first value of a pass that is not finite: a parameter; or, if all of them are finite, what an instruction made of finite values when
/// the same pass runs again.
fn trace<O: Objective>(objective: &O, batch: &O::Batch, mut forward: Forward) -> Result<String, TrainingError> {
    if let Some(param) = first_non_finite(objective, Params::all)? {
        return Ok(param);
    }
    match no_grad(|| watch_finite(|| objective.loss(batch, &mut forward))) {
        Err(TrainingError::Model(error)) => result_of(error),
        Err(other) => Err(other),
        // What made it is no instruction on finite values: the numbers that came with the batch.
        Ok(loss) => Ok(loss.parts.iter().find(|(_, value)| !value.is_finite()).map_or("the loss", |&(name, _)| name).to_owned()),
    }
}

/// The tensor that a watched pass stopped at, with the module that it belongs to.
fn result_of(error: scaledown_sdk::Error) -> Result<String, TrainingError> {
    use scaledown_sdk::Error;
    match error {
        Error::NonFinite { op, .. } => Ok(format!("the result of {op} in the loss")),
        Error::At { path, source } => match *source {
            Error::NonFinite { op, .. } => Ok(format!("the result of {op} in {path}")),
            source => Err(Error::At { path, source: Box::new(source) }.into()),
        },
        other => Err(other.into()),
    }
}

/// The first parameter that is not finite, of those that `chosen` gives of each part of the model; it is named with its part.
fn first_non_finite<O: Objective>(objective: &O, chosen: fn(&Params) -> Vec<Param>) -> Result<Option<String>, TrainingError> {
    for (part, params) in objective.stored() {
        for param in chosen(&params) {
            let value = param.tensor().detach();
            if value.dtype().is_float() && !finite(&value)? {
                return Ok(Some(format!("{} of the {part}", param.name())));
            }
        }
    }
    Ok(None)
}

fn finite(value: &Tensor) -> Result<bool, scaledown_sdk::Error> {
    // The squares may overflow where the elements do not; those are read only then.
    Ok(Tensor::sum_squares(&[value])?.scalar()?.is_finite()
        || value.to_data()?.to_f64().iter().all(|element| element.is_finite()))
}
