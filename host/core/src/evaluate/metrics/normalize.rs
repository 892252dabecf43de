//! The text normalisation of SQuAD and KILT, and the two notions of Python that it leans on.

use std::sync::LazyLock;

use regex::Regex;

/// A run of what Python's `\w` accepts: letters, numbers and the underscore, but no combining
/// marks.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    // The pattern is a constant, and every metric test compiles it.
    Regex::new(r"[\p{L}\p{N}_]+").expect("a valid constant pattern")
});

/// The characters of Python's `str.isspace`: Unicode white space and the four ASCII information
/// separators.
pub(super) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The parts of `text` between white space, as Python's `str.split()` gives them.
pub(super) fn split_python(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_python_space).filter(|part| !part.is_empty())
}

/// Lower-cases `text`, strips ASCII punctuation, drops the words *a*, *an* and *the*, and collapses
/// white space.
///
/// The order is KILT's and SQuAD's, and it matters: punctuation goes before the articles do, so
/// `"a-b"` becomes `"ab"`.
pub fn normalize_answer(text: &str) -> String {
    let mut lowered = text.to_lowercase();
    lowered.retain(|c| !c.is_ascii_punctuation());
    let without_articles = WORD.replace_all(&lowered, |word: &regex::Captures<'_>| match &word[0] {
        "a" | "an" | "the" => " ".to_owned(),
        other => other.to_owned(),
    });
    split_python(&without_articles).collect::<Vec<_>>().join(" ")
}
