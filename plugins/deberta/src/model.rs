//! The two architectures behind one face.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_text};
use scaledown_sdk::nn::{TokenBatch, bert, deberta};
use scaledown_sdk::{Device, Error, Result};

/// A sequence classifier.
pub(crate) enum Model {
    Bert(Box<bert::BertClassifier>),
    Deberta(Box<deberta::DebertaClassifier>),
}

/// How a model's logits become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
    /// The one logit.
    One,
    /// The logit of label 1 less that of label 0.
    Two,
}

impl Model {
    /// The model of a directory, whose `model_type` says which it is.
    pub(crate) fn open(directory: &Path, device: &Device) -> Result<Self> {
        let path = directory.join("config.json");
        let text = read_text(&path, FileKind::ModelConfiguration).map_err(|error| Error::io(&path, error))?;
        let kind = model_type(&text);
        match kind.as_deref() {
            Some("bert") => Ok(Model::Bert(Box::new(bert::BertClassifier::from_directory(directory, device)?))),
            Some("deberta-v2") => Ok(Model::Deberta(Box::new(deberta::DebertaClassifier::from_directory(directory, device)?))),
            _ => {
                let found = kind.map_or_else(|| "missing".to_owned(), |kind| format!("{kind:?}"));
                let message = format!("`model_type` in {} is {found}, expected deberta-v2 or bert", path.display());
                Err(Error::Config(message))
            }
        }
    }

    /// The maximum tokens.
    pub(crate) fn max_positions(&self) -> usize {
        match self {
            Model::Bert(model) => model.encoder().config().max_positions,
            Model::Deberta(model) => model.encoder().config().max_positions,
        }
    }

    /// The number of token ids.
    pub(crate) fn vocabulary(&self) -> usize {
        match self {
            Model::Bert(model) => model.encoder().config().vocab_size,
            Model::Deberta(model) => model.encoder().config().vocab_size,
        }
    }

    fn labels(&self) -> Result<Labels> {
        let count = match self {
            Model::Bert(model) => model.encoder().config().labels,
            Model::Deberta(model) => model.encoder().config().labels,
        };
        match count {
            1 => Ok(Labels::One),
            2 => Ok(Labels::Two),
            more => Err(Error::Config(format!(
                "the model has {more} labels, expected 1 (its logit is the score) or 2 (the score is the logit of label 1 less that of \
                 label 0); choose a model that was trained for ranking"
            ))),
        }
    }

    /// Refuses a model whose labels make no score.
    pub(crate) fn check(&self) -> Result<()> {
        self.labels().map(|_| ())
    }

    /// A score of each pair.
    pub(crate) fn scores(&self, batch: &TokenBatch) -> Result<Vec<f32>> {
        let logits = match self {
            Model::Bert(model) => model.forward(batch)?,
            Model::Deberta(model) => model.forward(batch)?,
        };
        let logits = logits.to_vec::<f32>()?;
        Ok(match self.labels()? {
            Labels::One => logits,
            Labels::Two => logits.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect(),
        })
    }
}

/// The value of `model_type`.
fn model_type(config: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Kind {
        model_type: Option<String>,
    }
    serde_json::from_str::<Kind>(config).ok()?.model_type
}
