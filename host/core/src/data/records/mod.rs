//! Training and evaluation records: JSON Lines, or one JSON array, of questions with their
//! documents; and how files of lines are read.
//!
//! Files are parsed a record at a time, and checked as they are read: an error names the file, the
//! line and the field. A command holds the records that it works on in memory. [`check`] reads a
//! whole file and counts its contents and defects.

mod check;
mod compressed;
mod context;
mod documents;
mod error;
mod integers;
mod lines;
mod reader;
mod record;
mod split;

pub use check::{BadRecord, Extent, RecordsSummary, check};
pub use compressed::open;
pub(crate) use compressed::plain_name;
pub use context::{PretrainingRecord, QuestionAnswer};
pub use documents::read_documents;
pub use error::DataError;
pub use lines::Lines;
pub use reader::{Reader, read, read_contexts, read_labelled, read_scored};
pub use record::Record;
pub(crate) use record::{Fault, document, fault, kind, list, missing, number, with_title};
pub use split::RECORD_LIMIT;
