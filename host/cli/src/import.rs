//! `scaledown import`: a published compressor, made into a model of ours.

use std::path::PathBuf;

use crate::terminal::Terminal;
use scaledown_host::error::Result;
use scaledown_host::model::import::{ImportOptions, Imported, import};
use scaledown_host::support::hub;

/// Import a published compressor: PISCO, OSCAR, CLaRa, DEX-Comp, or a model of naver/pisco's code.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The checkpoint: a directory, or a hub id.
    #[arg(value_name = "DIR|HUB-ID")]
    checkpoint: String,
    /// The branch, tag or commit of a hub id.
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// The directory to write the model to.
    #[arg(long, value_name = "MODEL", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// The generator's directory or hub id [default: the one that the checkpoint names]
    #[arg(long, value_name = "DIR|HUB-ID")]
    generator: Option<String>,
    /// Where the compressor's own configuration and tokenizer are [default: the model that the
    /// checkpoint names]
    #[arg(long, value_name = "DIR|HUB-ID")]
    compressor: Option<String>,
    /// Print what was imported as JSON.
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let source = hub::HubSettings::from_environment().checkpoint(&self.checkpoint, self.revision.as_deref())?;
        let options = ImportOptions {
            source: &source,
            name: &self.checkpoint,
            generator: self.generator.as_deref(),
            compressor: self.compressor.as_deref(),
        };
        let imported = import(&options, &self.out)?;
        imported.licence.iter().for_each(|line| terminal.warn(format!("licence: {line}")));
        imported.notes.iter().for_each(|line| terminal.warn(line));
        if self.json { terminal.print_json(&imported) } else { terminal.print(describe(&imported)) }
    }
}

fn describe(imported: &Imported) -> String {
    let Imported { layout, generator, compressor, memory_tokens, document_tokens, model, .. } = imported;
    let model = model.display();
    format!(
        "{layout}: generator {generator}, compressor {compressor}, {memory_tokens} vectors for {document_tokens} tokens\n\
         {model} is written; ask it with\n\
         scaledown answer {model}/config.toml --checkpoint {model} --query Q --documents FILE"
    )
}
