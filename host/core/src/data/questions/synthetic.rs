//! Questions made from the documents of a corpus, by rules and a seed: no model writes them.

use super::config::Synthesis;
use crate::data::corpus::{Documents, RawDocument};
use crate::data::records::DataError;
use crate::support::random::Stream;

use super::CorpusQuestion;

/// Fewer words than this are no sentence to ask about: headings, captions.
const SHORTEST: usize = 5;

/// The maximum number of words of a question.
const LONGEST: usize = 60;

/// Makes at most `count` questions, each of another document, in the order of the corpus. Every
/// document that a question can be made of has the same chance (reservoir sampling), so that the
/// corpus is read once and never held.
pub(super) fn make(corpus: Documents, synthesis: Synthesis, count: usize, seed: u64) -> Result<Vec<CorpusQuestion>, DataError> {
    let mut chosen: Vec<(u64, CorpusQuestion)> = Vec::new();
    let mut draw = Stream::new(seed, "questions", 0);
    let mut seen = 0_u64;
    for (index, document) in (0_u64..).zip(corpus) {
        let document = document?;
        let mut stream = Stream::new(seed, "question", index);
        let Some(question) = question(&document, synthesis, &mut stream) else { continue };
        seen += 1;
        if chosen.len() < count {
            chosen.push((index, question));
        } else if let Some(place) = chosen.get_mut(draw.below(usize::try_from(seen).unwrap_or(usize::MAX))) {
            *place = (index, question);
        }
    }
    chosen.sort_by_key(|(index, _)| *index);
    Ok(chosen.into_iter().map(|(_, question)| question).collect())
}

fn question(document: &RawDocument, synthesis: Synthesis, stream: &mut Stream) -> Option<CorpusQuestion> {
    let sentences = sentences(&document.text);
    let (kind, query, gold_answers) = match synthesis {
        Synthesis::Lead => ("lead", sentences.first()?.join(" "), Vec::new()),
        Synthesis::Cloze => {
            let candidates: Vec<(&Vec<&str>, (usize, usize))> =
                sentences.iter().flat_map(|sentence| gaps(sentence).into_iter().map(move |gap| (sentence, gap))).collect();
            let &(sentence, (from, to)) = stream.pick(&candidates)?;
            let (query, answer) = cloze(sentence, from, to);
            ("cloze", query, vec![answer])
        }
    };
    let id = format!("{kind}-{}", document.id);
    Some(CorpusQuestion { id, query, gold_answers, document: Some(document.id.clone()), ..CorpusQuestion::default() })
}

/// The sentences of a text, as words, that are long enough and not too long. A sentence ends at a
/// line's end, or at a word that ends with `.`, `!` or `?`, unless it is an initial.
fn sentences(text: &str) -> Vec<Vec<&str>> {
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut sentence = Vec::new();
        for word in line.split_whitespace() {
            sentence.push(word);
            let bare = word.trim_end_matches(['"', '\'', ')', '\u{201d}', '\u{2019}']);
            let is_initial = bare.ends_with('.') && bare.chars().filter(|letter| letter.is_alphanumeric()).count() < 2;
            if bare.ends_with(['.', '!', '?']) && !is_initial {
                sentences.push(std::mem::take(&mut sentence));
            }
        }
        sentences.push(sentence);
    }
    sentences.retain(|sentence| (SHORTEST..=LONGEST).contains(&sentence.len()));
    sentences
}

/// The candidates for blanks: names (capitalised words, except a sentence's first) and numbers.
fn gaps(sentence: &[&str]) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    let mut from = 1;
    while from < sentence.len() {
        let name = sentence[from..].iter().take_while(|word| starts(word, char::is_uppercase)).count();
        // A name ends where punctuation parts it from the next.
        let parted = sentence[from..from + name].iter().position(|word| word.ends_with([',', ';', ':', '.', ')']));
        let length = match parted {
            Some(last) => last + 1,
            None if name == 0 => usize::from(starts(sentence[from], |letter| letter.is_ascii_digit())),
            None => name,
        };
        if length > 0 {
            gaps.push((from, from + length));
        }
        from += length.max(1);
    }
    gaps.retain(|(from, to)| to - from < sentence.len() / 2);
    gaps
}

fn starts(word: &str, is: impl Fn(char) -> bool) -> bool {
    word.trim_start_matches(['(', '"', '\'', '\u{201c}']).starts_with(is)
}

/// The sentence with a gap, and what stood there; punctuation around it stays in the sentence.
fn cloze(sentence: &[&str], from: usize, to: usize) -> (String, String) {
    let phrase = sentence[from..to].join(" ");
    let answer = phrase.trim_matches(|letter: char| !letter.is_alphanumeric());
    let (before, after) = phrase.split_once(answer).unwrap_or(("", ""));
    let words: Vec<&str> = sentence[..from].to_vec();
    let rest = sentence[to..].iter().map(|word| format!(" {word}")).collect::<String>();
    (format!("Fill in the blank: {} {before}____{after}{rest}", words.join(" ")), answer.to_owned())
}
