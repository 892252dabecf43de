//! `scaledown sweep`: many runs of one configuration, and the report that compares them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Directory, RunStart};
use crate::config::{Config, Overrides, Variant};
use crate::evaluate::report::{ComparedRun, Comparison, Metrics, write_comparison};
use crate::support::artifact::write_file;
use crate::support::lock::DirectoryLock;
use crate::train::lock;
use crate::{Error, Result};

/// The runs of a sweep and where they stand: `runs/NAME` has a run's files, `configs/NAME.toml` its
/// configuration, `logs/NAME.log` what it printed.
pub struct SweepRuns {
    directory: PathBuf,
    title: String,
    runs: Vec<Variant>,
    _lock: DirectoryLock,
}

impl SweepRuns {
    /// Resolves all runs of the configuration at `path` and writes their configurations. Keeps the
    /// finished runs of an earlier sweep in the same directory, unless they are to be overwritten.
    ///
    /// # Errors
    /// If a run's configuration is invalid; if the directory holds a single run, or an earlier
    /// sweep with other settings.
    pub fn open(path: &Path, overrides: &Overrides, start: RunStart) -> Result<Self> {
        let (base, runs) = Config::variants(path, overrides)?;
        let directory = base.output.directory.clone();
        let lock = lock(&directory)?;
        let single = Directory::new(&directory);
        if single.config().exists() || single.metrics().exists() {
            let message = "holds a single run; sweep into another directory with `--set output.directory=DIR`";
            return Err(Error::data(directory.display(), message));
        }
        let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let sweep = SweepRuns { directory, title, runs, _lock: lock };
        if start == RunStart::Overwrite {
            sweep.remove()?;
        }
        sweep.write_configs()?;
        Ok(sweep)
    }

    /// The runs.
    #[must_use]
    pub fn runs(&self) -> &[Variant] {
        &self.runs
    }

    /// The file with a run's configuration.
    #[must_use]
    pub fn config_of(&self, run: &Variant) -> PathBuf {
        self.directory.join("configs").join(format!("{}.toml", run.name))
    }

    /// The file for what a run prints.
    #[must_use]
    pub fn log_of(&self, run: &Variant) -> PathBuf {
        self.directory.join("logs").join(format!("{}.log", run.name))
    }

    /// The subcommands that make a run, in order: those of the quickstart, unless the configuration
    /// names records to train on.
    #[must_use]
    pub fn commands(run: &Variant) -> &'static [&'static str] {
        if run.config.data.train.is_some() { &["train", "evaluate"] } else { &["quickstart"] }
    }

    /// Whether a run is finished.
    #[must_use]
    pub fn is_finished(run: &Variant) -> bool {
        Directory::of(&run.config).metrics().is_file()
    }

    /// Writes `sweep.json`, `sweep.csv`, the plot and `report.html` of the runs that are finished.
    /// Returns the comparison and the page.
    ///
    /// # Errors
    /// If a run's metrics cannot be read; if the disk is full.
    pub fn compare(&self) -> Result<(Comparison, PathBuf)> {
        let runs = self.runs.iter().map(compared).collect::<Result<Vec<_>>>()?;
        let comparison = Comparison { title: self.title.clone(), runs };
        let page = write_comparison(&self.directory, &comparison).map_err(Error::failed)?;
        Ok((comparison, page))
    }

    /// Writes the configurations of the runs, or checks that they are those of an earlier sweep.
    fn write_configs(&self) -> Result<()> {
        let place = self.directory.display();
        for run in &self.runs {
            let (path, text) = (self.config_of(run), run.config.to_toml()?);
            match std::fs::read_to_string(&path) {
                Ok(earlier) if earlier == text => continue,
                Ok(_) => {
                    let message = format!(
                        "the run {} was started with other settings, which {} has; set them back, sweep into another directory with \
                         `--set output.directory=DIR`, or start over with --overwrite",
                        run.name,
                        path.display()
                    );
                    return Err(Error::data(place, message));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(&path, error)),
            }
            if Directory::of(&run.config).config().exists() {
                return Err(Error::data(place, format!("holds a run {} that no sweep made; move it away", run.name)));
            }
            write_file(&path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Removes the runs of an earlier sweep, and nothing else that is in the directory: a run is
    /// known by its configuration, which names its place.
    fn remove(&self) -> Result<()> {
        let configs = self.directory.join("configs");
        let entries = match std::fs::read_dir(&configs) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| Error::io(&configs, error))?,
        };
        for entry in entries {
            let path = entry.map_err(|error| Error::io(&configs, error))?.path();
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            let run = self.directory.join("runs").join(name);
            if path.extension().is_none_or(|extension| extension != "toml") || !is_written_for(&path, &run) {
                continue;
            }
            // The configuration last: with it, an interrupted removal can be repeated.
            remove_all(&run)?;
            remove_all(&self.directory.join("logs").join(format!("{name}.log")))?;
            remove_all(&path)?;
        }
        Ok(())
    }
}

/// Whether the file at `path` is the configuration of the run in `directory`.
fn is_written_for(path: &Path, directory: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let output = text.parse::<toml::Table>().ok().and_then(|mut table| table.remove("output"));
    let named = output.as_ref().and_then(|output| output.get("directory")).and_then(toml::Value::as_str);
    named.is_some_and(|named| Path::new(named) == directory)
}

/// Removes a file or directory, if it exists.
fn remove_all(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// A run as the report has it.
fn compared(run: &Variant) -> Result<ComparedRun> {
    let path = Directory::of(&run.config).metrics();
    let metrics = match std::fs::read(&path) {
        Ok(bytes) => {
            let metrics: std::result::Result<Metrics, _> = serde_json::from_slice(&bytes);
            Some(metrics.map_err(|error| Error::data(path.display(), format!("not valid metrics: {error}")))?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io(&path, error)),
    };
    let values: BTreeMap<String, Value> = run.values.iter().map(|(key, value)| (key.join("."), value.clone())).collect();
    Ok(ComparedRun { name: run.name.clone(), values: values.into_iter().collect::<Map<_, _>>(), metrics })
}
