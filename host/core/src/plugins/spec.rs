//! A component's table: which plugin, and that plugin's own keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `{ plugin = "name", ... }`: the keys beside `plugin` are the plugin's own and are checked
/// against its schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// The plugin's name. `scaledown plugin list` lists them.
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

    /// The plugin's own keys as one JSON object, the form in which a plugin is handed its
    /// configuration.
    #[must_use]
    pub fn options(&self) -> Value {
        Value::Object(self.options.clone())
    }
}
