//! The reranker: an XLM-RoBERTa sequence classifier that reads a query and a document together.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_transformers::models::xlm_roberta::{Config, XLMRobertaForSequenceClassification};
use scaledown_sdk::component::{Reranker, RerankerContext, RerankerPlugin, caught};
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams, TruncationStrategy};

use crate::CandleReranker;
use crate::files::ModelFiles;

/// A cross-encoder such as bge-reranker. A pair is scored by itself, so that others change nothing.
pub struct XlmRobertaReranker {
    model: XLMRobertaForSequenceClassification,
    tokenizer: Tokenizer,
}

impl RerankerPlugin for XlmRobertaReranker {
    type Config = CandleReranker;

    fn build(config: CandleReranker, _context: RerankerContext) -> Result<Self> {
        let path = config.model.join("config.json");
        let mut files = ModelFiles::open(&config.model)?;
        let kind = files.config.get("model_type").and_then(|kind| kind.as_str()).unwrap_or("missing").to_owned();
        if !["xlm-roberta", "roberta"].contains(&kind.as_str()) {
            return Err(Error::Config(format!("`model_type` in {} is {kind}, expected xlm-roberta or roberta", path.display())));
        }
        let labels = files.config.get("id2label").and_then(|labels| labels.as_object()).map_or(2, serde_json::Map::len);
        let labels = files.size("num_labels").unwrap_or(labels);
        if labels != 1 {
            let expected = "expected 1, whose logit is the score";
            return Err(Error::Config(format!("{}: the model has {labels} labels, {expected}", path.display())));
        }
        files.default("position_embedding_type", "absolute".into());
        let shape: Config = files.parse()?;
        // Positions count from the one after the padding's.
        let reads = shape.max_position_embeddings.saturating_sub(shape.pad_token_id as usize + 1);
        if config.max_length > reads {
            return Err(Error::Config(format!(
                "max_length is {}, expected at most {reads}, what the model reads",
                config.max_length
            )));
        }
        let model = files.load(DType::F32, |weights| XLMRobertaForSequenceClassification::new(1, &shape, weights))?;
        Ok(XlmRobertaReranker { model, tokenizer: tokenizer(&config.model, config.max_length)? })
    }
}

impl Reranker for XlmRobertaReranker {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        documents.iter().map(|document| self.score_one(query, document)).collect()
    }
}

impl XlmRobertaReranker {
    fn score_one(&self, query: &str, document: &str) -> Result<f32> {
        let encoding = self.tokenizer.encode_fast((query, document), true);
        let encoding = encoding.map_err(|error| Error::Input(format!("the tokenizer failed: {error}")))?;
        let score = || -> candle_core::Result<f32> {
            let ids = Tensor::new(encoding.get_ids(), &Device::Cpu)?.unsqueeze(0)?;
            let logits = self.model.forward(&ids, &ids.ones_like()?, &ids.zeros_like()?)?;
            logits.flatten_all()?.get(0)?.to_scalar::<f32>()
        };
        caught(score).map_err(Error::Input)?.map_err(|error| Error::Input(format!("candle: {error}")))
    }
}

/// The tokenizer of a directory, which cuts pairs to `most` tokens: the document first, and where
/// that is not enough the query.
fn tokenizer(directory: &Path, most: usize) -> Result<Tokenizer> {
    let path = directory.join("tokenizer.json");
    let failed = |message: String| Error::Config(format!("cannot read the tokenizer {}: {message}", path.display()));
    let bytes = read_bytes(&path, FileKind::Tokenizer).map_err(|error| failed(error.to_string()))?;
    let read = caught(|| Tokenizer::from_bytes(&bytes)).map_err(&failed)?;
    let mut tokenizer = read.map_err(|error| failed(error.to_string()))?;
    tokenizer.with_padding(None);
    let truncation =
        TruncationParams { max_length: most, strategy: TruncationStrategy::LongestFirst, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|error| failed(error.to_string()))?;
    Ok(tokenizer)
}
