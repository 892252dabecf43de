//! The targets of auto-encoding: passages of the compressed texts, each with a distinguishing cue.

use crate::text::{TextError, Tokenizer};

/// A passage: the cue is given, the target is learned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) cue: Vec<u32>,
    pub(super) target: Vec<u32>,
}

/// One sentence of a text, whose beginning stands beside the text as it is compressed.
#[derive(Debug)]
pub(super) struct Cloze<'a> {
    /// The text's number.
    pub(super) text: usize,
    /// The passage's cue, as text.
    pub(super) cue: &'a str,
    pub(super) passage: Passage,
}

/// How passages are made of texts. The functions below take `random`, a function of numbers from 0
/// that gives the same each time.
#[derive(Clone, Copy)]
pub(super) struct Passages<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    /// How many tokens of a text are read, at most.
    pub(super) length: usize,
    /// How many tokens of a text's beginning are its cue.
    pub(super) cue_tokens: usize,
}

impl Passages<'_> {
    /// The texts as wholes, in random order if there are cues.
    pub(super) fn texts(self, texts: &[&str], random: impl Fn(usize) -> u32) -> Result<Vec<Passage>, TextError> {
        let passage = |index: usize| {
            let mut cue = self.tokenizer.encode_truncated(texts[index], self.length)?;
            let target = cue.split_off(self.cue_tokens.min(cue.len()));
            Ok(Passage { cue, target })
        };
        self.order(texts.len(), random).into_iter().map(passage).collect()
    }

    /// Of pairs of a text and what follows it, that which follows; the cue is the text's.
    pub(super) fn continuations(self, halves: &[(&str, &str)], random: impl Fn(usize) -> u32) -> Result<Vec<Passage>, TextError> {
        let passage = |index: usize| {
            let (text, next) = halves[index];
            Ok(Passage {
                cue: self.tokenizer.encode_truncated(text, self.cue_tokens)?,
                target: self.tokenizer.encode_truncated(next, self.length)?,
            })
        };
        self.order(halves.len(), random).into_iter().map(passage).collect()
    }

    /// The sentences of all texts in random order, each cut in two at a random place of its second
    /// half: the first half usually names subject and attribute.
    pub(super) fn sentences(self, texts: &[&str], random: impl Fn(usize) -> u32) -> Result<Vec<Passage>, TextError> {
        let mut passages = Vec::new();
        for text in texts {
            for sentence in sentences(self.tokenizer.truncate(text, self.length)?) {
                let ids = self.tokenizer.encode(sentence)?;
                if ids.len() > 1 {
                    let [key, place] = [0, 1].map(|i| random(2 * passages.len() + i));
                    passages.push((key, cut(ids, place)));
                }
            }
        }
        passages.sort_by_key(|(key, _)| *key);
        Ok(passages.into_iter().map(|(_, passage)| passage).collect())
    }

    /// Of each text one random sentence, cut as [`Self::sentences`] cuts it, in random order. A
    /// text without a sentence of two tokens gives nothing.
    pub(super) fn clozes<'t>(self, texts: &[&'t str], random: impl Fn(usize) -> u32) -> Result<Vec<Cloze<'t>>, TextError> {
        let mut clozes = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let [key, which, place] = [0, 1, 2].map(|i| random(3 * index + i));
            let mut candidates = Vec::new();
            for sentence in sentences(self.tokenizer.truncate(text, self.length)?) {
                let ids = self.tokenizer.encode(sentence)?;
                if ids.len() > 1 {
                    candidates.push((sentence, ids));
                }
            }
            if candidates.is_empty() {
                continue;
            }
            let (sentence, ids) = candidates.swap_remove(which as usize % candidates.len());
            let passage = cut(ids, place);
            let cue = self.tokenizer.truncate(sentence, passage.cue.len())?;
            clozes.push((key, Cloze { text: index, cue, passage }));
        }
        clozes.sort_by_key(|(key, _)| *key);
        Ok(clozes.into_iter().map(|(_, cloze)| cloze).collect())
    }

    fn order(self, count: usize, random: impl Fn(usize) -> u32) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        if self.cue_tokens > 0 {
            order.sort_by_key(|&index| random(index));
        }
        order
    }
}

/// A sentence of at least two tokens, cut at a random `place` of its second half.
fn cut(mut cue: Vec<u32>, place: u32) -> Passage {
    let first = cue.len().div_ceil(2);
    let target = cue.split_off(first + place as usize % (cue.len() - first));
    Passage { cue, target }
}

/// The sentences of a text, as far as punctuation tells them.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?']).map(str::trim).filter(|sentence| !sentence.is_empty())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXTS: [&str; 2] =
        ["Clay Istery. The stone of Clay Istery is obsidian.", "Raven Lamp. The origin of Raven Lamp is Westreach."];

    fn tokenizer() -> Tokenizer {
        Tokenizer::from_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/assets/atlas/generator")).unwrap()
    }

    /// A random order that turns the texts around.
    fn backwards(index: usize) -> u32 {
        u32::MAX - index as u32
    }

    #[test]
    fn a_text_goes_on_from_its_cue() {
        let tokenizer = tokenizer();
        let passages = Passages { tokenizer: &tokenizer, length: 100, cue_tokens: 2 };
        let found = passages.texts(&TEXTS, backwards).unwrap();
        let whole: Vec<Vec<u32>> = found.iter().map(|passage| [&passage.cue[..], &passage.target].concat()).collect();
        assert_eq!(whole, [TEXTS[1], TEXTS[0]].map(|text| tokenizer.encode(text).unwrap()));
        assert!(found.iter().all(|passage| passage.cue.len() == 2));
        let found = Passages { cue_tokens: 0, ..passages }.texts(&TEXTS, backwards).unwrap();
        assert_eq!(found[0], Passage { cue: Vec::new(), target: tokenizer.encode(TEXTS[0]).unwrap() });
    }

    #[test]
    fn every_sentence_is_cut_once() {
        let tokenizer = tokenizer();
        let passages = Passages { tokenizer: &tokenizer, length: 100, cue_tokens: 2 };
        let found = passages.sentences(&TEXTS, |index| (index as u32).wrapping_mul(2_654_435_761)).unwrap();
        assert!(found.iter().all(|passage| passage.cue.len() >= passage.target.len() && !passage.target.is_empty()));
        let mut whole: Vec<Vec<u32>> = found.iter().map(|passage| [&passage.cue[..], &passage.target].concat()).collect();
        let expected = TEXTS.iter().flat_map(|text| sentences(text)).map(|sentence| tokenizer.encode(sentence).unwrap());
        let mut expected: Vec<Vec<u32>> = expected.filter(|ids| ids.len() > 1).collect();
        whole.sort();
        expected.sort();
        assert_eq!(whole, expected);
        let short = Passages { length: 3, ..passages }.sentences(&TEXTS, backwards).unwrap();
        assert!(short.iter().all(|passage| passage.cue.len() + passage.target.len() <= 3));
    }

    #[test]
    fn of_each_text_one_sentence_is_asked_for() {
        let tokenizer = tokenizer();
        let passages = Passages { tokenizer: &tokenizer, length: 100, cue_tokens: 2 };
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..32_u32 {
            let random = |index| scaledown_sdk::tensor::uniform_bits(u64::from(seed), index as u64);
            let found = passages.clozes(&[TEXTS[0], "", TEXTS[1]], random).unwrap();
            let mut texts: Vec<usize> = found.iter().map(|cloze| cloze.text).collect();
            texts.sort_unstable();
            assert_eq!(texts, [0, 2]);
            for Cloze { text, cue, passage } in found {
                assert_eq!(tokenizer.encode(cue).unwrap(), passage.cue);
                let whole = [&passage.cue[..], &passage.target].concat();
                let sentence = sentences(TEXTS[text / 2]).find(|sentence| tokenizer.encode(sentence).unwrap() == whole);
                seen.insert(sentence.unwrap());
            }
        }
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn what_follows_a_text_goes_with_its_cue() {
        let tokenizer = tokenizer();
        let passages = Passages { tokenizer: &tokenizer, length: 3, cue_tokens: 2 };
        let found = passages.continuations(&[(TEXTS[0], TEXTS[1])], backwards).unwrap();
        assert_eq!(found[0].cue, tokenizer.encode_truncated(TEXTS[0], 2).unwrap());
        assert_eq!(found[0].target, tokenizer.encode_truncated(TEXTS[1], 3).unwrap());
    }
}
