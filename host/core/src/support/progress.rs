//! How long work reports what it does, and learns that it is to stop.

use super::interrupt::Interrupt;

/// Progress reporting and cancellation of long work. The command line shows it on a terminal; a
/// library's user may show it elsewhere, or take [`Silent`].
pub trait Progress: Sync {
    /// Shows that a task begins. It ends when the returned value is dropped.
    fn start(&self, task: &Task<'_>) -> Box<dyn Bar>;

    /// Says how the work gets on, in one line.
    fn note(&self, line: &str);

    /// Warns of what a user may not want: a result is made, and may not be the one that was meant.
    fn warn(&self, line: &str);

    /// Whether to stop where the work done so far is safe.
    fn cancelled(&self) -> bool;
}

/// A displayed task.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task<'a> {
    /// Its name.
    pub title: &'a str,
    /// How many steps it has, where that is known.
    pub length: Option<u64>,
    /// How many of them were done earlier.
    pub done: u64,
    /// Whether it is one of several that work side by side, whose rates are to be compared.
    pub is_stage: bool,
}

/// How far a task has come. May be called from any thread.
pub trait Bar: Send + Sync {
    /// So many steps are done in all.
    fn set(&self, done: u64);

    /// So many more steps are done.
    fn add(&self, steps: u64);

    /// Sets the task's message.
    fn say(&self, message: &str);
}

impl dyn Progress + '_ {
    /// A task of `length` steps.
    #[must_use]
    pub fn bar(&self, title: &str, length: u64) -> Box<dyn Bar> {
        self.start(&Task { title, length: Some(length), ..Task::default() })
    }

    /// A task of unknown length.
    #[must_use]
    pub fn spinner(&self, title: &str) -> Box<dyn Bar> {
        self.start(&Task { title, ..Task::default() })
    }

    /// A task of `length` steps beside others.
    #[must_use]
    pub fn stage(&self, title: &str, length: u64) -> Box<dyn Bar> {
        self.start(&Task { title, length: Some(length), is_stage: true, ..Task::default() })
    }
}

/// Hidden progress, with an optional [`Interrupt`]. Warnings and
/// notes go to the log.
#[derive(Clone, Debug, Default)]
pub struct Silent(pub Interrupt);

impl Progress for Silent {
    fn start(&self, _: &Task<'_>) -> Box<dyn Bar> {
        Box::new(Hidden)
    }

    fn note(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn warn(&self, line: &str) {
        tracing::warn!("{line}");
    }

    fn cancelled(&self) -> bool {
        self.0.requested()
    }
}

/// A bar that is not shown.
#[derive(Clone, Copy, Debug)]
pub struct Hidden;

impl Bar for Hidden {
    fn set(&self, _: u64) {}

    fn add(&self, _: u64) {}

    fn say(&self, _: &str) {}
}
