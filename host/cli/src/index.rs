//! `scaledown index`: build, extend, describe and search an index.

use clap::{Args, Subcommand};

use super::ConfigArgs;
use crate::terminal::{Terminal, table};
use scaledown_host::error::Result;
use scaledown_host::plugins::registry;
use scaledown_host::retrieval::{self, Description, FoundChunk, SearchIndex};
use scaledown_host::support::interrupt::Interrupt;

/// Build, extend, inspect and search an index.
#[derive(Debug, Args)]
pub(super) struct IndexCommand {
    #[command(subcommand)]
    action: IndexAction,
}

#[derive(Debug, Subcommand)]
enum IndexAction {
    /// Build the index of the configuration's corpus.
    Build(Build),
    /// Add the corpus's documents to its index. Documents with known ids are replaced.
    Add(IndexArgs),
    /// Describe an index and verify its files.
    Info(IndexArgs),
    /// Search the index.
    Search(Search),
}

#[derive(Debug, Args)]
struct Build {
    #[command(flatten)]
    shown: IndexArgs,
    /// Rebuild an existing index. The old one stays in use until the new one is complete.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Args)]
struct IndexArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Search {
    #[command(flatten)]
    shown: IndexArgs,
    /// The query.
    #[arg(long)]
    query: String,
    /// Number of chunks to print.
    #[arg(long, short, default_value_t = 10)]
    k: usize,
}

impl IndexCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        match self.action {
            IndexAction::Build(Build { shown, overwrite }) => {
                let config = shown.config.load()?;
                config.require_corpus()?;
                let (device, progress) = (registry::device(&config.device)?, terminal.watch(Interrupt::listen()?));
                shown.print(&retrieval::build(&config.for_index()?, &device, overwrite, &progress)?, false, terminal)
            }
            IndexAction::Add(shown) => {
                let config = shown.config.load()?;
                config.require_corpus()?;
                let (device, progress) = (registry::device(&config.device)?, terminal.watch(Interrupt::listen()?));
                shown.print(&retrieval::add(&config.for_index()?, &device, &progress)?, false, terminal)
            }
            IndexAction::Info(shown) => {
                let config = shown.config.load()?;
                shown.print(&SearchIndex::open(&config.for_index()?, &registry::device(&config.device)?)?, true, terminal)
            }
            IndexAction::Search(search) => search.run(terminal),
        }
    }
}

impl IndexArgs {
    fn print(&self, index: &SearchIndex, verify: bool, terminal: &Terminal) -> Result<()> {
        let description = retrieval::describe(index, verify)?;
        if self.json { terminal.print_json(&description) } else { terminal.print(describe(&description)) }
    }
}

fn describe(description: &Description) -> String {
    let own = [
        ("directory", description.directory.display().to_string()),
        ("chunks", description.chunks.to_string()),
        ("size", format!("{:.1} MiB", description.bytes as f64 / f64::from(1 << 20))),
        ("text checksum", description.checksum.clone()),
        ("additions", description.additions.to_string()),
        ("retriever", description.retriever.clone()),
    ];
    let checked = description.verified.then(|| ("integrity", "ok".to_owned()));
    let own = own.into_iter().chain(checked).map(|(name, value)| vec![name.to_owned(), value]);
    let stats = description.stats.iter().map(|(name, value)| vec![name.clone(), value.clone()]);
    table(&["INDEX", ""], &own.chain(stats).collect::<Vec<_>>())
}

impl Search {
    fn run(self, terminal: &Terminal) -> Result<()> {
        let config = self.shown.config.load()?;
        let index = SearchIndex::open(&config.for_index()?, &registry::device(&config.device)?)?;
        let found = index.search(&[&self.query], self.k)?.into_iter().next().unwrap_or_default();
        if self.shown.json {
            return terminal.print_json(&found);
        }
        let row = |found: &FoundChunk| vec![format!("{:.4}", found.score), found.id.clone(), excerpt(&found.text)];
        terminal.print(table(&["SCORE", "CHUNK", "TEXT"], &found.iter().map(row).collect::<Vec<_>>()))
    }
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    const LENGTH: usize = 100;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
