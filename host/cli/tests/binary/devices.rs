//! `device check`, and trainings that are compiled and not run.

use serde_json::Value;

use crate::tiny::Tiny;

#[test]
fn a_device_is_checked_against_the_processor() {
    let tiny = Tiny::new();
    let ended = tiny.run(&["device", "check", "--quick", "--json", "--set", "device.plugin=cpu"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let found: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(found["device"]["name"], "cpu");
    let parity = found["parity"].as_array().unwrap();
    assert!(parity.len() >= 3 && parity.iter().all(|one| one["agrees"] == true && one["difference"] == 0.0), "{parity:?}");
    assert!(found["times"].as_array().unwrap().iter().all(|time| time["later_ms"].as_f64().unwrap() > 0.0));
    assert!(found["suite"].is_null());
    let ended = tiny.run(&["device", "check", "--quick", "--set", "device.plugin=cpu"]);
    assert!(ended.out.contains("agrees: ") && ended.out.contains("a step of a small decoder"), "{}", ended.out);
}

#[test]
fn a_device_that_compiles_nothing_has_nothing_to_precompile() {
    let tiny = Tiny::new();
    let error = tiny.failed(&["train", "tiny.toml", "--precompile", "--set", "device.plugin=cpu"], 2);
    assert!(error.contains("--precompile needs a device that compiles and keeps programs, and \"cpu\" is none"), "{error}");
    assert!(!tiny.path("run/checkpoints").exists());
}
