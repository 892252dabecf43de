//! A trainable compressor: each memory token is a learned query that pools the pair's token
//! embeddings by attention, and a linear map takes what it found to the generator's space. In the
//! component every tensor is a handle to one of the host's.

use scaledown_sdk::autodiff::checkpoint;
use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, CompressorPlugin, PairBatch, PairTemplate};
use scaledown_sdk::nn::{Embedding, ForwardMode, Init, Linear, Param, Params};
use scaledown_sdk::tensor::AttentionSpec;
use scaledown_sdk::{Error, Result, Tensor};

scaledown_sdk::compressor!({{type}}, "{{name}}", "Pools token embeddings by learned queries.");

/// The keys of `[compressor]` with `plugin = "{{name}}"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct {{type}}Config {
    /// The size of the token embeddings.
    #[serde(default = "size")]
    pub size: usize,
    /// The probability with which an element of a pooled vector is dropped in training.
    #[serde(default)]
    pub dropout: f64,
}

fn size() -> usize {
    16
}

/// Learned-query attention pooling.
///
/// Parameters under its path: `embed`, `queries [memory_tokens, size]`, `project`, and with
/// relevance `score`.
pub struct {{type}} {
    params: Params,
    embed: Embedding,
    queries: Param,
    project: Linear,
    score: Option<Linear>,
    size: usize,
    dropout: f64,
}

impl CompressorPlugin for {{type}} {
    type Config = {{type}}Config;

    fn build(config: {{type}}Config, context: CompressorContext) -> Result<Self> {
        let vocabulary = context.generator["vocab_size"].as_u64().and_then(|size| usize::try_from(size).ok());
        let vocabulary = vocabulary.ok_or_else(|| Error::Config("the generator's config.json has no vocab_size".into()))?;
        if config.size == 0 {
            return Err(Error::Config("compressor.size is 0, expected at least 1".into()));
        }
        if context.memory_tokens == 0 {
            return Err(Error::Config("compression.memory_tokens is 0, expected at least 1".into()));
        }
        let params = context.params.fresh();
        let linear = |name: &str, outputs| Linear::new(&params.pp(name), config.size, outputs, true);
        Ok({{type}} {
            embed: Embedding::new(&params.pp("embed"), vocabulary, config.size)?,
            queries: params.get("queries", [context.memory_tokens, config.size], Init::Normal(1.0))?,
            project: linear("project", context.hidden_size)?,
            score: if context.relevance { Some(linear("score", 1)?) } else { None },
            size: config.size,
            dropout: config.dropout,
            params,
        })
    }
}

impl Compressor for {{type}} {
    fn template(&self) -> PairTemplate {
        PairTemplate::default()
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        batch.check(self.queries.tensor().dims()[0], self.score.is_some())?;
        let (pairs, memory) = (batch.ids.len(), batch.memory_tokens);
        let mut pooled = self.pool(batch, forward.checkpointing)?.reshape([pairs, memory, self.size])?;
        if forward.training {
            pooled = pooled.dropout(self.dropout, forward.next_seed())?;
        }
        let relevance = match &self.score {
            Some(score) if batch.relevance => Some(score.forward(&pooled.mean([1], false)?, forward)?.reshape([pairs])?),
            _ => None,
        };
        Ok(Compressed { vectors: self.project.forward(&pooled, forward)?, relevance })
    }
}

impl {{type}} {
    /// What each query finds in each pair: `[pairs, memory_tokens, 1, size]`.
    fn pool(&self, batch: &PairBatch, checkpointing: bool) -> Result<Tensor> {
        let (pairs, memory) = (batch.ids.len(), batch.memory_tokens);
        let length = batch.ids.iter().map(Vec::len).max().unwrap_or(0);
        let row =
            |ids: &Vec<u32>| ids.iter().map(|&id| i64::from(id)).chain(std::iter::repeat(0)).take(length).collect::<Vec<i64>>();
        let device = self.params.device();
        let ids = device.from_slice(&batch.ids.iter().flat_map(row).collect::<Vec<i64>>(), [pairs, length])?;
        // The tokens of each pair are real, and what follows is padding, which no query sees.
        let spans: Vec<i64> = batch.ids.iter().flat_map(|ids| [0, ids.len() as i64, 0]).collect();
        let spans = device.from_slice(&spans, [pairs, 3])?;
        let tokens = self.embed.forward(&ids)?.reshape([pairs, length, 1, self.size])?;
        let (queries, size) = (self.queries.clone(), self.size);
        // The attention keeps nothing for the backward sweep if it is checkpointed: it runs a
        // second time there.
        let attend = move |inputs: &[Tensor]| {
            let queries = queries.tensor().slice(0, 0, memory)?.reshape([1, memory, 1, size])?;
            let queries = queries.broadcast_to([pairs, memory, 1, size])?;
            let scale = 1.0 / (size as f64).sqrt();
            let spec = AttentionSpec { scale, causal: false, window: None, spans: true, positions: false };
            Ok(vec![queries.attention(&inputs[0], &inputs[0], spec, Some(&spans), None)?])
        };
        let mut pooled = if checkpointing { checkpoint(attend, &[&tokens])? } else { attend(&[tokens])? };
        pooled.pop().ok_or_else(|| Error::Input("the attention gave no output".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_has_defaults() {
        let config: {{type}}Config = serde_json::from_str("{}").unwrap();
        assert_eq!((config.size, config.dropout), (16, 0.0));
    }
}
