//! The suite of generators.

mod adapters;
mod inputs;
mod refusals;
mod sequences;

use std::path::Path;
use std::sync::Arc;

use scaledown_sdk::component::{Generator, GeneratorContext};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{LoraConfig, ParamOptions, Params};
use scaledown_sdk::{DType, Device, Result};

use crate::report::ConformanceReport;

/// The subject of the checks.
pub struct GeneratorSubject<'a> {
    /// Its name in the report.
    pub name: String,
    /// Makes the generator.
    pub build: &'a dyn Fn(GeneratorContext) -> Result<Box<dyn Generator>>,
    /// The directory of a tiny model.
    pub model: &'a Path,
    /// The device to make it on.
    pub device: Device,
}

/// Runs the suite.
#[must_use]
pub fn check(subject: &GeneratorSubject<'_>) -> ConformanceReport {
    let mut report = ConformanceReport::new(subject.name.clone());
    report.run("embeddings are [.., hidden], hidden states [batch, seq, hidden], logits [.., vocabulary]", || {
        sequences::shapes(subject)
    });
    report.run("a row of a batch gives the logits that it gives alone", || sequences::alone(subject));
    report.run("padding on the left or on the right has no effect", || sequences::padding(subject));
    report.run("what padding holds has no effect", || sequences::padding_content(subject));
    report.run("later tokens have no effect on earlier ones", || sequences::causal(subject));
    report.run("reading a prompt and decoding give the logits of reading the whole", || sequences::decoding(subject));
    report.run("inference gives the same bits each time", || sequences::deterministic(subject));
    report.run("embeddings that are no token's are read as they are", || sequences::soft(subject));
    report.run("adapters that are switched off leave the model that was adapted", || adapters::off(subject));
    report.run("merged adapters give the logits of adapters", || adapters::merged(subject));
    report.run("the gradient reaches adapters and no other parameter", || adapters::gradients(subject));
    report.run("the gradient reaches the embeddings that are read", || adapters::inputs(subject));
    report.run("checkpointing changes no gradient", || adapters::checkpointing(subject));
    report.run("an id beyond the vocabulary is an error", || refusals::ids(subject));
    report.run("an input of the wrong shape is an error", || refusals::shapes(subject));
    report.run("a decoding that is full, or another generator's, is an error", || refusals::decoding(subject));
    report.run("a sequence that is longer than the context is an error", || refusals::context(subject));
    report
}

/// A generator with its parameters.
struct BuiltGenerator {
    generator: Box<dyn Generator>,
    params: Params,
}

impl GeneratorSubject<'_> {
    /// The generator of the model's weights, in f32.
    fn built(&self, lora: Option<LoraConfig>) -> Result<BuiltGenerator> {
        let options =
            ParamOptions { device: self.device.clone(), dtype: DType::F32, trainable: true, seed: 5, lora, quantization: None };
        let params = Params::load(options, Arc::new(DirectoryWeights::open(self.model)?));
        let context = GeneratorContext { params: params.clone(), directory: self.model.to_owned() };
        let generator = (self.build)(context)?;
        params.finish()?;
        Ok(BuiltGenerator { generator, params })
    }
}
