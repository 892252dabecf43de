//! Invalid inputs of generators.

use scaledown_sdk::component::DecodeState;
use scaledown_sdk::nn::ForwardMode;

use super::GeneratorSubject;
use super::inputs::{Rows, Side};
use crate::compare::values;
use crate::report::{CheckFailure, Checked, answered, refused};

pub(super) fn ids(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let beyond = built.vocabulary();
    for id in [beyond, u32::MAX] {
        // A device may tell of a wrong id no earlier than when values are read.
        refused(format!("embedding the id {id} of {beyond} tokens"), || {
            let rows = Rows::new(vec![vec![3, id]], Side::Right);
            values(&built.generator.embed(&rows.ids(&*built.generator)?)?)
        })?;
        let (_, mut state) = built.prefill(built.rows(&[4]), 2)?;
        refused(format!("decoding the id {id} of {beyond} tokens"), || values(&built.decode(&[id], &mut state)?))?;
    }
    Ok(())
}

pub(super) fn shapes(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let rows = Rows::new(built.rows(&[5, 3]), Side::Right);
    let input = rows.input(&*built.generator)?;
    let narrow = input.embeddings.slice(2, 0, built.generator.hidden_size() - 1)?;
    let forward = |input| built.generator.forward(&input, &mut ForwardMode::inference());
    refused("embeddings of another size", || forward(rows.with(narrow.clone())))?;
    refused("ids in place of embeddings", || forward(rows.with(rows.ids(&*built.generator)?)))?;
    let other = Rows::new(built.rows(&[5]), Side::Right);
    refused("two rows of embeddings and the lengths of one", || forward(other.with(input.embeddings.clone())))?;
    refused("hidden states of another size", || built.generator.logits(&narrow))?;
    // No sequences are an error, or have no logits.
    answered("no sequences", || built.prefill(Vec::new(), 1).map(drop))?.ok();
    Ok(())
}

pub(super) fn decoding(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let (_, mut state) = built.prefill(built.rows(&[4, 6]), 2)?;
    refused("decoding 1 token for 2 rows", || built.decode(&[3], &mut state).map(drop))?;
    let (_, mut state) = built.prefill(built.rows(&[4, 6]), 2)?;
    for _ in 0..2 {
        built.decode(&[3, 4], &mut state)?;
    }
    refused("decoding a third token where there is room for 2", || built.decode(&[3, 4], &mut state).map(drop))?;
    let mut foreign = DecodeState(Box::new("no generator's"));
    refused("decoding with a state that is no generator's", || built.decode(&[3], &mut foreign).map(drop))
}

pub(super) fn context(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let Some(most) = built.generator.max_positions() else {
        return Err(CheckFailure::NotApplicable("it reads sequences of any length".into()));
    };
    if most > 1024 {
        return Err(CheckFailure::NotApplicable(format!("a sequence of {most} tokens takes too long to read for a check")));
    }
    built.alone(&built.rows(&[most]).remove(0))?;
    refused(format!("a sequence of {} tokens, one more than the context", most + 1), || {
        built.alone(&built.rows(&[most + 1]).remove(0))
    })?;
    refused("a prompt of the context's length, and a token more", || built.prefill(built.rows(&[most]), 1).map(drop))
}
