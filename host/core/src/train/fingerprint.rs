//! The settings that shape a training's curve: a resumed training must have those that it began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Config;

/// Keys of `[training]` that say when something is written or how memory is spent, and shape nothing.
const FREE: [&str; 4] =
    ["training.checkpoint_every", "training.validate_every", "training.start_from", "training.gradient_checkpointing"];
/// Keys that a person changes on purpose to save a training that diverges or lacks memory.
const CHANGEABLE: [&str; 4] = ["training.lr_generator", "training.lr_compressor", "training.clip", "training.micro_batch"];
/// Keys that say how many steps there are. Without a warm-up and at constant rates, a step does not depend on how many follow.
const LENGTH: [&str; 2] = ["training.epochs", "training.max_steps"];
/// Where models lie. Which generator it is, [`BASE`] says; a compressor's weights are in the checkpoint.
const PLACES: [&str; 2] = ["generator.model", "compressor.model"];
/// Where the checksum of what is learned from stands.
const RECORDS: &str = "the training records";
/// Where the checksum of the weights stands that are read and not trained.
const BASE: &str = "the generator's weights";

/// The settings that shape a training's curve, by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(BTreeMap<String, Value>);

/// How a resumed training's settings differ from those that it began with; each difference names its key and both values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What must not change.
    pub refused: Vec<String>,
    /// What may.
    pub allowed: Vec<String>,
}

impl Fingerprint {
    /// The settings of a training that is called `what` (`distillation`), without its records.
    #[must_use]
    pub fn new(config: &Config, what: &str) -> Self {
        let mut settings = BTreeMap::from([("the kind of training".to_owned(), what.into())]);
        let value = serde_json::to_value(config).unwrap_or_default();
        for section in ["generator", "compressor", "compression", "reranking", "prompt", "training"] {
            leaves(section, &value[section], &mut settings);
        }
        if what != super::DISTILLATION {
            leaves("pretraining", &value["pretraining"], &mut settings);
        }
        settings.insert("data.documents".into(), value["data"]["documents"].clone());
        settings.insert("data.train_limit".into(), value["data"]["train_limit"].clone());
        if config.data.shuffle_documents {
            settings.insert("data.shuffle_documents".into(), true.into());
        }
        // What is in the files counts, not where they lie.
        settings.remove("pretraining.text");
        settings.retain(|key, value| ![&FREE[..], &PLACES].concat().contains(&key.as_str()) && !value.is_null());
        if let Some(stages) = settings.get_mut("pretraining.stages").and_then(Value::as_array_mut) {
            stages.iter_mut().filter_map(Value::as_object_mut).for_each(|stage| drop(stage.remove("data")));
        }
        Fingerprint(settings)
    }

    /// Adds the records, by a checksum of what a model learns from.
    #[must_use]
    pub fn with_records(mut self, checksum: u32) -> Self {
        self.0.insert(RECORDS.into(), json!(checksum));
        self
    }

    /// Adds the weights that are not trained, by their checksum.
    #[must_use]
    pub fn with_base(mut self, checksum: Option<u32>) -> Self {
        self.0.extend(checksum.map(|checksum| (BASE.to_owned(), json!(checksum))));
        self
    }

    /// How these settings differ from `earlier` ones. Records and weights are compared where both have them.
    #[must_use]
    pub fn since(&self, earlier: &Fingerprint) -> Difference {
        let mut difference = Difference::default();
        let schedule = |settings: &Fingerprint| {
            [&settings.0.get("training.schedule"), &settings.0.get("training.warmup")].map(|v| v.cloned())
        };
        let endless = schedule(self) == [Some(json!("constant")), Some(json!(0.0))];
        for key in self.0.keys().chain(earlier.0.keys().filter(|key| !self.0.contains_key(*key))) {
            let (now, then) = (self.0.get(key), earlier.0.get(key));
            let is_checksum = key == RECORDS || key == BASE;
            let unknown = is_checksum && (now.is_none() || then.is_none());
            // Earlier versions compared places.
            if now == then || unknown || PLACES.contains(&key.as_str()) || (endless && LENGTH.contains(&key.as_str())) {
                continue;
            }
            if is_checksum {
                difference.refused.push(format!("{key} are others"));
                continue;
            }
            let shown = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), Value::to_string);
            let told = format!("{key} was {} and is {}", shown(then), shown(now));
            if CHANGEABLE.contains(&key.as_str()) { difference.allowed.push(told) } else { difference.refused.push(told) }
        }
        difference
    }
}

/// Every value within `value` that is no table, by its key.
fn leaves(key: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => table.iter().for_each(|(name, value)| leaves(&format!("{key}.{name}"), value, into)),
        other => drop(into.insert(key.to_owned(), other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Schedule, Stage, StageData};

    fn generator(model: &str) -> crate::config::Generator {
        serde_json::from_value(json!({ "plugin": "mistral", "model": model })).unwrap()
    }

    fn difference(change: impl Fn(&mut Config)) -> Difference {
        let before = Config { generator: Some(generator("here")), ..Config::default() };
        let mut config = before.clone();
        change(&mut config);
        Fingerprint::new(&config, "distillation").since(&Fingerprint::new(&before, "distillation"))
    }

    #[test]
    fn what_shapes_the_curve_is_refused_by_its_key() {
        let refused = |change: fn(&mut Config)| difference(change).refused;
        assert_eq!(refused(|config| config.training.seed = 7), ["training.seed was 42 and is 7"]);
        assert_eq!(refused(|config| config.training.batch_size = 64), ["training.batch_size was 128 and is 64"]);
        assert_eq!(refused(|config| config.data.train_limit = Some(9)), ["data.train_limit was not set and is 9"]);
        assert_eq!(refused(|config| config.data.shuffle_documents = true), ["data.shuffle_documents was not set and is true"]);
        assert_eq!(refused(|config| config.training.max_steps = Some(9)), ["training.max_steps was not set and is 9"]);
        assert_eq!(
            refused(|config| {
                config.training.schedule = Schedule::Constant;
                config.compression.memory_tokens = 4;
            }),
            ["compression.memory_tokens was 8 and is 4", "training.schedule was \"linear\" and is \"constant\""]
        );
    }

    #[test]
    fn what_only_spends_time_or_memory_may_change() {
        let free = difference(|config| {
            config.training.checkpoint_every = Some(1);
            config.training.gradient_checkpointing = true;
            config.output.directory = "elsewhere".into();
            config.evaluation.batch = 1;
            config.data.train = Some("moved.jsonl".into());
            config.generator = Some(generator("moved"));
        });
        assert_eq!(free, Difference::default());
        let allowed = difference(|config| config.training.lr_generator = 0.5).allowed;
        assert_eq!(allowed, ["training.lr_generator was 0.0001 and is 0.5"]);
    }

    #[test]
    fn steps_may_follow_where_none_depends_on_how_many_there_are() {
        let constant = |steps| {
            let mut config = Config::default();
            (config.training.schedule, config.training.warmup, config.training.max_steps) = (Schedule::Constant, 0.0, steps);
            Fingerprint::new(&config, "distillation")
        };
        assert_eq!(constant(Some(9)).since(&constant(None)), Difference::default());
    }

    #[test]
    fn records_count_by_their_content() {
        let stages = |path: &str| {
            let mut config = Config::default();
            let data = vec![StageData { path: path.into(), records: None }];
            config.pretraining.stages = vec![Stage { data, until_accuracy: None, max_steps: 3 }];
            Fingerprint::new(&config, "pretraining")
        };
        assert_eq!(stages("a").with_records(1).since(&stages("b").with_records(1)), Difference::default());
        assert_eq!(stages("a").since(&stages("a").with_records(1)), Difference::default());
        assert_eq!(stages("a").with_records(2).since(&stages("a").with_records(1)).refused, ["the training records are others"]);
        let base = |checksum| stages("a").with_base(checksum);
        assert_eq!(base(Some(2)).since(&base(Some(1))).refused, ["the generator's weights are others"]);
        assert_eq!(base(Some(2)).since(&base(None)), Difference::default());
    }
}
