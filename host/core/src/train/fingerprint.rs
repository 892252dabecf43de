//! The settings that shape a training's curve: a resumed training must have those that it began
//! with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::TrainingKind;
use super::config::{Training, TrainingConfig};
use crate::support::marks::{adjustable, renamed, shaping};

/// Keys that say how many steps there are. Without a warm-up and at constant rates, a step does not
/// depend on how many follow.
const LENGTH: [&str; 2] = ["training.epochs", "training.max_steps"];
/// Where models lie. Which generator it is, [`BASE`] says; a compressor's weights are in the
/// checkpoint.
const PLACES: [&str; 2] = ["generator.model", "compressor.model"];
/// The key of the training records' checksum.
const RECORDS: &str = "the training records";
/// Where the checksum of the weights stands that are read and not trained.
const BASE: &str = "the generator's weights";

/// Where the checksum of the tokenizers stands.
const TOKENIZERS: &str = "the tokenizers";

/// The settings that shape a training's curve, by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrainingFingerprint(BTreeMap<String, Value>);

/// How a resumed training's settings differ from those that it began with; each difference names
/// its key and both values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Forbidden changes.
    pub refused: Vec<String>,
    /// What may.
    pub allowed: Vec<String>,
}

impl TrainingFingerprint {
    /// The settings of a training of this kind, without its records.
    #[must_use]
    pub fn new(config: &TrainingConfig<'_>, kind: TrainingKind) -> Self {
        let mut settings = BTreeMap::from([("the kind of training".to_owned(), kind.name().into())]);
        settings.extend(config.generator.map(|generator| shaping("generator", generator)).unwrap_or_default());
        settings.extend(config.compressor.map(|compressor| shaping("compressor", compressor)).unwrap_or_default());
        settings.extend(shaping("compression", config.compression));
        settings.extend(shaping("reranking", config.reranking));
        settings.extend(shaping("prompt", config.prompt));
        settings.extend(shaping("data", config.data));
        settings.extend(shaping("training", config.training));
        if kind != TrainingKind::Distillation {
            settings.extend(shaping("pretraining", config.pretraining));
        }
        if !config.data.shuffle_documents {
            // Checkpoints that were written before there was this key have none.
            settings.remove("data.shuffle_documents");
        }
        settings.retain(|key, _| !PLACES.contains(&key.as_str()));
        TrainingFingerprint(settings)
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

    /// Adds the tokenizers that texts are read with, by their checksum.
    #[must_use]
    pub fn with_tokenizers(mut self, checksum: u32) -> Self {
        self.0.insert(TOKENIZERS.into(), json!(checksum));
        self
    }

    /// The settings with the present names of renamed keys.
    fn with_present_names(&self) -> Self {
        let mut settings = self.0.clone();
        for (former, name) in renamed::<Training>("training") {
            settings.remove(&former).map(|value| settings.insert(name, value));
        }
        TrainingFingerprint(settings)
    }

    /// How these settings differ from `earlier` ones. Records and weights are compared where both
    /// have them.
    #[must_use]
    pub fn since(&self, earlier: &TrainingFingerprint) -> Difference {
        let mut difference = Difference::default();
        let earlier = &earlier.with_present_names();
        let adjustable = adjustable::<Training>("training");
        let schedule = |settings: &TrainingFingerprint| {
            [&settings.0.get("training.schedule"), &settings.0.get("training.warmup_ratio")].map(|v| v.cloned())
        };
        let endless = schedule(self) == [Some(json!("constant")), Some(json!(0.0))];
        for key in self.0.keys().chain(earlier.0.keys().filter(|key| !self.0.contains_key(*key))) {
            let (now, then) = (self.0.get(key), earlier.0.get(key));
            let is_checksum = [RECORDS, BASE, TOKENIZERS].contains(&key.as_str());
            let unknown = is_checksum && (now.is_none() || then.is_none());
            // Earlier versions compared places.
            if now == then || unknown || PLACES.contains(&key.as_str()) || (endless && LENGTH.contains(&key.as_str())) {
                continue;
            }
            if is_checksum {
                difference.refused.push(format!("{key} changed"));
                continue;
            }
            let shown = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), Value::to_string);
            let message = format!("{key} was {} and is {}", shown(then), shown(now));
            if adjustable.contains(key) { difference.allowed.push(message) } else { difference.refused.push(message) }
        }
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::config::Data;
    use crate::model::config::{Compression, GeneratorConfig, Reranking};
    use crate::support::marks::each_changed;
    use crate::text::config::Prompt;
    use crate::train::pretraining::config::{Pretraining, Stage, StageData};
    use scaledown_sdk::nn::Schedule;

    /// The sections of a configuration.
    #[derive(Clone, Default)]
    struct Sections {
        generator: Option<GeneratorConfig>,
        compression: Compression,
        reranking: Reranking,
        prompt: Prompt,
        data: Data,
        training: Training,
        pretraining: Pretraining,
    }

    impl Sections {
        fn fingerprint(&self, kind: TrainingKind) -> TrainingFingerprint {
            let Sections { compression, reranking, prompt, data, training, pretraining, .. } = self;
            let generator = self.generator.as_ref();
            let compressor = None;
            TrainingFingerprint::new(
                &TrainingConfig { generator, compressor, compression, reranking, prompt, data, training, pretraining },
                kind,
            )
        }
    }

    fn generator(model: &str) -> GeneratorConfig {
        serde_json::from_value(json!({ "plugin": "mistral", "model": model })).unwrap()
    }

    fn difference(change: impl Fn(&mut Sections)) -> Difference {
        let before = Sections { generator: Some(generator("here")), ..Sections::default() };
        let mut config = before.clone();
        change(&mut config);
        config.fingerprint(TrainingKind::Distillation).since(&before.fingerprint(TrainingKind::Distillation))
    }

    #[test]
    fn what_shapes_the_curve_is_refused_by_its_key() {
        let refused = |change: fn(&mut Sections)| difference(change).refused;
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
            config.data.train = Some("moved.jsonl".into());
            config.generator = Some(generator("moved"));
        });
        assert_eq!(free, Difference::default());
        let allowed = difference(|config| config.training.lr_generator = 0.5).allowed;
        assert_eq!(allowed, ["training.lr_generator was 0.0001 and is 0.5"]);
    }

    #[test]
    fn checkpoints_with_former_names_are_compared_by_the_present_ones() {
        let now = Sections::default().fingerprint(TrainingKind::Distillation);
        let mut then = now.clone();
        let value = then.0.remove("training.warmup_ratio").unwrap();
        then.0.insert("training.warmup".into(), value);
        assert_eq!(now.since(&then), Difference::default());
        then.0.insert("training.warmup".into(), json!(0.5));
        assert_eq!(now.since(&then).refused, ["training.warmup_ratio was 0.5 and is 0.05"]);
    }

    #[test]
    fn steps_may_follow_where_none_depends_on_how_many_there_are() {
        let constant = |steps| {
            let mut config = Sections::default();
            (config.training.schedule, config.training.warmup_ratio, config.training.max_steps) =
                (Schedule::Constant, 0.0, steps);
            config.fingerprint(TrainingKind::Distillation)
        };
        assert_eq!(constant(Some(9)).since(&constant(None)), Difference::default());
    }

    #[test]
    fn records_count_by_their_content() {
        let stages = |path: &str| {
            let mut config = Sections::default();
            let data = vec![StageData { path: path.into(), records: None }];
            config.pretraining.stages = vec![Stage { data, until_accuracy: None, max_steps: 3 }];
            config.fingerprint(TrainingKind::Pretraining)
        };
        assert_eq!(stages("a").with_records(1).since(&stages("b").with_records(1)), Difference::default());
        assert_eq!(stages("a").since(&stages("a").with_records(1)), Difference::default());
        assert_eq!(stages("a").with_records(2).since(&stages("a").with_records(1)).refused, ["the training records changed"]);
        let base = |checksum| stages("a").with_base(checksum);
        assert_eq!(base(Some(2)).since(&base(Some(1))).refused, ["the generator's weights changed"]);
        assert_eq!(base(Some(2)).since(&base(None)), Difference::default());
        let read = |checksum| stages("a").with_tokenizers(checksum);
        assert_eq!(read(2).since(&read(1)).refused, ["the tokenizers changed"]);
        assert_eq!(read(2).since(&stages("a")), Difference::default());
    }

    #[test]
    fn every_key_that_is_not_marked_is_refused() {
        let before = Sections { generator: Some(generator("here")), ..Sections::default() };
        let check = |section: &str, key: &str, [operational, adjustable]: [bool; 2], now: &Sections| {
            let kind = TrainingKind::Pretraining;
            let Difference { refused, allowed } = now.fingerprint(kind).since(&before.fingerprint(kind));
            let expected = [!operational && !adjustable, adjustable].map(usize::from);
            assert_eq!([refused.len(), allowed.len()], expected, "{section}.{key}: {refused:?} {allowed:?}");
        };
        for (key, marks, compression) in each_changed(&before.compression) {
            check("compression", &key, marks, &Sections { compression, ..before.clone() });
        }
        for (key, marks, reranking) in each_changed(&before.reranking) {
            check("reranking", &key, marks, &Sections { reranking, ..before.clone() });
        }
        for (key, marks, prompt) in each_changed(&before.prompt) {
            check("prompt", &key, marks, &Sections { prompt, ..before.clone() });
        }
        for (key, marks, data) in each_changed(&before.data) {
            check("data", &key, marks, &Sections { data, ..before.clone() });
        }
        for (key, marks, training) in each_changed(&before.training) {
            check("training", &key, marks, &Sections { training, ..before.clone() });
        }
        for (key, marks, pretraining) in each_changed(&before.pretraining) {
            check("pretraining", &key, marks, &Sections { pretraining, ..before.clone() });
        }
    }
}
