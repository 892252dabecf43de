//! Pretraining of a causal language model: the base model of everything else.

use scaledown_sdk::nn::{ForwardMode, ParamGroup, Params};
use serde_json::Value;

use super::config::Pretraining;
use super::examples::TargetWeights;
use super::source::StageRecords;
use super::staged::Staged;
use crate::model::LanguageModel;
use crate::model::sequence::{SequenceBatch, token_loss};
use crate::train::config::Training;
use crate::train::{BatchLoss, Objective, StepReport, TrainingError, Verdict};

/// A micro-batch, with the total weight of the targets of its step.
pub struct CausalBatch {
    sequences: SequenceBatch,
    total: f64,
}

/// The objective: cross-entropy of the next token, on documents and on answers, along a curriculum.
pub struct CausalPretraining {
    model: LanguageModel,
    training: Training,
    weights: TargetWeights,
    document_tokens: usize,
    staged: Staged,
}

impl CausalPretraining {
    /// An objective for `model` along a curriculum.
    #[must_use]
    pub fn new(
        model: LanguageModel,
        training: &Training,
        pretraining: &Pretraining,
        document_tokens: usize,
        staged: Staged,
    ) -> Self {
        let weights =
            TargetWeights { document: pretraining.document_weight as f32, question: pretraining.question_weight as f32 };
        CausalPretraining { model, training: training.clone(), weights, document_tokens, staged }
    }

    /// The model, once trained.
    #[must_use]
    pub fn into_model(self) -> LanguageModel {
        self.model
    }

    /// Some records of a source in micro-batches.
    fn micro_batches(&self, source: &StageRecords, indices: Vec<usize>) -> Result<Vec<CausalBatch>, TrainingError> {
        let mut sequences = indices
            .into_iter()
            .map(|index| source.sequence(index, &self.model, self.document_tokens, self.weights))
            .collect::<Result<Vec<_>, _>>()?;
        // Neighbours in length share a micro-batch, so that little is padded.
        sequences.sort_by_key(|sequence| sequence.rows.len());
        let weight = |batch: &[crate::model::sequence::Sequence]| -> f64 {
            batch.iter().flat_map(|sequence| &sequence.targets).map(|target| f64::from(target.2)).sum()
        };
        let total = weight(&sequences);
        let micro = self.training.records_of_a_pass(&self.model.device);
        Ok(sequences
            .chunks(micro)
            .map(|chunk| CausalBatch {
                sequences: SequenceBatch { sequences: chunk.to_vec(), widths: self.training.widths(&self.model.device) },
                total,
            })
            .collect())
    }
}

impl Objective for CausalPretraining {
    type Batch = CausalBatch;

    fn groups(&self) -> Vec<ParamGroup> {
        let lr = self.training.lr_generator;
        vec![ParamGroup { name: "generator".into(), params: self.model.params.trainable(), lr }]
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        vec![("generator", self.model.params.clone())]
    }

    fn batches(&mut self, step: u64) -> Result<Vec<CausalBatch>, TrainingError> {
        let size = self.training.batch_size;
        let indices = self.staged.take(step, size);
        self.micro_batches(self.staged.source(), indices)
    }

    fn halve_micro_batch(&mut self) -> Option<usize> {
        self.training.halve_micro_batch(&self.model.device)
    }

    fn validation(&self) -> Result<Vec<CausalBatch>, TrainingError> {
        let source = self.staged.validation();
        source.map_or_else(|| Ok(Vec::new()), |source| self.micro_batches(source, (0..source.len()).collect()))
    }

    fn loss(&self, batch: &CausalBatch, forward: &mut ForwardMode) -> Result<BatchLoss, TrainingError> {
        let loss = token_loss(&*self.model.generator, &batch.sequences, None, batch.total, forward)?;
        Ok(BatchLoss {
            loss: loss.loss,
            parts: Vec::new(),
            tokens: batch.sequences.positions(),
            correct: loss.correct,
            counted: loss.counted,
        })
    }

    fn finish_step(&mut self, report: &StepReport) -> Verdict {
        self.staged.observe(report)
    }

    fn finished(&self) -> bool {
        self.staged.finished()
    }

    fn state(&self) -> Value {
        self.staged.state()
    }

    fn restore(&mut self, state: &Value) -> Result<(), TrainingError> {
        self.staged.restore(state)
    }
}
