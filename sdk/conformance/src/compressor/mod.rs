//! The suite of compressors.
//!
//! Each compressor is made for a tiny generator of four layers, whose 48 tokens have embeddings of
//! 32 numbers; a compressor with a tokenizer of its own has to have at least 48 tokens too.

mod batches;
mod refusals;
mod training;

use std::path::Path;

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, PairBatch};
use scaledown_sdk::nn::{ForwardMode, Params, Widths};
use scaledown_sdk::{Device, Result, Tensor};

use crate::compare::values;
use crate::report::{Checked, ConformanceReport};
use crate::tiny;

/// The number of memory tokens that compressors are made with.
const MEMORY: usize = 4;

/// The subject of the checks.
pub struct CompressorSubject<'a> {
    /// Its name in the report.
    pub name: String,
    /// Makes the compressor.
    pub build: &'a dyn Fn(CompressorContext) -> Result<Box<dyn Compressor>>,
    /// The device to make it on.
    pub device: Device,
    /// A directory that files may be written in.
    pub scratch: &'a Path,
}

/// Runs the suite.
#[must_use]
pub fn check(subject: &CompressorSubject<'_>) -> ConformanceReport {
    let mut report = ConformanceReport::new(subject.name.clone());
    report.run("vectors have the shape [pairs, memory_tokens, hidden], for any number of memory tokens", || {
        batches::shapes(subject)
    });
    report.run("there is a relevance if and only if the batch asks for it", || batches::relevance(subject));
    report.run("a pair among others gives the vectors and the relevance that it gives alone", || batches::alone(subject));
    report.run("other pairs have no part in a pair, whatever they hold", || batches::neighbours(subject));
    report.run("the order of pairs is the order of vectors", || batches::order(subject));
    report.run("inference gives the same bits each time", || batches::deterministic(subject));
    report.run("vectors depend on the pair's tokens, and differ from memory token to memory token", || batches::reads(subject));
    report.run("every trainable parameter gets a finite gradient that is not zero", || training::gradients(subject));
    report.run("steps of training lower a loss", || training::learns(subject));
    report.run("checkpointing changes no gradient", || training::checkpointing(subject));
    report.run("a training pass with the same seed gives the same bits", || training::seeded(subject));
    report.run("saved and loaded parameters give the same vectors", || training::saved(subject));
    report.run("two compressors share nothing", || training::apart(subject));
    report.run("a batch that cannot be compressed is an error", || refusals::batches(subject));
    report.run("a pair that is longer than the context is an error", || refusals::context(subject));
    report.run("a compressor without memory tokens is an error", || refusals::without_memory(subject));
    report
}

/// A compressor with its parameters.
struct BuiltCompressor {
    compressor: Box<dyn Compressor>,
    params: Params,
}

impl CompressorSubject<'_> {
    fn built(&self, relevance: bool) -> Result<BuiltCompressor> {
        self.built_with(relevance, MEMORY, 3)
    }

    fn built_with(&self, relevance: bool, memory_tokens: usize, seed: u64) -> Result<BuiltCompressor> {
        let params = Params::random(tiny::options(&self.device, seed));
        let context = CompressorContext {
            params: params.clone(),
            generator: tiny::config(),
            generator_weights: Some(tiny::weights(&self.device)?),
            generator_params: Some(tiny::generator(&self.device)?),
            hidden_size: tiny::HIDDEN,
            memory_tokens,
            relevance,
        };
        let compressor = (self.build)(context)?;
        params.finish()?;
        Ok(BuiltCompressor { compressor, params })
    }
}

/// The numbers of the vectors, and of the relevance.
type Numbers = (Vec<f64>, Vec<f64>);

impl BuiltCompressor {
    fn compress(&self, batch: &PairBatch) -> Result<Compressed> {
        self.compressor.compress(batch, &mut ForwardMode::inference())
    }

    fn numbers(&self, batch: &PairBatch) -> Result<Numbers> {
        numbers(&self.compress(batch)?)
    }
}

fn numbers(compressed: &Compressed) -> Result<Numbers> {
    let relevance = compressed.relevance.as_ref().map(values).transpose()?;
    Ok((values(&compressed.vectors)?, relevance.unwrap_or_default()))
}

/// Pairs of several lengths.
fn batch(memory_tokens: usize, relevance: bool) -> PairBatch {
    let ids = [13, 3, 6, 1, 9].iter().zip(1..).map(|(&count, seed)| tiny::tokens(seed, count, tiny::VOCABULARY));
    PairBatch { ids: ids.collect(), memory_tokens, relevance, widths: Widths::default() }
}

/// One pair of a batch alone.
fn only(batch: &PairBatch, pair: usize) -> PairBatch {
    PairBatch { ids: batch.ids.get(pair).cloned().into_iter().collect(), ..batch.clone() }
}

/// The numbers of one of `pairs` rows.
fn row(numbers: &[f64], pairs: usize, pair: usize) -> &[f64] {
    let size = numbers.len() / pairs.max(1);
    numbers.get(pair * size..(pair + 1) * size).unwrap_or_default()
}

/// The mean of the squared distances to fixed numbers.
fn loss(compressed: &Compressed) -> Checked<Tensor> {
    let distance = |x: &Tensor| {
        let target = x.device().uniform(x.shape(), 77)?;
        x.sub(&target)?.square()?.mean_all()
    };
    let vectors = distance(&compressed.vectors)?;
    Ok(match &compressed.relevance {
        Some(relevance) => vectors.add(&distance(relevance)?)?,
        None => vectors,
    })
}
