//! How a plugin makes itself known.
//!
//! The schema of a plugin's configuration, which `schemars` derives from its type, is what
//! `scaledown config check` and `scaledown config schema` know of it. Beside types and ranges, a
//! key may carry these marks (`#[schemars(extend("operational" = true))]`):
//!
//! - `"format": "model"`: a model's directory or its name on the hub. It is looked up before
//!   anything starts, and relative paths count from the file that sets them.
//! - `"operational": true`: says how the work is done, such as a timeout, a batch size or an
//!   address, and nothing of what comes out. It may change when a run of `scaledown prepare` is
//!   resumed, and differ between its shards.
//! - `"writeOnly": true`: its value may hold a secret, put there by mistake; no message shows it.
//! - `"renamed-from": "..."`: the key's former name. A configuration may still use it, and a note
//!   names the new one.
//! - `"x-expected": "..."`: what a message says was expected, in place of the pattern that the
//!   value does not match.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::schema;
use super::{
    Compressor, CompressorContext, CompressorPlugin, Corpus, CorpusContext, CorpusPlugin, Generator, GeneratorContext,
    GeneratorPlugin, Reranker, RerankerContext, RerankerPlugin, Retriever, RetrieverContext, RetrieverPlugin, Teacher,
    TeacherContext, TeacherPlugin,
};
use crate::tensor::Device;
use crate::{Error, Result};

/// The kind of a component; the section of the configuration that chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the traits'")]
pub enum Kind {
    Corpus,
    Retriever,
    Reranker,
    Teacher,
    Compressor,
    Generator,
    Device,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Corpus => "corpus",
            Kind::Retriever => "retriever",
            Kind::Reranker => "reranker",
            Kind::Teacher => "teacher",
            Kind::Compressor => "compressor",
            Kind::Generator => "generator",
            Kind::Device => "device",
        })
    }
}

/// A device that a plugin offers.
pub trait DevicePlugin: 'static {
    /// The priority for `plugin = "auto"`, greatest first: 0 for a processor, which always works;
    /// more for an accelerator.
    const PREFERENCE: u8 = 0;

    /// Its configuration: the keys of `[device]` beside `plugin`.
    type Config: DeserializeOwned + schemars::JsonSchema;

    /// Makes the device.
    ///
    /// # Errors
    /// If the machine has no such device.
    fn build(config: Self::Config) -> Result<Device>;
}

/// Makes a component from the plugin's own keys and what else it is made from.
pub type Make<C, Context> = &'static (dyn Fn(Value, Context) -> Result<Box<C>> + Send + Sync);

/// Makes a component from the plugin's own keys of its configuration table.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Factory {
    /// Makes a device.
    Device(&'static (dyn Fn(Value) -> Result<Device> + Send + Sync)),
    /// Makes a corpus.
    Corpus(Make<dyn Corpus, CorpusContext>),
    /// Makes a compressor.
    Compressor(Make<dyn Compressor, CompressorContext>),
    /// Makes a generator.
    Generator(Make<dyn Generator, GeneratorContext>),
    /// Makes a retriever.
    Retriever(Make<dyn Retriever, RetrieverContext>),
    /// Makes a reranker.
    Reranker(Make<dyn Reranker, RerankerContext>),
    /// Makes a teacher.
    Teacher(Make<dyn Teacher, TeacherContext>),
}

/// One component that a plugin offers:
/// `inventory::submit! { Registration::compressor::<NLayers>("n-layers", "...") }`.
pub struct Registration {
    /// The name, the value of `plugin` in a configuration.
    pub name: &'static str,
    /// Other names that a configuration may use. A resolved configuration has `name`.
    pub aliases: &'static [&'static str],
    /// One sentence for `scaledown plugin list`.
    pub description: &'static str,
    /// The JSON schema of the plugin's own keys.
    pub schema: &'static (dyn Fn() -> Value + Send + Sync),
    /// The peak learning rate of a compressor where the configuration gives none.
    pub learning_rate: Option<f64>,
    /// Of a device, its place among those that are tried where the configuration leaves the choice
    /// ([`DevicePlugin::PREFERENCE`]).
    pub preference: u8,
    /// The SHA-256 of the file that a plugin comes from, in hexadecimal digits; nothing for one
    /// that is linked in.
    pub digest: Option<&'static str>,
    /// Makes the component.
    pub factory: Factory,
}

inventory::collect!(Registration);

/// All components that are linked in.
pub fn registrations() -> impl Iterator<Item = &'static Registration> {
    inventory::iter::<Registration>.into_iter()
}

impl Registration {
    /// Offers a device.
    #[must_use]
    pub const fn device<P: DevicePlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Device(&|keys| P::build(parse(keys)?));
        let preference = P::PREFERENCE;
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: None,
            preference,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Offers a compressor.
    #[must_use]
    pub const fn compressor<P: CompressorPlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Compressor(&|keys, context| Ok(Box::new(P::build(parse(keys)?, context)?)));
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: Some(P::LEARNING_RATE),
            preference: 0,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Offers a generator.
    #[must_use]
    pub const fn generator<P: GeneratorPlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Generator(&|keys, context| Ok(Box::new(P::build(parse(keys)?, context)?)));
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: None,
            preference: 0,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Offers a corpus.
    #[must_use]
    pub const fn corpus<P: CorpusPlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Corpus(&|keys, context| Ok(Box::new(P::build(parse(keys)?, context)?)));
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: None,
            preference: 0,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Offers a retriever.
    #[must_use]
    pub const fn retriever<P: RetrieverPlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Retriever(&|keys, context| Ok(Box::new(P::build(parse(keys)?, context)?)));
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: None,
            preference: 0,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Offers a reranker.
    #[must_use]
    pub const fn reranker<P: RerankerPlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Reranker(&|keys, context| Ok(Box::new(P::build(parse(keys)?, context)?)));
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: None,
            preference: 0,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Offers a teacher.
    #[must_use]
    pub const fn teacher<P: TeacherPlugin>(name: &'static str, description: &'static str) -> Self {
        let factory = Factory::Teacher(&|keys, context| Ok(Box::new(P::build(parse(keys)?, context)?)));
        Registration {
            name,
            description,
            schema: &schema::<P::Config>,
            learning_rate: None,
            preference: 0,
            digest: None,
            factory,
            aliases: &[],
        }
    }

    /// Adds other names that a configuration may use.
    #[must_use]
    pub const fn with_aliases(self, aliases: &'static [&'static str]) -> Self {
        Registration { aliases, ..self }
    }

    /// Whether `name` is the component's name or one of its aliases.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// The kind of the component.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.factory {
            Factory::Device(_) => Kind::Device,
            Factory::Corpus(_) => Kind::Corpus,
            Factory::Compressor(_) => Kind::Compressor,
            Factory::Generator(_) => Kind::Generator,
            Factory::Reranker(_) => Kind::Reranker,
            Factory::Retriever(_) => Kind::Retriever,
            Factory::Teacher(_) => Kind::Teacher,
        }
    }
}

fn parse<C: DeserializeOwned>(keys: Value) -> Result<C> {
    serde_json::from_value(keys).map_err(|error| Error::Config(error.to_string()))
}
