//! The numbers of one training, resolved from its configuration.

use scaledown_sdk::nn::{OptimizerConfig, Schedule};

use super::config::Training;

/// How to train, with the number of steps known.
#[derive(Clone, Debug)]
pub struct TrainingSettings {
    /// Optimizer steps in all.
    pub steps: u64,
    /// Of which warm-up.
    pub warmup: u64,
    /// How the learning rates go.
    pub schedule: Schedule,
    /// AdamW.
    pub optimizer: OptimizerConfig,
    /// The norm that gradients are clipped to.
    pub clip: f64,
    /// The seed of dropout; data order has its own use of it.
    pub seed: u64,
    /// Steps between checkpoints; only the end is saved if not set.
    pub checkpoint_every: Option<u64>,
    /// Steps between measurements on the validation records, of which the last step has one as
    /// well; none are made if not set.
    pub validate_every: Option<u64>,
    /// Whether layers recompute their intermediate tensors instead of storing them.
    pub gradient_checkpointing: bool,
}

impl TrainingSettings {
    /// The settings for `steps` steps.
    #[must_use]
    pub fn new(training: &Training, steps: u64) -> Self {
        TrainingSettings {
            steps,
            warmup: (training.warmup_ratio * steps as f64).ceil() as u64,
            schedule: training.schedule,
            optimizer: OptimizerConfig {
                beta1: training.beta1,
                beta2: training.beta2,
                eps: 1e-8,
                weight_decay: training.weight_decay,
            },
            clip: training.max_grad_norm,
            seed: training.seed,
            checkpoint_every: training.checkpoint_every.map(|steps| steps as u64),
            validate_every: training.validate_every.map(|steps| steps as u64),
            gradient_checkpointing: training.gradient_checkpointing,
        }
    }

    /// The seed of the dropout of micro-batch `micro` of step `step`.
    #[must_use]
    pub fn dropout_seed(&self, step: u64, micro: usize) -> u64 {
        let mix = |seed: u64, value: u64| {
            let mixed = (seed ^ value).wrapping_mul(0xD6E8_FEB8_6659_FD93);
            mixed ^ (mixed >> 32)
        };
        mix(mix(self.seed, step + 1), micro as u64 + 1)
    }
}
