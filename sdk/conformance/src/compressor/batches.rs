//! Checks of a compressor's batches.

use scaledown_sdk::DType;
use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::Widths;

use super::{CompressorSubject, MEMORY, batch, only, row};
use crate::compare::{differ, near, same};
use crate::report::{Checked, ensure};
use crate::tiny;

pub(super) fn shapes(subject: &CompressorSubject<'_>) -> Checked {
    for relevance in [false, true] {
        let built = subject.built(relevance)?;
        for memory in 1..=MEMORY {
            let batch = batch(memory, relevance);
            let found = built.compress(&batch)?.vectors;
            let expected = [batch.ids.len(), memory, tiny::HIDDEN];
            let what = format!("the shape of the vectors of {memory} memory tokens");
            ensure(found.dims() == expected, what, format!("{expected:?}"), format!("{:?}", found.dims()))?;
        }
    }
    Ok(())
}

pub(super) fn relevance(subject: &CompressorSubject<'_>) -> Checked {
    let with = subject.built(true)?;
    for (built, asked) in [(&with, true), (&with, false), (&subject.built(false)?, false)] {
        let batch = batch(MEMORY, asked);
        let found = built.compress(&batch)?.relevance.map(|scores| (scores.dtype(), scores.dims().to_vec()));
        let expected = asked.then(|| (DType::F32, vec![batch.ids.len()]));
        let what = format!("the relevance of a batch with relevance = {asked}");
        ensure(found == expected, what, format!("{expected:?}"), format!("{found:?}"))?;
    }
    Ok(())
}

pub(super) fn alone(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let batch = batch(MEMORY, true);
    let (vectors, scores) = built.numbers(&batch)?;
    for pair in 0..batch.ids.len() {
        let (own, score) = built.numbers(&only(&batch, pair))?;
        near(&format!("the vectors of pair {pair} among others"), row(&vectors, batch.ids.len(), pair), &own)?;
        near(&format!("the relevance of pair {pair} among others"), row(&scores, batch.ids.len(), pair), &score)?;
    }
    Ok(())
}

pub(super) fn neighbours(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let beside = |other: Vec<u32>| {
        let ids = vec![tiny::tokens(1, 4, tiny::VOCABULARY), other];
        built.numbers(&PairBatch { ids, memory_tokens: MEMORY, relevance: true, widths: Widths::default() })
    };
    // Of one length, so that the shapes are the same, and so is the order of every sum.
    let (one, other) = (beside(tiny::tokens(2, 14, tiny::VOCABULARY))?, beside(tiny::tokens(5, 14, tiny::VOCABULARY))?);
    near("the vectors of a pair beside another", row(&one.0, 2, 0), row(&other.0, 2, 0))?;
    near("the relevance of a pair beside another", row(&one.1, 2, 0), row(&other.1, 2, 0))
}

pub(super) fn order(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let forwards = batch(MEMORY, true);
    let backwards = PairBatch { ids: forwards.ids.iter().rev().cloned().collect(), ..forwards.clone() };
    let (pairs, there, back) = (forwards.ids.len(), built.numbers(&forwards)?, built.numbers(&backwards)?);
    for pair in 0..pairs {
        let mirrored = pairs - 1 - pair;
        near(&format!("the vectors of pair {pair} in another order"), row(&back.0, pairs, mirrored), row(&there.0, pairs, pair))?;
        near(
            &format!("the relevance of pair {pair} in another order"),
            row(&back.1, pairs, mirrored),
            row(&there.1, pairs, pair),
        )?;
    }
    Ok(())
}

pub(super) fn deterministic(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let batch = batch(MEMORY, true);
    let (first, second) = (built.numbers(&batch)?, built.numbers(&batch)?);
    same("the vectors of a second pass", &second.0, &first.0)?;
    same("the relevance of a second pass", &second.1, &first.1)
}

pub(super) fn reads(subject: &CompressorSubject<'_>) -> Checked {
    let built = subject.built(true)?;
    let of = |seed: u32| {
        let ids = vec![tiny::tokens(seed, 9, tiny::VOCABULARY)];
        built.numbers(&PairBatch { ids, memory_tokens: MEMORY, relevance: true, widths: Widths::default() })
    };
    let (one, other) = (of(1)?, of(2)?);
    differ("the vectors of another document", &other.0, &one.0)?;
    differ("the relevance of another document", &other.1, &one.1)?;
    differ("the second vector beside the first", row(&one.0, MEMORY, 1), row(&one.0, MEMORY, 0))
}
