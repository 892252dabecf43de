//! The `mistral` plugin: models of the decoder family (Mistral, Llama, Qwen2 and 3, Gemma 2 and 3,
//! Phi-3 and 4), read from a Hugging Face directory.
//!
//! As `[generator]`, one reads prompts in which vectors stand for documents; see [`MistralConfig`]
//! for its keys. As `[teacher]`, one answers questions from whole documents, for a compressor to be
//! distilled from:
//!
//! ```toml
//! [teacher]
//! plugin = "mistral"
//! model = "mistralai/Mistral-7B-Instruct-v0.2"
//! quantization = "q8_0"
//! ```
//!
//! See [`TeacherConfig`] for its keys.

mod teacher;
mod teacher_config;

pub use teacher::MistralTeacher;
pub use teacher_config::{TeacherConfig, TeacherPrecision};

use scaledown_sdk::component::{
    DecodeState, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin, Registration, inventory,
};
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig, KvCache};
use scaledown_sdk::nn::{ForwardMode, Quantization};
use scaledown_sdk::{Device, Error, Result, Tensor};

inventory::submit! {
    Registration::generator::<MistralGenerator>("mistral", "A decoder of the Mistral, Llama, Qwen, Gemma or Phi-3 family.")
        .with_aliases(&["decoder"])
}

inventory::submit! {
    Registration::teacher::<MistralTeacher>("mistral", "Answers with a decoder of the Mistral, Llama, Qwen, Gemma or Phi-3 family.")
        .with_aliases(&["decoder"])
}

/// The plugin's own keys. The host decides where weights come from.
#[derive(Clone, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MistralConfig {
    /// Quantises the weights of linear layers and the embedding table, for less memory and faster
    /// decoding: bf16 (16 bits per weight), or GGML's blocks of 32: q8_0 (8.5 bits) or q4_0 (4.5
    /// bits, 8.5 for the table). Adapters can be trained on quantised weights; `pretrain` refuses
    /// them. Norms, and layers whose input size is not a multiple of 32, keep `dtype`.
    pub quantization: Option<Quantization>,
}

/// A causal language model of the decoder family.
pub struct MistralGenerator {
    model: CausalLm,
}

impl GeneratorPlugin for MistralGenerator {
    type Config = MistralConfig;

    fn build(config: MistralConfig, context: GeneratorContext) -> Result<Self> {
        let shape = DecoderConfig::from_directory(&context.directory)?;
        let params = context.params.quantized(config.quantization);
        let model = CausalLm::new(shape, &params)?;
        match config.quantization {
            Some(quantization) if params.lora().is_none() && !params.trainable().is_empty() => Err(Error::Config(format!(
                "the generator is trained as a whole, so that its weights cannot be held as {}; leave out `generator.quantization`",
                quantization.dtype()
            ))),
            _ => Ok(MistralGenerator { model }),
        }
    }
}

impl MistralGenerator {
    /// The generator of a model.
    pub(crate) fn from_model(model: CausalLm) -> Self {
        MistralGenerator { model }
    }

    /// The model itself.
    #[must_use]
    pub fn model(&self) -> &CausalLm {
        &self.model
    }
}

impl Generator for MistralGenerator {
    fn device(&self) -> &Device {
        self.model.decoder().device()
    }

    fn hidden_size(&self) -> usize {
        self.model.config().hidden
    }

    fn vocabulary(&self) -> usize {
        self.model.config().vocabulary
    }

    fn max_positions(&self) -> Option<usize> {
        self.model.decoder().max_positions()
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        self.model.embed(ids)
    }

    fn forward(&self, input: &GeneratorInput, forward: &mut ForwardMode) -> Result<Tensor> {
        self.model.forward(&input.embeddings, &input.spans, forward)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.model.logits(hidden)
    }

    fn prefill(&self, input: &GeneratorInput, new_tokens: usize) -> Result<(Tensor, DecodeState)> {
        let (logits, cache) = self.model.prefill(&input.embeddings, &input.spans, new_tokens)?;
        Ok((logits, DecodeState(Box::new(cache))))
    }

    fn decode(&self, ids: &Tensor, state: &mut DecodeState) -> Result<Tensor> {
        let cache = state.0.downcast_mut::<KvCache>();
        let cache = cache.ok_or_else(|| Error::Input("the decoding state belongs to another generator".into()))?;
        self.model.decode(ids, cache)
    }

    fn merge_adapters(&self) -> Result<()> {
        self.model.merge_adapters()
    }
}
