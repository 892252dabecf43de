//! Integers of any size in JSON, digit by digit.

use std::borrow::Cow;

/// JSON in which integers that 64 bits cannot hold stand in quotes: the parser would round them,
/// and two ids would be one.
pub(super) fn quoted(text: &[u8]) -> Cow<'_, [u8]> {
    let (mut output, mut copied, mut at): (Vec<u8>, usize, usize) = (Vec::new(), 0, 0);
    while at < text.len() {
        match text[at] {
            b'"' => at = end_of_text(text, at),
            b'-' | b'0'..=b'9' => {
                let end = at + text[at..].iter().take_while(|byte| is_of_number(**byte)).count().max(1);
                if is_too_large(&text[at..end]) {
                    output.extend_from_slice(&text[copied..at]);
                    output.push(b'"');
                    output.extend_from_slice(&text[at..end]);
                    output.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.extend_from_slice(&text[copied..]);
    Cow::Owned(output)
}

/// Where the text that begins at a quotation mark has ended.
fn end_of_text(text: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

fn is_too_large(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    // Zeros before a number are no JSON, which is the parser's to say.
    let is_integer = digits.iter().all(u8::is_ascii_digit) && digits.first().is_some_and(|first| *first != b'0');
    let text = std::str::from_utf8(number).unwrap_or_default();
    is_integer && text.parse::<u64>().is_err() && text.parse::<i64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_integers_beyond_64_bits_are_quoted() {
        for (text, expected) in [
            (
                r#"{"id": 18446744073709551615, "x": -9223372036854775808}"#,
                r#"{"id": 18446744073709551615, "x": -9223372036854775808}"#,
            ),
            (r#"{"id":18446744073709551616}"#, r#"{"id":"18446744073709551616"}"#),
            (r#"[-9223372036854775809, 1]"#, r#"["-9223372036854775809", 1]"#),
            (
                r#"{"a\"1": "18446744073709551616 \\", "b":340282366920938463463374607431768211455}"#,
                r#"{"a\"1": "18446744073709551616 \\", "b":"340282366920938463463374607431768211455"}"#,
            ),
            (
                "[1e400, 123456789012345678901234567890.5, 123456789012345678901e2, 00000000000000000000000001]",
                "[1e400, 123456789012345678901234567890.5, 123456789012345678901e2, 00000000000000000000000001]",
            ),
            (r#"{"unfinished": "18446744073709551616"#, r#"{"unfinished": "18446744073709551616"#),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(String::from_utf8_lossy(&quoted(text.as_bytes())), expected);
        }
    }
}
