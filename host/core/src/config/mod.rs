//! The configuration of every command: typed sections, layered sources, and errors that say where
//! and what to do.
//!
//! A configuration is a TOML file. Its value comes from layers, the later over the earlier: the
//! built-in defaults, the files named by `extends`, the file itself, environment variables
//! (`SCALEDOWN_SECTION__KEY`) and `--set key=value`. [`Config::load`] merges them, checks the
//! result against the JSON schema of every section and of every chosen plugin, and makes relative
//! paths absolute; [`Config::to_toml`] writes the result out, and loading that reproduces it.

mod checks;
mod layers;
mod lines;
mod output;
mod paths;
mod plugins;
mod problem;
mod renamed;
mod resolve;
mod schema;
mod sweep;
mod types;
mod validate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::config::{CompressorConfig, ModelConfig};
use crate::prepare::config::PreparationConfig;
use crate::retrieval::config::IndexConfig;
use crate::train::config::TrainingConfig;

pub use crate::data::config::{Data, OnError};
pub use crate::data::corpus::config::{ChunkUnit, Chunking, CorpusConfig, CorpusFields, CorpusFormat};
pub use crate::data::questions::config::{QuestionFields, QuestionFormat, Questions, Synthesis};
pub use crate::evaluate::config::Evaluation;
pub use crate::model::config::{Compression, GeneratorConfig, GeneratorInit, Lora, Precision, Reranking};
pub use crate::plugins::Component;
pub use crate::plugins::files::{NamedComponent, PluginFile, PluginLimits, PluginPermissions};
pub use crate::prepare::config::Preparation;
pub use crate::retrieval::config::Index;
pub use crate::text::config::Prompt;
pub use crate::train::config::Training;
pub use crate::train::pretraining::config::{Pretraining, PretrainingKind, Stage, StageData, Unit};
pub use layers::{Overrides, is_key_variable};
pub use output::Output;
pub use problem::{ConfigError, Origin, Problem};
pub use scaledown_sdk::nn::Schedule;
pub use schema::json_schema;
pub use sweep::{Sweep, Variant};

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The device.
    pub device: Component,
    /// The language model that answers from the compressed documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorConfig>,
    /// The model that compresses a document, given the query, into embedding vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressor: Option<Component>,
    /// The documents to search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<CorpusConfig>,
    /// The questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub questions: Option<Questions>,
    /// The index of the corpus.
    pub index: Index,
    /// The retriever, which finds documents for a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retriever: Option<Component>,
    /// The reranker, which scores documents for a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reranker: Option<Component>,
    /// The teacher, whose answers are the training targets. Default: the generator on full
    /// documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Component>,
    /// Plugins that come as files, by the names under which `plugin` chooses them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, PluginFile>,
    /// Components that plugins may call, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<String, NamedComponent>,
    /// The lengths of the compressor's input and output.
    pub compression: Compression,
    /// Joint reranking by the compressor.
    pub reranking: Reranking,
    /// Preparation of training records from questions.
    pub preparation: Preparation,
    /// The generator's prompt.
    pub prompt: Prompt,
    /// Training and evaluation records.
    pub data: Data,
    /// Training.
    pub training: Training,
    /// Pretraining.
    pub pretraining: Pretraining,
    /// Evaluation.
    pub evaluation: Evaluation,
    /// Values to try with `scaledown sweep`.
    #[serde(skip_serializing_if = "Sweep::is_empty")]
    pub sweep: Sweep,
    /// Output.
    pub output: Output,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            device: Component::new("auto"),
            generator: None,
            compressor: None,
            corpus: None,
            questions: None,
            index: Index::default(),
            retriever: None,
            reranker: None,
            teacher: None,
            plugins: BTreeMap::new(),
            components: BTreeMap::new(),
            compression: Compression::default(),
            reranking: Reranking::default(),
            preparation: Preparation::default(),
            prompt: Prompt::default(),
            data: Data::default(),
            training: Training::default(),
            pretraining: Pretraining::default(),
            evaluation: Evaluation::default(),
            sweep: Sweep::default(),
            output: Output::default(),
        }
    }
}

impl Config {
    /// Loads the file at `path` with everything it extends, and `overrides` on top.
    ///
    /// # Errors
    /// [`ConfigError`] lists every problem found, each with its file and line (or variable, or
    /// option), the key, what was found and what is allowed.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Config, ConfigError> {
        let config = with_notes(resolve::resolve(Some(path), overrides)?);
        tracing::info!(file = %path.display(), output = %config.output.directory.display(), "configuration resolved");
        Ok(config)
    }

    /// Loads a file as [`Config::load`] does, and checks the models and files of this machine that
    /// it names. Asks no hub.
    ///
    /// # Errors
    /// As [`Config::load`]; and if a file or model is damaged or unsuitable.
    pub fn check(path: &Path, overrides: &Overrides) -> Result<Preflight, ConfigError> {
        let resolved = resolve::resolve(Some(path), overrides)?;
        if !resolved.config.sweep.is_empty() {
            Config::variants(path, overrides)?;
        }
        Ok(Preflight { missing: resolved.preflight()?, notes: resolved.notes })
    }

    /// The built-in defaults with `overrides` on top, for commands that can do without a file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_defaults(overrides: &Overrides) -> Result<Config, ConfigError> {
        Ok(with_notes(resolve::resolve(None, overrides)?))
    }

    /// The resolved configuration as TOML. Loading it gives an equal configuration: every path in
    /// it is absolute.
    ///
    /// # Errors
    /// If a plugin's option has no TOML form (a null inside an array).
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self)
            .map_err(|error| ConfigError::one(Origin::BuiltIn, "", format!("cannot write the configuration as TOML: {error}")))
    }

    /// The generator's table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_generator(&self) -> Result<&GeneratorConfig, ConfigError> {
        require(self.generator.as_ref(), "generator")
    }

    /// The configuration without vectors that were computed before.
    #[must_use]
    pub fn without_vectors(&self) -> Config {
        let mut config = self.clone();
        config.compression.vectors = None;
        config
    }

    /// The configuration with the generator's adapter written out, as a compressor's training takes
    /// it.
    #[must_use]
    pub fn with_adapter(&self) -> Config {
        let mut config = self.clone();
        if let Some(generator) = &mut config.generator {
            generator.lora = Some(generator.adapter().map_or(Lora::Switch(false), Lora::Table));
        }
        config
    }

    /// The compressor's table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_compressor(&self) -> Result<&Component, ConfigError> {
        require(self.compressor.as_ref(), "compressor")
    }

    /// The retriever's table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_retriever(&self) -> Result<&Component, ConfigError> {
        require(self.retriever.as_ref(), "retriever")
    }

    /// The reranker's table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_reranker(&self) -> Result<&Component, ConfigError> {
        require(self.reranker.as_ref(), "reranker")
    }

    /// The teacher's table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_teacher(&self) -> Result<&Component, ConfigError> {
        require(self.teacher.as_ref(), "teacher")
    }

    /// The configuration of a language model.
    ///
    /// # Errors
    /// If the configuration names no generator.
    pub fn for_model(&self) -> Result<ModelConfig<'_>, ConfigError> {
        Ok(ModelConfig {
            generator: self.require_generator()?,
            prompt: &self.prompt,
            dtype: self.training.dtype,
            seed: self.training.seed,
        })
    }

    /// The configuration of a compressor.
    ///
    /// # Errors
    /// If the configuration names no compressor.
    pub fn for_compressor(&self) -> Result<CompressorConfig<'_>, ConfigError> {
        Ok(CompressorConfig {
            compressor: self.require_compressor()?,
            compression: &self.compression,
            reranking: &self.reranking,
            dtype: self.training.dtype,
            seed: self.training.seed,
        })
    }

    /// The sections that a training's curve depends on.
    #[must_use]
    pub fn for_training(&self) -> TrainingConfig<'_> {
        TrainingConfig {
            generator: self.generator.as_ref(),
            compressor: self.compressor.as_ref(),
            compression: &self.compression,
            reranking: &self.reranking,
            prompt: &self.prompt,
            data: &self.data,
            training: &self.training,
            pretraining: &self.pretraining,
        }
    }

    /// The sections that prepared records depend on.
    #[must_use]
    pub fn for_preparation(&self) -> PreparationConfig<'_> {
        PreparationConfig {
            preparation: &self.preparation,
            prompt: &self.prompt,
            retriever: self.retriever.as_ref(),
            reranker: self.reranker.as_ref(),
            teacher: self.teacher.as_ref(),
        }
    }

    /// The index of the corpus.
    ///
    /// # Errors
    /// If the configuration names no retriever.
    pub fn for_index(&self) -> Result<IndexConfig<'_>, ConfigError> {
        Ok(IndexConfig { directory: self.index_directory(), retriever: self.require_retriever()?, corpus: self.corpus.as_ref() })
    }

    /// Where the corpus is indexed.
    #[must_use]
    pub fn index_directory(&self) -> PathBuf {
        self.index.directory.clone().unwrap_or_else(|| self.output.directory.join("index"))
    }

    /// The corpus's table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_corpus(&self) -> Result<&CorpusConfig, ConfigError> {
        require_table(self.corpus.as_ref(), "corpus")
    }

    /// The questions' table.
    ///
    /// # Errors
    /// If the configuration has none.
    pub fn require_questions(&self) -> Result<&Questions, ConfigError> {
        require_table(self.questions.as_ref(), "questions")
    }
}

/// The findings of a check of a valid configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Models and files that do not exist. An earlier command may have to make them.
    pub missing: Vec<Problem>,
    /// Keys that have a former name.
    pub notes: Vec<Problem>,
}

/// The configuration, after its notes are logged as warnings.
fn with_notes(resolved: resolve::Resolved) -> Config {
    resolved.notes.iter().for_each(|note| tracing::warn!("{note}"));
    resolved.config
}

fn require<'a, T>(component: Option<&'a T>, kind: &str) -> Result<&'a T, ConfigError> {
    component.ok_or_else(|| {
        ConfigError::one(Origin::BuiltIn, kind, format!("missing; this command needs a table [{kind}] with a `plugin` key"))
    })
}

fn require_table<'a, T>(table: Option<&'a T>, name: &str) -> Result<&'a T, ConfigError> {
    table.ok_or_else(|| {
        let message = format!("missing; this command needs a table [{name}] with a `format` key");
        ConfigError::one(Origin::BuiltIn, name, message)
    })
}

#[cfg(test)]
mod tests;
