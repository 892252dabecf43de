//! `scaledown sweep`: many runs of one configuration, each a process of its own.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::SettingArgs;
use super::again::command_line;
use crate::terminal::{Terminal, table};
use scaledown_host::config::{Variant, is_key_variable};
use scaledown_host::error::{Error, Result};
use scaledown_host::run::{RunStart, SweepRuns};
use scaledown_host::support::interrupt::Interrupt;
use scaledown_host::support::progress::Progress;

/// How often a running process is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// The variable with the id of the process that started a run.
const PARENT: &str = "SCALEDOWN_SWEEP_PROCESS";

/// Run every combination of the values in [sweep], and compare the results in one report.
///
/// Each run is a process of its own: `quickstart`, or `train` and `evaluate` if the configuration
/// names training records. Run the command again to resume an interrupted sweep: finished runs are
/// kept.
#[derive(Debug, clap::Args)]
pub(super) struct SweepCommand {
    /// The configuration, a TOML file with a table [sweep].
    #[arg(value_name = "CONFIG", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
    /// Number of runs at a time. Set `device.threads` to share the processor among them.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    /// Resume an interrupted sweep; this is what happens without the option, too.
    #[arg(long)]
    resume: bool,
    /// Remove all runs of an earlier sweep, and start over.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Print the runs and their metrics as JSON.
    #[arg(long)]
    json: bool,
}

impl SweepCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let interrupt = Interrupt::listen()?;
        let start = if self.overwrite { RunStart::Overwrite } else { RunStart::Resume };
        let sweep = SweepRuns::open(&self.file, &self.settings.overrides()?, start)?;
        let progress = terminal.watch(interrupt);
        let command = command_line();
        let failures = run_all(&sweep, self.parallel.into(), &progress)?;
        let (comparison, page) = sweep.compare()?;
        if progress.cancelled() {
            let finished = sweep.runs().iter().filter(|run| SweepRuns::is_finished(run)).count();
            let message = format!("{finished} of {} runs are finished", sweep.runs().len());
            return Err(Error::interrupted(message).go_on_with(&command));
        }
        if self.json {
            terminal.print_json(&comparison)?;
        } else {
            let (header, rows) = comparison.table();
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            terminal.print(format!("{}\nThe report is {}", table(&header, &rows), page.display()))?;
        }
        match failures.first() {
            None => Ok(()),
            Some(first) => {
                let others = failures.len() - 1;
                let rest = if others > 0 { format!(" ({others} more failed)") } else { String::new() };
                Err(Error::failed(format!("{first}{rest}; run the command again to repeat failed runs")))
            }
        }
    }
}

/// Makes all runs that are not finished, some at a time. Returns the failures.
fn run_all(sweep: &SweepRuns, parallel: usize, progress: &dyn Progress) -> Result<Vec<String>> {
    let missing: Vec<&Variant> = sweep.runs().iter().filter(|run| !SweepRuns::is_finished(run)).collect();
    let finished = sweep.runs().len() - missing.len();
    let bar = progress.bar("runs", sweep.runs().len() as u64);
    bar.add(finished as u64);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || -> Result<()> {
        while let Some(run) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
            if progress.cancelled() {
                break;
            }
            progress.note(&format!("run {} starts; its output is {}", run.name, sweep.log_of(run).display()));
            if let Some(failure) = make(sweep, run, progress)? {
                progress.warn(&failure);
                failures.lock().push(failure);
            }
            bar.add(1);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..parallel.min(missing.len())).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok(failures.into_inner())
}

/// Makes one run. Returns a message if it fails.
fn make(sweep: &SweepRuns, run: &Variant, progress: &dyn Progress) -> Result<Option<String>> {
    let log = sweep.log_of(run);
    if let Some(parent) = log.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
    }
    // Appended to: a resumed run keeps what it printed before.
    let file = File::options().create(true).append(true).open(&log).map_err(|error| Error::io(&log, error))?;
    for subcommand in SweepRuns::commands(run) {
        let status = wait(start(sweep, run, subcommand, &file).map_err(|error| Error::io(&log, error))?, progress)
            .map_err(|error| Error::io(&log, error))?;
        if progress.cancelled() {
            return Ok(None);
        }
        if !status.success() {
            let text = std::fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing").trim().to_owned();
            return Ok(Some(format!("run {} failed: {last} (see {})", run.name, log.display())));
        }
    }
    Ok(None)
}

/// Starts a subcommand of this program on a run's configuration, which is complete: no variable
/// changes it.
fn start(sweep: &SweepRuns, run: &Variant, subcommand: &str, log: &File) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(subcommand).arg(sweep.config_of(run));
    if subcommand != "evaluate" {
        command.arg("--resume");
    }
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_key_variable) {
            command.env_remove(name);
        }
    }
    command.env(PARENT, std::process::id().to_string());
    // A signal from the keyboard reaches this process alone, which passes it on.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).spawn()
}

/// If this process is a run of a sweep, asks the system to stop it as soon as the sweep ends: a
/// sweep that is killed cannot do so itself.
#[cfg(target_os = "linux")]
pub(super) fn end_with_parent() {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    let parent = std::env::var(PARENT).ok().and_then(|id| id.parse::<i32>().ok());
    let Some(parent) = parent else { return };
    // Best effort: without the signal, the run continues to its end.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    if getppid().is_none_or(|found| found.as_raw_nonzero().get() != parent) {
        std::process::exit(i32::from(Error::interrupted("").exit_code()));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_with_parent() {}

/// Waits for a process. It is asked to stop if this one is; it then saves what it has.
fn wait(mut child: Child, progress: &dyn Progress) -> std::io::Result<ExitStatus> {
    let mut asked = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if progress.cancelled() && !asked {
            asked = true;
            stop(&mut child)?;
        }
        std::thread::sleep(INTERVAL);
    }
}

#[cfg(unix)]
fn stop(child: &mut Child) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    match Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()) {
        // It may have ended meanwhile.
        Some(pid) => kill_process(pid, Signal::TERM)
            .or_else(|error| if error == rustix::io::Errno::SRCH { Ok(()) } else { Err(error.into()) }),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn stop(child: &mut Child) -> std::io::Result<()> {
    child.kill()
}
