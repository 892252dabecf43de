//! Pretraining of a compressor on plain text: the generator reproduces or continues a text from its vectors alone (OSCAR, appendix;
//! Ge et al. 2023, arXiv 2307.06945). It gives a compressor that shares nothing with the generator a space that the generator reads.

use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::{Forward, ParamGroup, Params};
use scaledown_sdk::tensor::uniform_bits;

use crate::config::{Pretraining, Training};
use crate::model::Oscar;
use crate::sequence::{Sequence, SequenceBatch, token_loss};
use crate::training::{BatchLoss, Objective, Order, TrainingError};

/// A micro-batch, with the number of targets of its step.
pub struct Batch {
    pairs: PairBatch,
    sequences: SequenceBatch,
    total: f64,
}

/// One text: what is compressed, and what the generator writes from the vectors.
struct Task {
    pair: Vec<u32>,
    instruction: Vec<u32>,
    target: Vec<u32>,
}

/// The objective: the cross-entropy of the text given its vectors.
pub struct AutoEncoding {
    oscar: Oscar,
    training: Training,
    pretraining: Pretraining,
    texts: Vec<String>,
    order: Order,
}

impl AutoEncoding {
    /// An objective over `texts`.
    ///
    /// # Errors
    /// [`TrainingError::Empty`] if there are none.
    pub fn new(oscar: Oscar, training: &Training, pretraining: &Pretraining, texts: Vec<String>) -> Result<Self, TrainingError> {
        if texts.is_empty() {
            return Err(TrainingError::Empty("there is nothing to pretrain on: the text file is empty".into()));
        }
        let order = Order::new(training.seed, texts.len());
        Ok(AutoEncoding { oscar, training: training.clone(), pretraining: pretraining.clone(), texts, order })
    }

    /// The model, once trained.
    #[must_use]
    pub fn into_oscar(self) -> Oscar {
        self.oscar
    }

    /// The task at `position` of the endless sequence of epochs, made of text `index`.
    fn task(&self, position: u64, index: usize) -> Result<Task, TrainingError> {
        let (lengths, tokenizer) = (&self.oscar.lengths, &self.oscar.model.tokenizer);
        let text = &self.texts[index];
        let chance = f64::from(uniform_bits(self.training.seed ^ 0x5DEE_CE66, position)) / f64::from(1 << 24);
        if chance < self.pretraining.continuation {
            let ids = tokenizer.encode_truncated(text, 2 * lengths.document_tokens)?;
            let (first, rest) = split_in_half(tokenizer.truncate(text, ids.len() / 2)?, text);
            return Ok(Task {
                pair: self.oscar.pair("", first)?,
                instruction: tokenizer.encode(&self.pretraining.continue_with)?,
                target: tokenizer.encode_truncated(rest, lengths.document_tokens)?,
            });
        }
        Ok(Task {
            pair: self.oscar.pair("", text)?,
            instruction: tokenizer.encode(&self.pretraining.reproduce_with)?,
            target: tokenizer.encode_truncated(text, lengths.document_tokens)?,
        })
    }

    fn batch(&self, tasks: &[Task], total: f64) -> Batch {
        let memory_tokens = self.oscar.lengths.memory_tokens;
        let sequence = |(pair, task): (usize, &Task)| {
            let mut sequence = Sequence::default();
            sequence.extend_vectors(pair, memory_tokens);
            sequence.extend(&task.instruction, 0.0);
            sequence.extend(&task.target, 1.0);
            sequence
        };
        Batch {
            pairs: PairBatch { ids: tasks.iter().map(|task| task.pair.clone()).collect(), memory_tokens, relevance: false },
            sequences: SequenceBatch { sequences: tasks.iter().enumerate().map(sequence).collect() },
            total,
        }
    }
}

/// What follows the beginning `first` of `text`.
fn split_in_half<'a>(first: &'a str, text: &'a str) -> (&'a str, &'a str) {
    (first, text.get(first.len()..).unwrap_or_default().trim_start())
}

impl Objective for AutoEncoding {
    type Batch = Batch;

    fn groups(&self) -> Vec<ParamGroup> {
        let group = |name: &str, params: &Params, lr| ParamGroup { name: name.into(), params: params.trainable(), lr };
        vec![
            group("generator", &self.oscar.model.params, self.training.lr_generator),
            group("compressor", &self.oscar.compressor_params, self.training.lr_compressor),
        ]
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        vec![("generator", self.oscar.model.params.clone()), ("compressor", self.oscar.compressor_params.clone())]
    }

    fn batches(&mut self, step: u64) -> Result<Vec<Batch>, TrainingError> {
        let size = self.training.batch_size;
        let start = step * size as u64;
        let indices = self.order.take(start, size);
        let tasks = (start..).zip(indices).map(|(position, index)| self.task(position, index));
        let mut tasks = tasks.collect::<Result<Vec<_>, _>>()?;
        tasks.sort_by_key(|task| task.pair.len());
        let total = tasks.iter().map(|task| task.target.len()).sum::<usize>() as f64;
        Ok(tasks.chunks(self.training.micro_batch.max(1)).map(|chunk| self.batch(chunk, total)).collect())
    }

    fn loss(&self, batch: &Batch, forward: &mut Forward) -> Result<BatchLoss, TrainingError> {
        let vectors = self.oscar.compressor.compress(&batch.pairs, forward)?.vectors;
        let loss = token_loss(&*self.oscar.model.generator, &batch.sequences, Some(&vectors), batch.total, forward)?;
        let read: usize = batch.pairs.ids.iter().map(Vec::len).sum();
        Ok(BatchLoss {
            loss: loss.loss,
            parts: Vec::new(),
            tokens: read + batch.sequences.positions(),
            accuracy: (loss.correct, loss.counted),
        })
    }
}
