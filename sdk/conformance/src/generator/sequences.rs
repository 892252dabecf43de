//! Checks of a generator's sequences.

use scaledown_sdk::nn::ForwardMode;

use super::inputs::{Rows, Side};
use super::{BuiltGenerator, GeneratorSubject};
use crate::compare::{differ, near, same, values};
use crate::report::{Checked, ensure};

const LENGTHS: [usize; 3] = [9, 4, 12];
const STEPS: usize = 4;

pub(super) fn shapes(subject: &GeneratorSubject<'_>) -> Checked {
    let BuiltGenerator { generator, .. } = &subject.built(None)?;
    let built = subject.built(None)?;
    let rows = Rows::new(built.rows(&LENGTHS), Side::Right);
    let input = rows.input(&**generator)?;
    let (batch, width, hidden) = (LENGTHS.len(), rows.width(), generator.hidden_size());
    let states = generator.forward(&input, &mut ForwardMode::inference())?;
    let logits = generator.logits(&states)?;
    let vocabulary = generator.vocabulary();
    for (what, found, expected) in [
        ("the embeddings", input.embeddings.dims(), [batch, width, hidden]),
        ("the hidden states", states.dims(), [batch, width, hidden]),
        ("the logits", logits.dims(), [batch, width, vocabulary]),
    ] {
        ensure(found == expected, format!("the shape of {what}"), format!("{expected:?}"), format!("{found:?}"))?;
    }
    let one = generator.logits(&states.slice(1, 0, 1)?.reshape([batch, hidden])?)?;
    ensure(
        one.dims() == [batch, vocabulary],
        "the shape of the logits of one place",
        format!("[{batch}, {vocabulary}]"),
        format!("{:?}", one.dims()),
    )?;
    let same = generator.device().same(&subject.device);
    ensure(same, "the device", subject.device.name(), generator.device().name())
}

pub(super) fn alone(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    // Without padding, and with it.
    for lengths in [[6, 6, 6], LENGTHS] {
        let rows = Rows::new(built.rows(&lengths), Side::Right);
        for (row, found) in built.logits(&rows)?.iter().enumerate() {
            near(&format!("the logits of row {row} among rows of {lengths:?} tokens"), found, &built.alone(&rows.tokens[row])?)?;
        }
    }
    Ok(())
}

pub(super) fn padding(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    for side in [Side::Left, Side::Right] {
        let rows = Rows::new(built.rows(&LENGTHS), side);
        for (row, found) in built.logits(&rows)?.iter().enumerate() {
            near(&format!("the logits of row {row} with padding on the {side:?}"), found, &built.alone(&rows.tokens[row])?)?;
        }
    }
    for (row, tokens) in built.rows(&LENGTHS).iter().enumerate() {
        let (logits, _) = built.prefill(built.rows(&LENGTHS), 1)?;
        let size = built.generator.vocabulary();
        let (logits, alone) = (values(&logits)?, built.alone(tokens)?);
        let what = format!("the logits after the prompt of row {row}, with padding on the left");
        near(&what, logits.get(row * size..(row + 1) * size).unwrap_or_default(), &alone[alone.len() - size..])?;
    }
    Ok(())
}

pub(super) fn padding_content(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    for side in [Side::Left, Side::Right] {
        let rows = Rows::new(built.rows(&LENGTHS), side);
        let other = rows.clone().filled(built.vocabulary() - 1);
        for (row, (found, expected)) in built.logits(&other)?.iter().zip(&built.logits(&rows)?).enumerate() {
            near(&format!("the logits of row {row} with other tokens in the padding on the {side:?}"), found, expected)?;
        }
    }
    Ok(())
}

pub(super) fn causal(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let whole = built.rows(&[10]).remove(0);
    let size = built.generator.vocabulary();
    let (of_whole, of_start) = (built.alone(&whole)?, built.alone(&whole[..6])?);
    near("the logits of the first 6 of 10 tokens", &of_whole[..6 * size], &of_start)?;
    // And earlier ones have one; the nearest, as a window may hide others.
    let mut changed = whole.clone();
    changed[8] = if whole[8] == 3 { 4 } else { 3 };
    differ("the last logits after another token before", &built.alone(&changed)?[9 * size..], &of_whole[9 * size..])
}

pub(super) fn decoding(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let size = built.generator.vocabulary();
    for lengths in [vec![6], LENGTHS.to_vec(), vec![5, 5]] {
        let whole = built.rows(&lengths.iter().map(|length| length + STEPS).collect::<Vec<_>>());
        let prompts = whole.iter().zip(&lengths).map(|(tokens, &length)| tokens[..length].to_vec()).collect();
        let (logits, mut state) = built.prefill(prompts, STEPS)?;
        let mut seen = vec![values(&logits)?];
        for step in 0..STEPS {
            let next: Vec<u32> = whole.iter().zip(&lengths).map(|(tokens, &length)| tokens[length + step]).collect();
            seen.push(values(&built.decode(&next, &mut state)?)?);
        }
        for (row, (tokens, length)) in whole.iter().zip(&lengths).enumerate() {
            let expected = built.alone(tokens)?;
            for (step, found) in seen.iter().enumerate() {
                let at = (length - 1 + step) * size;
                let what = format!("the logits of row {row} of prompts of {lengths:?} tokens after {step} decoded tokens");
                near(&what, found.get(row * size..(row + 1) * size).unwrap_or_default(), &expected[at..at + size])?;
            }
        }
    }
    Ok(())
}

pub(super) fn deterministic(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let rows = Rows::new(built.rows(&LENGTHS), Side::Right);
    same("the logits of a second pass", &built.logits(&rows)?.concat(), &built.logits(&rows)?.concat())
}

pub(super) fn soft(subject: &GeneratorSubject<'_>) -> Checked {
    let built = subject.built(None)?;
    let rows = Rows::new(built.rows(&[8]), Side::Right);
    let read = |scale: f64| {
        let embeddings = built.generator.embed(&rows.ids(&*built.generator)?)?.affine(scale, 0.01)?;
        values(&built.generator.forward(&rows.with(embeddings), &mut ForwardMode::inference())?)
    };
    let found = read(0.7)?;
    ensure(found.iter().all(|x| x.is_finite()), "hidden states over vectors", "finite numbers", "a NaN or an infinity")?;
    differ("hidden states over other vectors", &read(-0.7)?, &found)
}
