//! How to train: the defaults are the paper's Table 7.

use std::borrow::Cow;
use std::path::PathBuf;

use scaledown_sdk::Device;
use scaledown_sdk::nn::{Schedule, Widths};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::pretraining::config::Pretraining;
use crate::data::config::Data;
use crate::model::config::{Compression, Generator, Precision, Reranking};
use crate::plugins::Component;
use crate::text::config::Prompt;

/// Everything in a configuration that a training's curve may depend on.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the sections'")]
pub struct TrainingConfig<'a> {
    pub generator: Option<&'a Generator>,
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
    /// Records per forward and backward pass; gradients accumulate over `batch_size / micro_batch` passes. `"auto"` takes as many as fit
    /// the memory of the device: the whole batch at first, and half as many each time that it runs out; 8 at most on a device that shares
    /// the memory of the machine.
    #[schemars(extend("adjustable" = true))]
    pub micro_batch: MicroBatch,
    /// Whether the micro-batch may be halved when the device runs out of memory. The step is then made again with smaller ones: the same
    /// step within rounding, but for the elements that dropout drops.
    #[schemars(extend("operational" = true))]
    pub reduce_micro_batch: bool,
    /// The peak learning rate of the generator (its LoRA adapters).
    #[schemars(range(min = 0.0))]
    #[schemars(extend("adjustable" = true))]
    pub lr_generator: f64,
    /// The peak learning rate of the compressor; if not set, its plugin's own: as in the paper, 5e-5 for n-layers and 1e-4 for modernbert.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    #[schemars(extend("adjustable" = true))]
    pub lr_compressor: Option<f64>,
    /// How the learning rates fall after the warm-up.
    pub schedule: Schedule,
    /// The share of all steps in which the learning rates rise from zero.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub warmup: f64,
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
    /// The most optimizer steps; if not set, `epochs` decides. A resumed training may be given other `epochs` and `max_steps` only with
    /// `schedule = "constant"` and `warmup = 0`, where no step depends on how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_steps: Option<usize>,
    /// The norm that the gradient of all parameters together is clipped to.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    #[schemars(extend("adjustable" = true))]
    pub clip: f64,
    /// The seed of data order, initialisation and dropout.
    #[schemars(range(min = 0))]
    pub seed: u64,
    /// Optimizer steps between checkpoints; if not set, only the end is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("operational" = true))]
    pub checkpoint_every: Option<usize>,
    /// Optimizer steps between measurements of loss and token accuracy on the validation records, which are made after the last step as
    /// well; if not set, none are made. They change nothing of the training.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("operational" = true))]
    pub validate_every: Option<usize>,
    /// The directory of a trained or pretrained compressor to start from (the `model` of an earlier run); for a language model that is
    /// pretrained, that of another one, which may have fewer layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "directory"))]
    #[schemars(extend("operational" = true))]
    pub start_from: Option<PathBuf>,
    /// Whether to recompute activations in the backward pass, which takes less memory and more time.
    #[schemars(extend("operational" = true))]
    pub gradient_checkpointing: bool,
    /// How wide batches are padded: `exact` to their longest sequence, `multiple-of-8`, or `buckets`, few widths for devices that compile a
    /// program for each. If not set, what suits the device. Results are the same within rounding
    /// (but for the elements that dropout drops, which follow from their places).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub widths: Option<Widths>,
    /// The element type of weights and activations in forward and backward passes.
    pub dtype: Precision,
}

/// The most records of a micro-batch that is chosen for a device without memory of its own, where nobody says that it runs out.
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
            micro_batch: MicroBatch::Records(SHARED_MEMORY),
            reduce_micro_batch: true,
            lr_generator: 1e-4,
            lr_compressor: None,
            schedule: Schedule::Linear,
            warmup: 0.05,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epochs: 1,
            max_steps: None,
            clip: 1.0,
            seed: 42,
            checkpoint_every: None,
            validate_every: None,
            start_from: None,
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
