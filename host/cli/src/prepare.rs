//! `scaledown prepare`: make training records of questions and a corpus.

use super::ConfigArgs;
use super::again::command_line;
use crate::terminal::Terminal;
use scaledown_host::error::Result;
use scaledown_host::prepare::Shard;
use scaledown_host::run::{self, Context, Prepared, RunStart};
use scaledown_host::support::interrupt::Interrupt;

/// Make training records: retrieve documents for each question, rerank them, and let a teacher answer.
#[derive(Debug, clap::Args)]
pub(super) struct Prepare {
    #[command(flatten)]
    config: ConfigArgs,
    /// Do what is missing of a run that stopped.
    #[arg(long)]
    resume: bool,
    /// Remove an earlier run's records and start over; its index stays.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Work on one share of the questions, so that several machines can share them: INDEX/COUNT, from 0/COUNT on. `scaledown dataset merge`
    /// makes one file of all.
    #[arg(long, value_name = "INDEX/COUNT", default_value = "0/1", hide_default_value = true)]
    shard: Shard,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

impl Prepare {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let config = self.config.load()?;
        let start = match (self.resume, self.overwrite) {
            (true, _) => RunStart::Resume,
            (_, true) => RunStart::Overwrite,
            _ => RunStart::New,
        };
        let progress = terminal.watch(Interrupt::listen()?);
        let context = Context { progress: &progress, start, command: command_line() };
        let prepared = run::prepare(&config, self.shard, &context)
            .map_err(|error| error.go_on_with(&format!("{} --resume", context.command)))?;
        if self.json { terminal.print_json(&prepared) } else { terminal.print(describe(&prepared)) }
    }
}

fn describe(prepared: &Prepared) -> String {
    let Prepared { records, counts, questions, seconds, cores, stages } = prepared;
    let mut text = format!(
        "{} records from {questions} questions in {seconds:.0} s ({:.1} per second, {cores:.1} cores busy): {}\n",
        counts.records,
        *questions as f64 / seconds.max(1e-9),
        records.display()
    );
    let busy = stages.iter().map(|stage| format!("{} {:.0} %", stage.name, 100.0 * stage.busy_seconds / seconds.max(1e-9)));
    text.push_str(&format!("busy: {}\n", busy.collect::<Vec<_>>().join(", ")));
    for (reason, count) in &counts.skipped {
        text.push_str(&format!("skipped {count} questions: {reason}\n"));
    }
    if counts.malformed > 0 {
        text.push_str(&format!("skipped {} malformed lines\n", counts.malformed));
    }
    text
}
