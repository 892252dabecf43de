//! The tables of the replaceable components: which plugin, and that plugin's own keys.

use std::borrow::Cow;

use scaledown_sdk::nn::LoraConfig;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Precision;

/// `{ plugin = "name", ... }`: the keys beside `plugin` are the plugin's own and are checked against its schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// The plugin's name; `scaledown plugin list` shows what there is.
    pub plugin: String,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

impl Component {
    /// The plugin `name` with all its defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Component { plugin: name.into(), options: Map::new() }
    }

    /// The plugin's own keys as one JSON object, the form in which a plugin is handed its configuration.
    #[must_use]
    pub fn options(&self) -> Value {
        Value::Object(self.options.clone())
    }
}

/// The generator: the keys that mean the same for every plugin, and the plugin's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// The plugin's name; `scaledown plugin list` shows what there is.
    pub plugin: String,
    /// A Hugging Face hub id, or a local directory with `config.json`, weights and tokenizer.
    #[schemars(length(min = 1), extend("format" = "model"))]
    pub model: String,
    /// The branch, tag or commit of a hub id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// Where the weights come from.
    #[serde(default)]
    pub init: Init,
    /// The element type of the weights; that of the training section, if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<Precision>,
    /// The adapter on the linear layers; of the generator, it alone is trained beside a compressor. A table, or `true` for the paper's (r 16,
    /// alpha 32, dropout 0.1, all linear layers), which is the default too; with `false` the generator stays as it is, and the compressor
    /// alone is trained. `pretrain` of kind causal-lm trains the whole generator: it has no adapter, and refuses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<Lora>,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

impl Generator {
    /// The adapter that the generator has beside a compressor: that of the table, or the paper's.
    #[must_use]
    pub fn adapter(&self) -> Option<LoraConfig> {
        match &self.lora {
            None | Some(Lora::Switch(true)) => Some(LoraConfig::default()),
            Some(Lora::Switch(false)) => None,
            Some(Lora::Table(adapter)) => Some(adapter.clone()),
        }
    }

    /// The plugin with its own keys.
    #[must_use]
    pub fn component(&self) -> Component {
        Component { plugin: self.plugin.clone(), options: self.options.clone() }
    }
}

/// Whether the generator has an adapter, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lora {
    /// `true` for the paper's, `false` for none.
    Switch(bool),
    /// Its own.
    Table(LoraConfig),
}

impl JsonSchema for Lora {
    fn schema_name() -> Cow<'static, str> {
        "Lora".into()
    }

    fn inline_schema() -> bool {
        true
    }

    /// The table's schema, open to true and false: so that a mistake within the table is told by its own key.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LoraConfig::json_schema(generator);
        schema.insert("type".into(), json!(["object", "boolean"]));
        schema
    }
}

/// Where a model's weights come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// The model's safetensors files.
    #[default]
    Pretrained,
    /// A seeded random generator; the model's directory then needs no weights.
    Random,
}
