//! The journal of a run: an append-only file of lines with checksums.
//!
//! The first line is the run's [`PreparationFingerprint`]; every other one is an [`JournalEntry`].
//! A process that is killed leaves at most one line that is not whole, the last, which is cut off
//! when the journal is opened again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::answering::TeacherAnswer;
use super::error::PreparationError;
use super::fingerprint::{FORMAT, PreparationFingerprint};
use super::ranking::Ranked;
use crate::support::lock::{LockError, lock_file};

/// The maximum interval between syncs to disk.
const FLUSH: Duration = Duration::from_secs(1);

/// The maximum length of an entry.
const LONGEST: u64 = 1 << 30;

/// The result of a stage for questions of a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub enum JournalEntry {
    /// The documents of each question.
    Ranked {
        /// The block's number.
        block: u64,
        /// One for each question.
        questions: Vec<Ranked>,
    },
    /// The answers to some questions, as soon as the teacher gave them.
    Answered {
        /// The block's number.
        block: u64,
        /// Each with its question's place in the block.
        answers: Vec<(usize, TeacherAnswer)>,
    },
}

/// A journal's place, which no other run may write.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    file: File,
}

impl Claim {
    /// Starts the journal, replacing an earlier one.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn begin(self, fingerprint: &PreparationFingerprint) -> Result<Journal, PreparationError> {
        let Claim { path, file } = self;
        file.set_len(0).map_err(PreparationError::io(&path))?;
        let mut journal = Journal { path, file, end: 0, places: BTreeMap::new(), flushed: Instant::now() };
        journal.write(fingerprint)?;
        journal.flush()?;
        Ok(journal)
    }
}

/// Where the entries of a block begin.
#[derive(Clone, Debug, Default)]
struct EntryOffsets {
    ranked: Option<u64>,
    answered: Vec<u64>,
    /// How many questions are answered.
    answers: usize,
}

impl EntryOffsets {
    fn add(&mut self, entry: &JournalEntry, place: u64) {
        match entry {
            JournalEntry::Ranked { .. } => self.ranked = Some(place),
            JournalEntry::Answered { answers, .. } => {
                self.answered.push(place);
                self.answers += answers.len();
            }
        }
    }
}

impl JournalEntry {
    fn block(&self) -> u64 {
        match self {
            JournalEntry::Ranked { block, .. } | JournalEntry::Answered { block, .. } => *block,
        }
    }
}

/// The journal of a run, open for reading and appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    places: BTreeMap<u64, EntryOffsets>,
    flushed: Instant,
}

impl Journal {
    /// Locks the place of a new journal against other runs. An earlier journal stays until then.
    ///
    /// # Errors
    /// If another run is writing it, or it cannot be made.
    pub fn claim(path: &Path) -> Result<Claim, PreparationError> {
        let reported = PreparationError::io(path);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(reported)?;
        lock(path, &file)?;
        Ok(Claim { path: path.to_owned(), file })
    }

    /// Opens the journal of a run that stopped, and gives the fingerprint that it began with. A
    /// last line that is not whole is cut off. `None` if the only line has no end: then the run
    /// stopped as it began, and nothing was done.
    ///
    /// # Errors
    /// If the file cannot be read or written, is damaged elsewhere than at its end, or has another
    /// version's format.
    pub fn open(path: &Path) -> Result<Option<(Self, PreparationFingerprint)>, PreparationError> {
        let reported = PreparationError::io(path);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(&reported)?;
        lock(path, &file)?;
        let length = file.metadata().map_err(&reported)?.len();
        let mut lines = BufReader::new(file.try_clone().map_err(&reported)?);
        let (mut end, mut number) = (0, 0);
        let (mut fingerprint, mut places) = (None, BTreeMap::<u64, EntryOffsets>::new());
        loop {
            let mut line = Vec::new();
            let read = lines.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(&reported)? as u64;
            if read == 0 {
                break;
            }
            number += 1;
            let damaged = |message: String| PreparationError::Damaged { path: path.to_owned(), line: number, message };
            let text = match content(&line) {
                Ok(text) => text,
                Err(_) if end + read == length && (number > 1 || !line.ends_with(b"\n")) => break,
                Err(message) => return Err(damaged(message.to_owned())),
            };
            if fingerprint.is_none() {
                // First, since other versions write other entries.
                let found = PreparationFingerprint::version(text).map_err(|error| damaged(error.to_string()))?;
                if found != FORMAT {
                    return Err(PreparationError::Version { path: path.to_owned(), found, expected: FORMAT });
                }
                fingerprint = Some(serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?);
            } else {
                let entry: JournalEntry = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
                places.entry(entry.block()).or_default().add(&entry, end);
            }
            end += read;
        }
        file.set_len(end).map_err(&reported)?;
        let journal = Journal { path: path.to_owned(), file, end, places, flushed: Instant::now() };
        Ok(fingerprint.map(|fingerprint| (journal, fingerprint)))
    }

    /// The entries so far, for reading while more are appended.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn recorded(&self) -> Result<Recorded, PreparationError> {
        let file = File::open(&self.path).map_err(PreparationError::io(&self.path))?;
        Ok(Recorded { path: self.path.clone(), file, places: self.places.clone() })
    }

    /// Appends an entry. Earlier entries always stay.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn append(&mut self, entry: &JournalEntry) -> Result<(), PreparationError> {
        let place = self.write(entry)?;
        self.places.entry(entry.block()).or_default().add(entry, place);
        if self.flushed.elapsed() > FLUSH { self.flush() } else { Ok(()) }
    }

    /// Makes sure that everything is on the disk.
    ///
    /// # Errors
    /// If the disk is full or fails.
    pub fn flush(&mut self) -> Result<(), PreparationError> {
        self.flushed = Instant::now();
        self.file.sync_data().map_err(PreparationError::io(&self.path))
    }

    /// Writes a line, and gives the place where it begins. A line that could not be written whole
    /// is taken back, so that another may follow.
    fn write(&mut self, value: &impl Serialize) -> Result<u64, PreparationError> {
        let reported = PreparationError::io(&self.path);
        let text = serde_json::to_vec(value).map_err(|error| reported(error.into()))?;
        let mut line = format!("{:08x} ", crc32c::crc32c(&text)).into_bytes();
        line.extend(text);
        line.push(b'\n');
        let place = self.end;
        let written = self.file.seek(SeekFrom::Start(place)).and_then(|_| self.file.write_all(&line));
        if let Err(error) = written {
            // A partial entry is useless; if it cannot be removed, the next opening removes it.
            let _ = self.file.set_len(place);
            return Err(reported(error));
        }
        self.end += line.len() as u64;
        Ok(place)
    }
}

/// A journal's contents, possibly incomplete.
#[derive(Debug)]
pub struct Recorded {
    path: PathBuf,
    file: File,
    places: BTreeMap<u64, EntryOffsets>,
}

impl Recorded {
    /// The journal's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all answers of a block of `count` questions are known.
    #[must_use]
    pub fn is_answered(&self, block: u64, questions: usize) -> bool {
        self.places.get(&block).is_some_and(|places| places.answers >= questions)
    }

    /// The documents of a block's questions, if they are known.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn ranked(&self, block: u64) -> Result<Option<Vec<Ranked>>, PreparationError> {
        match self.places.get(&block).and_then(|places| places.ranked).map(|place| self.read(place)).transpose()? {
            Some(JournalEntry::Ranked { questions, .. }) => Ok(Some(questions)),
            _ => Ok(None),
        }
    }

    /// The answers to a block's questions that are known, by their places in the block.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn answered(&self, block: u64) -> Result<BTreeMap<usize, TeacherAnswer>, PreparationError> {
        let mut known = BTreeMap::new();
        for &place in self.places.get(&block).map_or(&[][..], |places| &places.answered) {
            if let JournalEntry::Answered { answers, .. } = self.read(place)? {
                known.extend(answers);
            }
        }
        Ok(known)
    }

    fn read(&self, place: u64) -> Result<JournalEntry, PreparationError> {
        let reported = PreparationError::io(&self.path);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place)).map_err(&reported)?;
        let mut line = Vec::new();
        BufReader::new(file).read_until(b'\n', &mut line).map_err(&reported)?;
        let invalid = |message: String| reported(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
        let text = content(&line).map_err(|message| invalid(message.to_owned()))?;
        serde_json::from_slice(text).map_err(|error| invalid(error.to_string()))
    }
}

/// Keeps other runs out of the journal until this one ends.
fn lock(path: &Path, file: &File) -> Result<(), PreparationError> {
    lock_file(file, path).map_err(|error| match error {
        LockError::Held(path) => PreparationError::Busy(path),
        LockError::Io(error) => error.into(),
    })
}

/// The content of a line with a correct checksum.
fn content(line: &[u8]) -> Result<&[u8], &'static str> {
    let line = line.strip_suffix(b"\n").ok_or("the line is not terminated")?;
    let (sum, text) = line.split_at_checked(9).ok_or("the line is too short")?;
    let sum = std::str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum.trim_end(), 16).ok());
    if sum == Some(crc32c::crc32c(text)) { Ok(text) } else { Err("checksum mismatch") }
}
