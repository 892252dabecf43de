//! Pretraining of a compressor on plain text: the generator reproduces or continues texts from
//! their vectors alone (OSCAR, appendix; Ge et al. 2023, arXiv 2307.06945). It gives a compressor a
//! space that the generator reads, before it learns to answer.

use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::{ForwardMode, ParamGroup, Params};
use scaledown_sdk::tensor::uniform_bits;
use serde_json::Value;

use super::config::{Pretraining, Unit};
use super::passage::{Passage, Passages};
use super::source::StageRecords;
use super::staged::Staged;
use crate::model::Oscar;
use crate::model::sequence::{Sequence, SequenceBatch, token_loss};
use crate::text::Piece;
use crate::train::config::Training;
use crate::train::{BatchLoss, Objective, StepReport, TrainingError, Verdict};

/// A micro-batch, with the number of targets of its step.
pub struct AutoencodingBatch {
    pairs: PairBatch,
    sequences: SequenceBatch,
    total: f64,
}

/// The texts of one record: the compressor's inputs and the generator's targets; pairs count
/// from 0.
struct AutoencodingTask {
    pairs: Vec<Vec<u32>>,
    sequence: Sequence,
}

/// The objective: the cross-entropy of texts given their vectors.
///
/// All texts of a record are compressed separately; their vectors take the documents' positions in
/// the prompt. Then each text or each sentence follows: the instruction, its first tokens as a cue
/// (which tell it from the others, if there are any), and the rest of it, or what follows the text,
/// as targets.
pub struct AutoEncoding {
    oscar: Oscar,
    training: Training,
    pretraining: Pretraining,
    staged: Staged,
}

impl AutoEncoding {
    /// An objective over the texts of a curriculum.
    #[must_use]
    pub fn new(oscar: Oscar, training: &Training, pretraining: &Pretraining, staged: Staged) -> Self {
        AutoEncoding { oscar, training: training.clone(), pretraining: pretraining.clone(), staged }
    }

    /// The model, once trained.
    #[must_use]
    pub fn into_oscar(self) -> Oscar {
        self.oscar
    }

    /// The task at `position` of the endless sequence of epochs, made of the record `index` of a
    /// source.
    fn task(&self, position: u64, source: &StageRecords, index: usize) -> Result<AutoencodingTask, TrainingError> {
        let (texts, next) = (source.documents(index), source.continuation(index));
        let random = |index: usize| uniform_bits(self.training.seed ^ 0x5DEE_CE66, position * 1024 + index as u64);
        let continued = f64::from(random(0)) / f64::from(1 << 24) < self.pretraining.continuation;
        let (model, memory_tokens) = (&self.oscar.model, self.oscar.lengths.memory_tokens);
        let (tokenizer, mut sequence) = (&model.tokenizer, Sequence::default());
        let pieces = model.prompt.pieces(tokenizer, "", texts.len())?;
        let documents = pieces.iter().rposition(|piece| matches!(piece, Piece::Document(_))).map_or(0, |last| last + 1);
        for piece in &pieces[..documents] {
            match piece {
                Piece::Text(ids) => sequence.extend(ids, 0.0),
                Piece::Document(pair) => sequence.extend_vectors(*pair, memory_tokens),
            }
        }
        let instruction = if continued { &self.pretraining.continue_with } else { &self.pretraining.reproduce_with };
        let instruction = tokenizer.encode(instruction)?;
        let halves = texts.iter().map(|text| self.halves(text, next, continued)).collect::<Result<Vec<_>, _>>()?;
        let passages = Passages {
            tokenizer,
            length: self.oscar.lengths.document_tokens,
            // A text that stands alone needs no cue; without one its vectors must hold all of it.
            cue_tokens: if texts.len() > 1 { self.pretraining.cue_tokens } else { 0 },
        };
        let random = |index| random(index + 1);
        let mut queries = vec![self.query(position, &source.queries(index))?; texts.len()];
        let passages = match self.pretraining.unit {
            _ if continued => passages.continuations(&halves, random)?,
            Unit::Text => passages.texts(&texts, random)?,
            Unit::Sentence if self.is_cloze(position) => {
                let clozes = passages.clozes(&texts, random)?;
                clozes.iter().for_each(|cloze| queries[cloze.text] = cloze.cue);
                clozes.into_iter().map(|cloze| cloze.passage).collect()
            }
            Unit::Sentence => passages.sentences(&texts, random)?,
        };
        for Passage { cue, target } in passages {
            sequence.extend(&instruction, 0.0);
            sequence.extend(&cue, 0.0);
            sequence.extend(&target, 1.0);
            sequence.extend(&tokenizer.end_ids()[..1], 1.0);
        }
        let compressed = queries.into_iter().zip(&halves);
        let pairs = compressed.map(|(query, (text, _))| self.oscar.pair(query, text)).collect::<Result<_, _>>()?;
        Ok(AutoencodingTask { pairs, sequence })
    }

    /// Whether the record at `position` asks for one sentence of each text, whose cue stands beside
    /// it as it is compressed.
    fn is_cloze(&self, position: u64) -> bool {
        let random = uniform_bits(self.training.seed ^ 0x3C4D_5E6F, position);
        f64::from(random) / f64::from(1 << 24) < self.pretraining.cloze_share
    }

    /// The question that stands beside the texts of the record at `position` as they are
    /// compressed; empty for most or all records.
    fn query<'a>(&self, position: u64, queries: &[&'a str]) -> Result<&'a str, TrainingError> {
        let random = |index: u64| uniform_bits(self.training.seed ^ 0x1A2B_3C4D, position * 2 + index);
        if queries.is_empty() || f64::from(random(0)) / f64::from(1 << 24) >= self.pretraining.query_share {
            return Ok("");
        }
        let query = queries[random(1) as usize % queries.len()];
        Ok(self.oscar.model.tokenizer.truncate(query, self.oscar.lengths.query_tokens)?)
    }

    /// A text's compressed part and its target: the same, or the continuation (`next`, or its own
    /// second half).
    fn halves<'a>(&self, text: &'a str, next: Option<&'a str>, continued: bool) -> Result<(&'a str, &'a str), TrainingError> {
        match next {
            _ if !continued => return Ok((text, text)),
            Some(next) => return Ok((text, next)),
            None => {}
        }
        let tokenizer = &self.oscar.model.tokenizer;
        let tokens = tokenizer.encode_truncated(text, 2 * self.oscar.lengths.document_tokens)?.len();
        let first = tokenizer.truncate(text, tokens / 2)?;
        Ok((first, text.get(first.len()..).unwrap_or_default().trim_start()))
    }

    /// The records of a source at some positions, in micro-batches.
    fn micro_batches(
        &self,
        source: &StageRecords,
        positions: impl Iterator<Item = (u64, usize)>,
    ) -> Result<Vec<AutoencodingBatch>, TrainingError> {
        let tasks = positions.map(|(position, index)| self.task(position, source, index));
        let mut tasks = tasks.collect::<Result<Vec<_>, _>>()?;
        tasks.sort_by_key(|task| task.sequence.rows.len());
        let total = tasks.iter().map(|task| task.sequence.targets.len()).sum::<usize>() as f64;
        Ok(tasks
            .chunks(self.training.records_of_a_pass(&self.oscar.model.device))
            .map(|chunk| self.batch(chunk, total))
            .collect())
    }

    fn batch(&self, tasks: &[AutoencodingTask], total: f64) -> AutoencodingBatch {
        let memory_tokens = self.oscar.lengths.memory_tokens;
        let (mut ids, mut sequences) = (Vec::new(), Vec::new());
        for task in tasks {
            sequences.push(task.sequence.clone().with_pairs_from(ids.len()));
            ids.extend(task.pairs.iter().cloned());
        }
        AutoencodingBatch {
            pairs: PairBatch { ids, memory_tokens, relevance: false, widths: self.training.widths(&self.oscar.model.device) },
            sequences: SequenceBatch { sequences, widths: self.training.widths(&self.oscar.model.device) },
            total,
        }
    }
}

impl Objective for AutoEncoding {
    type Batch = AutoencodingBatch;

    fn groups(&self) -> Vec<ParamGroup> {
        self.oscar.param_groups(self.training.lr_generator, self.training.lr_compressor)
    }

    fn stored(&self) -> Vec<(&'static str, Params)> {
        self.oscar.stored()
    }

    fn batches(&mut self, step: u64) -> Result<Vec<AutoencodingBatch>, TrainingError> {
        let size = self.training.batch_size;
        let indices = self.staged.take(step, size);
        let positions = (step * size as u64..).zip(indices);
        self.micro_batches(self.staged.source(), positions)
    }

    fn halve_micro_batch(&mut self) -> Option<usize> {
        self.training.halve_micro_batch(&self.oscar.model.device)
    }

    fn validation(&self) -> Result<Vec<AutoencodingBatch>, TrainingError> {
        let source = self.staged.validation();
        source.map_or_else(|| Ok(Vec::new()), |source| self.micro_batches(source, (0..).zip(0..source.len())))
    }

    fn loss(&self, batch: &AutoencodingBatch, forward: &mut ForwardMode) -> Result<BatchLoss, TrainingError> {
        let vectors = self.oscar.compress(&batch.pairs, forward)?.vectors;
        let loss = token_loss(&*self.oscar.model.generator, &batch.sequences, Some(&vectors), batch.total, forward)?;
        let read: usize = batch.pairs.ids.iter().map(Vec::len).sum();
        Ok(BatchLoss {
            loss: loss.loss,
            parts: Vec::new(),
            tokens: read + batch.sequences.positions(),
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
