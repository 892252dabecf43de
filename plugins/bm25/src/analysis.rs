//! From texts to words.

use tantivy::tokenizer::{LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer};

use crate::Language;
use crate::scripts::{Scripts, has_no_spaces};

/// Skips words longer than this, in bytes.
const LONGEST: usize = 80;

impl Language {
    /// The name under which an index keeps its analysis.
    pub(crate) fn analyser_name(self) -> String {
        match self {
            // The second way: pairs of letters where a script has no spaces.
            Language::Any => "scaledown-any-2".to_owned(),
            language => format!("scaledown-{language:?}").to_lowercase(),
        }
    }

    /// Whether it finds no words in a text that has some: in one of a script without spaces, which
    /// it takes for one long word.
    pub(crate) fn is_blind_to(self, text: &str) -> bool {
        self != Language::Any && has_no_spaces(text)
    }

    /// Splits at everything that is neither a letter nor a digit, writes in lower case, leaves out
    /// stop words, and takes stems.
    pub(crate) fn analyser(self) -> TextAnalyzer {
        let words = TextAnalyzer::builder(SimpleTokenizer::default()).filter(RemoveLongFilter::limit(LONGEST)).filter(LowerCaser);
        let Some(language) = self.known() else {
            return TextAnalyzer::builder(Scripts).filter(RemoveLongFilter::limit(LONGEST)).filter(LowerCaser).build();
        };
        match StopWordFilter::new(language) {
            Some(stop_words) => words.filter(stop_words).filter(Stemmer::new(language)).build(),
            None => words.filter(Stemmer::new(language)).build(),
        }
    }

    fn known(self) -> Option<tantivy::tokenizer::Language> {
        use tantivy::tokenizer::Language as Known;
        match self {
            Language::Any => None,
            Language::Dutch => Some(Known::Dutch),
            Language::English => Some(Known::English),
            Language::French => Some(Known::French),
            Language::German => Some(Known::German),
            Language::Italian => Some(Known::Italian),
            Language::Portuguese => Some(Known::Portuguese),
            Language::Spanish => Some(Known::Spanish),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(language: Language, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        language.analyser().token_stream(text).process(&mut |token| found.push(token.text.clone()));
        found
    }

    #[test]
    fn words_come_to_their_stems() {
        assert_eq!(
            words(Language::English, "The cats WERE jumping, and the cat jumped."),
            ["cat", "were", "jump", "cat", "jump"]
        );
        assert_eq!(words(Language::Any, "The cats, Äpfel! 北京市"), ["the", "cats", "äpfel", "北京", "京市"]);
        assert!(
            Language::English.is_blind_to("北京") && !Language::English.is_blind_to("cats") && !Language::Any.is_blind_to("北京")
        );
        assert_eq!(words(Language::English, &"x".repeat(100)), [""; 0]);
    }
}
