//! Words of texts in any script. Where a script parts words by spaces, a word is what stands
//! between them; where it does not, two letters that follow each other are one, as in Lucene's
//! `CJKBigramFilter`, and so is a letter alone.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Splits texts at everything that is neither a letter nor a digit, and runs of letters of scripts
/// without spaces into pairs.
#[derive(Clone, Default)]
pub(crate) struct Scripts;

/// The words of a text.
pub(crate) struct Words {
    tokens: std::vec::IntoIter<Token>,
    token: Token,
}

impl Tokenizer for Scripts {
    type TokenStream<'a> = Words;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words {
        Words { tokens: tokens(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for Words {
    fn advance(&mut self) -> bool {
        self.tokens.next().map(|token| self.token = token).is_some()
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// A letter's role in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A part of a word that spaces end.
    Word,
    /// A letter of a script without spaces.
    Pairs,
    /// Belongs to the previous letter.
    Mark,
    /// No part of a word.
    Other,
}

/// The letters of scripts that write no spaces between words, and Hangul, whose words have endings.
const PAIRS: [(u32, u32); 24] = [
    (0x0E01, 0x0E5B),   // Thai
    (0x0E81, 0x0EDF),   // Lao
    (0x1000, 0x109F),   // Myanmar
    (0x1100, 0x11FF),   // Hangul Jamo
    (0x1780, 0x17DD),   // Khmer
    (0x1950, 0x19DF),   // Tai Le, New Tai Lue
    (0x1A20, 0x1AAD),   // Tai Tham
    (0x2E80, 0x2FD5),   // radicals
    (0x3005, 0x3007),   // iteration mark, zero
    (0x3021, 0x3029),   // Hangzhou numerals
    (0x3031, 0x3035),   // kana repeat marks
    (0x3038, 0x303C),   // numerals
    (0x3041, 0x3096),   // Hiragana
    (0x309D, 0x309F),   // Hiragana
    (0x30A1, 0x30FA),   // Katakana
    (0x30FC, 0x30FF),   // Katakana
    (0x3105, 0x318E),   // Bopomofo, Hangul
    (0x31A0, 0x31BF),   // Bopomofo
    (0x31F0, 0x31FF),   // Katakana
    (0x3400, 0x4DBF),   // Han
    (0x4E00, 0x9FFF),   // Han
    (0xA960, 0xD7FB),   // Hangul, more of Myanmar and Tai Viet
    (0xF900, 0xFAFF),   // Han
    (0x1AFF0, 0x3FFFD), // kana, Han
];

/// Signs that stand above, below or beside the letter before them, in the scripts of [`PAIRS`].
const MARKS: [(u32, u32); 14] = [
    (0x0E31, 0x0E31),
    (0x0E34, 0x0E3A),
    (0x0E47, 0x0E4E),
    (0x0EB1, 0x0EB1),
    (0x0EB4, 0x0EBC),
    (0x0EC8, 0x0ECE),
    (0x102B, 0x103E),
    (0x1056, 0x1059),
    (0x17B4, 0x17D3),
    (0x1A55, 0x1A7F),
    (0x3099, 0x309A),
    (0x302A, 0x302F),
    (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
];

fn is_in(ranges: &[(u32, u32)], letter: char) -> bool {
    let code = u32::from(letter);
    ranges.iter().any(|&(first, last)| (first..=last).contains(&code))
}

fn class(letter: char) -> Class {
    if letter.is_ascii() {
        return if letter.is_ascii_alphanumeric() { Class::Word } else { Class::Other };
    }
    if is_in(&MARKS, letter) {
        return Class::Mark;
    }
    let digit = letter.is_numeric() && !is_in(&[(0x3005, 0x303C), (0x3400, 0x9FFF)], letter);
    match is_in(&PAIRS, letter) {
        true if digit => Class::Word,
        true => Class::Pairs,
        false if letter.is_alphanumeric() => Class::Word,
        false => Class::Other,
    }
}

/// Whether a text has letters whose words no space parts.
pub(crate) fn has_no_spaces(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|letter| class(folded(letter)) == Class::Pairs)
}

/// The letter that one of half or full width stands for.
fn folded(letter: char) -> char {
    const KATAKANA: &str = "・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u{3099}\u{309A}";
    match u32::from(letter) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(letter),
        code @ 0xFF65..=0xFF9F => KATAKANA.chars().nth((code - 0xFF65) as usize).unwrap_or(letter),
        _ => letter,
    }
}

/// Katakana with the mark that follows it in half width.
fn voiced(letter: char, mark: char) -> Option<char> {
    const PLAIN: &str = "カキクケコサシスセソタチツテトハヒフヘホ";
    const VOICED: &str = "ガギグゲゴザジズゼゾダヂヅデドバビブベボ";
    const HALF: &str = "ハヒフヘホ";
    const HALF_VOICED: &str = "パピプペポ";
    let (plain, with) = match mark {
        '\u{3099}' => (PLAIN, VOICED),
        '\u{309A}' => (HALF, HALF_VOICED),
        _ => return None,
    };
    with.chars().nth(plain.chars().position(|plain| plain == letter)?)
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Found::default();
    for (at, letter) in text.char_indices() {
        let (letter, end) = (folded(letter), at + letter.len_utf8());
        match class(letter) {
            Class::Word => found.word(at, end, letter),
            Class::Pairs => found.letter(at, end, letter),
            Class::Mark => found.mark(end, letter),
            Class::Other => found.end(),
        }
    }
    found.end();
    found.tokens
}

/// A letter with its marks, and where it stands.
struct Letter {
    from: usize,
    to: usize,
    text: String,
}

/// The words so far, and what is not yet one.
#[derive(Default)]
struct Found {
    tokens: Vec<Token>,
    word: Option<Letter>,
    /// The letters of a run without spaces.
    run: Vec<Letter>,
}

impl Found {
    fn word(&mut self, from: usize, to: usize, letter: char) {
        self.end_run();
        let word = self.word.get_or_insert_with(|| Letter { from, to, text: String::new() });
        word.to = to;
        word.text.push(letter);
    }

    fn letter(&mut self, from: usize, to: usize, letter: char) {
        self.end_word();
        self.run.push(Letter { from, to, text: letter.to_string() });
    }

    fn mark(&mut self, to: usize, mark: char) {
        let Some(letter) = self.run.last_mut() else { return };
        letter.to = to;
        let joined = letter.text.chars().last().and_then(|last| voiced(last, mark));
        match joined {
            Some(joined) => {
                letter.text.pop();
                letter.text.push(joined);
            }
            None => letter.text.push(mark),
        }
    }

    fn end(&mut self) {
        self.end_word();
        self.end_run();
    }

    fn end_word(&mut self) {
        if let Some(Letter { from, to, text }) = self.word.take() {
            self.push(from, to, text);
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if let [Letter { from, to, text }] = run.as_slice() {
            self.push(*from, *to, text.clone());
        }
        for pair in run.windows(2) {
            self.push(pair[0].from, pair[1].to, format!("{}{}", pair[0].text, pair[1].text));
        }
    }

    fn push(&mut self, offset_from: usize, offset_to: usize, text: String) {
        let position = self.tokens.len();
        self.tokens.push(Token { offset_from, offset_to, position, text, position_length: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_pairs() {
        for (text, expected) in [
            ("首都北京", &["首都", "都北", "北京"][..]),
            ("上海 经济中心。", &["上海", "经济", "济中", "中心"]),
            ("日本の首都", &["日本", "本の", "の首", "首都"]),
            ("iPhone手机15", &["iPhone", "手机", "15"]),
            ("我", &["我"]),
            ("한국의 수도", &["한국", "국의", "수도"]),
            ("ที่นี่", &["ที่นี่"]),
            ("เมือง", &["เม\u{e37}", "ม\u{e37}อ", "อง"]),
            ("ＡＢＣ１２", &["ABC12"]),
            ("ｶﾞｲﾄﾞ", &["ガイ", "イド"]),
            ("ガイド", &["ガイ", "イド"]),
            ("the cat's 3.14", &["the", "cat", "s", "3", "14"]),
            ("Äpfel Привет", &["Äpfel", "Привет"]),
            ("、。・！", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert!(has_no_spaces("a 北 b") && !has_no_spaces("Äpfel, 3.14") && has_no_spaces("ｶ"));
    }

    #[test]
    fn offsets_are_those_of_the_text() {
        for token in tokens("a首都ｶﾞｲ") {
            assert!("a首都ｶﾞｲ".get(token.offset_from..token.offset_to).is_some(), "{token:?}");
        }
    }
}
