//! The distillation loss: the teacher's answers through the compressed documents, and the
//! reranker's scores.

use scaledown_sdk::Tensor;
use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::{ForwardMode, ParamGroup, Params};

use super::example::DistillationExample;
use crate::model::Oscar;
use crate::model::config::Reranking;
use crate::model::sequence::{SequenceBatch, token_loss};
use crate::train::config::Training;
use crate::train::{BatchLoss, EpochSampler, Objective, TrainingError};

/// A micro-batch: all documents of all its records in one compressor batch, and one sequence a
/// record.
pub struct DistillationBatch {
    pairs: PairBatch,
    sequences: SequenceBatch,
    /// The teacher's score of each pair.
    scores: Vec<f32>,
    /// The answer tokens of the whole step.
    targets: f64,
    /// The records of the whole step.
    records: f64,
}

/// Trains a compressor and a generator's adapter together (OSCAR, section 3):
/// `L = -mean log p(answer token) + lambda * mean over records of sum over documents (r - r')^2`.
pub struct Distillation {
    oscar: Oscar,
    training: Training,
    reranking: Reranking,
    examples: Vec<DistillationExample>,
    validation: Vec<DistillationExample>,
    order: EpochSampler,
}

impl Distillation {
    /// An objective over `examples`.
    ///
    /// # Errors
    /// [`TrainingError::Empty`] if there are none.
    pub fn new(
        oscar: Oscar,
        training: &Training,
        reranking: &Reranking,
        examples: Vec<DistillationExample>,
    ) -> Result<Self, TrainingError> {
        if examples.is_empty() {
            return Err(TrainingError::Empty("no training records: the training file is empty".into()));
        }
        let order = EpochSampler::new(training.seed, examples.len());
        Ok(Distillation {
            oscar,
            training: training.clone(),
            reranking: reranking.clone(),
            examples,
            validation: Vec::new(),
            order,
        })
    }

    /// The objective, with examples to measure the model on.
    #[must_use]
    pub fn with_validation(self, validation: Vec<DistillationExample>) -> Self {
        Distillation { validation, ..self }
    }

    /// The number of steps of `epochs` passes over `records` records, or the configuration's
    /// `max_steps` if that is less.
    #[must_use]
    pub fn steps(training: &Training, records: usize) -> u64 {
        let all = (records * training.epochs).div_ceil(training.batch_size.max(1));
        training.max_steps.map_or(all, |most| most.min(all.max(1))) as u64
    }

    /// The model.
    #[must_use]
    pub fn oscar(&self) -> &Oscar {
        &self.oscar
    }

    /// The model, once trained.
    #[must_use]
    pub fn into_oscar(self) -> Oscar {
        self.oscar
    }

    fn batch(&self, examples: &[&DistillationExample], targets: f64, records: f64) -> DistillationBatch {
        let memory_tokens = self.oscar.lengths.memory_tokens;
        let mut pairs = PairBatch {
            ids: Vec::new(),
            memory_tokens,
            relevance: self.oscar.relevance,
            widths: self.training.widths(&self.oscar.model.device),
        };
        let (mut sequences, mut scores) = (Vec::new(), Vec::new());
        for example in examples {
            sequences.push(example.sequence(pairs.ids.len()));
            pairs.ids.extend(example.prompted.pairs.iter().cloned());
            scores.extend_from_slice(&example.scores);
        }
        DistillationBatch {
            pairs,
            sequences: SequenceBatch { sequences, widths: self.training.widths(&self.oscar.model.device) },
            scores,
            targets,
            records,
        }
    }

    /// Cuts the examples of a step into micro-batches.
    fn micro_batches(&self, mut examples: Vec<&DistillationExample>) -> Vec<DistillationBatch> {
        examples.sort_by_key(|example| example.longest_pair());
        let targets: usize = examples.iter().map(|example| example.answer.len()).sum();
        let records = examples.len() as f64;
        let chunks = examples.chunks(self.training.records_of_a_pass(&self.oscar.model.device));
        chunks.map(|chunk| self.batch(chunk, targets as f64, records)).collect()
    }

    /// The weighted squared error of the relevance scores.
    fn relevance_loss(&self, batch: &DistillationBatch, relevance: &Tensor) -> Result<Tensor, TrainingError> {
        let wanted = relevance.device().from_slice(&batch.scores, [batch.scores.len()])?;
        let error = relevance.cast(wanted.dtype())?.sub(&wanted)?.square()?;
        // The number of records differs from step to step, so the factor is uploaded and no
        // attribute.
        let factor = relevance.device().from_slice(&[(self.reranking.weight / batch.records) as f32], [])?;
        Ok(error.sum_all()?.mul(&factor)?)
    }
}

impl Objective for Distillation {
    type Batch = DistillationBatch;

    fn groups(&self) -> Vec<ParamGroup> {
        self.oscar.param_groups(self.training.lr_generator, self.training.lr_compressor)
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        self.oscar.stored()
    }

    fn batches(&mut self, step: u64) -> Result<Vec<DistillationBatch>, TrainingError> {
        let size = self.training.batch_size;
        let examples = self.order.take(step * size as u64, size).into_iter().map(|index| &self.examples[index]);
        Ok(self.micro_batches(examples.collect()))
    }

    fn halve_micro_batch(&mut self) -> Option<usize> {
        self.training.halve_micro_batch(&self.oscar.model.device)
    }

    fn validation(&self) -> Result<Vec<DistillationBatch>, TrainingError> {
        Ok(self.micro_batches(self.validation.iter().collect()))
    }

    fn loss(&self, batch: &DistillationBatch, forward: &mut ForwardMode) -> Result<BatchLoss, TrainingError> {
        let compressed = self.oscar.compress(&batch.pairs, forward)?;
        let answers =
            token_loss(&*self.oscar.model.generator, &batch.sequences, Some(&compressed.vectors), batch.targets, forward)?;
        let read: usize = batch.pairs.ids.iter().map(Vec::len).sum();
        let mut loss = answers.loss;
        let mut parts = Vec::new();
        if let Some(relevance) = &compressed.relevance {
            let error = self.relevance_loss(batch, relevance)?;
            parts = vec![("answer_loss", loss.detach()), ("relevance_loss", error.detach())];
            loss = loss.add(&error)?;
        }
        Ok(BatchLoss {
            loss,
            parts,
            tokens: read + batch.sequences.positions(),
            correct: answers.correct,
            counted: answers.counted,
        })
    }
}
