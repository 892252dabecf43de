//! Terminal output: results on standard output, everything else on standard error.
//!
//! | | at a terminal | redirected | `--quiet` |
//! | --- | --- | --- | --- |
//! | results | shown | written | written |
//! | progress | bars | a line each half minute | |
//! | notes | shown | logged (`RUST_LOG=scaledown=info`) | logged |
//! | warnings | shown | written | logged |
//! | errors | shown | written | written |

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use scaledown_host::support::interrupt::Interrupt;
use scaledown_host::support::progress::{Bar, Progress, Task};
use scaledown_host::{Error, Result};

/// How the bar of a stage looks.
const STAGE: &str = "{prefix} {wide_bar:.cyan/dim} {pos}/{len} {per_sec} {eta} left";

/// How long a log goes without a word of progress.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Where a command talks to its user.
#[derive(Clone, Debug)]
pub struct Terminal {
    bars: MultiProgress,
    quiet: bool,
    interactive: bool,
}

impl Terminal {
    /// The process's own terminal.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let interactive = std::io::stderr().is_terminal() && !quiet;
        let target = if interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Terminal { bars: MultiProgress::with_draw_target(target), quiet, interactive }
    }

    /// A terminal that shows nothing but results; for tests and for use as a library.
    #[must_use]
    pub fn silent() -> Self {
        Terminal { bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), quiet: true, interactive: false }
    }

    /// Whether a person is watching.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// A progress bar of `length` steps. Its message stands behind the bar:
    /// `bar.set_message("loss 1.23")`.
    #[must_use]
    pub fn progress(&self, title: &str, length: u64) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(length));
        bar.set_style(style("{prefix} {wide_bar:.cyan/dim} {pos}/{len} {msg} {eta} left"));
        bar.set_prefix(title.to_owned());
        self.follow(&bar);
        bar
    }

    /// A progress bar of one of several stages that work side by side, with its rate.
    #[must_use]
    pub fn stage(&self, title: &str, length: u64) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(length));
        bar.set_style(style(STAGE));
        bar.set_prefix(format!("{title:<8}"));
        self.follow(&bar);
        bar
    }

    /// A sign of life for work of unknown length.
    #[must_use]
    pub fn spinner(&self, title: &str) -> ProgressBar {
        const FRAME: Duration = Duration::from_millis(120);
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {prefix} {msg} {elapsed}"));
        bar.set_prefix(title.to_owned());
        if self.interactive {
            bar.enable_steady_tick(FRAME);
        }
        self.follow(&bar);
        bar
    }

    /// The terminal as what long work reports to, which `interrupt` stops.
    pub(crate) fn watch(&self, interrupt: Interrupt) -> Watch<'_> {
        Watch { terminal: self, interrupt }
    }

    /// Writes a bar's progress at intervals until it ends, for the logs of unattended machines.
    fn follow(&self, bar: &ProgressBar) {
        if self.interactive || self.quiet {
            return;
        }
        let bar = bar.downgrade();
        let follow = move || {
            loop {
                std::thread::sleep(LINE_EVERY);
                match bar.upgrade() {
                    Some(bar) if !bar.is_finished() => eprint_line(&progress_line(&bar)),
                    _ => return,
                }
            }
        };
        // If the thread cannot start, the work goes on without progress lines.
        let _ = std::thread::Builder::new().name("progress".into()).spawn(follow);
    }

    /// Says how a command gets on, in one line above any progress bar. Without a terminal, it goes
    /// to the log.
    pub fn note(&self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if self.interactive {
            self.bars.suspend(|| eprint_line(line));
        } else {
            tracing::info!("{line}");
        }
    }

    /// Warns of what a user may not want: a result is made, and may not be the one that was meant.
    /// When quiet it goes to the log.
    pub fn warn(&self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if self.quiet {
            tracing::warn!("{line}");
        } else {
            self.bars.suspend(|| eprint_line(&format!("warning: {line}")));
        }
    }

    /// Tells the user what went wrong, line by line, even when quiet.
    pub fn fail(&self, message: &str) {
        self.bars.suspend(|| message.lines().for_each(|line| eprint_line(&format!("error: {line}"))));
    }

    /// Writes a result to standard output, and ends its last line.
    ///
    /// # Errors
    /// [`Error::stdout`] if standard output is closed.
    pub fn print(&self, text: impl AsRef<str>) -> Result<()> {
        self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            let text = text.as_ref();
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes()));
            written.and_then(|()| out.flush()).map_err(Error::stdout)
        })
    }

    /// Writes a result to standard output as JSON, for scripts.
    ///
    /// # Errors
    /// [`Error::stdout`] if standard output is closed.
    pub fn print_json(&self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::because("the result has no JSON form", error))?;
        self.print(text)
    }
}

/// The progress of long work at a terminal, and its interruption.
pub(crate) struct Watch<'a> {
    terminal: &'a Terminal,
    interrupt: Interrupt,
}

impl Progress for Watch<'_> {
    fn start(&self, task: &Task<'_>) -> Box<dyn Bar> {
        let Task { title, length, done, is_stage } = *task;
        let bar = match length {
            None => self.terminal.spinner(title),
            Some(length) if is_stage => self.terminal.stage(title, length),
            Some(length) => self.terminal.progress(title, length),
        };
        if done > 0 {
            bar.set_position(done);
            bar.reset_eta();
        }
        Box::new(Shown(bar))
    }

    fn note(&self, line: &str) {
        self.terminal.note(line);
    }

    fn warn(&self, line: &str) {
        self.terminal.warn(line);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.requested()
    }
}

/// A bar of the terminal, which is cleared at its end.
struct Shown(ProgressBar);

impl Bar for Shown {
    fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    fn add(&self, steps: u64) {
        self.0.inc(steps);
    }

    fn say(&self, message: &str) {
        self.0.set_message(message.to_owned());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A closed standard error cannot be reported.
fn eprint_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How far a bar has come, in a line.
fn progress_line(bar: &ProgressBar) -> String {
    let (title, message) = (bar.prefix(), bar.message());
    let mut parts = vec![match bar.length() {
        Some(length) => format!("{}: {} of {length}", title.trim(), bar.position()),
        None => format!("{}: {}", title.trim(), HumanDuration(bar.elapsed())),
    }];
    parts.extend((!message.trim().is_empty()).then(|| message.trim().to_owned()));
    if bar.length().is_some() && bar.position() > 0 {
        parts.push(format!("{} left", HumanDuration(bar.eta())));
    }
    parts.join(", ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Rows as text in aligned columns, under a header.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let padded = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())));
        let cells: Vec<String> = line.iter().zip(&widths).map(padded).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Terminal, progress_line, style, table};

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".into(), "long cell".into(), "x".into()], vec!["bbbb".into(), "é".into(), "y".into()]];
        assert_eq!(table(&["k", "v", "w"], &rows), "k     v          w\na     long cell  x\nbbbb  é          y\n");
        let wide = [vec!["東京".into(), "x".into()], vec!["abcde".into(), "y".into()]];
        assert_eq!(table(&["k", "v"], &wide), "k      v\n東京   x\nabcde  y\n", "a Chinese character takes two columns");
    }

    #[test]
    fn a_silent_terminal_hides_its_bars() {
        let terminal = Terminal::silent();
        assert!(terminal.progress("training", 3).is_hidden());
        assert!(terminal.spinner("loading").is_hidden());
    }

    #[test]
    fn a_line_says_how_far_a_bar_has_come() {
        let terminal = Terminal::silent();
        let bar = terminal.stage("answer", 40);
        assert_eq!(progress_line(&bar), "answer: 0 of 40");
        bar.set_position(10);
        bar.set_message("loss 0.5");
        let line = progress_line(&bar);
        assert!(line.starts_with("answer: 10 of 40, loss 0.5, ") && line.ends_with(" left"), "{line}");
        let spinner = terminal.spinner("indexing");
        spinner.set_message("7 chunks");
        assert_eq!(progress_line(&spinner), "indexing: 0 seconds, 7 chunks");
    }

    #[test]
    fn templates_are_valid() {
        for template in
            ["{prefix} {wide_bar:.cyan/dim} {pos}/{len} {msg} {eta} left", "{spinner} {prefix} {msg} {elapsed}", super::STAGE]
        {
            assert!(indicatif::ProgressStyle::with_template(template).is_ok());
            let _ = style(template);
        }
    }
}
