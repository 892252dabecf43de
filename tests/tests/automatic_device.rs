//! `device.plugin = "auto"` among devices that work and devices that do not.

use scaledown_conformance::device::reference::Reference;
use scaledown_host::plugins::{Component, registry};
use scaledown_sdk::component::{DevicePlugin, Registration, inventory};
use scaledown_sdk::{Device, Error, Result};
// Linked for its registration.
use scaledown_cpu as _;
use serde_json::{Value, json};

/// A card that is preferred to all, and in no machine.
struct Broken;

/// A card that works where a key says that it is there.
struct Card;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct CardConfig {
    #[serde(default)]
    present: bool,
}

inventory::submit! { Registration::device::<Broken>("broken", "Never works.") }
inventory::submit! { Registration::device::<Card>("card", "Works where it is present.") }

impl DevicePlugin for Broken {
    const PREFERENCE: u8 = 9;
    type Config = serde_json::Map<String, Value>;

    fn build(_keys: Self::Config) -> Result<Device> {
        Err(Error::Config("no driver is installed".into()))
    }
}

impl DevicePlugin for Card {
    const PREFERENCE: u8 = 5;
    type Config = CardConfig;

    fn build(config: CardConfig) -> Result<Device> {
        if config.present { Ok(Device::new(Reference)) } else { Err(Error::Config("there is no card".into())) }
    }
}

fn chosen(keys: Value) -> std::result::Result<Device, String> {
    let mut component = Component::new("auto");
    component.options = keys.as_object().cloned().unwrap_or_default();
    registry::device(&component).map_err(|error| error.to_string())
}

#[test]
fn the_best_device_that_works_is_taken() {
    assert_eq!(chosen(json!({"present": true})).unwrap().name(), "reference");
    assert_eq!(chosen(json!({})).unwrap().name(), "cpu");
}

#[test]
fn keys_choose_among_the_devices_that_know_them() {
    let device = chosen(json!({"threads": 1})).unwrap();
    assert_eq!((device.name(), device.info().threads), ("cpu", 1));
    let error = chosen(json!({"wheels": 4})).unwrap_err();
    for said in ["no device is available", "broken: ", "no driver is installed", "card: ", "cpu: ", "wheels"] {
        assert!(error.contains(said), "{said} in {error}");
    }
}
