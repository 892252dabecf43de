//! `scaledown corpus`: print a configuration's chunks and questions.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::ConfigArgs;
use crate::terminal::Terminal;
use scaledown_host::data::corpus::Chunks;
use scaledown_host::data::questions::QuestionReader;
use scaledown_host::error::{Error, Result};

/// Print a configuration's corpus and questions.
#[derive(Debug, Args)]
pub(super) struct CorpusCommand {
    #[command(subcommand)]
    action: CorpusAction,
}

#[derive(Debug, Subcommand)]
enum CorpusAction {
    /// Print the chunks of the corpus as JSON Lines.
    Chunks(CorpusArgs),
    /// Print the questions as JSON Lines.
    Questions(CorpusArgs),
}

#[derive(Debug, Args)]
struct CorpusArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print only the first N.
    #[arg(long, value_name = "N")]
    first: Option<usize>,
}

impl CorpusCommand {
    pub(super) fn run(self, _: &Terminal) -> Result<()> {
        match self.action {
            CorpusAction::Chunks(CorpusArgs { config, first }) => print(Chunks::open(config.load()?.require_corpus()?)?, first),
            CorpusAction::Questions(CorpusArgs { config, first }) => {
                let config = config.load()?;
                let questions = QuestionReader::open(config.require_questions()?, config.corpus.as_ref())?;
                print(questions.map(|item| item.map_err(Error::from)), first)
            }
        }
    }
}

/// Prints items as they come; the first that cannot be read ends it.
fn print(items: impl Iterator<Item = Result<impl Serialize>>, first: Option<usize>) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for item in items.take(first.unwrap_or(usize::MAX)) {
        let line = serde_json::to_string(&item?).map_err(Error::failed)?;
        writeln!(out, "{line}").map_err(Error::stdout)?;
    }
    out.flush().map_err(Error::stdout)
}
