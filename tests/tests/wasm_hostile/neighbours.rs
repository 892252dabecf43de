//! Components that call each other through `components`.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use scaledown_sdk::component::{ChatTokenizer, Kind, Reranker, Retriever, Teacher};
use scaledown_sdk::{Device, Error, Result};
use scaledown_tests::component::from_text_for;
use scaledown_wasm::{Limits, Plugin, Settings, Surroundings, WasmReranker};
use serde_json::json;

use super::{device, settings, text, threads};

/// Makes a reranker.
type Make = dyn Fn(&Device) -> Result<Box<dyn Reranker>> + Send + Sync;

/// The other components of a configuration: one reranker, `other`.
struct Neighbour(Box<Make>);

impl Surroundings for Neighbour {
    fn kind(&self, name: &str) -> Option<Kind> {
        (name == "other").then_some(Kind::Reranker)
    }

    fn retriever(&self, name: &str, _device: &Device, _directory: &Path) -> Result<Box<dyn Retriever>> {
        Err(Error::Config(name.to_owned()))
    }

    fn reranker(&self, _name: &str, device: &Device) -> Result<Box<dyn Reranker>> {
        (self.0)(device)
    }

    fn teacher(&self, name: &str, _device: &Device) -> Result<Box<dyn Teacher>> {
        Err(Error::Config(name.to_owned()))
    }

    fn tokenizer(&self, directory: &Path) -> Result<Box<dyn ChatTokenizer>> {
        Err(Error::Config(directory.display().to_string()))
    }
}

/// A reranker that asks `other` for its scores, and returns what it says.
fn asking() -> Vec<u8> {
    let import = r#"(import "scaledown:plugin/components@0.2.0" "score" (func $ask (param i32 i32 i32 i32 i32 i32 i32)))"#;
    let body = "i32.const 3100 i32.const 5 local.get 0 local.get 1 local.get 2 local.get 3 i32.const 3000 call $ask
        i32.const 3000";
    let text = text(import, body, r#"(data (i32.const 3100) "other")"#);
    // What the host hands over must not overlap here: the texts are handed on.
    let realloc = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)"#;
    let bump = r#"(global $next (mut i32) (i32.const 4096))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            global.get $next
            global.get $next local.get 3 i32.add i32.const 7 i32.add i32.const -8 i32.and global.set $next)"#;
    assert!(text.contains(realloc));
    from_text_for("reranker", &text.replace(realloc, bump)).unwrap()
}

/// The asking reranker among its neighbours.
fn plugin(neighbour: impl Fn(&Device) -> Result<Box<dyn Reranker>> + Send + Sync + 'static, settings: &Settings) -> Plugin {
    let mut settings = settings.clone();
    settings.permissions.components = vec!["other".into()];
    Plugin::compile("asking", &asking(), &settings, Arc::new(Neighbour(Box::new(neighbour))), None).unwrap()
}

fn score(plugin: &Plugin) -> Result<Vec<f32>> {
    WasmReranker::build(plugin, &json!({}), &device())?.score("query", &["one", "two"])
}

/// A reranker that is linked in: what `other` is where no plugin is asked.
struct Native(fn(&[&str]) -> Result<Vec<f32>>);

impl Reranker for Native {
    fn score(&self, _query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        (self.0)(documents)
    }
}

#[test]
fn a_component_asks_another() {
    let lengths = |documents: &[&str]| Ok(documents.iter().map(|text| text.len() as f32).collect());
    let plugin = plugin(move |_| Ok(Box::new(Native(lengths))), &settings());
    assert_eq!(score(&plugin).unwrap(), [3.0, 3.0]);
}

/// A configuration with such a circle is refused; where one comes about anyway, it ends.
#[test]
fn a_component_that_calls_itself_is_ended() {
    static ITSELF: OnceLock<Plugin> = OnceLock::new();
    let itself = |device: &Device| -> Result<Box<dyn Reranker>> {
        Ok(Box::new(WasmReranker::build(ITSELF.get().unwrap(), &json!({}), device)?))
    };
    let plugin = ITSELF.get_or_init(|| plugin(itself, &settings()));
    let device = device();
    let call = || WasmReranker::build(plugin, &json!({}), &device).unwrap().score("query", &["one", "two"]);
    let refusal = call().unwrap_err().to_string();
    assert!(refusal.contains("components call each other more than 8 deep"), "{refusal}");
    assert!(refusal.lines().count() == 1 && refusal.matches("asking").count() == 1, "{refusal}");
    let (live, before) = (device.memory().live, threads());
    for _ in 0..20 {
        call().unwrap_err();
    }
    assert_eq!(device.memory().live, live);
    assert!(threads() <= before + 4, "{} threads, {before} before", threads());
}

#[test]
fn another_that_panics_or_fails_is_an_error_that_the_component_hears() {
    let plugin1 = plugin(|_| Ok(Box::new(Native(|_| Err(Error::Input("it broke".into()))))), &settings());
    let refusal = score(&plugin1).unwrap_err().to_string();
    assert!(refusal.contains("it broke") && refusal.lines().count() == 1, "{refusal}");
    let plugin2 = plugin(|_| Ok(Box::new(Native(|_| panic!("on purpose")))), &settings());
    let refusal = score(&plugin2).unwrap_err().to_string();
    assert!(refusal.contains("gave up") && refusal.lines().count() == 1, "{refusal}");
}

/// A call of another component does not take the call's time, and has an end of its own.
#[test]
fn another_that_takes_too_long_ends_the_call() {
    let slow = |documents: &[&str]| {
        std::thread::sleep(Duration::from_millis(900));
        Ok(vec![0.0; documents.len()])
    };
    let patient = plugin(move |_| Ok(Box::new(Native(slow))), &settings());
    assert_eq!(score(&patient).unwrap(), [0.0, 0.0]);
    let limits = Limits { host_seconds: 0.2, ..settings().limits };
    let plugin = plugin(move |_| Ok(Box::new(Native(slow))), &Settings { limits, ..settings() });
    let began = Instant::now();
    let refusal = score(&plugin).unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_millis(850), "{:?}", began.elapsed());
    assert!(refusal.contains("a call of the component other took more than 0.2 s: `host_seconds` in its limits"), "{refusal}");
}
