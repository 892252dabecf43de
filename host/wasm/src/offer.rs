//! What a plugin says of itself, and how it enters the host's registry.

use scaledown_sdk::Result;
use scaledown_sdk::component::{
    Compressor, CompressorContext, Corpus, Factory, Generator, GeneratorContext, Kind, LEARNING_RATE, Registration, Reranker,
    RerankerContext, Retriever, RetrieverContext, Teacher, TeacherContext,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::guest::{Guest, Setting, missing};
use crate::manifest::agree;
use crate::plugin::Plugin;
use crate::roles::{WasmCompressor, WasmCorpus, WasmGenerator, WasmReranker, WasmRetriever, WasmTeacher, always};
use crate::services::log::shortened;
use crate::settings::Permissions;

/// What a plugin says of itself in one of its roles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PluginDescription {
    /// The name that its author gave it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence for `scaledown plugin list`.
    pub description: String,
    /// Its licence.
    pub license: String,
    /// Where to read more.
    pub homepage: String,
    /// The JSON schema of its keys; any key is fine where it gives none.
    pub schema: Option<Value>,
    /// The peak learning rate of a compressor where the configuration gives none.
    pub learning_rate: Option<f64>,
    /// What it asks the user to grant.
    pub permissions: Option<Value>,
}

impl PluginDescription {
    /// Makes its texts fit to be shown on a terminal.
    pub(crate) fn plain(&mut self) {
        let PluginDescription { name, version, description, license, homepage, .. } = self;
        for text in [name, version, description, license, homepage] {
            *text = shortened(text);
        }
    }
}

/// A role that a plugin has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The kind of component.
    pub kind: Kind,
    /// What the plugin says of it.
    pub description: PluginDescription,
}

/// A closure that lives as long as the process, as the entries of the registry do.
macro_rules! kept {
    ($closure:expr) => {
        Box::leak(Box::new($closure))
    };
}

impl Plugin {
    /// Asks the plugin what it is. Its code runs, within its limits.
    ///
    /// # Errors
    /// If it traps, or what it says is not as agreed.
    pub fn offers(&self) -> Result<Vec<Offer>> {
        let mut guest = Guest::new(self, &Setting::bare(self, &json!({})))?;
        let kinds = self.contract().kinds().into_iter();
        let offers = kinds.map(|kind| Ok(Offer { kind, description: self.description(&mut guest, kind)? }));
        let offers = offers.collect::<Result<Vec<_>>>()?;
        // What a user has read in the file is to be true.
        if self.manifest().is_some_and(|manifest| !agree(manifest, &offers)) {
            return Err(self.error(
                "what it says of itself is not what its file says (`scaledown plugin inspect`); `scaledown plugin build` writes both",
            ));
        }
        Ok(offers)
    }

    fn description(&self, guest: &mut Guest, kind: Kind) -> Result<PluginDescription> {
        macro_rules! describe {
            ($role:ident) => {
                guest.call(|store, instance, plugin| {
                    let indices = plugin.roles().$role.as_ref().ok_or_else(|| missing(stringify!($role)))?;
                    always(indices.load(&mut *store, instance)?.call_describe(store))
                })
            };
        }
        let text = match kind {
            Kind::Corpus => describe!(reading),
            Kind::Retriever => describe!(retrieval),
            Kind::Reranker => describe!(reranking),
            Kind::Teacher => describe!(teaching),
            Kind::Compressor => describe!(compression),
            Kind::Generator => describe!(generation),
            Kind::Device => return Err(self.error("a device cannot be a plugin in WebAssembly")),
        }?;
        let mut described: PluginDescription = serde_json::from_str(&text)
            .map_err(|error| self.error(format!("what it says of itself as a {kind} cannot be read: {error}")))?;
        if let Some(schema) = &described.schema
            && !(schema.is_object() && schema.get("properties").is_none_or(Value::is_object))
        {
            return Err(self.error(format!("its schema as a {kind} is not the JSON schema of a table")));
        }
        if let Some(rate) = described.learning_rate.filter(|&rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(self.error(format!("its learning rate as a {kind} is {rate}, expected a positive number")));
        }
        if let Some(asked) = &described.permissions
            && let Err(error) = Permissions::deserialize(asked)
        {
            return Err(self.error(format!("the permissions that it asks for as a {kind} are not those of a table: {error}")));
        }
        described.plain();
        self.note_schema(described.schema.as_ref());
        Ok(described)
    }

    /// The plugin's entries of the host's registry. They stay until the process ends.
    ///
    /// # Errors
    /// Those of [`Plugin::offers`].
    pub fn registrations(&self) -> Result<Vec<Registration>> {
        Ok(self.offers()?.into_iter().filter_map(|offer| self.registration(offer)).collect())
    }

    /// The entry of an offer; none for a device, which no plugin of this kind is.
    fn registration(&self, offer: Offer) -> Option<Registration> {
        let plugin = self.clone();
        let factory = match offer.kind {
            Kind::Corpus => {
                Factory::Corpus(kept!(move |keys, _| Ok(Box::new(WasmCorpus::build(&plugin, &keys)?) as Box<dyn Corpus>)))
            }
            Kind::Retriever => Factory::Retriever(kept!(move |keys, context: RetrieverContext| {
                Ok(Box::new(WasmRetriever::build(&plugin, &keys, &context.device, context.directory)?) as Box<dyn Retriever>)
            })),
            Kind::Reranker => Factory::Reranker(kept!(move |keys, context: RerankerContext| {
                Ok(Box::new(WasmReranker::build(&plugin, &keys, &context.device)?) as Box<dyn Reranker>)
            })),
            Kind::Teacher => Factory::Teacher(kept!(move |keys, context: TeacherContext| {
                Ok(Box::new(WasmTeacher::build(&plugin, &keys, &context.device)?) as Box<dyn Teacher>)
            })),
            Kind::Compressor => Factory::Compressor(kept!(move |keys, context: CompressorContext| {
                Ok(Box::new(WasmCompressor::build(&plugin, &keys, context)?) as Box<dyn Compressor>)
            })),
            Kind::Generator => Factory::Generator(kept!(move |keys, context: GeneratorContext| {
                Ok(Box::new(WasmGenerator::build(&plugin, &keys, context)?) as Box<dyn Generator>)
            })),
            Kind::Device => return None,
        };
        let PluginDescription { description, schema, learning_rate, .. } = offer.description;
        let schema = schema.unwrap_or_else(|| json!({"type": "object", "additionalProperties": true}));
        Some(Registration {
            name: String::leak(self.name().to_owned()),
            description: String::leak(description),
            schema: kept!(move || schema.clone()),
            learning_rate: (offer.kind == Kind::Compressor).then(|| learning_rate.unwrap_or(LEARNING_RATE)),
            preference: 0,
            aliases: &[],
            digest: Some(String::leak(self.digest().to_owned())),
            factory,
        })
    }
}
