//! The JSON schema of a plugin's keys.

use serde_json::Value;

/// One self-contained schema without references, so that the host can put it into that of the whole
/// configuration.
pub(crate) fn schema<C: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<C>().to_value()
}
