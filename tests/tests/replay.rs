//! Training and decoding on a device that runs nothing before a read: the number of reads, and that
//! every step is the same program.

use scaledown_host::config::Config;
use scaledown_host::model::sequence::{Sequence, SequenceBatch, token_loss};
use scaledown_host::train::checkpoint::CheckpointStore;
use scaledown_host::train::{
    BatchLoss, Objective, Observer, StepReport, TrainingError, TrainingFingerprint, TrainingKind, TrainingSettings, train,
};
use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::component::{
    Compressor, CompressorContext, Factory, Generator, GeneratorContext, GeneratorPlugin, PairBatch, registrations,
};
use scaledown_sdk::nn::{
    ForwardMode, GenerateOptions, LoraConfig, OptimizerConfig, ParamGroup, Params, Sampling, Schedule, Widths, generate,
};
use scaledown_sdk::tensor::{Device, no_grad};
use scaledown_sdk::{DType, Result, Tensor};
use scaledown_tests::lazy::{Lazy, Log};
use scaledown_tests::parity::{directory, options, weights};
use serde_json::{Value, json};

const GENERATOR: &str = "llama2";
const MEMORY_TOKENS: usize = 2;
const DOCUMENTS: usize = 2;
const MICRO_BATCHES: usize = 2;
const STEPS: u64 = 4;

/// A compressor and a generator with an adapter, on records that differ from step to step.
struct Tiny {
    compressor: Box<dyn Compressor>,
    compressor_params: Params,
    generator: MistralGenerator,
    generator_params: Params,
    relevance: bool,
    widths: Widths,
}

struct Batch {
    pairs: PairBatch,
    sequences: SequenceBatch,
    scores: Vec<f32>,
    total: f64,
}

impl Tiny {
    fn new(plugin: &str, keys: Value, relevance: bool, widths: Widths, dropout: f64, device: &Device) -> Result<Self> {
        let lora = LoraConfig { r: 2, dropout, ..LoraConfig::default() };
        let generator_params = Params::load(options(device, DType::F32, Some(lora)), weights(GENERATOR)?);
        let context = GeneratorContext { params: generator_params.clone(), directory: directory(GENERATOR) };
        let generator = MistralGenerator::build(MistralConfig::default(), context)?;
        let compressor_params = Params::random(options(device, DType::F32, None));
        let config = std::fs::read(directory(GENERATOR).join("config.json")).expect("a file of the repository");
        let context = CompressorContext {
            params: compressor_params.clone(),
            generator: serde_json::from_slice(&config).expect("JSON"),
            generator_weights: Some(weights(GENERATOR)?),
            generator_params: None,
            hidden_size: generator.hidden_size(),
            memory_tokens: MEMORY_TOKENS,
            relevance,
        };
        let factory = registrations().find(|entry| entry.name == plugin).map(|entry| entry.factory);
        let Some(Factory::Compressor(build)) = factory else { panic!("no compressor {plugin}") };
        Ok(Tiny { compressor: build(keys, context)?, compressor_params, generator, generator_params, relevance, widths })
    }

    /// Micro-batch `micro` of step `step`: another number of tokens and of targets each time.
    fn batch(&self, step: u64, micro: u64) -> Batch {
        let length = |salt: u64| 3 + ((step * 7 + micro * 3 + salt) % 5) as usize;
        let tokens =
            |salt: u64, count: usize| -> Vec<u32> { (0..count as u64).map(|i| ((salt * 5 + i * 3) % 40 + 3) as u32).collect() };
        let mut pairs =
            PairBatch { ids: Vec::new(), memory_tokens: MEMORY_TOKENS, relevance: self.relevance, widths: self.widths };
        let mut sequences = Vec::new();
        for record in 0..2 {
            let mut sequence = Sequence::default();
            sequence.extend(&tokens(record, 2), 0.0);
            for document in 0..DOCUMENTS as u64 {
                sequence.extend_vectors(pairs.ids.len(), MEMORY_TOKENS);
                pairs.ids.push(tokens(record + document + step, length(record + document)));
            }
            sequence.extend(&tokens(record + 9, length(record)), 1.0);
            sequences.push(sequence);
        }
        let total = sequences.iter().map(|sequence| sequence.targets.len()).sum::<usize>() as f64 * MICRO_BATCHES as f64;
        let scores = (0..pairs.ids.len()).map(|i| i as f32 / 3.0).collect();
        Batch { pairs, sequences: SequenceBatch { sequences, widths: self.widths }, scores, total }
    }
}

impl Objective for Tiny {
    type Batch = Batch;

    fn groups(&self) -> Vec<ParamGroup> {
        let group = |name: &str, params: &Params, lr| ParamGroup { name: name.into(), params: params.trainable(), lr };
        vec![group("generator", &self.generator_params, 1e-3), group("compressor", &self.compressor_params, 5e-4)]
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        vec![("compressor", self.compressor_params.clone()), ("generator", self.generator_params.clone())]
    }

    fn batches(&mut self, step: u64) -> std::result::Result<Vec<Batch>, TrainingError> {
        Ok((0..MICRO_BATCHES as u64).map(|micro| self.batch(step, micro)).collect())
    }

    fn loss(&self, batch: &Batch, forward: &mut ForwardMode) -> std::result::Result<BatchLoss, TrainingError> {
        let compressed = self.compressor.compress(&batch.pairs, forward)?;
        let answers = token_loss(&self.generator, &batch.sequences, Some(&compressed.vectors), batch.total, forward)?;
        let (mut loss, mut parts) = (answers.loss, Vec::new());
        if let Some(relevance) = &compressed.relevance {
            let wanted = relevance.device().from_slice(&batch.scores, [batch.scores.len()])?;
            let error = relevance.sub(&wanted)?.square()?.sum_all()?.affine(0.05, 0.0)?;
            parts = vec![("answer_loss", loss.detach()), ("relevance_loss", error.detach())];
            loss = loss.add(&error)?;
        }
        Ok(BatchLoss { loss, parts, tokens: 1, correct: answers.correct, counted: answers.counted })
    }
}

/// Takes the device's log after each step.
struct Steps {
    lazy: Lazy,
    logs: Vec<Log>,
    losses: Vec<f64>,
}

impl Observer for Steps {
    fn step(&mut self, report: &StepReport, _: &[(String, f64)]) -> std::result::Result<(), TrainingError> {
        self.logs.push(self.lazy.take_log());
        self.losses.push(report.loss);
        Ok(())
    }

    fn note(&mut self, _: &str) {}

    fn interrupted(&self) -> bool {
        false
    }
}

fn settings(gradient_checkpointing: bool) -> TrainingSettings {
    TrainingSettings {
        steps: STEPS,
        warmup: 1,
        schedule: Schedule::Linear,
        optimizer: OptimizerConfig::default(),
        clip: 1.0,
        seed: 5,
        checkpoint_every: None,
        validate_every: None,
        gradient_checkpointing,
    }
}

fn trained(plugin: &str, keys: &Value, relevance: bool, widths: Widths, checkpointing: bool, dropout: f64) -> Steps {
    let lazy = Lazy::default();
    let device = Device::new(lazy.clone());
    let mut objective = Tiny::new(plugin, keys.clone(), relevance, widths, dropout, &device).expect("a model");
    let directory = tempfile::tempdir().expect("a directory");
    let store = CheckpointStore::new(
        directory.path(),
        1,
        TrainingFingerprint::new(&Config::default().for_training(), TrainingKind::Distillation),
    );
    drop(lazy.take_log());
    let mut steps = Steps { lazy, logs: Vec::new(), losses: Vec::new() };
    train(&mut objective, &settings(checkpointing), &store, None, &mut steps).expect("a training");
    steps
}

fn cases() -> [(&'static str, Value, bool); 4] {
    let encoder = directory("modernbert");
    [
        ("n-layers", json!({"layers": 2}), false),
        ("n-layers", json!({"layers": 2}), true),
        ("modernbert", json!({"model": encoder, "projection": 20}), false),
        ("modernbert", json!({"model": encoder, "projection": 20}), true),
    ]
}

#[test]
fn a_step_reads_once_and_is_the_same_program_as_the_next() {
    for (plugin, keys, relevance) in cases() {
        for checkpointing in [false, true] {
            let what = format!("{plugin}, reranking {relevance}, checkpointing {checkpointing}");
            let steps = trained(plugin, &keys, relevance, Widths::Buckets, checkpointing, 0.1);
            assert_eq!(steps.logs.len() as u64, STEPS, "{what}");
            for log in &steps.logs {
                assert_eq!(log.reads, 1, "{what}: reads of a step of {MICRO_BATCHES} micro-batches");
            }
            let [.., before, last] = &steps.logs[..] else { panic!("there are several steps") };
            assert!(!last.program.is_empty());
            let differing = before.program.iter().zip(&last.program).position(|(a, b)| a != b);
            if let Some(at) = differing {
                panic!("{what}: instruction {at} was {:?} and is {:?}", before.program[at], last.program[at]);
            }
            assert_eq!(before.program.len(), last.program.len(), "{what}");
        }
    }
}

#[test]
fn every_policy_of_widths_gives_the_same_losses() {
    for (plugin, keys, relevance) in cases() {
        let exact = trained(plugin, &keys, relevance, Widths::Exact, false, 0.2).losses;
        for widths in [Widths::MultipleOf8, Widths::Buckets] {
            let other = trained(plugin, &keys, relevance, widths, false, 0.2).losses;
            for (exact, other) in exact.iter().zip(&other) {
                assert!((exact - other).abs() < 1e-4 * (1.0 + exact.abs()), "{plugin} with {widths:?}: {other}, exact {exact}");
            }
        }
    }
}

#[test]
fn a_token_reads_its_ids_alone_and_is_the_same_program_as_the_next() {
    let lazy = Lazy::default();
    let device = Device::new(lazy.clone());
    let tiny = Tiny::new("n-layers", json!({"layers": 2}), false, Widths::Buckets, 0.1, &device).expect("a model");
    let batch = tiny.batch(0, 0);
    no_grad(|| {
        let vectors = tiny.compressor.compress(&batch.pairs, &mut ForwardMode::inference()).expect("vectors").vectors;
        let input = batch
            .sequences
            .embed(&tiny.generator, Some(&vectors), scaledown_host::model::sequence::PadSide::Left)
            .expect("an input");
        let (logits, mut state) = tiny.generator.prefill(&input, 4).expect("a prefill");
        let mut ids = Sampling::Greedy.choose(&logits, 0).expect("ids");
        ids.to_data().expect("data");
        drop(lazy.take_log());
        let mut logs = Vec::new();
        for step in 1..4 {
            let logits = tiny.generator.decode(&ids, &mut state).expect("logits");
            ids = Sampling::Greedy.choose(&logits, step).expect("ids");
            assert_eq!(ids.to_vec::<i64>().expect("ids").len(), 2);
            logs.push(lazy.take_log());
        }
        for log in &logs {
            assert_eq!((log.reads, log.uploads), (1, 0));
            assert_eq!(log.program, logs[0].program);
        }
        // The whole of it, as a caller has it: one read a token.
        let options = GenerateOptions { max_new_tokens: 4, end_ids: vec![], sampling: Sampling::Greedy };
        generate(&tiny.generator, &input, options).expect("tokens");
        assert_eq!(lazy.take_log().reads, 4);
    });
}

#[test]
fn a_lazy_device_computes_what_the_reference_does() {
    let device = Device::new(Lazy::default());
    let x = device.from_slice(&[1.0_f32, f32::NAN, 3.0], [3]).expect("a tensor");
    let y: Vec<f32> = x.maximum(&device.full(DType::F32, [], 2.0).expect("a number")).and_then(|y| y.to_vec()).expect("data");
    assert!(y[0] == 2.0 && y[1].is_nan() && y[2] == 3.0);
    let dropped: Tensor = x.affine(2.0, 0.0).expect("a tensor");
    std::thread::spawn(move || drop(dropped)).join().expect("a thread");
}
