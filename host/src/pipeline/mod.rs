//! What the commands do, as functions of a configuration.

mod answer;
mod evaluate;
mod label;
mod pretrain;
mod quickstart;
mod run_log;
mod train;

pub use answer::{Answered, UsedDocument, answer};
pub use evaluate::{Baseline, Trained, baseline, evaluate, finish, test_records};
pub use label::{label, write_records};
pub use pretrain::pretrain;
pub use quickstart::quickstart;
pub use train::{distill, train};

use scaledown_sdk::Device;

use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{Result, artifact, catalogue};

/// What surrounds a run.
pub struct Context<'a> {
    /// Where progress is shown.
    pub terminal: &'a Terminal,
    /// How the run is stopped.
    pub interrupt: &'a Interrupt,
    /// Whether to go on from the newest checkpoint.
    pub resume: bool,
}

/// The device that `config` describes.
fn open_device(config: &Config) -> Result<Device> {
    catalogue::device(&config.device)
}

/// Writes the resolved configuration beside the results; running it again reproduces them.
fn record_config(config: &Config) -> Result<()> {
    artifact::write_file(&config.output.directory.join("config.toml"), config.to_toml()?.as_bytes())?;
    Ok(())
}
