//! The training loop: the same for every objective.

use std::time::Instant;

use scaledown_sdk::autodiff::Gradients;
use scaledown_sdk::nn::{ForwardMode, Optimizer, Param, Params, clip_scale};
use scaledown_sdk::tensor::{no_grad, watch_finite};
use scaledown_sdk::{Tensor, TensorData};

use super::checkpoint::{Checkpoint, CheckpointStore};
use super::{BatchLoss, Objective, StepReport, TrainingError, TrainingSettings, Verdict};

/// Observes and stops a training.
pub trait Observer {
    /// A step is done; `extra` are its other numbers by name (parts of the loss, learning rates,
    /// tokens per second, and what was measured after it on the validation records).
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
pub struct TrainingOutcome {
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
/// If a record, the device or a write fails, or the loss is no longer finite; whatever was saved
/// before stays.
pub fn train<O: Objective>(
    objective: &mut O,
    settings: &TrainingSettings,
    checkpoints: &CheckpointStore,
    resume: Option<Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<TrainingOutcome, TrainingError> {
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
    Ok(TrainingOutcome { steps: last.step, final_loss: last.loss, seconds: started.elapsed().as_secs_f64(), interrupted })
}

/// Makes the steps of a training without saving anything. On a device that compiles and runs
/// nothing, only the compiled programs remain.
///
/// # Errors
/// If a record cannot be read, or the device has no program for an instruction.
pub fn rehearse<O: Objective>(
    objective: &mut O,
    settings: &TrainingSettings,
    mut observe: impl FnMut(u64) -> bool,
) -> Result<(), TrainingError> {
    let mut optimizer = Optimizer::new(objective.groups(), settings.optimizer)?;
    for step in 0..settings.steps {
        let forward = |micro| ForwardMode::training(settings.dropout_seed(step, micro), settings.gradient_checkpointing);
        let mut totals = Totals::default();
        for (micro, batch) in objective.batches(step)?.iter().enumerate() {
            totals.add(objective.loss(batch, &mut forward(micro))?)?;
        }
        totals.update(&mut optimizer, settings.schedule.factor(step, settings.warmup, settings.steps), settings.clip)?;
        if !observe(step + 1) {
            break;
        }
    }
    Ok(())
}

/// The results of a step's micro-batches on the device, and the sum of their gradients.
#[derive(Default)]
struct Totals {
    gradients: Gradients,
    /// The loss of each micro-batch.
    losses: Vec<Tensor>,
    /// The parts of the losses, in order of the micro-batches.
    parts: Vec<(&'static str, Tensor)>,
    /// The answer tokens that were predicted right in each micro-batch.
    correct: Vec<Tensor>,
    tokens: usize,
    counted: usize,
}

/// The numbers of a step, read from the device in one go.
struct Readings {
    norm: f64,
    losses: Vec<f64>,
    parts: Vec<(&'static str, f64)>,
    correct: f64,
}

fn step<O: Objective>(
    objective: &mut O,
    optimizer: &mut Optimizer,
    settings: &TrainingSettings,
    step: u64,
    observer: &mut dyn Observer,
) -> Result<StepReport, TrainingError> {
    let started = Instant::now();
    let forward = |micro| ForwardMode::training(settings.dropout_seed(step, micro), settings.gradient_checkpointing);
    let (batches, mut totals) = passes(objective, step, forward, observer)?;
    let schedule = settings.schedule.factor(step, settings.warmup, settings.steps);
    let read = totals.update(optimizer, schedule, settings.clip)?;
    // A non-finite loss or norm has changed nothing, so that the pass can be repeated to find the
    // cause.
    for ((micro, batch), &loss) in batches.iter().enumerate().zip(&read.losses) {
        if !loss.is_finite() {
            let tensor = trace(objective, batch, forward(micro))?;
            return Err(TrainingError::NonFiniteLoss { step: step + 1, loss, tensor });
        }
    }
    if !read.norm.is_finite() {
        let tensor = trace_gradients(objective, &batches, optimizer, forward)?;
        return Err(TrainingError::NonFiniteGradient { step: step + 1, tensor });
    }
    let report = StepReport {
        step: step + 1,
        loss: read.losses.iter().sum(),
        accuracy: read.correct / totals.counted.max(1) as f64,
        gradient_norm: read.norm,
        tokens: totals.tokens,
    };
    tracing::debug!(step = report.step, loss = report.loss, gradient_norm = read.norm, tokens = report.tokens, "step");
    let rates = optimizer.groups().iter().map(|group| (format!("lr_{}", group.name), group.lr * schedule));
    let speed = ("tokens_per_second".to_owned(), totals.tokens as f64 / started.elapsed().as_secs_f64());
    let parts = read.parts.iter().map(|&(name, value)| (name.to_owned(), value));
    let due = |every: u64| report.step.is_multiple_of(every) || report.step == settings.steps;
    let validation = if settings.validate_every.is_some_and(due) { validate(objective)? } else { Vec::new() };
    observer.step(&report, &parts.chain(rates).chain([speed]).chain(validation).collect::<Vec<_>>())?;
    Ok(report)
}

/// Makes the passes of a step, of its micro-batches one by one; with smaller ones where the device
/// runs out of memory, if the objective can.
fn passes<O: Objective>(
    objective: &mut O,
    step: u64,
    forward: impl Fn(usize) -> ForwardMode,
    observer: &mut dyn Observer,
) -> Result<(Vec<O::Batch>, Totals), TrainingError> {
    loop {
        let batches = objective.batches(step)?;
        let mut totals = Totals::default();
        let mut made = batches.iter().enumerate().map(|(micro, batch)| totals.add(objective.loss(batch, &mut forward(micro))?));
        match made.find_map(std::result::Result::err) {
            None => return Ok((batches, totals)),
            Some(TrainingError::Model(error)) if is_out_of_memory(&error) => {
                // Frees the passes' memory before the next try.
                drop((batches, totals));
                let Some(records) = objective.halve_micro_batch() else { return Err(error.into()) };
                observer.note(&format!("{error}: repeating step {} with micro-batches of {records}", step + 1));
            }
            Some(error) => return Err(error),
        }
    }
}

fn is_out_of_memory(error: &scaledown_sdk::Error) -> bool {
    match error {
        scaledown_sdk::Error::OutOfMemory { .. } => true,
        scaledown_sdk::Error::At { source, .. } => is_out_of_memory(source),
        _ => false,
    }
}

/// The loss and the token accuracy on the validation records. Nothing of the training changes by
/// it: no gradient, no dropout, no state.
fn validate<O: Objective>(objective: &O) -> Result<Vec<(String, f64)>, TrainingError> {
    let batches = objective.validation()?;
    let (mut loss, mut correct, mut counted) = (0.0, 0.0, 0);
    for batch in &batches {
        let measured = no_grad(|| objective.loss(batch, &mut ForwardMode::inference()))?;
        let read = measured.loss.device().read(&[&measured.loss, &measured.correct])?;
        let mut numbers = read.iter().map(first_number);
        loss += numbers.next().unwrap_or(f64::NAN);
        correct += numbers.next().unwrap_or(f64::NAN);
        counted += measured.counted;
    }
    let accuracy = correct / counted.max(1) as f64;
    let measured = [("validation_loss".to_owned(), loss), ("validation_accuracy".to_owned(), accuracy)];
    Ok(if batches.is_empty() { Vec::new() } else { measured.into() })
}

fn first_number(data: &TensorData) -> f64 {
    data.to_f64().first().copied().unwrap_or(f64::NAN)
}

impl Totals {
    fn add(&mut self, batch: BatchLoss) -> Result<(), TrainingError> {
        self.losses.push(batch.loss.detach());
        self.parts.extend(batch.parts);
        self.correct.push(batch.correct);
        self.tokens += batch.tokens;
        self.counted += batch.counted;
        Ok(self.gradients.accumulate(batch.loss.backward()?)?)
    }

    /// Makes the optimizer's step with the gradients and reads the numbers of the step: the only
    /// time that the host waits for the device.
    fn update(&mut self, optimizer: &mut Optimizer, schedule: f64, clip: f64) -> Result<Readings, TrainingError> {
        let gradients = std::mem::take(&mut self.gradients);
        let Some(first) = self.losses.first() else {
            return Err(TrainingError::Empty("a step has no micro-batch".into()));
        };
        let device = first.device().clone();
        let norm = match optimizer.gradient_norm(&gradients)? {
            Some(norm) => norm,
            None => device.zeros(first.dtype().accumulator(), [])?,
        };
        let scale = clip_scale(&norm, clip, &self.losses.iter().collect::<Vec<_>>())?;
        optimizer.step(gradients, schedule, &scale)?;
        let parts = self.parts.iter().map(|(_, part)| part);
        let wanted: Vec<&Tensor> = std::iter::once(&norm).chain(&self.losses).chain(&self.correct).chain(parts).collect();
        let mut numbers = device.read(&wanted)?.into_iter().map(|data| first_number(&data));
        let norm = numbers.next().unwrap_or(f64::NAN);
        let losses: Vec<f64> = numbers.by_ref().take(self.losses.len()).collect();
        let correct = numbers.by_ref().take(self.correct.len()).sum();
        let mut parts: Vec<(&'static str, f64)> = Vec::new();
        for ((name, _), value) in self.parts.iter().zip(numbers) {
            match parts.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += value,
                None => parts.push((name, value)),
            }
        }
        device.cut()?;
        Ok(Readings { norm, losses, parts, correct })
    }
}

/// The first parameter whose gradient is not finite, found by making the passes of the step again.
fn trace_gradients<O: Objective>(
    objective: &O,
    batches: &[O::Batch],
    optimizer: &Optimizer,
    forward: impl Fn(usize) -> ForwardMode,
) -> Result<String, TrainingError> {
    let mut gradients = Gradients::default();
    for (micro, batch) in batches.iter().enumerate() {
        gradients.accumulate(objective.loss(batch, &mut forward(micro))?.loss.backward()?)?;
    }
    Ok(optimizer.non_finite(&gradients)?.unwrap_or("all of them together").to_owned())
}

/// The first value of a pass that is not finite: a parameter; or, if all of them are finite, what
/// an instruction made of finite values when the same pass runs again.
fn trace<O: Objective>(objective: &O, batch: &O::Batch, mut forward: ForwardMode) -> Result<String, TrainingError> {
    if let Some(param) = first_non_finite(objective, Params::all)? {
        return Ok(param);
    }
    match no_grad(|| watch_finite(|| objective.loss(batch, &mut forward))) {
        Err(TrainingError::Model(error)) => result_of(error),
        Err(other) => Err(other),
        // No instruction made it from finite values: the batch itself contains it.
        Ok(loss) => {
            for (name, part) in &loss.parts {
                if !part.scalar()?.is_finite() {
                    return Ok((*name).to_owned());
                }
            }
            Ok("the loss".to_owned())
        }
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

/// The first parameter that is not finite, of those that `chosen` gives of each part of the model;
/// it is named with its part.
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
