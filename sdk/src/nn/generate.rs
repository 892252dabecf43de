//! Batched decoding with any generator.

use std::ops::ControlFlow;

use super::Sampling;
use crate::component::{DecodeState, Generator, GeneratorInput};
use crate::tensor::{Tensor, no_grad};
use crate::{Error, Result};

/// When a decoding ends, and how it chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// The maximum new tokens of a sequence.
    pub max_new_tokens: usize,
    /// Token ids that end a sequence; they are not part of it.
    pub end_ids: Vec<u32>,
    /// How each token is chosen.
    pub sampling: Sampling,
}

/// The tokens made for one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The tokens, without the one that ended them.
    pub tokens: Vec<u32>,
    /// Why generation stopped.
    pub finish: Finish,
}

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// An end token was chosen.
    End,
    /// The caller stopped it (a stop string).
    Stopped,
    /// It reached the greatest length.
    Length,
}

/// A decoding under way: the prompts are read, and tokens come one step at a time.
pub struct Decoding<'g> {
    generator: &'g dyn Generator,
    options: GenerateOptions,
    /// The logits of each sequence's next token.
    logits: Tensor,
    state: DecodeState,
    sequences: Vec<Sequence>,
}

#[derive(Default)]
struct Sequence {
    tokens: Vec<u32>,
    finish: Option<Finish>,
}

impl<'g> Decoding<'g> {
    /// Reads the prompts, which are padded on the left.
    ///
    /// # Errors
    /// If the options are out of range, there are no prompts, or the generator rejects the input.
    pub fn start(generator: &'g dyn Generator, prompts: &GeneratorInput, options: GenerateOptions) -> Result<Self> {
        options.sampling.check()?;
        if options.max_new_tokens == 0 || prompts.spans.is_empty() {
            return Err(Error::Input("a decoding needs at least one prompt and one new token".into()));
        }
        // The last token that is made need not be read.
        let (logits, state) = no_grad(|| generator.prefill(prompts, options.max_new_tokens - 1))?;
        let sequences = prompts.spans.iter().map(|_| Sequence::default()).collect();
        Ok(Decoding { generator, options, logits, state, sequences })
    }

    /// Makes tokens until all sequences have ended. `observe` sees each sequence's row and its
    /// tokens so far whenever it gets one more, and may end it, as for a stop string.
    ///
    /// # Errors
    /// If logits are not finite, or the device fails.
    pub fn run(mut self, observe: &mut dyn FnMut(usize, &[u32]) -> ControlFlow<()>) -> Result<Vec<Generated>> {
        for step in 0..self.options.max_new_tokens {
            // The ids stay on the device for the next step; the host reads them, and nothing else,
            // to see what ends.
            let chosen = no_grad(|| self.options.sampling.choose(&self.logits, step))?;
            for (row, (sequence, token)) in self.sequences.iter_mut().zip(chosen.to_vec::<i64>()?).enumerate() {
                let token =
                    u32::try_from(token).map_err(|_| Error::Input("the logits of the next token are not finite".into()))?;
                sequence.push(token, row, &self.options.end_ids, observe);
            }
            let running = self.sequences.iter().any(|sequence| sequence.finish.is_none());
            if !running || step + 1 == self.options.max_new_tokens {
                break;
            }
            // Finished rows stay in the batch; their tokens are discarded.
            self.logits = no_grad(|| self.generator.decode(&chosen, &mut self.state))?;
        }
        let finished =
            |sequence: Sequence| Generated { tokens: sequence.tokens, finish: sequence.finish.unwrap_or(Finish::Length) };
        Ok(self.sequences.into_iter().map(finished).collect())
    }
}

impl Sequence {
    fn push(&mut self, token: u32, row: usize, end: &[u32], observe: &mut dyn FnMut(usize, &[u32]) -> ControlFlow<()>) {
        if self.finish.is_some() {
            return;
        }
        if end.contains(&token) {
            self.finish = Some(Finish::End);
            return;
        }
        self.tokens.push(token);
        if observe(row, &self.tokens).is_break() {
            self.finish = Some(Finish::Stopped);
        }
    }
}

/// Reads the prompts, which are padded on the left, and makes tokens until all sequences have
/// ended.
///
/// # Errors
/// As [`Decoding::start`] and [`Decoding::run`].
pub fn generate(generator: &dyn Generator, prompts: &GeneratorInput, options: GenerateOptions) -> Result<Vec<Generated>> {
    Decoding::start(generator, prompts, options)?.run(&mut |_, _| ControlFlow::Continue(()))
}
