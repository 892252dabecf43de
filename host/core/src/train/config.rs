//! How to train: the defaults are the paper's Table 7.

use std::borrow::Cow;
use std::path::PathBuf;

use scaledown_sdk::Device;
use scaledown_sdk::nn::{Schedule, Widths};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::pretraining::config::Pretraining;
use crate::data::config::Data;
use crate::model::config::{Compression, GeneratorConfig, Precision, Reranking};
use crate::plugins::Component;
use crate::text::config::Prompt;

/// Everything in a configuration that a training's curve may depend on.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the sections'")]
pub struct TrainingConfig<'a> {
    pub generator: Option<&'a GeneratorConfig>,
    pub compressor: Option<&'a Component>,
    pub compression: &'a Compression,
    pub reranking: &'a Reranking,
    pub prompt: &'a Prompt,
    pub data: &'a Data,
    pub training: &'a Training,
    pub pretraining: &'a Pretraining,
}

/// Optimisation, reproducibility and checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Records per optimizer step.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Records per forward and backward pass; gradients accumulate over `batch_size / micro_batch`
    /// passes. `"auto"` starts with the whole batch and halves it when the device runs out of
    /// memory; 8 at most on a device that shares the machine's memory.
    #[schemars(extend("adjustable" = true))]
    pub micro_batch: MicroBatch,
    /// Halves the micro-batch and repeats the step when the device runs out of memory. The result
    /// is the same within rounding, except for dropout.
    #[schemars(extend("operational" = true))]
    pub reduce_micro_batch: bool,
    /// The peak learning rate of the generator's LoRA adapters.
    #[schemars(range(min = 0.0))]
    #[schemars(extend("adjustable" = true))]
    pub lr_generator: f64,
    /// The compressor's peak learning rate. Default: its plugin's, as in the paper: 5e-5 for
    /// n-layers, 1e-4 for modernbert.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    #[schemars(extend("adjustable" = true))]
    pub lr_compressor: Option<f64>,
    /// The learning-rate schedule after warm-up.
    pub schedule: Schedule,
    /// The fraction of steps in which the learning rates rise from zero.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[schemars(extend("renamed-from" = "warmup"))]
    pub warmup_ratio: f64,
    /// AdamW's decoupled weight decay.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub weight_decay: f64,
    /// AdamW's decay of the first moment.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta1: f64,
    /// AdamW's decay of the second moment.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta2: f64,
    /// Passes over the training records.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Maximum optimizer steps. Default: decided by `epochs`. On resume, `epochs` and `max_steps`
    /// may change only with `schedule = "constant"` and `warmup_ratio = 0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_steps: Option<usize>,
    /// The maximum norm of the gradient; larger gradients are clipped.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    #[schemars(extend("adjustable" = true))]
    #[schemars(extend("renamed-from" = "clip"))]
    pub max_grad_norm: f64,
    /// The seed of data order, initialisation and dropout.
    #[schemars(range(min = 0))]
    pub seed: u64,
    /// Optimizer steps between checkpoints. Default: only at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("operational" = true))]
    pub checkpoint_every: Option<usize>,
    /// Optimizer steps between validations (loss and token accuracy), which also follow the last
    /// step. Default: no validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("operational" = true))]
    pub validate_every: Option<usize>,
    /// The model to initialise from: the `model` directory of an earlier run. A language model may
    /// have fewer layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "directory"))]
    #[schemars(extend("operational" = true))]
    #[schemars(extend("renamed-from" = "start_from"))]
    pub init_from: Option<PathBuf>,
    /// Recomputes activations in the backward pass: less memory, more time.
    #[schemars(extend("operational" = true))]
    pub gradient_checkpointing: bool,
    /// Padding of batches: `exact` (to the longest sequence), `multiple-of-8`, or `buckets` (few
    /// widths, for devices that compile a program per shape). Default: the device's choice. Results
    /// are the same within rounding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub widths: Option<Widths>,
    /// The element type of weights and activations in forward and backward passes.
    pub dtype: Precision,
}

/// The most records of a micro-batch that is chosen for a device without memory of its own, which
/// never reports that it runs out.
const SHARED_MEMORY: usize = 8;

/// How many records go through a model at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MicroBatch {
    /// So many.
    Records(usize),
    /// As many as fit.
    Auto(Auto),
}

/// The word `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// As many as fit.
    Auto,
}

impl JsonSchema for MicroBatch {
    fn schema_name() -> Cow<'static, str> {
        "MicroBatch".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": "^auto$",
            "x-expected": "a number of records, or \"auto\"",
        })
    }
}

impl Default for Training {
    fn default() -> Self {
        Training {
            batch_size: 128,
            micro_batch: MicroBatch::Auto(Auto::Auto),
            reduce_micro_batch: true,
            lr_generator: 1e-4,
            lr_compressor: None,
            schedule: Schedule::Linear,
            warmup_ratio: 0.05,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epochs: 1,
            max_steps: None,
            max_grad_norm: 1.0,
            seed: 42,
            checkpoint_every: None,
            validate_every: None,
            init_from: None,
            gradient_checkpointing: false,
            widths: None,
            dtype: Precision::Bf16,
        }
    }
}

impl Training {
    /// Halves the micro-batch, where that is allowed and possible, and returns what it is now.
    pub fn halve_micro_batch(&mut self, device: &Device) -> Option<usize> {
        let records = self.records_of_a_pass(device);
        if !self.reduce_micro_batch || records < 2 {
            return None;
        }
        // Micro-batches of a step need not be of one size, so an odd one is no trouble.
        self.micro_batch = MicroBatch::Records(records / 2);
        Some(records / 2)
    }

    /// The records of a micro-batch on `device`, at least one.
    #[must_use]
    pub fn records_of_a_pass(&self, device: &Device) -> usize {
        match self.micro_batch {
            MicroBatch::Records(records) => records.max(1),
            MicroBatch::Auto(_) if device.info().memory.is_some() => self.batch_size.max(1),
            MicroBatch::Auto(_) => self.batch_size.clamp(1, SHARED_MEMORY),
        }
    }

    /// How wide batches are padded on `device`.
    #[must_use]
    pub fn widths(&self, device: &Device) -> Widths {
        self.widths.unwrap_or_else(|| Widths::of_device(device))
    }
}
