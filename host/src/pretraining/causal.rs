//! Pretraining of a causal language model: the base model of everything else.

use scaledown_sdk::nn::{Forward, ParamGroup, Params};
use serde_json::{Value, json};

use super::curriculum::{Advance, Curriculum};
use super::examples::Weights;
use super::source::Source;
use crate::config::{Pretraining, Stage, Training};
use crate::model::LanguageModel;
use crate::sequence::{SequenceBatch, token_loss};
use crate::training::{BatchLoss, Objective, Order, StepReport, TrainingError, Verdict};

/// A micro-batch, with the total weight of the targets of its step.
pub struct Batch {
    sequences: SequenceBatch,
    total: f64,
}

/// The objective: cross-entropy of the next token, on documents and on answers, along a curriculum.
pub struct CausalLm {
    model: LanguageModel,
    training: Training,
    weights: Weights,
    document_tokens: usize,
    stages: Vec<Stage>,
    sources: Vec<Source>,
    curriculum: Curriculum,
    order: Order,
}

impl CausalLm {
    /// An objective for `model` over the stages' sources.
    ///
    /// # Errors
    /// [`TrainingError::Empty`] if a source has no records.
    pub fn new(
        model: LanguageModel,
        training: &Training,
        pretraining: &Pretraining,
        document_tokens: usize,
        stages: Vec<(Stage, Source)>,
    ) -> Result<Self, TrainingError> {
        let (stages, sources): (Vec<Stage>, Vec<Source>) = stages.into_iter().unzip();
        if sources.is_empty() || sources.iter().any(Source::is_empty) {
            return Err(TrainingError::Empty("there is nothing to pretrain on: a stage has no records".into()));
        }
        let order = Order::new(training.seed, sources[0].len());
        Ok(CausalLm {
            model,
            training: training.clone(),
            weights: Weights { document: pretraining.document_weight as f32, question: pretraining.question_weight as f32 },
            document_tokens,
            stages,
            sources,
            curriculum: Curriculum::default(),
            order,
        })
    }

    /// The most steps that the curriculum can take.
    #[must_use]
    pub fn most_steps(stages: &[Stage]) -> u64 {
        stages.iter().map(|stage| stage.max_steps as u64).sum()
    }

    /// The model, once trained.
    #[must_use]
    pub fn into_model(self) -> LanguageModel {
        self.model
    }

    fn enter_stage(&mut self) {
        let stage = self.curriculum.stage().min(self.sources.len() - 1);
        let seed = self.training.seed.wrapping_add(stage as u64);
        self.order = Order::new(seed, self.sources[stage].len());
    }
}

impl Objective for CausalLm {
    type Batch = Batch;

    fn groups(&self) -> Vec<ParamGroup> {
        let lr = self.training.lr_generator;
        vec![ParamGroup { name: "generator".into(), params: self.model.params.trainable(), lr }]
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        vec![("generator", self.model.params.clone())]
    }

    fn batches(&mut self, step: u64) -> Result<Vec<Batch>, TrainingError> {
        let size = self.training.batch_size;
        let source = &self.sources[self.curriculum.stage().min(self.sources.len() - 1)];
        let indices = self.order.take(self.curriculum.steps_in_stage(step) * size as u64, size);
        let mut sequences = indices
            .into_iter()
            .map(|index| source.sequence(index, &self.model, self.document_tokens, self.weights))
            .collect::<Result<Vec<_>, _>>()?;
        // Neighbours in length share a micro-batch, so that little is padded.
        sequences.sort_by_key(|sequence| sequence.rows.len());
        let weight = |batch: &[crate::sequence::Sequence]| -> f64 {
            batch.iter().flat_map(|sequence| &sequence.targets).map(|target| f64::from(target.2)).sum()
        };
        let total = weight(&sequences);
        let micro = self.training.micro_batch.max(1);
        Ok(sequences.chunks(micro).map(|chunk| Batch { sequences: SequenceBatch { sequences: chunk.to_vec() }, total }).collect())
    }

    fn loss(&self, batch: &Batch, forward: &mut Forward) -> Result<BatchLoss, TrainingError> {
        let loss = token_loss(&*self.model.generator, &batch.sequences, None, batch.total, forward)?;
        Ok(BatchLoss {
            loss: loss.loss,
            parts: Vec::new(),
            tokens: batch.sequences.positions(),
            accuracy: (loss.correct, loss.counted),
        })
    }

    fn finish_step(&mut self, report: &StepReport) -> Verdict {
        match self.curriculum.observe(&self.stages, report.step, report.accuracy) {
            Advance::Stay => Verdict::Continue,
            Advance::Next(_) => {
                self.enter_stage();
                Verdict::Continue
            }
            Advance::Finished => Verdict::Done(format!("the curriculum is finished after {} steps", report.step)),
        }
    }

    fn state(&self) -> Value {
        json!({ "curriculum": self.curriculum })
    }

    fn restore(&mut self, state: &Value) -> Result<(), TrainingError> {
        self.curriculum = serde_json::from_value(state["curriculum"].clone())
            .map_err(|error| TrainingError::Empty(format!("the checkpoint's curriculum cannot be read: {error}")))?;
        self.enter_stage();
        Ok(())
    }
}
