//! The commands as functions of a configuration.

mod answer;
mod compress;
mod directory;
mod earlier;
mod evaluate;
mod label;
mod outcome;
mod precompile;
mod prepare;
mod pretrain;
mod quickstart;
mod retrieve;
mod run_log;
mod sweep;
mod train;
mod training;

pub use answer::{Answered, UsedDocument, answer};
pub use compress::{CompressedDocuments, compress};
pub use directory::Directory;
pub use evaluate::{Baseline, baseline, evaluate, finish, test_records};
pub use label::{Labelled, label, label_file, write_records};
pub use outcome::Trained;
pub use precompile::{Precompiled, precompile};
pub use prepare::{Prepared, StageReport, prepare};
pub use pretrain::pretrain;
pub use quickstart::quickstart;
pub use retrieve::{RankingOptions, retrieve};
pub use sweep::SweepRuns;
pub use train::train;

use scaledown_sdk::Device;

use crate::Result;
use crate::config::Config;
use crate::plugins::registry;
use crate::support::progress::Progress;

/// The context of a run.
pub struct Context<'a> {
    /// Where progress is shown, and how the run is stopped.
    pub progress: &'a dyn Progress,
    /// How to treat an earlier run in the output directory.
    pub start: RunStart,
    /// The command line of this run without the options that choose `start`, for messages that say
    /// how to continue.
    pub command: String,
}

/// How to treat an earlier run in the output directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunStart {
    /// There must be none.
    #[default]
    New,
    /// Resumes it. Without an earlier run, starts one.
    Resume,
    /// It is removed.
    Overwrite,
}

/// The device that `config` describes.
fn open_device(config: &Config) -> Result<Device> {
    registry::device(&config.device)
}
