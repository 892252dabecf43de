//! Cuts a file into the JSON texts of its records without holding more than one.

use std::io::{self, BufRead, Read};

/// The maximum size of a record in bytes; a larger one is probably a wrong file.
pub const RECORD_LIMIT: usize = 16 << 20;

/// The JSON text of a record and the line, counted from 1, that it begins on.
pub(super) type RawRecord = (u64, Vec<u8>);

/// Why a file cannot be cut further.
#[derive(Debug)]
pub(super) enum Broken {
    Io(io::Error),
    Format { line: u64, message: String },
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken::Io(error)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// One record a line.
    Lines,
    /// The elements of one array, which may span lines.
    Array,
    /// The elements of an array that a member of one object is; what follows it is not read.
    Member,
}

/// A file's records as JSON texts.
pub(super) struct RecordSplitter<R> {
    source: R,
    line: u64,
    layout: Layout,
    /// Whether an element of the array may follow without a comma.
    first: bool,
}

impl<R: BufRead> RecordSplitter<R> {
    /// Detects an array or lines by the first byte. Skips a byte order mark.
    pub(super) fn new(mut source: R) -> io::Result<Self> {
        if source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            source.consume(3);
        }
        let mut split = RecordSplitter { source, line: 1, layout: Layout::Lines, first: true };
        if split.skip_space()? == Some(b'[') {
            split.source.consume(1);
            split.layout = Layout::Array;
        }
        Ok(split)
    }

    /// The elements of the list that the one object of a file has under `name`.
    pub(super) fn of_member(mut source: R, name: &str) -> Result<Self, Broken> {
        if source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            source.consume(3);
        }
        let mut split = RecordSplitter { source, line: 1, layout: Layout::Member, first: true };
        let expected = |line: u64| Broken::Format { line, message: format!("expected an object with a list `{name}`") };
        if split.skip_space()? != Some(b'{') {
            return Err(expected(split.line));
        }
        split.source.consume(1);
        loop {
            match split.skip_space()? {
                Some(b',') => split.source.consume(1),
                Some(b'"') => {
                    let key = split.key()?;
                    let is_list = split.skip_space()? == Some(b'[');
                    if is_list && serde_json::from_slice::<String>(&key).is_ok_and(|key| key == name) {
                        split.source.consume(1);
                        return Ok(split);
                    }
                    split.element(false)?;
                }
                _ => return Err(expected(split.line)),
            }
        }
    }

    /// Reads a key and the colon after it.
    fn key(&mut self) -> Result<Vec<u8>, Broken> {
        let (mut text, mut escaped) = (Vec::new(), false);
        while let Some(&byte) = self.source.fill_buf()?.first() {
            self.source.consume(1);
            text.push(byte);
            if text.len() > RECORD_LIMIT {
                return Err(too_long(self.line));
            }
            if byte == b'"' && !escaped && text.len() > 1 {
                break;
            }
            escaped = byte == b'\\' && !escaped;
        }
        if self.skip_space()? != Some(b':') {
            return Err(Broken::Format { line: self.line, message: "expected `:` after a key".to_owned() });
        }
        self.source.consume(1);
        Ok(text)
    }

    /// The next record, or `None` at the end. Skips blank lines.
    pub(super) fn next(&mut self) -> Result<Option<RawRecord>, Broken> {
        match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Array | Layout::Member => self.next_element(),
        }
    }

    fn next_line(&mut self) -> Result<Option<RawRecord>, Broken> {
        if self.skip_space()?.is_none() {
            return Ok(None);
        }
        let (line, mut text) = (self.line, Vec::new());
        (&mut self.source).take(RECORD_LIMIT as u64 + 1).read_until(b'\n', &mut text)?;
        if text.len() > RECORD_LIMIT {
            return Err(too_long(line));
        }
        self.line += 1;
        Ok(Some((line, text)))
    }

    fn next_element(&mut self) -> Result<Option<RawRecord>, Broken> {
        let broken = |line: u64, message: &str| Broken::Format { line, message: message.to_owned() };
        let mut next = self.skip_space()?;
        if next == Some(b']') {
            if self.layout == Layout::Member {
                return Ok(None);
            }
            self.source.consume(1);
            return match self.skip_space()? {
                None => Ok(None),
                Some(_) => Err(broken(self.line, "unexpected content after the end of the list")),
            };
        }
        if !self.first {
            if next.is_some_and(|byte| byte != b',') {
                return Err(broken(self.line, "expected `,` or `]` after a record"));
            }
            self.source.consume(usize::from(next.is_some()));
            next = self.skip_space()?;
        }
        self.first = false;
        match next {
            None => Err(broken(self.line, "the file ends inside the list: expected `]`")),
            Some(b',' | b']') => Err(broken(self.line, "expected a record")),
            Some(_) => self.element(true).map(Some),
        }
    }

    /// Reads to the comma or bracket that ends the element; what lies between is the JSON parser's
    /// to judge, if it is `kept`.
    fn element(&mut self, kept: bool) -> Result<RawRecord, Broken> {
        let (begin, mut text) = (self.line, Vec::new());
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        while let Some(&byte) = self.source.fill_buf()?.first() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b',' | b']' | b'}' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.line += u64::from(byte == b'\n');
            self.source.consume(1);
            if kept {
                text.push(byte);
            }
            if text.len() > RECORD_LIMIT {
                return Err(too_long(begin));
            }
        }
        Ok((begin, text))
    }

    /// Passes over white space; the byte after it stays unread.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.source.fill_buf()?.first() {
                Some(byte) if byte.is_ascii_whitespace() => {
                    self.line += u64::from(*byte == b'\n');
                    self.source.consume(1);
                }
                other => return Ok(other.copied()),
            }
        }
    }
}

fn too_long(line: u64) -> Broken {
    let message = format!("the record is longer than {} MiB; check that this is a file of records", RECORD_LIMIT >> 20);
    Broken::Format { line, message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn pieces(content: &[u8]) -> Result<Vec<RawRecord>, Broken> {
        // A small buffer, so that every state is carried over its edge.
        let mut split = RecordSplitter::new(io::BufReader::with_capacity(3, content))?;
        std::iter::from_fn(|| split.next().transpose()).collect()
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_passed_over() {
        let found = pieces(b"\xef\xbb\xbf{}\n\n  \r\n{\"a\": 1}\r\n{\"b\": 2}").expect("well-formed");
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 4, 5]);
        assert!(pieces(b" \n\n").expect("empty").is_empty());
    }

    #[test]
    fn a_broken_list_is_an_error_with_its_line() {
        for (content, line, message) in [
            ("[{}\n}]", 2, "expected `,` or `]` after a record"),
            ("[{},\n\n,{}]", 3, "expected a record"),
            ("[{},]", 1, "expected a record"),
            ("[{}\n", 2, "the file ends inside the list: expected `]`"),
            ("[{}, ", 1, "the file ends inside the list: expected `]`"),
            ("[]\n[]", 2, "unexpected content after the end of the list"),
        ] {
            match pieces(content.as_bytes()) {
                Err(Broken::Format { line: found, message: reported }) => {
                    assert_eq!((found, &reported[..]), (line, message), "{content:?}")
                }
                other => panic!("{content:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn a_record_without_end_is_refused_before_it_fills_the_memory() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        assert!(matches!(RecordSplitter::new(endless).expect("opened").next(), Err(Broken::Format { line: 1, .. })));
    }

    #[test]
    fn a_member_gives_its_elements_and_what_is_beside_it_is_passed_over() {
        let elements = |content: &[u8]| -> Result<Vec<Value>, Broken> {
            let mut split = RecordSplitter::of_member(io::BufReader::with_capacity(3, content), "data")?;
            let pieces: Result<Vec<RawRecord>, Broken> = std::iter::from_fn(|| split.next().transpose()).collect();
            Ok(pieces?.iter().map(|(_, text)| serde_json::from_slice(text).expect("whole")).collect())
        };
        let file = br#" { "version": "{[\"", "more": {"data": [1]}, "d\u0061ta": [ {"a": "]"}, [2] ], "data": 3} rest"#;
        assert_eq!(elements(file).expect("well-formed"), [json!({"a": "]"}), json!([2])]);
        assert!(elements(br#"{"data": []}"#).expect("well-formed").is_empty());
        for content in [&b"[]"[..], b"", b"{", b"{}", br#"{"data": 1}"#, br#"{"data" [1]}"#, br#"{"data": [1"#, b"{1: 2}"] {
            assert!(matches!(elements(content), Err(Broken::Format { line: 1, .. })), "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn an_array_gives_the_records_that_lines_give(texts in prop::collection::vec("[a-z\\[\\]{},\"\\\\\n ]{0,12}", 0..5)) {
            let records: Vec<Value> = texts.iter().map(|text| json!({"query": text, "deep": [[text], {"x": {}}]})).collect();
            let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
            let pretty = serde_json::to_vec_pretty(&records).expect("it is JSON");
            let parse = |content: &[u8]| -> Vec<Value> {
                let parse = |(_, text): RawRecord| serde_json::from_slice(&text).expect("a whole record");
                pieces(content).expect("well-formed").into_iter().map(parse).collect()
            };
            prop_assert_eq!(parse(lines.as_bytes()), records.clone());
            prop_assert_eq!(parse(&pretty), records);
        }
    }
}
