//! Steps of training.

use std::time::Instant;

use scaledown_sdk::autodiff::Gradients;
use scaledown_sdk::nn::decoder::{CausalLm, Decoder};
use scaledown_sdk::nn::{ForwardMode, LoraConfig, Optimizer, OptimizerConfig, ParamGroup, Params, Span, clip_scale};
use scaledown_sdk::{Device, Error, Result, Tensor};

use crate::Setting;
use crate::models::{compressor, language_model, shapes};
use crate::table::Table;

/// Vectors that stand for a document, and the layers that make them.
const VECTORS: usize = 8;
const LAYERS: usize = 8;

/// Token ids that differ from place to place.
fn ids(device: &Device, rows: usize, width: usize, vocabulary: usize) -> Result<Tensor> {
    let ids: Vec<i64> = (0..(rows * width) as i64).map(|at| at * 7919 % vocabulary as i64).collect();
    device.from_slice(&ids, [rows, width])
}

/// The mean loss of `hidden [rows, width, _]` over the last `answer` places of each row.
fn loss(model: &CausalLm, hidden: &Tensor, answer: usize) -> Result<Tensor> {
    let (rows, width) = (hidden.dims()[0], hidden.dims()[1]);
    let vocabulary = model.config().vocabulary;
    let logits = model.logits(&hidden.slice(1, width - answer, answer)?)?.reshape([rows * answer, vocabulary])?;
    let targets = ids(hidden.device(), rows, answer, vocabulary)?.reshape([rows * answer])?;
    logits.cross_entropy(&targets)?.sum_all()?.affine(1.0 / (rows * answer) as f64, 0.0)
}

fn optimizer(groups: &[(&str, &Params)]) -> Result<Optimizer> {
    let group = |&(name, params): &(&str, &Params)| ParamGroup { name: name.into(), params: params.trainable(), lr: 1e-5 };
    Optimizer::new(groups.iter().map(group).collect(), OptimizerConfig::default())
}

/// One step of the losses of several micro-batches: gradients, clipping, AdamW, and the one read at
/// its end.
fn step(optimizer: &mut Optimizer, parts: usize, mut loss: impl FnMut() -> Result<Tensor>) -> Result<f64> {
    let mut sum: Option<(Tensor, Gradients)> = None;
    for _ in 0..parts {
        let part = loss()?;
        let value = part.detach();
        let found = part.backward()?;
        sum = Some(match sum {
            None => (value, found),
            Some((total, mut gradients)) => {
                gradients.accumulate(found)?;
                (total.add(&value)?, gradients)
            }
        });
    }
    let (value, gradients) = sum.ok_or_else(|| Error::Config("there is no micro-batch".into()))?;
    let norm = optimizer.gradient_norm(&gradients)?.ok_or_else(|| Error::Config("nothing trains".into()))?;
    let scale = clip_scale(&norm, 1.0, &[&value])?;
    optimizer.step(gradients, 1.0, &scale)?;
    let read = value.device().read(&[&value, &norm])?;
    Ok(read.first().and_then(|loss| loss.to_f64().first().copied()).unwrap_or(f64::NAN))
}

/// Runs a few steps, and gives the loss, the seconds and the counted operations of the last ones.
fn measure(device: &Device, tiny: bool, mut one: impl FnMut() -> Result<f64>) -> Result<(f64, f64, f64)> {
    let steps = if tiny { 1 } else { 3 };
    one()?;
    device.synchronize()?;
    device.reset_peak_memory();
    let (before, started) = (device.usage(), Instant::now());
    let mut last = f64::NAN;
    for _ in 0..steps {
        last = one()?;
    }
    let seconds = started.elapsed().as_secs_f64() / f64::from(steps);
    Ok((last, seconds, (device.usage() - before).flops as f64 / f64::from(steps)))
}

/// An adapter alone on sequences of tokens, with and without checkpointing.
pub(crate) fn lora(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    for (name, shape) in shapes(*tiny) {
        let (model, params) = language_model(device, &shape, Some(LoraConfig::default()))?;
        let (rows, width) = if *tiny { (2, 12) } else { (16, 512) };
        for checkpointing in [true, false] {
            let mut optimizer = optimizer(&[("adapter", &params)])?;
            let mut seed = 0;
            let spans = vec![Span { start: 0, len: width }; rows];
            let measured = measure(device, *tiny, || {
                step(&mut optimizer, 1, || {
                    seed += 1;
                    let embeddings = model.embed(&ids(device, rows, width, model.config().vocabulary)?)?;
                    let hidden = model.forward(&embeddings, &spans, &mut ForwardMode::training(seed, checkpointing))?;
                    loss(&model, &hidden, width / 2)
                })
            });
            let how = if checkpointing { "with checkpointing" } else { "without checkpointing" };
            add_rows(table, device, "lora", &format!("{name}, {rows} x {width}, {how}"), rows * width, measured)?;
        }
    }
    Ok(())
}

/// A step of the method: five documents a question through a compressor that trains, and a
/// generator with an adapter.
pub(crate) fn oscar(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    let (documents, length, questions, micro) = if *tiny { (2, 10, 2, 2) } else { (5, 128, 128, 32) };
    let (prompt, answer) = if *tiny { (4, 3) } else { (64, 64) };
    for (name, shape) in shapes(*tiny) {
        let layers = LAYERS.min(if *tiny { 2 } else { LAYERS });
        let (compressor, compressor_params) = compressor(device, &shape, layers)?;
        let (model, params) = language_model(device, &shape, Some(LoraConfig::default()))?;
        let mut optimizer = optimizer(&[("compressor", &compressor_params), ("adapter", &params)])?;
        let mut seed = 0;
        let batch = Batch { documents, length, questions: micro, prompt, answer };
        let measured = measure(device, *tiny, || {
            step(&mut optimizer, questions / micro, || {
                seed += 1;
                batch.loss(&compressor, &model, seed)
            })
        });
        let tokens = questions * (documents * (length + VECTORS) + documents * VECTORS + prompt + answer);
        let what = format!("{name}, {layers} layers, {documents} x {length}, batch {questions} in {micro}");
        add_rows(table, device, "training", &what, tokens, measured)?;
    }
    Ok(())
}

/// The sizes of a micro-batch.
struct Batch {
    documents: usize,
    length: usize,
    questions: usize,
    prompt: usize,
    answer: usize,
}

impl Batch {
    fn loss(&self, compressor: &Decoder, model: &CausalLm, seed: u64) -> Result<Tensor> {
        let device = compressor.device();
        let (pairs, width, hidden) = (self.questions * self.documents, self.length + VECTORS, model.config().hidden);
        let embeddings = compressor.embed(&ids(device, pairs, width, model.config().vocabulary)?)?;
        let mut forward = ForwardMode::training(seed, true);
        let states = compressor.forward(&embeddings, &vec![Span { start: 0, len: width }; pairs], &mut forward)?;
        let vectors = states.slice(1, self.length, VECTORS)?.reshape([self.questions, self.documents * VECTORS, hidden])?;
        let tokens = model.embed(&ids(device, self.questions, self.prompt + self.answer, model.config().vocabulary)?)?;
        let sequence = Tensor::concat(&[&vectors, &tokens], 1)?;
        let spans = vec![Span { start: 0, len: sequence.dims()[1] }; self.questions];
        let read = model.forward(&sequence, &spans, &mut forward)?;
        loss(model, &read, self.answer)
    }
}

fn add_rows(
    table: &mut Table,
    device: &Device,
    section: &str,
    what: &str,
    tokens: usize,
    measured: Result<(f64, f64, f64)>,
) -> Result<()> {
    match measured {
        Err(error @ Error::OutOfMemory { .. }) => table.text(section, what, &format!("does not fit: {error}")),
        Err(error) => return Err(error),
        Ok((loss, seconds, flops)) => {
            table.row(section, &format!("{what}: step"), seconds, "s");
            table.row(section, &format!("{what}: rate"), tokens as f64 / seconds, "tokens/s");
            table.row(section, &format!("{what}: counted work"), flops / seconds / 1e12, "TFLOP/s");
            table.row(section, &format!("{what}: memory"), device.memory().peak as f64 / 1e9, "GB");
            if !loss.is_finite() {
                table.problem(section, &format!("{what}: the loss is {loss}"));
            }
        }
    }
    Ok(())
}
