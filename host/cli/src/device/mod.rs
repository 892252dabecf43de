//! `scaledown device`: what a device does, and how fast.

mod model;
mod parity;
mod suite;
mod times;

use clap::{Args, Subcommand};
use scaledown_sdk::tensor::DeviceInfo;
use serde::Serialize;

use super::SettingArgs;
use crate::terminal::{Terminal, table};
use parity::Parity;
use scaledown_host::config::Config;
use scaledown_host::error::{Error, Result};
use scaledown_host::plugins::registry;
use suite::Suite;
use times::Time;

/// Check devices.
#[derive(Debug, Args)]
pub(super) struct DeviceCommand {
    #[command(subcommand)]
    action: DeviceAction,
}

#[derive(Debug, Subcommand)]
enum DeviceAction {
    /// Check a device: instructions, a training and a decoding against the CPU, and times.
    Check(DeviceCheck),
}

/// What a check does.
#[derive(Debug, Args)]
struct DeviceCheck {
    /// Leave out the suite of instructions, which takes a device that compiles a few minutes.
    #[arg(long)]
    quick: bool,
    /// Print all findings as JSON, for a report.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingArgs,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    device: DeviceInfo,
    suite: Option<Suite>,
    parity: Vec<Parity>,
    times: Vec<Time>,
}

impl DeviceCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let DeviceAction::Check(check) = self.action;
        check.run(terminal)
    }
}

impl DeviceCheck {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let device = registry::device(&Config::from_defaults(&self.settings.overrides()?)?.device)?;
        let step = |title: &str| terminal.spinner(title);
        let spinner = step("training and decoding");
        let parity = parity::measure(&device)?;
        spinner.finish_and_clear();
        let spinner = step("measuring times");
        let times = times::measure(&device)?;
        spinner.finish_and_clear();
        let suite = (!self.quick).then(|| {
            let spinner = step("checking instructions");
            let suite = Suite::run(&device);
            spinner.finish_and_clear();
            suite
        });
        let findings = Findings { version: env!("CARGO_PKG_VERSION"), device: device.info(), suite, parity, times };
        let printed = if self.json { terminal.print_json(&findings) } else { terminal.print(findings.shown()) };
        printed?;
        if findings.sound() { Ok(()) } else { Err(Error::failed(format!("the device {} does not conform", device.name()))) }
    }
}

impl Findings {
    fn sound(&self) -> bool {
        self.suite.as_ref().is_none_or(|suite| suite.failed.is_empty()) && self.parity.iter().all(|parity| parity.agrees)
    }

    fn shown(&self) -> String {
        let types: Vec<String> = self.device.dtypes.iter().map(ToString::to_string).collect();
        let mut rows = vec![
            vec!["device".into(), format!("{}: {}", self.device.name, self.device.description)],
            vec!["types".into(), types.join(" ")],
        ];
        if let Some(suite) = &self.suite {
            rows.push(vec!["instructions".into(), suite.summary()]);
            rows.extend(suite.failed.iter().map(|failed| vec!["  failed".into(), failed.clone()]));
        }
        rows.extend(self.parity.iter().map(|parity| vec![parity.name.clone(), parity.summary()]));
        let times = self.times.iter().map(|time| {
            let milliseconds = |time: f64| format!("{time:.1} ms");
            vec![time.name.clone(), milliseconds(time.first_ms), milliseconds(time.later_ms)]
        });
        let times = table(&["TIME", "FIRST, WITH COMPILING", "LATER"], &times.collect::<Vec<_>>());
        format!("{}\n\n{times}", table(&["WHAT", "FOUND"], &rows))
    }
}
