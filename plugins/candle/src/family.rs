//! The architectures, each behind one face: tokens in, the logits of the next token out.

use std::path::Path;

use candle_core::{DType, Result as CandleResult, Tensor};
use candle_transformers::models as candle;
use parking_lot::Mutex;
use scaledown_sdk::{Error, Result};
use serde_json::Value;

use crate::files::ModelFiles;

/// Reads `ids [1, n]` that follow `offset` others, and gives the logits of the next token, in the
/// last row.
pub(crate) type Step<'a> = Box<dyn FnMut(&Tensor, usize) -> CandleResult<Tensor> + 'a>;

/// A causal language model.
pub(crate) trait Family: Send + Sync {
    /// The model with nothing read yet.
    fn start(&self) -> Step<'_>;
}

/// A model that is copied for each text: its weights are shared, and the copy keeps what it has
/// read.
struct Copied<M> {
    model: M,
    step: fn(&mut M, &Tensor, usize) -> CandleResult<Tensor>,
}

impl<M: Clone + Send + Sync> Family for Copied<M> {
    fn start(&self) -> Step<'_> {
        let mut model = self.model.clone();
        Box::new(move |ids, offset| (self.step)(&mut model, ids, offset))
    }
}

/// A model that cannot be copied, and forgets what it has read.
struct Cleared<M> {
    model: Mutex<M>,
    step: fn(&mut M, &Tensor, usize) -> CandleResult<Tensor>,
    clear: fn(&mut M),
}

impl<M: Send> Family for Cleared<M> {
    fn start(&self) -> Step<'_> {
        let mut model = self.model.lock();
        (self.clear)(&mut model);
        Box::new(move |ids, offset| (self.step)(&mut model, ids, offset))
    }
}

/// A model that is copied for each text.
pub(crate) fn copied<M: Clone + Send + Sync + 'static>(
    model: M,
    step: fn(&mut M, &Tensor, usize) -> CandleResult<Tensor>,
) -> Box<dyn Family> {
    Box::new(Copied { model, step })
}

/// A model that forgets what it has read.
pub(crate) fn cleared<M: Send + 'static>(
    model: M,
    step: fn(&mut M, &Tensor, usize) -> CandleResult<Tensor>,
    clear: fn(&mut M),
) -> Box<dyn Family> {
    Box::new(Cleared { model: Mutex::new(model), step, clear })
}

/// Makes a model of a directory's files.
type Make = fn(&ModelFiles, DType) -> Result<Box<dyn Family>>;

/// One architecture: candle's configuration and model, and how it is called.
macro_rules! family {
    ($config:ty, $make:expr, $step:expr) => {
        |files, dtype| {
            let config: $config = files.parse()?;
            let model = files.load(dtype, |weights| $make(&config, weights))?;
            Ok(copied(model, $step))
        }
    };
}

/// The architectures by the class that `transformers` gives them.
const FAMILIES: [(&str, Make); 12] = [
    ("PhiForCausalLM", family!(candle::phi::Config, candle::phi::Model::new, |model, ids, _| model.forward(ids))),
    (
        "MixtralForCausalLM",
        family!(candle::mixtral::Config, candle::mixtral::Model::new, |model, ids, at| model.forward(ids, at)),
    ),
    (
        "Starcoder2ForCausalLM",
        family!(candle::starcoder2::Config, candle::starcoder2::Model::new, |model, ids, at| model.forward(ids, at)),
    ),
    ("OlmoForCausalLM", family!(candle::olmo::Config, candle::olmo::Model::new, |model, ids, at| model.forward(ids, at))),
    ("Olmo2ForCausalLM", family!(candle::olmo2::Config, candle::olmo2::Model::new, |model, ids, at| model.forward(ids, at))),
    (
        "GemmaForCausalLM",
        family!(candle::gemma::Config, |config, weights| candle::gemma::Model::new(false, config, weights), |model, ids, at| {
            model.forward(ids, at)
        }),
    ),
    (
        "Qwen2MoeForCausalLM",
        family!(candle::qwen2_moe::Config, candle::qwen2_moe::Model::new, |model, ids, at| model.forward(ids, at)),
    ),
    (
        "Qwen3MoeForCausalLM",
        family!(candle::qwen3_moe::Config, candle::qwen3_moe::ModelForCausalLM::new, |model, ids, at| model.forward(ids, at)),
    ),
    (
        "Glm4ForCausalLM",
        family!(candle::glm4_new::Config, candle::glm4_new::ModelForCausalLM::new, |model, ids, at| model.forward(ids, at)),
    ),
    ("HeliumForCausalLM", family!(candle::helium::Config, candle::helium::Model::new, |model, ids, at| model.forward(ids, at))),
    (
        "SmolLM3ForCausalLM",
        family!(candle::smol::smollm3::Config, candle::smol::smollm3::ModelForCausalLM::new, |model, ids, at| model
            .forward(ids, at)),
    ),
    ("FalconForCausalLM", |files, dtype| {
        let config: candle::falcon::Config = files.parse()?;
        let model = files.load(dtype, |weights| candle::falcon::Falcon::load(weights, config.clone()))?;
        Ok(copied(model, |model, ids, _| model.forward(ids)))
    }),
];

/// The model of a directory, and the most tokens that it reads, where its configuration says so.
///
/// # Errors
/// If its architecture is none of these, or its files cannot be read.
pub(crate) fn open(directory: &Path, dtype: DType) -> Result<(Box<dyn Family>, Option<usize>)> {
    let mut files = ModelFiles::open(directory)?;
    let name = files.config.get("architectures").and_then(|names| names[0].as_str()).unwrap_or("missing").to_owned();
    let make = FAMILIES.iter().find(|(known, _)| *known == name).map(|(_, make)| make);
    let make = make.ok_or_else(|| {
        let known: Vec<&str> = FAMILIES.iter().map(|(known, _)| *known).collect();
        let more = "the teacher `mistral` reads Mistral, Llama, Qwen2, Qwen3, Gemma 2 and 3 and Phi-3";
        let path = directory.join("config.json");
        let known = known.join(", ");
        Error::Config(format!("`architectures` in {} is {name}, expected one of {known}; {more}", path.display()))
    })?;
    // What `transformers` leaves out of a file, or calls otherwise.
    for key in ["tie_word_embeddings", "qk_layernorm", "use_flash_attn"] {
        files.default(key, Value::Bool(false));
    }
    files.default("rope_theta", 10_000.0.into());
    let positions = files.size("max_position_embeddings");
    // Without a window, every position sees all before it; candle reads the window alone.
    if files.config.get("use_sliding_window") == Some(&Value::Bool(false)) {
        files.config.remove("sliding_window");
    }
    if let Some(positions) = positions {
        files.default("sliding_window", positions.into());
    }
    Ok((make(&files, dtype)?, positions))
}
