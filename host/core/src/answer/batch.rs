//! Batches of answers, with the time that each phase took.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use scaledown_sdk::Tensor;
use scaledown_sdk::nn::{Decoding, ForwardMode, GenerateOptions, Generated, Sampling, Widths};
use scaledown_sdk::tensor::{Usage, no_grad};

use super::DocumentLengths;
use super::reading::{ContextMode, Inputs};
use crate::data::records::Record;
use crate::model::Oscar;
use crate::model::sequence::{PadSide, SequenceBatch};
use crate::text::{StopStrings, StopWatch, Tokenizer};
use crate::{Error, Result};

/// How answers are generated.
#[derive(Clone, Debug)]
pub struct AnswerOptions {
    /// How the generator gets to know the documents.
    pub reading: ContextMode,
    /// The maximum documents per record.
    pub documents: usize,
    /// Maximum tokens of an answer.
    pub max_new_tokens: usize,
    /// Stop strings; not part of the answer.
    pub stop: Vec<String>,
    /// How each token is chosen. In [`Session::ask_all`](super::Session::ask_all) a record's
    /// choices do not depend on how many are answered at once.
    pub sampling: Sampling,
    /// Records answered at once.
    pub batch: usize,
    /// How wide batches are padded; if not set, what suits the device.
    pub widths: Option<Widths>,
    /// Decodes to `max_new_tokens` regardless of stop tokens, for timings of equal work.
    pub ignore_end: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// The relevance of each document, if the compressor scores them.
    pub relevance: Option<Vec<f32>>,
}

/// The costs of the phases.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// Time of the compressor.
    pub compress: Duration,
    /// Time until the first token's logits.
    pub prefill: Duration,
    /// Time of all further tokens.
    pub decode: Duration,
    /// Floating-point operations of the compressor.
    pub compress_flops: u64,
    /// Floating-point operations until the first token's logits.
    pub prefill_flops: u64,
    /// Floating-point operations of all further tokens.
    pub decode_flops: u64,
}

impl Phases {
    /// The time of all phases.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.compress + self.prefill + self.decode
    }
}

impl std::ops::AddAssign for Phases {
    fn add_assign(&mut self, other: Phases) {
        self.compress += other.compress;
        self.prefill += other.prefill;
        self.decode += other.decode;
        self.compress_flops += other.compress_flops;
        self.prefill_flops += other.prefill_flops;
        self.decode_flops += other.decode_flops;
    }
}

/// Answers, in the order of their questions.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// One a question.
    pub answers: Vec<Answer>,
    /// The costs of their phases together.
    pub phases: Phases,
    /// How long the documents were.
    pub lengths: DocumentLengths,
}

impl Answers {
    /// Adds later answers.
    pub(super) fn append(&mut self, later: Answers) {
        self.answers.extend(later.answers);
        self.phases += later.phases;
        self.lengths += later.lengths;
    }
}

/// Answers a few records together.
///
/// # Errors
/// If a record cannot be tokenized or the device fails.
pub(super) fn answer(oscar: &Oscar, records: &[&Record], options: &AnswerOptions) -> Result<Answers> {
    // The baseline is the generator without its adapter, which was trained to read vectors.
    let _base = (options.reading != ContextMode::Compressed).then(|| oscar.model.params.without_adapters());
    no_grad(|| {
        let widths = options.widths.unwrap_or_else(|| Widths::of_device(&oscar.model.device));
        let inputs = Inputs::new(oscar, records, options, widths)?;
        check_lengths(oscar, records, &inputs, options.max_new_tokens)?;
        let (vectors, relevance, mut phases) = compress(oscar, &inputs)?;
        let usage = oscar.model.device.usage();
        let batch = SequenceBatch { sequences: inputs.sequences, widths };
        let started = Instant::now();
        let input = batch.embed(&*oscar.model.generator, vectors.as_ref(), PadSide::Left)?;
        let tokenizer = &oscar.model.tokenizer;
        let stop = if options.ignore_end { StopStrings::default() } else { StopStrings::new(&options.stop, tokenizer)? };
        let end_ids = if options.ignore_end { Vec::new() } else { [tokenizer.end_ids(), stop.ids()].concat() };
        let generation = GenerateOptions { max_new_tokens: options.max_new_tokens, end_ids, sampling: options.sampling };
        let decoding = Decoding::start(&*oscar.model.generator, &input, generation)?;
        oscar.model.device.synchronize()?;
        phases.prefill = started.elapsed();
        let read = oscar.model.device.usage();
        phases.prefill_flops = (read - usage).flops;
        let started = Instant::now();
        let generated = run(decoding, &stop, records.len(), tokenizer)?;
        oscar.model.device.synchronize()?;
        phases.decode = started.elapsed();
        phases.decode_flops = (oscar.model.device.usage() - read).flops;
        // Read when all is done, so that the prompt need not wait for it.
        let relevance = relevance.map(|scores| scores.to_vec::<f32>()).transpose()?.unwrap_or_default();
        let mut relevance = relevance.into_iter();
        let mut answers = Vec::with_capacity(records.len());
        for (sequence, &documents) in generated.iter().zip(&inputs.documents) {
            let scores: Vec<f32> = relevance.by_ref().take(documents).collect();
            let relevance = (!scores.is_empty()).then_some(scores);
            let text = tokenizer.decode_exactly(&sequence.tokens)?;
            answers.push(Answer { text: stop.cut(&text).trim().to_owned(), relevance });
        }
        Ok(Answers { answers, phases, lengths: inputs.lengths })
    })
}

/// Checks that the generator can read each record's prompt and answer it.
fn check_lengths(oscar: &Oscar, records: &[&Record], inputs: &Inputs, new_tokens: usize) -> Result<()> {
    let Some(limit) = oscar.model.generator.max_positions() else { return Ok(()) };
    for (record, sequence) in records.iter().zip(&inputs.sequences) {
        // The last token that is made is not read.
        let positions = sequence.rows.len() + new_tokens.saturating_sub(1);
        if positions > limit {
            let message = format!(
                "the prompt and {new_tokens} new tokens take {positions} positions; the generator's maximum is {limit}; lower evaluation.documents, compression.document_tokens or evaluation.max_new_tokens"
            );
            return Err(Error::data(format_args!("the question {:?} ({})", record.query, record.id), message));
        }
    }
    Ok(())
}

/// Makes the tokens of all answers, each until it ends or comes to a stop string.
fn run(decoding: Decoding<'_>, stop: &StopStrings, answers: usize, tokenizer: &Tokenizer) -> Result<Vec<Generated>> {
    let (mut watches, mut failure) = (vec![StopWatch::default(); answers], None);
    let generated = decoding.run(&mut |row, tokens| match watches[row].reached(stop, tokens, tokenizer) {
        Ok(false) => ControlFlow::Continue(()),
        Ok(true) => ControlFlow::Break(()),
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failure.map_or(Ok(generated), |error| Err(error.into()))
}

fn compress(oscar: &Oscar, inputs: &Inputs) -> Result<(Option<Tensor>, Option<Tensor>, Phases)> {
    let mut phases = Phases::default();
    if inputs.pairs.ids.is_empty() {
        return Ok((None, None, phases));
    }
    let device = &oscar.model.device;
    let (usage, started): (Usage, Instant) = (device.usage(), Instant::now());
    let compressed = oscar.compress(&inputs.pairs, &mut ForwardMode::inference())?;
    device.synchronize()?;
    phases.compress = started.elapsed();
    phases.compress_flops = (device.usage() - usage).flops;
    Ok((Some(compressed.vectors), compressed.relevance, phases))
}
