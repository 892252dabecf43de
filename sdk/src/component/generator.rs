//! The generator: a causal language model that reads embeddings.

use std::any::Any;
#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;

use crate::Result;
use crate::nn::decoder::DecoderConfig;
use crate::nn::{ForwardMode, Params, Span};
use crate::tensor::{Device, Tensor};

/// A batch of sequences of embeddings.
#[derive(Clone, Debug)]
pub struct GeneratorInput {
    /// The embeddings `[batch, seq, hidden]`.
    pub embeddings: Tensor,
    /// The real positions of each of the `batch` rows; padding may stand on either side of them.
    pub spans: Vec<Span>,
}

/// The state of an incremental decoding: a KV cache of the generator's own kind.
pub struct DecodeState(pub Box<dyn Any + Send>);

/// A causal language model that reads embeddings, so that vectors can replace documents.
pub trait Generator: Send + Sync {
    /// The device that the model is on.
    fn device(&self) -> &Device;

    /// The size of an embedding.
    fn hidden_size(&self) -> usize;

    /// The number of token ids.
    fn vocabulary(&self) -> usize;

    /// The maximum positions of a sequence, prompt and generated tokens together;
    /// `None` if there is no such limit.
    fn max_positions(&self) -> Option<usize> {
        None
    }

    /// The embeddings of token ids `[..]` (i64): `[.., hidden]`.
    ///
    /// # Errors
    /// If an id is not in the vocabulary.
    fn embed(&self, ids: &Tensor) -> Result<Tensor>;

    /// The final hidden states `[batch, seq, hidden]` of whole sequences, ready for
    /// [`Generator::logits`].
    ///
    /// # Errors
    /// If the input does not fit the model.
    fn forward(&self, input: &GeneratorInput, forward: &mut ForwardMode) -> Result<Tensor>;

    /// The logits `[.., vocabulary]` of final hidden states `[.., hidden]`. Kept apart so that only
    /// the positions that matter are projected on the vocabulary.
    ///
    /// # Errors
    /// If the shape does not fit.
    fn logits(&self, hidden: &Tensor) -> Result<Tensor>;

    /// Starts a decoding: reads left-padded prompts with room for `new_tokens` more, and returns
    /// the logits `[batch, vocabulary]` of the next token.
    ///
    /// # Errors
    /// If the input does not fit the model.
    fn prefill(&self, input: &GeneratorInput, new_tokens: usize) -> Result<(Tensor, DecodeState)>;

    /// Reads one more token of each sequence, `ids [batch]` (i64 or u32), and returns the logits
    /// `[batch, vocabulary]` of the next. Nothing is read from the device.
    ///
    /// # Errors
    /// If the state is another generator's or full, or an id is not in the vocabulary.
    fn decode(&self, ids: &Tensor, state: &mut DecodeState) -> Result<Tensor>;

    /// Merges adapters into the weights, which makes inference faster. Do not train afterwards.
    /// Without adapters, nothing happens.
    ///
    /// # Errors
    /// If the device fails.
    fn merge_adapters(&self) -> Result<()> {
        Ok(())
    }
}

/// The context that a generator is built in.
pub struct GeneratorContext {
    /// Where its parameters are made. Their options hold the adapter, if the generator gets one;
    /// then only that trains.
    pub params: Params,
    /// The model's directory (`config.json`, weights, tokenizer).
    #[cfg(not(target_arch = "wasm32"))]
    pub directory: PathBuf,
    /// The model's `config.json`.
    #[cfg(target_arch = "wasm32")]
    pub(crate) config: serde_json::Value,
}

impl GeneratorContext {
    /// The model's `config.json`, for a model of a family that the SDK does not know.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn config(&self) -> Result<serde_json::Value> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            use crate::Error;
            use crate::files::{FileKind, read_text};
            let path = self.directory.join("config.json");
            let text = read_text(&path, FileKind::ModelConfiguration).map_err(|error| Error::io(&path, error))?;
            serde_json::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))
        }
        #[cfg(target_arch = "wasm32")]
        Ok(self.config.clone())
    }

    /// The shape of a model of the decoder family, as its `config.json` says.
    ///
    /// # Errors
    /// If the file cannot be read, or the model is of another family.
    pub fn decoder(&self) -> Result<DecoderConfig> {
        #[cfg(not(target_arch = "wasm32"))]
        return DecoderConfig::from_directory(&self.directory);
        #[cfg(target_arch = "wasm32")]
        return DecoderConfig::from_json(&self.config);
    }
}

/// A generator that a plugin offers.
pub trait GeneratorPlugin: Generator + Sized + 'static {
    /// Its configuration: the keys of `[generator]` that are its own.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// Makes the generator.
    ///
    /// # Errors
    /// If the model's configuration is not of a supported family, or weights cannot be read.
    fn build(config: Self::Config, context: GeneratorContext) -> Result<Self>;
}
