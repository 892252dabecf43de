//! Writing tokens, and answering from documents.

use std::time::Instant;

use scaledown_sdk::nn::decoder::{CausalLm, Decoder};
use scaledown_sdk::nn::{ForwardMode, Span};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{Device, Result, Tensor};

use crate::Setting;
use crate::models::{compressor, language_model, shapes};
use crate::table::Table;

/// Vectors that stand for a document.
const VECTORS: usize = 8;

fn tokens(device: &Device, rows: usize, width: usize, model: &CausalLm) -> Result<Tensor> {
    let ids: Vec<i64> = (0..(rows * width) as i64).map(|at| at * 7919 % model.config().vocabulary as i64).collect();
    device.from_slice(&ids, [rows, width])
}

/// Reads a prompt and writes `new` tokens, each the most probable: the seconds of both.
fn write(model: &CausalLm, prompt: &Tensor, new: usize) -> Result<(f64, f64)> {
    let device = model.decoder().device();
    let (rows, width) = (prompt.dims()[0], prompt.dims()[1]);
    let started = Instant::now();
    let (logits, mut cache) = model.prefill(prompt, &vec![Span { start: 0, len: width }; rows], new)?;
    let mut next = logits.arg_max()?.reshape([rows])?;
    next.to_data()?;
    let reading = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut last: Option<Tensor> = None;
    for _ in 1..new {
        next = model.decode(&next, &mut cache)?.arg_max()?.reshape([rows])?;
        // Whether a sequence has ended is looked at one token late, so that the card never waits.
        if let Some(before) = last.replace(next.clone()) {
            before.to_data()?;
        }
    }
    device.synchronize()?;
    Ok((reading, started.elapsed().as_secs_f64()))
}

/// Decoding at batch 1 and 32.
pub(crate) fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    let (width, new) = if *tiny { (6, 4) } else { (128, 128) };
    for (name, shape) in shapes(*tiny) {
        let (model, _params) = language_model(device, &shape, None)?;
        for rows in [1, 32] {
            no_grad(|| {
                let prompt = model.embed(&tokens(device, rows, width, &model)?)?;
                write(&model, &prompt, new.min(8))?;
                let (_, writing) = write(&model, &prompt, new)?;
                let rate = (rows * (new - 1)) as f64 / writing;
                table.row("decoding", &format!("{name}, batch {rows}, after {width} tokens"), rate, "tokens/s");
                Ok::<_, scaledown_sdk::Error>(())
            })?;
        }
    }
    Ok(())
}

/// Answers from ten documents, whole and compressed; compressing is part of it.
pub(crate) fn rag(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    let (documents, length, question, new) = if *tiny { (2, 10, 4, 3) } else { (10, 128, 32, 32) };
    for (name, shape) in shapes(*tiny) {
        let (model, _params) = language_model(device, &shape, None)?;
        let (compressor, _compressor_params) = compressor(device, &shape, if *tiny { 2 } else { 8 })?;
        for rows in if *tiny { vec![1] } else { vec![1, 32] } {
            let sizes = Sizes { rows, documents, length, question };
            let (whole, compressed) = no_grad(|| {
                let answer = |prompt: &dyn Fn() -> Result<Tensor>| {
                    let once = || -> Result<f64> {
                        device.synchronize()?;
                        let started = Instant::now();
                        write(&model, &prompt()?, new)?;
                        Ok(started.elapsed().as_secs_f64())
                    };
                    once()?;
                    let times = [once()?, once()?, once()?];
                    Ok::<_, scaledown_sdk::Error>(times.into_iter().fold(f64::INFINITY, f64::min))
                };
                let whole = answer(&|| model.embed(&tokens(device, rows, documents * length + question, &model)?))?;
                let compressed = answer(&|| sizes.compressed(&compressor, &model))?;
                Ok::<_, scaledown_sdk::Error>((whole, compressed))
            })?;
            let what = format!("{name}, batch {rows}, {documents} x {length}, {new} new");
            table.row("rag", &format!("{what}: whole documents"), whole, "s");
            table.row("rag", &format!("{what}: compressed, compressing included"), compressed, "s");
            table.row("rag", &format!("{what}: times faster"), whole / compressed, "x");
        }
    }
    Ok(())
}

/// The sizes of a batch of questions.
struct Sizes {
    rows: usize,
    documents: usize,
    length: usize,
    question: usize,
}

impl Sizes {
    /// A prompt in which vectors stand for the documents.
    fn compressed(&self, compressor: &Decoder, model: &CausalLm) -> Result<Tensor> {
        let device = compressor.device();
        let (pairs, width) = (self.rows * self.documents, self.length + VECTORS);
        let embeddings = compressor.embed(&tokens(device, pairs, width, model)?)?;
        let spans = vec![Span { start: 0, len: width }; pairs];
        let states = compressor.forward(&embeddings, &spans, &mut ForwardMode::inference())?;
        let hidden = model.config().hidden;
        let vectors = states.slice(1, self.length, VECTORS)?.reshape([self.rows, self.documents * VECTORS, hidden])?;
        let question = model.embed(&tokens(device, self.rows, self.question, model)?)?;
        Tensor::concat(&[&vectors, &question], 1)
    }
}
