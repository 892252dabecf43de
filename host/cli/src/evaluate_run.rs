//! `scaledown evaluate-run`: score a ranking against judgements.

use std::path::PathBuf;

use serde_json::json;

use crate::terminal::{Terminal, table};
use scaledown_host::error::Result;
use scaledown_host::evaluate::metrics::ranking::{self, CutScores};
use scaledown_host::evaluate::metrics::{read_qrels, read_run};

/// Score a TREC run against judgements: nDCG, MRR and recall, as trec_eval and pytrec_eval compute
/// them.
#[derive(Debug, clap::Args)]
pub(super) struct EvaluateRun {
    /// The TREC run: `query Q0 document rank score tag`; may be compressed (.gz, .zst).
    #[arg(value_hint = clap::ValueHint::FilePath)]
    run: PathBuf,
    /// The judgements: TREC (`query iteration document grade`) or BEIR (tab-separated
    /// `query-id corpus-id score`).
    #[arg(value_hint = clap::ValueHint::FilePath)]
    qrels: PathBuf,
    /// Comma-separated cutoffs: how many documents of each query to score.
    #[arg(long, value_name = "K,..", value_delimiter = ',', default_value = "5,10,100", value_parser = positive)]
    k: Vec<usize>,
    /// Print the scores as JSON.
    #[arg(long)]
    json: bool,
}

fn positive(text: &str) -> std::result::Result<usize, String> {
    text.trim().parse().ok().filter(|k| *k > 0).ok_or_else(|| "expected a whole number of at least 1".into())
}

impl EvaluateRun {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let (run, qrels) = (read_run(&self.run)?, read_qrels(&self.qrels)?);
        let found = ranking::evaluate(&qrels, &run, &self.k);
        if found.missing == found.queries {
            let (run, qrels) = (self.run.display(), self.qrels.display());
            terminal.warn(format!("{run} has none of the {} queries of {qrels}; check that their ids match", found.queries));
        }
        if self.json {
            return terminal.print_json(&json!({
                "run": self.run, "qrels": self.qrels, "queries": found.queries, "missing": found.missing,
                "unjudged": found.unjudged, "scores": by_name(&found.scores), "answered_only": by_name(&found.answered),
            }));
        }
        let mut text = scores(&found.scores);
        text.push_str(&format!("\nMeans over {} judged queries.", found.queries));
        if found.unjudged > 0 {
            text.push_str(&format!(" {} queries of the run have no judgements and are not scored.", found.unjudged));
        }
        if found.missing > 0 {
            let answered = found.queries - found.missing;
            text.push_str(&format!(
                " {} of them are missing in the run and count as 0. Means over the {answered} others:\n\n",
                found.missing
            ));
            text.push_str(&scores(&found.answered));
        }
        terminal.print(text)
    }
}

fn scores(cuts: &[CutScores]) -> String {
    let cell = |value: f64| format!("{value:.4}");
    let rows: Vec<Vec<String>> =
        cuts.iter().map(|cut| vec![cut.k.to_string(), cell(cut.ndcg), cell(cut.mrr), cell(cut.recall)]).collect();
    table(&["K", "NDCG@K", "MRR@K", "RECALL@K"], &rows)
}

/// The scores under the names that they go by, such as `ndcg@10`.
fn by_name(cuts: &[CutScores]) -> serde_json::Map<String, serde_json::Value> {
    let named = |cut: &CutScores| {
        [("ndcg", cut.ndcg), ("mrr", cut.mrr), ("recall", cut.recall)]
            .map(|(name, value)| (format!("{name}@{}", cut.k), json!(value)))
    };
    cuts.iter().flat_map(named).collect()
}
