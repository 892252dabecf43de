//! TensorBoard's event files: `Event` messages in TFRecord framing.
//!
//! Sources: `tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto` and
//! `tensorflow/core/lib/io/record_writer.cc`; only the fields that scalars need are declared.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;

use super::error::TrackingError;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    // One of several alternatives, so that a zero must be written out.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SessionLog.SessionStatus.START`: readers forget the events of earlier files from this event's
/// step on.
const START: i32 = 1;

/// An event file, appended to one event at a time.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Starts a new file in `directory`, which is made if it is missing. Steps from `first_step` on
    /// that earlier files of the directory hold are taken back.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(directory: &Path, first_step: u64) -> Result<Self, TrackingError> {
        fs::create_dir_all(directory).map_err(TrackingError::io("create", directory))?;
        let (file, path) = new_file(directory)?;
        let mut events = EventFile { file, path };
        events.write(0, What::FileVersion("brain.Event:2".to_owned()))?;
        events.write(first_step, What::SessionLog(SessionLog { status: START }))?;
        Ok(events)
    }

    /// Appends the named values of one step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrackingError> {
        let scalar = |(tag, value): &(&str, f64)| Scalar { tag: (*tag).to_owned(), simple_value: Some(*value as f32) };
        self.write(step, What::Summary(Summary { value: scalars.iter().map(scalar).collect() }))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, step: u64, what: What) -> Result<(), TrackingError> {
        // A clock before 1970 must not stop a training.
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let event = Event { wall_time, step: i64::try_from(step).unwrap_or(i64::MAX), what: Some(what) };
        self.file.write_all(&frame(&event.encode_to_vec())).map_err(TrackingError::io("write", &self.path))
    }
}

/// Opens a file under a name that TensorBoard recognises, and that sorts after those of earlier
/// runs as it expects.
fn new_file(directory: &Path) -> Result<(File, PathBuf), TrackingError> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut attempt = 0_u32;
    loop {
        let path = directory.join(format!("events.out.tfevents.{seconds:010}.scaledown.{attempt:03}.{}", process::id()));
        match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            outcome => return outcome.map(|file| (file, path.clone())).map_err(TrackingError::io("create", &path)),
        }
    }
}

/// A TFRecord: length, masked CRC-32C of the length, content, masked CRC-32C of the content; all
/// little-endian.
fn frame(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(content.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(content);
    record.extend(masked_crc(content).to_le_bytes());
    record
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(mut content: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !content.is_empty() {
            let length = u64::from_le_bytes(content[..8].try_into().expect("eight bytes")) as usize;
            let (record, rest) = content.split_at(length + 16);
            let crc = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"));
            assert_eq!(crc(8), masked_crc(&record[..8]));
            assert_eq!(crc(12 + length), masked_crc(&record[12..12 + length]));
            events.push(Event::decode(&record[12..12 + length]).expect("an event"));
            content = rest;
        }
        events
    }

    #[test]
    fn the_checksum_is_that_of_tensorflow() {
        // crc32c_test.cc of TensorFlow: thirty-two zero bytes give 0x8a9136aa; masking as crc32c.h
        // defines it.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked_crc(&[0; 32]), 0x0fd7_fffa);
    }

    #[test]
    fn scalars_are_read_back() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut events = EventFile::create(&directory.path().join("deep"), 8).expect("created");
        events.scalars(8, &[("loss", 0.5), ("zero", 0.0)]).expect("written");
        let read = decode(&fs::read(events.path()).expect("readable"));
        assert_eq!(read[0].what, Some(What::FileVersion("brain.Event:2".to_owned())));
        assert_eq!((read[1].step, &read[1].what), (8, &Some(What::SessionLog(SessionLog { status: START }))));
        let scalar = |tag: &str, value| Scalar { tag: tag.to_owned(), simple_value: Some(value) };
        let summary = Summary { value: vec![scalar("loss", 0.5), scalar("zero", 0.0)] };
        assert_eq!((read[2].step, &read[2].what), (8, &Some(What::Summary(summary))));
        assert!(read[2].wall_time > 1.6e9);
    }

    #[test]
    fn files_of_the_same_second_do_not_meet() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let first = EventFile::create(directory.path(), 1).expect("created");
        let second = EventFile::create(directory.path(), 1).expect("created");
        assert!(first.path() < second.path());
    }
}
