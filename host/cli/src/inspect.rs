//! `scaledown inspect`: what a checkpoint is and computes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::terminal::{Terminal, table};
use scaledown_host::config::Component;
use scaledown_host::error::Result;
use scaledown_host::model::inspect::{InspectedModel, ModelSummary, Tokens, check_destination, write_forward};
use scaledown_host::plugins::registry;
use scaledown_host::support::hub;

/// Inspect a model in Hugging Face's layout.
#[derive(Debug, Args)]
pub(super) struct InspectCommand {
    #[command(subcommand)]
    action: InspectAction,
}

#[derive(Debug, Subcommand)]
enum InspectAction {
    /// Print a model's architecture, parameters and memory.
    Model {
        /// A model's directory, or a hub id.
        #[arg(value_name = "DIR")]
        model: String,
        /// The branch, tag or commit of a hub id.
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a model's logits and hidden states for given tokens, for comparison with another
    /// framework.
    Forward {
        /// A model's directory, or a hub id.
        #[arg(long, value_name = "DIR")]
        model: String,
        /// The branch, tag or commit of a hub id.
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
        /// A JSON file: `{"input_ids": [[..]], "attention_mask": [[..]]}`, and `token_type_ids` for
        /// models that use them.
        #[arg(long, value_name = "FILE.json", value_hint = clap::ValueHint::FilePath)]
        tokens: PathBuf,
        /// The output file (safetensors): `logits` (if the model has a head) and
        /// `hidden.0 .. hidden.N`, in f32.
        #[arg(long, value_name = "FILE.safetensors", value_hint = clap::ValueHint::FilePath)]
        out: PathBuf,
        /// The device plugin to run on.
        #[arg(long, value_name = "NAME", default_value = "auto")]
        device: String,
        /// Print a summary as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl InspectCommand {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let directory =
            |model: &str, revision: Option<String>| hub::HubSettings::from_environment().resolve(model, revision.as_deref());
        match self.action {
            InspectAction::Model { model, revision, json } => {
                let summary = ModelSummary::of_directory(&directory(&model, revision)?)?;
                if json { terminal.print_json(&summary) } else { terminal.print(summary.to_string()) }
            }
            InspectAction::Forward { model, revision, tokens, out, device, json } => {
                check_destination(&out)?;
                let device = registry::device(&Component::new(device))?;
                let batch = Tokens::read(&tokens)?;
                let model = InspectedModel::load(&directory(&model, revision)?, &device)?;
                let tensors = write_forward(&model, &batch, &device, &out)?;
                if json {
                    return terminal.print_json(&json!({ "file": out, "tensors": tensors }));
                }
                let rows: Vec<Vec<String>> =
                    tensors.into_iter().map(|tensor| vec![tensor.name, format!("{:?}", tensor.shape)]).collect();
                terminal.print(format!("{}\n{} is written", table(&["TENSOR", "SHAPE"], &rows), out.display()))
            }
        }
    }
}
