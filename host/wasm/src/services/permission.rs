//! Refusals, which say what to write to be granted the same; and places that are granted.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use scaledown_sdk::Error;

use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::imports::{Imports, refusal};
use crate::plugin::Plugin;
use crate::services::log::shortened;

/// What a plugin may reach of the user's files.
#[derive(Clone)]
pub(crate) struct FileAccess {
    plugin: Plugin,
    /// What a key of the plugin names as a model is granted by that.
    models: Vec<PathBuf>,
}

impl Imports {
    /// What the plugin may reach of the user's files.
    pub(crate) fn file_access(&self) -> FileAccess {
        FileAccess { plugin: self.plugin.clone(), models: self.setting.models.clone() }
    }

    /// The refusal of something that `[plugins.NAME.permissions]` would grant with the line `line`.
    /// The user is informed too: a component may keep it to itself.
    pub(crate) fn denied(&self, what: &str, line: &str) -> WitError {
        denied(&self.plugin, what, line)
    }

    /// The file or directory that a component names, if it may read it.
    pub(crate) fn readable(&self, path: &str) -> Result<PathBuf, WitError> {
        self.file_access().readable(path).map(|place| place.path)
    }
}

fn denied(plugin: &Plugin, what: &str, line: &str) -> WitError {
    let plugin = plugin.name();
    let message = shortened(&format!("it may not {what}; to allow it, put `{line}` into [plugins.{plugin}.permissions]"));
    tracing::warn!(plugin, "{message}");
    WitError::Failed(message)
}

impl FileAccess {
    /// The file or directory that a component names, if it may read it.
    pub(crate) fn readable(&self, path: &str) -> Result<GrantedPath, WitError> {
        let permissions = &self.plugin.settings().permissions;
        let granted: Vec<&PathBuf> = permissions.read.iter().chain(&permissions.write).chain(&self.models).collect();
        let refused = || denied(&self.plugin, &format!("read {path}"), &format!("read = [{}]", quoted(path)));
        within(path, &granted).ok_or_else(refused)
    }

    /// The file that a component names, if it may write it.
    pub(crate) fn writable(&self, path: &str) -> Result<GrantedPath, WitError> {
        let granted: Vec<&PathBuf> = self.plugin.settings().permissions.write.iter().collect();
        let refused = || denied(&self.plugin, &format!("write {path}"), &format!("write = [{}]", quoted(path)));
        within(path, &granted).ok_or_else(refused)
    }
}

/// A place within one that is granted. It is opened from there on, so that a link which
/// is made meanwhile does not lead out.
pub(crate) struct GrantedPath {
    /// Where it is, links followed.
    pub(crate) path: PathBuf,
    /// The directory that is granted; of a file that is granted alone, the one that it is in.
    root: PathBuf,
    /// The place in `root`.
    inside: PathBuf,
}

impl GrantedPath {
    fn of(path: PathBuf, root: &Path) -> Option<Self> {
        let (root, inside) = match path.strip_prefix(root) {
            Ok(inside) if inside == Path::new("") && root.is_dir() => (root, Path::new(".")),
            Ok(inside) if inside == Path::new("") => (root.parent()?, Path::new(path.file_name()?)),
            Ok(inside) => (root, inside),
            Err(_) => return None,
        };
        Some(GrantedPath { root: root.to_owned(), inside: inside.to_owned(), path })
    }

    fn directory(&self) -> std::io::Result<Dir> {
        Dir::open_ambient_dir(&self.root, ambient_authority())
    }

    /// Opens the file, which must be a regular one.
    fn open(&self, options: &mut OpenOptions) -> std::io::Result<File> {
        // One that is a fifo would keep the host waiting.
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = self.directory()?.open_with(&self.inside, options)?.into_std();
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(IoError::from(ErrorKind::IsADirectory));
        }
        match kind.is_file() {
            true => Ok(file),
            false => {
                let message = "not a regular file but a fifo, socket or device; expected a file";
                Err(IoError::new(ErrorKind::InvalidInput, message))
            }
        }
    }

    /// Opens the file to read it.
    pub(crate) fn read(&self) -> std::io::Result<File> {
        self.open(OpenOptions::new().read(true))
    }

    /// Writes the file whole: the old one counts until the new one is complete.
    pub(crate) fn write(&self, content: &[u8]) -> std::io::Result<()> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        // What stands there must be a regular file that may be written, and stays as accessible.
        let earlier = match self.open(OpenOptions::new().write(true)) {
            Ok(file) => Some(file.metadata()?.permissions()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let directory = self.directory()?;
        let name = self.inside.file_name().ok_or_else(|| IoError::from(ErrorKind::IsADirectory))?.to_string_lossy();
        let count = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let temporary = self.inside.with_file_name(format!(".writing-{}-{count}-{name}", std::process::id()));
        let written = || {
            let options = &mut OpenOptions::new();
            let mut file = directory.open_with(&temporary, options.write(true).create(true).truncate(true))?.into_std();
            file.write_all(content)?;
            if let Some(permissions) = earlier {
                file.set_permissions(permissions)?;
            }
            file.sync_all()?;
            directory.rename(&temporary, &directory, &self.inside)
        };
        written().inspect_err(|_| drop(directory.remove_file(&temporary)))
    }

    /// The names in the directory, in alphabetical order; a directory's ends with `/`.
    pub(crate) fn names(&self) -> std::io::Result<Vec<String>> {
        let directory = self.directory()?.open_dir(&self.inside)?;
        let shown = |name: &OsStr| {
            let end = if directory.metadata(name).is_ok_and(|found| found.is_dir()) { "/" } else { "" };
            format!("{}{end}", name.to_string_lossy())
        };
        let names = directory.entries()?.map(|entry| Ok(shown(&entry?.file_name())));
        let mut names = names.collect::<std::io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }
}

/// The place that `path` means, links followed, if it is within one of those that are granted.
fn within(path: &str, granted: &[&PathBuf]) -> Option<GrantedPath> {
    let path = Path::new(path);
    let real = match path.canonicalize() {
        Ok(real) => real,
        // Making the file would follow a link that leads nowhere.
        Err(_) if path.is_symlink() => return None,
        // A file that is to be made must be in an existing directory.
        Err(_) => path.parent()?.canonicalize().ok()?.join(path.file_name()?),
    };
    let within = |root: &&PathBuf| match root.canonicalize() {
        Ok(root) => GrantedPath::of(real.clone(), &root),
        Err(_) if real == **root => GrantedPath::of(real.clone(), root),
        Err(_) => None,
    };
    granted.iter().find_map(within)
}

/// A text as TOML writes it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An error of the file system, as the component hears of it.
pub(crate) fn io(path: &Path, error: std::io::Error) -> WitError {
    refusal(&Error::io(path, error))
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_followed_before_it_is_granted() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("granted");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("file"), "x").unwrap();
        std::fs::write(place.path().join("secret"), "x").unwrap();
        symlink(place.path().join("secret"), root.join("link")).unwrap();
        symlink(place.path().join("new"), root.join("nowhere")).unwrap();
        let granted = |name: &str| within(root.join(name).to_str().unwrap(), &[&root]).is_some();
        assert!(granted("file") && granted("new") && granted("."));
        for outside in ["link", "nowhere", "../secret", "../new", "none/../../secret", "/"] {
            assert!(!granted(outside), "{outside}");
        }
    }

    /// A link that is put in a granted place between the check and the opening leads nowhere.
    #[test]
    fn a_link_that_is_made_meanwhile_does_not_lead_out() {
        let place = tempfile::tempdir().unwrap();
        let (root, outside) = (place.path().join("granted"), place.path().join("outside"));
        for directory in [&root.join("sub"), &outside] {
            std::fs::create_dir_all(directory).unwrap();
            std::fs::write(directory.join("file"), directory.to_str().unwrap()).unwrap();
        }
        let granted = |path: &str| within(root.join(path).to_str().unwrap(), &[&root]).unwrap();
        let (file, new, directory) = (granted("sub/file"), granted("sub/new"), granted("sub"));
        let mut text = String::new();
        file.read().unwrap().read_to_string(&mut text).unwrap();
        assert!(text.ends_with("granted/sub"), "{text}");
        assert_eq!(directory.names().unwrap(), ["file"]);

        std::fs::rename(root.join("sub"), root.join("earlier")).unwrap();
        symlink(&outside, root.join("sub")).unwrap();
        assert!(file.read().is_err() && directory.names().is_err());
        assert!(new.write(b"x").is_err() && file.write(b"x").is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        assert_ne!(std::fs::read_to_string(outside.join("file")).unwrap(), "x");
    }

    #[test]
    fn a_file_that_is_granted_alone_is_read_and_written() {
        let place = tempfile::tempdir().unwrap();
        let (file, fifo) = (place.path().join("file"), place.path().join("fifo"));
        let granted = |path: &PathBuf| within(path.to_str().unwrap(), &[path]);
        granted(&file).unwrap().write(b"longer").unwrap();
        granted(&file).unwrap().write(b"text").unwrap();
        let mut text = String::new();
        granted(&file).unwrap().read().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "nothing else is left");
        assert!(within(place.path().join("other").to_str().unwrap(), &[&file]).is_none());
        // Neither end of a fifo keeps the host waiting.
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(granted(&fifo).unwrap().read().is_err() && granted(&fifo).unwrap().write(b"x").is_err());
        assert!(granted(&place.path().to_owned()).unwrap().read().is_err(), "a directory");
    }
}
