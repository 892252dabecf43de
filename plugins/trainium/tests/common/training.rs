//! A training of a generator's adapter and a compressor, step by step as the host makes them:
//! several micro-batches, sums of gradients, clipping, one read a step. The records differ from
//! step to step.

use std::path::PathBuf;
use std::sync::Arc;

use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::autodiff::Gradients;
use scaledown_sdk::component::{
    Compressor, CompressorContext, Factory, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin, PairBatch,
    registrations,
};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{
    ForwardMode, LoraConfig, Optimizer, OptimizerConfig, ParamGroup, ParamOptions, Params, Span, WeightSource, Widths, clip_scale,
};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Device, Result, Tensor};
use serde_json::{Value, json};

const GENERATOR: &str = "llama2";
const MEMORY_TOKENS: usize = 2;
const DOCUMENTS: usize = 2;
const RECORDS: usize = 2;

/// A small model of the repository.
pub fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "parity", "fixtures", name].iter().collect()
}

pub fn options(device: &Device, dtype: DType, lora: Option<LoraConfig>) -> ParamOptions {
    ParamOptions { device: device.clone(), dtype, trainable: true, seed: 0, lora, quantization: None }
}

/// What a training is made with.
#[derive(Clone)]
pub struct Training {
    pub compressor: &'static str,
    pub keys: Value,
    pub relevance: bool,
    pub dtype: DType,
    pub dropout: f64,
    pub checkpointing: bool,
}

impl Training {
    pub fn n_layers(dtype: DType) -> Self {
        let keys = json!({"layers": 2});
        Training { compressor: "n-layers", keys, relevance: false, dtype, dropout: 0.1, checkpointing: false }
    }

    pub fn modernbert(dtype: DType) -> Self {
        let keys = json!({"model": fixture("modernbert"), "projection": 20});
        Training { compressor: "modernbert", keys, ..Training::n_layers(dtype) }
    }

    pub fn reranking(self) -> Self {
        Training { relevance: true, ..self }
    }
}

/// A model and its optimizer.
pub struct Tiny {
    training: Training,
    compressor: Box<dyn Compressor>,
    pub generator: MistralGenerator,
    optimizer: Optimizer,
    pub device: Device,
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepNumbers {
    pub loss: f64,
    pub norm: f64,
}

fn tokens(salt: u64, count: usize) -> Vec<u32> {
    (0..count as u64).map(|i| ((salt * 5 + i * 3) % 40 + 3) as u32).collect()
}

impl Tiny {
    pub fn new(training: &Training, device: &Device) -> Result<Self> {
        // Naming the crates links their registrations in.
        use {scaledown_modernbert as _, scaledown_n_layers as _};
        let weights = || -> Result<Arc<dyn WeightSource>> { Ok(Arc::new(DirectoryWeights::open(fixture(GENERATOR))?)) };
        let lora = LoraConfig { r: 2, dropout: training.dropout, ..LoraConfig::default() };
        let generator_params = Params::load(options(device, training.dtype, Some(lora)), weights()?);
        let context = GeneratorContext { params: generator_params.clone(), directory: fixture(GENERATOR) };
        let generator = MistralGenerator::build(MistralConfig::default(), context)?;
        let compressor_params = Params::random(options(device, training.dtype, None));
        let config = std::fs::read(fixture(GENERATOR).join("config.json")).expect("a file of the repository");
        let context = CompressorContext {
            params: compressor_params.clone(),
            generator: serde_json::from_slice(&config).expect("JSON"),
            generator_weights: Some(weights()?),
            generator_params: None,
            hidden_size: generator.hidden_size(),
            memory_tokens: MEMORY_TOKENS,
            relevance: training.relevance,
        };
        let factory = registrations().find(|entry| entry.name == training.compressor).map(|entry| entry.factory);
        let Some(Factory::Compressor(build)) = factory else { panic!("no compressor {}", training.compressor) };
        let compressor = build(training.keys.clone(), context)?;
        let group = |name: &str, params: &Params, lr| ParamGroup { name: name.into(), params: params.trainable(), lr };
        let groups = vec![group("generator", &generator_params, 1e-3), group("compressor", &compressor_params, 5e-4)];
        let optimizer = Optimizer::new(groups, OptimizerConfig::default())?;
        device.cut()?;
        Ok(Tiny { training: training.clone(), compressor, generator, optimizer, device: device.clone() })
    }

    fn pairs(&self, step: u64, micro: u64) -> PairBatch {
        let length = |salt: u64| 3 + ((step * 7 + micro * 3 + salt) % 5) as usize;
        let ids = (0..(RECORDS * DOCUMENTS) as u64).map(|i| tokens(i + step, length(i))).collect();
        PairBatch { ids, memory_tokens: MEMORY_TOKENS, relevance: self.training.relevance, widths: Widths::Buckets }
    }

    /// Rows of a question, the documents' vectors and an answer: the whole input, and how wide it
    /// is.
    fn input(&self, vectors: &Tensor, step: u64) -> Result<(GeneratorInput, usize)> {
        let hidden = self.generator.hidden_size();
        let ids = |salt: u64, count: usize| -> Result<Tensor> {
            let all: Vec<u32> = (0..RECORDS as u64).flat_map(|record| tokens(record + salt + step, count)).collect();
            self.generator.embed(&self.device.from_slice(&all, [RECORDS, count])?)
        };
        let vectors = vectors.reshape([RECORDS, DOCUMENTS * MEMORY_TOKENS, hidden])?;
        let parts = [ids(1, 3)?, vectors, ids(9, 9)?];
        let embeddings = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1)?;
        let width = embeddings.dims()[1];
        // The rows are padded unequally, by how long their answers are.
        let spans = (0..RECORDS).map(|record| Span::padded_right(width - record - (step % 2) as usize)).collect();
        Ok((GeneratorInput { embeddings, spans }, width))
    }

    fn loss(&self, step: u64, micro: u64, forward: &mut ForwardMode) -> Result<Tensor> {
        let compressed = self.compressor.compress(&self.pairs(step, micro), forward)?;
        let (input, width) = self.input(&compressed.vectors, step + micro)?;
        let hidden = self.generator.forward(&input, forward)?;
        let rows = hidden.reshape([RECORDS * width, hidden.shape().last()])?;
        let targets: Vec<i64> = (0..RECORDS * width)
            .map(|i| if i % width < 7 || i % width > width - 3 { -1 } else { ((i * 3 + step as usize) % 40) as i64 })
            .collect();
        let counted = targets.iter().filter(|&&target| target >= 0).count();
        let losses = self.generator.logits(&rows)?.cross_entropy(&self.device.from_slice(&targets, [RECORDS * width])?)?;
        let mut loss = losses.sum_all()?.affine(0.5 / counted as f64, 0.0)?;
        if let Some(relevance) = &compressed.relevance {
            let count = RECORDS * DOCUMENTS;
            let wanted: Vec<f32> = (0..count).map(|i| i as f32 / 3.0).collect();
            let error = relevance.sub(&self.device.from_slice(&wanted, [count])?)?.square()?.sum_all()?.affine(0.05, 0.0)?;
            loss = loss.add(&error)?;
        }
        Ok(loss)
    }

    /// Makes one step of two micro-batches.
    pub fn step(&mut self, step: u64) -> Result<StepNumbers> {
        let mut gradients = Gradients::default();
        let mut losses = Vec::new();
        for micro in 0..2 {
            let mut forward = ForwardMode::training(1000 + step * 10 + micro, self.training.checkpointing);
            let loss = self.loss(step, micro, &mut forward)?;
            losses.push(loss.detach());
            gradients.accumulate(loss.backward()?)?;
        }
        let norm = self.optimizer.gradient_norm(&gradients)?.expect("there are gradients");
        let scale = clip_scale(&norm, 1.0, &losses.iter().collect::<Vec<_>>())?;
        self.optimizer.step(gradients, 1.0 / (1.0 + step as f64), &scale)?;
        let read = self.device.read(&[&norm, &losses[0], &losses[1]])?;
        let number = |index: usize| read[index].to_f64()[0];
        self.device.cut()?;
        Ok(StepNumbers { loss: number(1) + number(2), norm: number(0) })
    }

    /// Decodes greedily, and shows `observe` each token's number before it is made.
    pub fn decode(&self, new_tokens: usize, mut observe: impl FnMut(usize)) -> Result<Vec<i64>> {
        no_grad(|| {
            let compressed = self.compressor.compress(&self.pairs(0, 0), &mut ForwardMode::inference())?;
            let (mut input, width) = self.input(&compressed.vectors, 0)?;
            input.spans = (0..RECORDS).map(|record| Span::padded_left(width - record, width)).collect();
            let (mut logits, mut state) = self.generator.prefill(&input, new_tokens)?;
            let mut all = Vec::new();
            for token in 0..new_tokens {
                let ids = logits.arg_max()?;
                all.extend(ids.to_vec::<i64>()?);
                observe(token);
                logits = self.generator.decode(&ids, &mut state)?;
            }
            Ok(all)
        })
    }
}
