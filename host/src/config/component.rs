//! The tables of the replaceable components: which plugin, and that plugin's own keys.

use scaledown_sdk::nn::LoraConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// The adapter on the linear layers, which then alone is trained; none, if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

impl Generator {
    /// The plugin with its own keys.
    #[must_use]
    pub fn component(&self) -> Component {
        Component { plugin: self.plugin.clone(), options: self.options.clone() }
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
