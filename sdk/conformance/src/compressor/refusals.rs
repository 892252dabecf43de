//! Invalid inputs of compressors.

use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::Widths;

use super::{CompressorSubject, MEMORY};
use crate::compare::values;
use crate::report::{CheckFailure, Checked, answered, refused};
use crate::tiny;

/// An id that no vocabulary has.
const NO_TOKEN: u32 = 1 << 30;

pub(super) fn batches(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(false)?;
    let tokens = || vec![tiny::tokens(1, 3, tiny::VOCABULARY)];
    let whole = || PairBatch { ids: tokens(), memory_tokens: MEMORY, relevance: false, widths: Widths::default() };
    let cases = [
        ("a batch without pairs", PairBatch { ids: vec![], ..whole() }),
        ("a batch of 0 memory tokens", PairBatch { memory_tokens: 0, ..whole() }),
        ("a batch of more memory tokens than the compressor has", PairBatch { memory_tokens: MEMORY + 1, ..whole() }),
        ("a batch that asks a compressor without relevance for it", PairBatch { relevance: true, ..whole() }),
        ("an id beyond the vocabulary", PairBatch { ids: vec![vec![5, NO_TOKEN]], ..whole() }),
    ];
    for (what, batch) in cases {
        // A device may tell of a wrong id no earlier than when values are read.
        refused(what, || built.compress(&batch).and_then(|compressed| values(&compressed.vectors)))?;
    }
    // Whether a pair may be empty is the compressor's own to say.
    answered("a pair without tokens", || built.compress(&PairBatch { ids: vec![vec![]], ..whole() }))?.ok();
    built.compress(&whole())?;
    Ok(())
}

pub(super) fn context(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let Some(most) = built.compressor.max_positions() else {
        return Err(CheckFailure::NotApplicable("it reads pairs of any length".into()));
    };
    let own = MEMORY + 1;
    let Some(tokens) = most.checked_sub(own) else {
        return Err(CheckFailure::differs("the context", format!("at least {own} positions"), most));
    };
    let pair = |count: usize| PairBatch {
        ids: vec![tiny::tokens(1, count, tiny::VOCABULARY)],
        memory_tokens: MEMORY,
        relevance: true,
        widths: Widths::default(),
    };
    // A large model's context takes more time than the check is worth.
    if most <= 1024 {
        built.compress(&pair(tokens))?;
        refused(format!("a pair of {} positions, one more than its context", most + 1), || built.compress(&pair(tokens + 1)))?;
    }
    Ok(())
}

pub(super) fn without_memory(subject: &CompressorSubject<'_>) -> Checked {
    refused("a compressor of 0 memory tokens", || subject.built_with(false, 0, 3))
}
