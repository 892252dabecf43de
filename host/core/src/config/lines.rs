//! On which lines of a TOML file its keys stand.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

/// The lines of a file's keys, found once for all questions.
#[derive(Default)]
pub(super) struct KeyLines(HashMap<String, KeyLine>);

/// A key or list element: its line, counted from 1, and the lines inside it.
struct KeyLine {
    line: usize,
    inner: KeyLines,
}

impl KeyLines {
    /// The lines in `text`; none, if that is no TOML.
    pub(super) fn of(text: &str) -> Self {
        let newlines: Vec<usize> = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let line = |offset: usize| newlines.partition_point(|newline| *newline < offset) + 1;
        DeTable::parse(text).map(|table| KeyLines::of_table(table.get_ref(), &line)).unwrap_or_default()
    }

    fn of_table(table: &DeTable<'_>, line: &dyn Fn(usize) -> usize) -> Self {
        let place = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
            (
                key.get_ref().to_string(),
                KeyLine { line: line(key.span().start), inner: KeyLines::of_value(value.get_ref(), line) },
            )
        };
        KeyLines(table.iter().map(place).collect())
    }

    fn of_value(value: &DeValue<'_>, line: &dyn Fn(usize) -> usize) -> Self {
        if let Some(table) = value.as_table() {
            return KeyLines::of_table(table, line);
        }
        let elements = value.as_array().into_iter().flat_map(|array| array.iter()).enumerate();
        let place = |(index, element): (usize, &toml::Spanned<DeValue<'_>>)| {
            (index.to_string(), KeyLine { line: line(element.span().start), inner: KeyLines::of_value(element.get_ref(), line) })
        };
        KeyLines(elements.map(place).collect())
    }

    /// The line of the key at `path`, or of the innermost existing table around it.
    pub(super) fn line<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<usize> {
        let (mut inside, mut found) = (self, None);
        for part in path {
            let Some(place) = inside.0.get(part) else { break };
            (inside, found) = (&place.inner, Some(place.line));
        }
        found
    }
}

impl KeyLines {
    /// Gives a key of the table at `table` another name.
    pub(super) fn rename(&mut self, table: &[String], key: &str, name: &str) {
        let inside = table.iter().try_fold(self, |lines, part| Some(&mut lines.0.get_mut(part)?.inner));
        if let Some(inside) = inside
            && let Some(place) = inside.0.remove(key)
        {
            inside.0.insert(name.to_owned(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyLines;

    #[test]
    fn keys_tables_and_elements_have_lines() {
        let lines = KeyLines::of("a = 1\n[b]\nc = [\n  1,\n  { d = 2 },\n]\n[[e]]\nf = 1\n[[e]]\nf = 2\n");
        for (path, line) in [
            (&["a"][..], Some(1)),
            (&["b"], Some(2)),
            (&["b", "c"], Some(3)),
            (&["b", "c", "0"], Some(4)),
            (&["b", "c", "1", "d"], Some(5)),
            (&["b", "c", "9"], Some(3)),
            (&["b", "none", "d"], Some(2)),
            (&["e", "1", "f"], Some(10)),
            (&["none"], None),
        ] {
            assert_eq!(lines.line(path.iter().copied()), line, "{path:?}");
        }
    }
}
