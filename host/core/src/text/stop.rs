//! Strings that end an answer, found while its tokens are made.

use super::tokenizer::{TextError, Tokenizer};

/// The strings that end an answer, for one tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopStrings {
    strings: Vec<String>,
    ids: Vec<u32>,
}

impl StopStrings {
    /// The given strings. One that is a special token of the tokenizer, which a text never shows,
    /// ends an answer by its id.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the decoder fails.
    pub fn new(strings: &[String], tokenizer: &Tokenizer) -> Result<Self, TextError> {
        let mut stop = StopStrings::default();
        for string in strings.iter().filter(|string| !string.is_empty()) {
            match tokenizer.id(string) {
                Some(id) if tokenizer.decode_exactly(&[id])?.is_empty() => stop.ids.push(id),
                _ => stop.strings.push(string.clone()),
            }
        }
        Ok(stop)
    }

    /// The special tokens among them.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The part of `text` before the first of the strings.
    #[must_use]
    pub fn cut<'a>(&self, text: &'a str) -> &'a str {
        let first = self.strings.iter().filter_map(|string| text.find(string.as_str())).min();
        first.map_or(text, |place| &text[..place])
    }
}

/// Watches one growing answer for the strings that end it.
///
/// A token's text depends on its neighbours: a word's first token has a leading space after another
/// token, and one character's bytes may span several tokens. The text therefore grows by what the
/// newest tokens add to the few before them, and a character counts once it is whole.
#[derive(Clone, Debug, Default)]
pub struct StopWatch {
    /// The end of the text so far, no longer than a string that could still begin in it.
    tail: String,
    /// The tokens from `context` to `read` are in the text, and tell how those after them are to be
    /// decoded.
    context: usize,
    read: usize,
}

impl StopWatch {
    /// Whether the answer of these tokens, which are those of the call before and more, has come to
    /// one of the strings.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the decoder fails.
    pub fn reached(&mut self, stop: &StopStrings, tokens: &[u32], tokenizer: &Tokenizer) -> Result<bool, TextError> {
        let Some(longest) = stop.strings.iter().map(String::len).max() else { return Ok(false) };
        let known = tokenizer.decode_exactly(&tokens[self.context..self.read])?;
        let text = tokenizer.decode_exactly(&tokens[self.context..])?;
        let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let seen = format!("{}{}", self.tail, whole.get(known.len()..).unwrap_or_default());
        if stop.strings.iter().any(|string| seen.contains(string.as_str())) {
            return Ok(true);
        }
        if whole.len() == text.len() {
            (self.context, self.read) = (self.read, tokens.len());
            let kept = (seen.len().saturating_sub(longest)..=seen.len()).find(|&place| seen.is_char_boundary(place));
            self.tail = seen[kept.unwrap_or(0)..].to_owned();
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tokenizer with a token for each of `words` and for each byte, written `<0xNN>`, and the
    /// special tokens `<s>`, `</s>` and `<turn>`.
    fn tokenizer(words: &[&str]) -> (tempfile::TempDir, Tokenizer) {
        let mut vocabulary = serde_json::Map::new();
        let special = ["<s>", "</s>", "<turn>"];
        let bytes: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
        for name in special.into_iter().chain(words.iter().copied()).chain(bytes.iter().map(String::as_str)) {
            vocabulary.insert(name.to_owned(), vocabulary.len().into());
        }
        let added = |(id, name): (usize, &&str)| {
            serde_json::json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true})
        };
        let added: Vec<_> = special.iter().enumerate().map(added).collect();
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null, "pre_tokenizer": null,
            "post_processor": null,
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": true, "vocab": vocabulary, "merges": []}
        });
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("tokenizer.json"), json.to_string()).unwrap();
        std::fs::write(directory.path().join("tokenizer_config.json"), r#"{"eos_token": "</s>"}"#).unwrap();
        let tokenizer = Tokenizer::from_directory(directory.path()).unwrap();
        (directory, tokenizer)
    }

    /// After how many of the tokens an answer stops, and the text that is left.
    fn run(words: &[&str], stop: &[&str], names: &[&str]) -> (Option<usize>, String) {
        let (_directory, tokenizer) = tokenizer(words);
        let stop = StopStrings::new(&stop.iter().map(|&string| string.to_owned()).collect::<Vec<_>>(), &tokenizer).unwrap();
        let tokens: Vec<u32> = names.iter().map(|name| tokenizer.id(name).unwrap()).collect();
        let mut watch = StopWatch::default();
        let stopped = (1..=tokens.len()).find(|&count| watch.reached(&stop, &tokens[..count], &tokenizer).unwrap());
        let text = tokenizer.decode_exactly(&tokens[..stopped.unwrap_or(tokens.len())]).unwrap();
        (stopped, stop.cut(&text).to_owned())
    }

    #[test]
    fn a_string_that_spans_tokens_stops_at_its_last_one() {
        let words = ["▁one", "▁Que", "stion", ":", "▁two", "\n"];
        let names = ["▁one", "\n", "▁Que", "stion", ":", "▁two"];
        assert_eq!(run(&words, &["\n Question:"], &names), (Some(5), "one".into()));
        assert_eq!(run(&words, &["Question:", "\n"], &names), (Some(2), "one".into()));
        // The end of one token and the beginning of the next, with the space that stands between
        // words only.
        assert_eq!(run(&words, &["n: t"], &names), (Some(6), "one\n Questio".into()));
        assert_eq!(run(&words, &["one Que", " one"], &names), (None, "one\n Question: two".into()));
    }

    #[test]
    fn a_character_of_several_tokens_counts_once_it_is_whole() {
        // The euro sign is E2 82 AC.
        let names = ["▁a", "<0xE2>", "<0x82>", "<0xAC>", "▁b"];
        assert_eq!(run(&["▁a", "▁b"], &["€"], &names), (Some(4), "a".into()));
        assert_eq!(run(&["▁a", "▁b"], &["€ b"], &names), (Some(5), "a".into()));
        // No half of it is taken for a character of its own.
        assert_eq!(run(&["▁a", "▁b"], &["\u{FFFD}"], &names[..3]).0, None);
        // A whole string is seen although the character after it has only begun.
        assert_eq!(run(&["▁a", "▁b"], &["a"], &["▁b", "▁a", "<0xE2>"]), (Some(2), "b ".into()));
    }

    #[test]
    fn a_special_token_stops_by_its_id() {
        let (_directory, tokenizer) = tokenizer(&["▁a"]);
        let stop = StopStrings::new(&["<turn>".into(), "a".into()], &tokenizer).unwrap();
        assert_eq!(stop.ids(), [tokenizer.id("<turn>").unwrap()]);
        assert_eq!(stop.strings, ["a"]);
    }

    #[test]
    fn a_long_answer_is_watched_to_its_end() {
        let mut names = vec!["▁x"; 50];
        names.extend(["▁en", "d"]);
        assert_eq!(run(&["▁x", "▁en", "d"], &["x end"], &names).0, Some(52));
    }
}
