//! A directory of text: each file a document.

use std::path::{Path, PathBuf};

use scaledown_sdk::files::{FileKind, open_regular, read_limited};
use walkdir::WalkDir;

use super::document::RawDocument;
use super::stream::DocumentIter;
use crate::data::records::{self, DataError, plain_name};

/// The files below a directory that hold text, in the order of their names, directory by directory.
/// Skips hidden files and does not follow links to directories.
pub(super) fn walk(root: &Path) -> Result<impl Iterator<Item = Result<PathBuf, DataError>> + use<>, DataError> {
    // A directory that cannot be read is an error at once.
    std::fs::read_dir(root).map_err(DataError::io(root))?;
    let within = root.to_owned();
    let entries = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter().filter_entry(|entry| !is_hidden(entry.path()));
    Ok(entries.filter_map(move |entry| match entry {
        Ok(entry) => (!entry.file_type().is_dir() && is_text(entry.path())).then(|| Ok(entry.into_path())),
        Err(error) => {
            let path = error.path().unwrap_or(&within).to_owned();
            Some(Err(DataError::io(&path)(error.into())))
        }
    }))
}

/// The visible entries of a directory, by name.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(directory).map_err(DataError::io(directory))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(DataError::io(directory))?;
    paths.retain(|path| !is_hidden(path));
    paths.sort();
    Ok(paths)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

fn is_text(path: &Path) -> bool {
    plain_name(path).extension().is_some_and(|ending| ending == "txt" || ending == "md")
}

/// The one document of a file: its id is its path from `root` on, and its title the first heading
/// of a Markdown file that begins with one.
pub(super) fn open(root: &Path, path: &Path) -> Result<DocumentIter, DataError> {
    // A fifo in the directory would wait for its writer.
    open_regular(path).map_err(DataError::io(path))?;
    let bytes = read_limited(records::open(path)?, FileKind::Document).map_err(DataError::io(path))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() as u64;
        DataError::Record { path: path.to_owned(), line, field: None, message: format!("not valid UTF-8: {error}") }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let id = path.strip_prefix(root).unwrap_or(path);
    let id = id.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    let is_markdown = plain_name(path).extension().is_some_and(|ending| ending == "md");
    let (title, text) = heading(text).filter(|_| is_markdown).unwrap_or(("", text));
    Ok(Box::new(std::iter::once(Ok(RawDocument { id, title: title.to_owned(), text: text.to_owned() }))))
}

/// The heading that a text begins with, and what follows it.
fn heading(text: &str) -> Option<(&str, &str)> {
    let begin = text.trim_start().strip_prefix("# ")?;
    let (title, rest) = begin.split_once('\n').unwrap_or((begin, ""));
    Some((title.trim().trim_end_matches('#').trim_end(), rest.trim_start_matches(['\r', '\n'])))
}
