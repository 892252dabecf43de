//! `[device] plugin = "auto"`: the best device that works on this machine.

use std::cmp::Reverse;

use scaledown_sdk::component::{DevicePlugin, Factory, Kind, Registration, inventory, registrations};
use scaledown_sdk::{Device, Error, Result};
use serde_json::{Map, Value};

/// The plugin's name.
pub const NAME: &str = "auto";

inventory::submit! {
    Registration::device::<Automatic>(NAME, "Selects the best device that is available on this machine.")
}

struct Automatic;

/// `keys` without those that a device does not know and that have the default of another device:
/// the configuration was completed with the defaults of all.
fn own_keys(keys: &Map<String, Value>, schema: &Value, schemas: &[Value]) -> Map<String, Value> {
    let property = |schema: &Value, key: &str| schema.get("properties").and_then(|properties| properties.get(key)).cloned();
    let is_default = |key: &str, value: &Value| {
        schemas.iter().filter_map(|schema| property(schema, key)).any(|property| property.get("default") == Some(value))
    };
    let kept = keys.iter().filter(|(key, value)| property(schema, key).is_some() || !is_default(key, value));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

impl DevicePlugin for Automatic {
    /// The keys of the selected device. Skips devices that do not know them.
    type Config = Map<String, Value>;

    fn build(keys: Map<String, Value>) -> Result<Device> {
        let devices = registrations().filter(|entry| entry.kind() == Kind::Device && entry.name != NAME);
        let mut candidates: Vec<&Registration> = devices.collect();
        candidates.sort_by_key(|entry| (Reverse(entry.preference), entry.name));
        let mut refusals = Vec::new();
        let schemas: Vec<Value> = candidates.iter().map(|entry| (entry.schema)()).collect();
        for (entry, schema) in candidates.iter().zip(&schemas) {
            let Factory::Device(build) = entry.factory else { continue };
            match build(Value::Object(own_keys(&keys, schema, &schemas))) {
                Ok(device) => {
                    let passed_over = refusals.join("; ");
                    tracing::info!(device = entry.name, passed_over, "device chosen");
                    return Ok(device);
                }
                Err(error) => refusals.push(format!("{}: {error}", entry.name)),
            }
        }
        Err(Error::Config(match refusals.is_empty() {
            true => "no device plugin is built in".to_owned(),
            false => format!("no device is available ({})", refusals.join("; ")),
        }))
    }
}
