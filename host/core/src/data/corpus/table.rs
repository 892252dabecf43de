//! Parquet: a row a document.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use scaledown_sdk::component::caught;
use scaledown_sdk::files::open_regular;
use serde_json::Value;

use super::cell::object;
use super::config::CorpusFields;
use super::json;
use super::stream::DocumentIter;
use crate::data::records::DataError;

/// The documents of a file whose columns are called as `fields` says.
pub(super) fn open(path: &Path, fields: &CorpusFields) -> Result<DocumentIter, DataError> {
    let wanted = [&fields.id, &fields.title, &fields.text];
    let named: Vec<&str> = wanted.into_iter().flatten().map(String::as_str).chain(["id", "_id", "title", "text"]).collect();
    let table = Table::open(path, &named)?;
    let (fields, stem) = (fields.clone(), json::stem(path));
    Ok(Box::new(table.map(move |item| {
        let (row, value) = item?;
        json::document(&value, &fields, &format!("{stem}:{}", row.number)).map_err(|fault| row.error(fault))
    })))
}

/// The rows of a Parquet file as JSON objects. Rows are decoded a batch at a time, and columns that
/// are not asked for not at all.
pub(crate) struct Table {
    path: PathBuf,
    rows: Option<RowIter<'static>>,
    schema: Type,
    read: u64,
}

/// Where a row stands; for messages.
pub(crate) struct CellPosition {
    path: PathBuf,
    number: u64,
}

impl CellPosition {
    /// The error of a row whose field is at fault.
    pub(crate) fn error(&self, (field, message): (Option<String>, String)) -> DataError {
        let field = field.map(|field| format!(", column `{field}`")).unwrap_or_default();
        DataError::Content { path: self.path.clone(), place: format!("row {}{field}", self.number), message }
    }
}

impl Table {
    /// Opens a file, to read those of its columns whose name one of `columns` is, or begins with
    /// before a dot.
    ///
    /// # Errors
    /// If the file cannot be read or is no Parquet.
    pub(crate) fn open(path: &Path, columns: &[&str]) -> Result<Self, DataError> {
        let file = open_regular(path).map_err(DataError::io(path))?;
        // The library panics on damaged files.
        caught(|| Table::of(path, file, columns))
            .unwrap_or_else(|panic| Err(broken(path, "the file", &ParquetError::General(panic))))
    }

    fn of(path: &Path, file: std::fs::File, columns: &[&str]) -> Result<Self, DataError> {
        let reader = SerializedFileReader::new(file).map_err(|error| broken(path, "the file", &error))?;
        let schema = reader.metadata().file_metadata().schema();
        let is_wanted = |name: &str| columns.iter().any(|column| *column == name || column.split('.').next() == Some(name));
        let fields = schema.get_fields().iter().filter(|field| is_wanted(field.name())).cloned().collect::<Vec<Arc<Type>>>();
        if fields.is_empty() {
            let known: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
            let message = format!("has none of the columns {}; it has {}", columns.join(", "), known.join(", "));
            return Err(DataError::Content { path: path.to_owned(), place: "the table".into(), message });
        }
        let failed = |error: ParquetError| broken(path, "the schema", &error);
        let schema = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(failed)?;
        let rows = RowIter::from_file_into(Box::new(reader)).project(Some(schema.clone())).map_err(failed)?;
        Ok(Table { path: path.to_owned(), rows: Some(rows), schema, read: 0 })
    }
}

impl Iterator for Table {
    type Item = Result<(CellPosition, Value), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows.as_mut()?;
        let row = caught(|| rows.next()).unwrap_or_else(|panic| Some(Err(ParquetError::General(panic))))?;
        self.read += 1;
        Some(match row {
            Ok(row) => Ok((CellPosition { path: self.path.clone(), number: self.read }, object(row, Some(&self.schema)))),
            Err(error) => {
                self.rows = None;
                Err(broken(&self.path, &format!("row {}", self.read), &error))
            }
        })
    }
}

fn broken(path: &Path, place: &str, error: &ParquetError) -> DataError {
    DataError::Broken { path: path.to_owned(), place: place.to_owned(), message: format!("cannot be read as Parquet: {error}") }
}
