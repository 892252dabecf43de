//! The documents of one question, from a file.

use std::path::Path;

use super::compressed::plain_name;
use super::error::DataError;
use super::lines::Lines;
use super::reader::Reader;
use super::record::document;

/// The maximum bytes of one question's documents.
const LIMIT: usize = 64 << 20;

/// The documents of a file. One that is called `.json` or `.jsonl` holds texts or objects with a
/// `text` and perhaps a `title`, as records do, in a list or one a line; any other holds one text a
/// line. Decompresses compressed files and skips blank lines.
///
/// # Errors
/// If the file cannot be read, is too long, or contains an invalid document.
pub fn read_documents(path: &Path) -> Result<Vec<String>, DataError> {
    let extension = plain_name(path).extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("json" | "jsonl")) { limited(path, json(path)?) } else { limited(path, lines(path)?) }
}

fn limited(path: &Path, texts: impl Iterator<Item = Result<String, DataError>>) -> Result<Vec<String>, DataError> {
    let mut bytes = 0;
    let counted = texts.map(|text| {
        bytes += text.as_ref().map_or(0, String::len);
        if bytes <= LIMIT {
            return text;
        }
        let message = format!("more than {} MiB of documents; expected the documents of one question", LIMIT >> 20);
        Err(DataError::Content { path: path.to_owned(), place: "the file".into(), message })
    });
    counted.collect()
}

fn json(path: &Path) -> Result<impl Iterator<Item = Result<String, DataError>>, DataError> {
    let mut reader = Reader::open(path)?;
    Ok(std::iter::from_fn(move || {
        Some(reader.next_value()?.and_then(|(line, value)| {
            let failed = |(field, message)| DataError::Record { path: path.to_owned(), line, field, message };
            document("document", value).map_err(failed)
        }))
    }))
}

fn lines(path: &Path) -> Result<impl Iterator<Item = Result<String, DataError>>, DataError> {
    Ok(Lines::open(path)?.map(|line| Ok(line?.1.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &str) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        read_documents(&path).map_err(|error| error.to_string().replace(&directory.path().display().to_string(), ""))
    }

    #[test]
    fn the_name_of_a_file_says_what_its_lines_are() {
        let lines = "[1] One.\n\n  {\"text\": 2}  \n";
        assert_eq!(read("documents.txt", lines).unwrap(), ["[1] One.", "{\"text\": 2}"]);
        let objects = "{\"title\": \"A\", \"text\": \"One.\"}\n\"Two.\"\n";
        assert_eq!(read("documents.jsonl", objects).unwrap(), ["A. One.", "Two."]);
        assert_eq!(read("documents.json", "[\"One.\",\n {\"text\": \"Two.\"}]").unwrap(), ["One.", "Two."]);
        assert_eq!(read("documents.json", "[]").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_document_is_reported_with_its_line() {
        assert_eq!(read("a.jsonl", "\"One.\"\n{}\n").unwrap_err(), "/a.jsonl:2: `document.text`: missing");
        let reported = read("a.json", "[\"One.\",\n3]").unwrap_err();
        assert!(reported.starts_with("/a.json:2: `document`: ") && reported.contains("a string or an object"), "{reported}");
    }
}
