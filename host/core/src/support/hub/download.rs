//! A file of the hub, into the cache: in the layout that the hub's other clients use.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use ureq::http::{HeaderMap, StatusCode};

use super::client::{Client, ClientError, Described};
use super::{RepoKind, Request};

/// How long another process that loads the same file is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Request<'_> {
    /// Downloads a file to the cache if missing. Returns its path.
    pub(super) fn load(&self, client: &Client, file: &str) -> Result<PathBuf, ClientError> {
        let within = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        if file.is_empty() || !within {
            return Err(ClientError::Other("its name points outside the repository".into()));
        }
        let kind = matches!(self.kind, RepoKind::Dataset).then_some("datasets");
        let path = kind.into_iter().chain(self.model.split('/')).chain(["resolve", self.revision]).chain(file.split('/'));
        let url: Vec<&str> = path.collect();
        let described = client.get(&url, Some("bytes=0-0"))?.described.ok_or_else(|| {
            ClientError::Other("the response has no X-Repo-Commit and ETag; check that HF_ENDPOINT is a hub or a mirror".into())
        })?;
        let repository = self.directory();
        let blob = repository.join("blobs").join(&described.etag);
        if !blob.exists() {
            self.load_blob(client, &url, file, &blob)?;
        }
        self.place(&repository, &described, file, &blob)
    }

    /// Loads a file to its place among the contents, going on with what an earlier try has left.
    fn load_blob(&self, client: &Client, url: &[&str], file: &str, blob: &Path) -> Result<(), ClientError> {
        fs::create_dir_all(blob.parent().unwrap_or(Path::new(".")))?;
        let name = blob.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let _lock = lock(&blob.with_file_name(format!("{name}.lock")))?;
        let part = blob.with_file_name(format!("{name}.part"));
        let mut target = OpenOptions::new().create(true).append(true).open(&part)?;
        let start = target.metadata()?.len();
        let asked = client.get(url, Some(&format!("bytes={start}-")));
        let mut answered = match asked {
            // The partial file is complete, or of another file.
            Err(ClientError::Status(416)) if start > 0 => {
                target.set_len(0)?;
                client.get(url, Some("bytes=0-"))?
            }
            other => other?,
        };
        let (begins, total) = extent(answered.response.status(), answered.response.headers())?;
        if begins == 0 {
            target.set_len(0)?;
        } else if begins != start {
            fs::remove_file(&part)?;
            return Err(ClientError::Other("received another part of the file than requested; try again".into()));
        }
        let bar = self.bar(file, begins, total);
        let copied = copy(&mut answered.response.body_mut().as_reader(), &mut target, &bar);
        bar.finish_and_clear();
        copied?;
        target.sync_all()?;
        let found = target.metadata()?.len();
        if total.is_some_and(|total| total != found) {
            return Err(ClientError::Other(format!(
                "the connection was lost after {found} of {} bytes; run the command again to continue",
                total.unwrap_or_default()
            )));
        }
        Ok(fs::rename(&part, blob)?)
    }

    /// Gives a content its name in the commit, and the branch its commit.
    fn place(&self, repository: &Path, described: &Described, file: &str, blob: &Path) -> Result<PathBuf, ClientError> {
        let snapshot = repository.join("snapshots").join(&described.commit);
        let pointer = snapshot.join(file);
        fs::create_dir_all(pointer.parent().unwrap_or(&snapshot))?;
        if !pointer.exists() {
            // A link that leads nowhere may be there.
            let _ = fs::remove_file(&pointer);
            link(blob, &pointer, Path::new(file).components().count() + 1)?;
        }
        let reference = repository.join("refs").join(self.revision);
        fs::create_dir_all(reference.parent().unwrap_or(repository))?;
        if fs::read(&reference).ok().as_deref() != Some(described.commit.as_bytes()) {
            fs::write(&reference, &described.commit)?;
        }
        Ok(pointer)
    }

    fn bar(&self, file: &str, begins: u64, total: Option<u64>) -> ProgressBar {
        if !self.settings.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} ({eta})");
        let bar = ProgressBar::new(total.unwrap_or_default()).with_message(file.to_owned());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(begins);
        bar
    }
}

/// Where the bytes of an answer begin in the file, and how long that is, where it is said. A server
/// without ranges sends all of it.
fn extent(status: StatusCode, headers: &HeaderMap) -> Result<(u64, Option<u64>), ClientError> {
    let text = |name| headers.get(name).and_then(|value: &ureq::http::HeaderValue| value.to_str().ok()).map(str::trim);
    if status != StatusCode::PARTIAL_CONTENT {
        return Ok((0, text(CONTENT_LENGTH).and_then(|length| length.parse().ok())));
    }
    let range = text(CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes "));
    let parsed = range.and_then(|range| {
        let (range, total) = range.split_once('/')?;
        Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
    });
    parsed.ok_or_else(|| ClientError::Other("the response has no Content-Range".into()))
}

fn copy(from: &mut impl Read, to: &mut impl Write, bar: &ProgressBar) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                bar.inc(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Locks a file against other downloads of it. File systems without
/// locks do without.
fn lock(path: &Path) -> Result<File, ClientError> {
    let file = File::create(path)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < LONGEST_WAIT => std::thread::sleep(Duration::from_millis(200)),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process is downloading it (lock {}); wait for it to end", path.display());
                return Err(ClientError::Other(message));
            }
        }
    }
}

/// Makes `pointer` the content `blob`, which lies in the directory `blobs` that is `depth` levels
/// up from it.
#[cfg(unix)]
fn link(blob: &Path, pointer: &Path, depth: usize) -> io::Result<()> {
    let up: PathBuf = std::iter::repeat_n("..", depth).collect();
    std::os::unix::fs::symlink(up.join("blobs").join(blob.file_name().unwrap_or_default()), pointer)
}

#[cfg(not(unix))]
fn link(blob: &Path, pointer: &Path, _: usize) -> io::Result<()> {
    fs::rename(blob, pointer)
}
