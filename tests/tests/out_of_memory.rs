//! A training on a device whose memory does not hold a micro-batch: the step is repeated with
//! smaller ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scaledown_conformance::device::reference::Reference;
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_host::config::Config;
use scaledown_host::train::checkpoint::CheckpointStore;
use scaledown_host::train::config::Training;
use scaledown_host::train::{
    BatchLoss, Objective, Observer, StepReport, TrainingError, TrainingFingerprint, TrainingKind, TrainingSettings, train,
};
use scaledown_sdk::nn::{ForwardMode, Init, OptimizerConfig, Param, ParamGroup, ParamOptions, Params, Schedule};
use scaledown_sdk::tensor::{DeviceInfo, Storage, TensorData, TensorSpec, Value};
use scaledown_sdk::{DType, Device, DeviceBackend, Error, Op, Result};

const BATCH: usize = 8;
const WIDTH: usize = 3;

/// A device that limits the elements of a tensor.
struct Small(Arc<AtomicUsize>);

impl DeviceBackend for Small {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { name: "small".into(), ..Reference.info() }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        Reference.upload(spec, bytes)
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        Reference.read(values)
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        Reference.supports(op, inputs)
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        match outputs.iter().find(|spec| spec.shape.count() > self.0.load(Ordering::Relaxed)) {
            Some(spec) => Err(Error::OutOfMemory { device: "small".into(), bytes: spec.bytes() as u64 }),
            None => Reference.execute(op, inputs, outputs),
        }
    }
}

/// Linear regression.
struct Regression {
    params: Params,
    weight: Param,
    micro_batch: usize,
    may_shrink: bool,
    sizes: Vec<usize>,
}

impl Regression {
    fn new(device: &Device, may_shrink: bool) -> Self {
        let options =
            ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed: 5, lora: None, quantization: None };
        let params = Params::random(options);
        let weight = params.get("weight", [1, WIDTH], Init::Normal(1.0)).unwrap();
        Regression { params, weight, micro_batch: BATCH, may_shrink, sizes: Vec::new() }
    }
}

impl Objective for Regression {
    type Batch = std::ops::Range<usize>;

    fn groups(&self) -> Vec<ParamGroup> {
        vec![ParamGroup { name: "weight".into(), params: self.params.trainable(), lr: 1e-2 }]
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        vec![("regression", self.params.clone())]
    }

    fn batches(&mut self, _step: u64) -> std::result::Result<Vec<Self::Batch>, TrainingError> {
        self.sizes.push(self.micro_batch);
        Ok((0..BATCH).step_by(self.micro_batch).map(|start| start..(start + self.micro_batch).min(BATCH)).collect())
    }

    fn loss(&self, batch: &Self::Batch, _forward: &mut ForwardMode) -> std::result::Result<BatchLoss, TrainingError> {
        let (weight, rows) = (self.weight.tensor(), batch.len());
        let elements: Vec<f32> =
            batch.clone().flat_map(|row| (0..WIDTH).map(move |i| ((row * WIDTH + i) as f32).sin())).collect();
        // More elements than any of the weight's, so that it is the micro-batch that does not fit.
        let x = weight.device().from_slice(&elements, [rows, WIDTH])?;
        let error = x.linear(&weight, None)?.affine(1.0, -1.0)?;
        let loss = error.square()?.sum_all()?.affine(1.0 / BATCH as f64, 0.0)?;
        let correct = weight.device().zeros(DType::F32, [])?;
        Ok(BatchLoss { loss, parts: Vec::new(), tokens: rows, correct, counted: rows })
    }

    fn halve_micro_batch(&mut self) -> Option<usize> {
        (self.may_shrink && self.micro_batch > 1).then(|| {
            self.micro_batch /= 2;
            self.micro_batch
        })
    }
}

#[derive(Default)]
struct Notes {
    notes: Vec<String>,
    losses: Vec<f64>,
}

impl Observer for Notes {
    fn step(&mut self, report: &StepReport, _: &[(String, f64)]) -> std::result::Result<(), TrainingError> {
        self.losses.push(report.loss);
        Ok(())
    }

    fn note(&mut self, message: &str) {
        self.notes.push(message.to_owned());
    }

    fn interrupted(&self) -> bool {
        false
    }
}

fn run(most: usize, may_shrink: bool) -> (std::result::Result<(), TrainingError>, Notes, Vec<usize>) {
    let device = Device::new(Small(Arc::new(AtomicUsize::new(most))));
    let mut objective = Regression::new(&device, may_shrink);
    let settings = TrainingSettings {
        steps: 3,
        warmup: 1,
        schedule: Schedule::Linear,
        optimizer: OptimizerConfig::default(),
        clip: 1.0,
        seed: 5,
        checkpoint_every: None,
        validate_every: None,
        gradient_checkpointing: false,
    };
    let directory = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(
        directory.path(),
        1,
        TrainingFingerprint::new(&Config::default().for_training(), TrainingKind::Distillation),
    );
    let mut notes = Notes::default();
    let outcome = train(&mut objective, &settings, &store, None, &mut notes);
    (outcome.map(drop), notes, objective.sizes)
}

#[test]
fn a_step_that_does_not_fit_is_made_again_with_half_of_its_micro_batch() {
    let (outcome, fits, sizes) = run(usize::MAX, true);
    outcome.unwrap();
    assert_eq!((fits.notes.len(), sizes), (0, vec![8, 8, 8]));
    // Four rows fit; the weight has three elements.
    let (outcome, tight, sizes) = run(4, true);
    outcome.unwrap();
    assert_eq!(sizes, [8, 4, 4, 4], "the first step is made twice, those after it once");
    let [note] = tight.notes.as_slice() else { panic!("expected one note, found {:?}", tight.notes) };
    assert!(note.starts_with("small is out of memory") && note.ends_with("repeating step 1 with micro-batches of 4"), "{note}");
    for (a, b) in fits.losses.iter().zip(&tight.losses) {
        assert!((a - b).abs() < 1e-6 * a, "{a} and {b} are the loss of the same step");
    }
}

#[test]
fn a_step_that_may_not_shrink_or_never_fits_is_an_error() {
    for (most, may_shrink) in [(4, false), (0, true)] {
        let (outcome, ..) = run(most, may_shrink);
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("small is out of memory"), "{error}");
    }
}

#[test]
fn an_automatic_micro_batch_is_the_whole_batch_where_memory_can_run_out() {
    let training = |micro_batch: serde_json::Value| -> Training {
        serde_json::from_value(serde_json::json!({"batch_size": 32, "micro_batch": micro_batch})).unwrap()
    };
    let (card, shared) = (Emulator::device(Options::default()).unwrap(), Device::new(Reference));
    let mut automatic = training("auto".into());
    assert_eq!((automatic.records_of_a_pass(&card), automatic.records_of_a_pass(&shared)), (32, 8));
    assert_eq!((automatic.halve_micro_batch(&card), automatic.records_of_a_pass(&card)), (Some(16), 16));
    assert_eq!(training(4.into()).records_of_a_pass(&card), 4);
    assert_eq!(serde_json::to_value(training("auto".into())).unwrap()["micro_batch"], "auto");
    assert!(serde_json::from_value::<Training>(serde_json::json!({"micro_batch": "most"})).is_err());
}
