//! `scaledown prepare`: make training records of questions and a corpus.

use super::ConfigArgs;
use super::again::command_line;
use crate::terminal::Terminal;
use scaledown_host::error::Result;
use scaledown_host::prepare::Shard;
use scaledown_host::run::{self, Context, Prepared, RunStart};
use scaledown_host::support::interrupt::Interrupt;

/// Prepare training records: retrieve and rerank documents for each question, and answer it with a
/// teacher.
#[derive(Debug, clap::Args)]
pub(super) struct Prepare {
    #[command(flatten)]
    config: ConfigArgs,
    /// Resume an interrupted run.
    #[arg(long)]
    resume: bool,
    /// Replace an earlier run's records. Keeps its index.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Process shard INDEX of COUNT (zero-based). Merge the shards with `scaledown dataset merge`.
    #[arg(long, value_name = "INDEX/COUNT", default_value = "0/1", hide_default_value = true)]
    shard: Shard,
    /// Print a summary as JSON.
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
