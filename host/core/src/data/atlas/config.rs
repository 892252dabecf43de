//! The settings of the encyclopedia.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entity::capacity;
use super::error::{AtlasError, AtlasResult};
use super::schema::EntityKind;

/// The encyclopedia's size and difficulty. The output depends on these settings alone, on every
/// machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AtlasConfig {
    /// The seed of every random choice.
    pub seed: u64,
    /// Number of people, one document each.
    pub people: usize,
    /// Number of places, one document each.
    pub places: usize,
    /// Number of things, one document each.
    pub things: usize,
    /// The fraction of entities reserved for the validation split.
    pub validation_share: f64,
    /// The fraction of entities reserved for the test split.
    pub test_share: f64,
    /// Records in the training split.
    pub train_records: usize,
    /// Records in the validation split.
    pub validation_records: usize,
    /// Records in the test split.
    pub test_records: usize,
    /// Documents per record, including the one (or two) with the answer.
    pub documents_per_record: usize,
    /// Minimum document length, in tokens of the Atlas tokenizer.
    pub min_document_tokens: usize,
    /// The fraction of sentences that repeat the entity's name instead of a pronoun.
    pub name_share: f64,
    /// The fraction of sentences and questions in the attribute's own words instead of "the
    /// ATTRIBUTE of NAME is".
    pub own_words_share: f64,
    /// The probability that a distractor's name shares a word with the name in the question.
    pub similar_name_share: f64,
    /// The probability that a distractor mentions the entity in the question.
    pub mention_share: f64,
    /// The fraction of two-hop questions ("the river of the home of NAME").
    pub two_hop_share: f64,
    /// The stages of the base model's pretraining, one file each.
    pub pretraining: Vec<PretrainingConfig>,
}

/// One stage of the base model's pretraining: contexts of documents followed by questions.
///
/// Every context has new random facts, so that the model learns to read, not to memorise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PretrainingConfig {
    /// Maximum documents per context; each has between one and this many.
    pub documents: usize,
    /// Facts per document. Default: full documents, like the corpus's. If set, the documents of a
    /// context are short, of one kind, with the same attributes: only their names differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<usize>,
    /// The probability that a document's entity shares a word of its name with the first one's.
    /// Default: the encyclopedia's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similar_name_share: Option<f64>,
    /// The fraction of contexts with a two-hop question. Default: the encyclopedia's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_hop_share: Option<f64>,
    /// Maximum questions per context.
    pub questions: usize,
    /// Contexts in the stage.
    pub contexts: usize,
}

impl Default for AtlasConfig {
    fn default() -> Self {
        let stage = |documents, facts, questions, contexts| PretrainingConfig {
            documents,
            facts,
            similar_name_share: Some(0.2),
            two_hop_share: None,
            questions,
            contexts,
        };
        Self {
            seed: 7,
            people: 1400,
            places: 900,
            things: 900,
            validation_share: 0.1,
            test_share: 0.1,
            train_records: 20_000,
            validation_records: 500,
            test_records: 1000,
            documents_per_record: 5,
            min_document_tokens: 64,
            name_share: 0.8,
            own_words_share: 0.5,
            similar_name_share: 0.1,
            mention_share: 0.2,
            two_hop_share: 0.03,
            pretraining: vec![
                stage(1, None, 12, 20_000),
                stage(6, Some(2), 12, 30_000),
                stage(3, None, 16, 20_000),
                stage(5, None, 20, 40_000),
                PretrainingConfig { similar_name_share: Some(0.5), two_hop_share: Some(0.9), ..stage(5, None, 20, 40_000) },
                stage(1, Some(2), 2, 20_000),
                stage(1, Some(4), 4, 20_000),
                stage(1, Some(7), 7, 20_000),
            ],
        }
    }
}

impl AtlasConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// The first setting that is out of range, and its range.
    pub fn validate(&self) -> AtlasResult<()> {
        let shares = [
            ("validation_share", self.validation_share),
            ("test_share", self.test_share),
            ("name_share", self.name_share),
            ("own_words_share", self.own_words_share),
            ("similar_name_share", self.similar_name_share),
            ("mention_share", self.mention_share),
            ("two_hop_share", self.two_hop_share),
        ];
        for (key, share) in shares {
            check(key, share, (0.0..=1.0).contains(&share), "expected a number from 0 to 1")?;
        }
        let held_out = self.validation_share + self.test_share;
        check("test_share", self.test_share, held_out <= 0.9, "with validation_share, it must leave a tenth for training")?;
        check(
            "documents_per_record",
            self.documents_per_record,
            (1..=50).contains(&self.documents_per_record),
            "it must be between 1 and 50",
        )?;
        check(
            "min_document_tokens",
            self.min_document_tokens,
            self.min_document_tokens <= MOST_TOKENS,
            &format!("it must be at most {MOST_TOKENS}, what ten sentences hold"),
        )?;
        for (key, kind) in [("people", EntityKind::Person), ("places", EntityKind::Place), ("things", EntityKind::Thing)] {
            self.check_entities(key, kind)?;
        }
        for (index, stage) in self.pretraining.iter().enumerate() {
            let key = |name| format!("pretraining[{index}].{name}");
            let least = self.smallest_split();
            check(
                key("documents"),
                stage.documents,
                (1..=least).contains(&stage.documents),
                &format!("it must be between 1 and {least}"),
            )?;
            let facts = stage.facts.unwrap_or(1);
            check(key("facts"), facts, (1..=9).contains(&facts), "it must be between 1 and 9")?;
            for (name, share) in [("similar_name_share", stage.similar_name_share), ("two_hop_share", stage.two_hop_share)] {
                let share = share.unwrap_or(0.0);
                check(key(name), share, (0.0..=1.0).contains(&share), "expected a number from 0 to 1")?;
            }
            check(key("questions"), stage.questions, stage.questions > 0, "it must be at least 1")?;
        }
        Ok(())
    }

    /// How many entities of a kind there are.
    pub(crate) fn entities(&self, kind: EntityKind) -> usize {
        match kind {
            EntityKind::Person => self.people,
            EntityKind::Place => self.places,
            EntityKind::Thing => self.things,
        }
    }

    fn check_entities(&self, key: &str, kind: EntityKind) -> AtlasResult<()> {
        let (count, most) = (self.entities(kind), capacity(kind));
        check(key, count, count <= most, &format!("there are names for {most}"))?;
        let least = 2 * self.documents_per_record;
        let enough = self.split_sizes(count).iter().all(|&size| size >= least);
        check(key, count, enough, &format!("every split must get at least {least} of them, twice documents_per_record"))
    }

    /// The sizes of the training, validation and test parts of `count` entities.
    pub(crate) fn split_sizes(&self, count: usize) -> [usize; 3] {
        let part = |share: f64| (count as f64 * share) as usize;
        let (validation, test) = (part(self.validation_share), part(self.test_share));
        [count.saturating_sub(validation + test), validation, test]
    }

    fn smallest_split(&self) -> usize {
        let sizes = EntityKind::ALL.map(|kind| self.split_sizes(self.entities(kind)).into_iter().min().unwrap_or(0));
        sizes.into_iter().min().unwrap_or(0)
    }
}

/// The minimum number of tokens in ten sentences of the longest wording, so that every document can
/// reach this length.
const MOST_TOKENS: usize = 80;

fn check(key: impl Into<String>, found: impl ToString, holds: bool, expected: &str) -> AtlasResult<()> {
    if holds {
        return Ok(());
    }
    Err(AtlasError::Config { key: key.into(), found: found.to_string(), expected: expected.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        AtlasConfig::default().validate().unwrap();
    }

    #[test]
    fn a_bad_setting_is_named() {
        let bad = |change: fn(&mut AtlasConfig)| {
            let mut config = AtlasConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(bad(|c| c.name_share = 1.5), "atlas.name_share is 1.5, but expected a number from 0 to 1");
        assert!(bad(|c| c.name_share = f64::NAN).contains("name_share"));
        assert!(bad(|c| c.people = 1_000_000).contains("there are names for"));
        assert!(bad(|c| c.things = 20).contains("every split"));
        assert!(bad(|c| c.test_share = 0.95).contains("test_share"));
        assert!(bad(|c| c.documents_per_record = 0).contains("documents_per_record"));
        assert!(bad(|c| c.min_document_tokens = 500).contains("min_document_tokens"));
        assert!(bad(|c| c.pretraining[1].documents = 0).contains("pretraining[1].documents"));
        assert!(bad(|c| c.pretraining[1].facts = Some(10)).contains("pretraining[1].facts"));
        assert!(bad(|c| c.pretraining[0].two_hop_share = Some(2.0)).contains("pretraining[0].two_hop_share"));
        assert!(bad(|c| c.pretraining[0].questions = 0).contains("pretraining[0].questions"));
    }
}
