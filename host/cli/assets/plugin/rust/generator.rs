//! A generator of the decoder family (Mistral, Llama, Qwen2): the SDK has the model, and this crate
//! offers it. In the component every tensor is a handle to one of the host's. For a model of another
//! family, `GeneratorContext::config` is its `config.json`, and `GeneratorContext::params` has its
//! weights by name.

use scaledown_sdk::component::{DecodeState, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin};
use scaledown_sdk::nn::ForwardMode;
use scaledown_sdk::nn::decoder::{CausalLm, KvCache};
use scaledown_sdk::{Device, Error, Result, Tensor};

scaledown_sdk::generator!({{type}}, "{{name}}", "A decoder of the Mistral, Llama or Qwen2 family.");

/// The keys of `[generator]` that are this plugin's own: none.
#[derive(Clone, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// A causal language model.
pub struct {{type}}(CausalLm);

impl GeneratorPlugin for {{type}} {
    type Config = Config;

    fn build(_keys: Config, context: GeneratorContext) -> Result<Self> {
        Ok({{type}}(CausalLm::new(context.decoder()?, &context.params)?))
    }
}

impl Generator for {{type}} {
    fn device(&self) -> &Device {
        self.0.decoder().device()
    }

    fn hidden_size(&self) -> usize {
        self.0.config().hidden
    }

    fn vocabulary(&self) -> usize {
        self.0.config().vocabulary
    }

    fn max_positions(&self) -> Option<usize> {
        self.0.decoder().max_positions()
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        self.0.embed(ids)
    }

    fn forward(&self, input: &GeneratorInput, forward: &mut ForwardMode) -> Result<Tensor> {
        self.0.forward(&input.embeddings, &input.spans, forward)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.0.logits(hidden)
    }

    fn prefill(&self, input: &GeneratorInput, new_tokens: usize) -> Result<(Tensor, DecodeState)> {
        let (logits, cache) = self.0.prefill(&input.embeddings, &input.spans, new_tokens)?;
        Ok((logits, DecodeState(Box::new(cache))))
    }

    fn decode(&self, ids: &Tensor, state: &mut DecodeState) -> Result<Tensor> {
        let cache = state.0.downcast_mut::<KvCache>();
        let cache = cache.ok_or_else(|| Error::Input("the decoding was started by a generator of another kind".into()))?;
        self.0.decode(ids, cache)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_not_there_are_refused() {
        assert!(serde_json::from_str::<Config>("{}").is_ok());
        assert!(serde_json::from_str::<Config>(r#"{"layers": 3}"#).is_err());
    }
}
