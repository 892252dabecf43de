//! The Atlas: a seeded generator of a small invented encyclopedia, the data of the embedded
//! default.
//!
//! Its documents are about people, places and things that exist nowhere else, so no model knows
//! them beforehand; the splits share no entity, so nothing that training stores answers the test's
//! questions. A right answer must have come from the documents. Everything is a function of
//! [`AtlasConfig`] alone, on every machine.
//!
//! Data flow: [`entity`] names the entities and deals them out to the splits; [`article`] draws
//! facts by the [`schema`] and words them; [`encyclopedia`] holds one article an entity;
//! [`examples`] asks questions over it with the documents that [`distractor`] chooses;
//! [`pretraining`] makes contexts with many questions for the base model; [`tokenizer`] makes the
//! vocabulary from the [`lexicon`]; [`writer`] puts it all on disk.

mod article;
mod config;
mod distractor;
mod encyclopedia;
mod entity;
mod error;
mod examples;
mod lexicon;
mod pretraining;
mod question;
mod record;
mod schema;
mod tokenizer;
mod writer;

use article::{Author, Wording};
use encyclopedia::Encyclopedia;
use entity::Population;
use examples::AtlasExamples;
use pretraining::PretrainingContexts;

pub use config::{AtlasConfig, PretrainingConfig};
pub use entity::Split;
pub use error::{AtlasError, AtlasResult};
pub use record::{AtlasAnswer, AtlasContext, AtlasDocument, QuestionRecord};
pub use tokenizer::{SPECIAL_TOKENS, tokenizer};
pub use writer::{AtlasSummary, write};

/// A generated encyclopedia. Its parts are made as they are asked for.
#[derive(Debug)]
pub struct Atlas {
    config: AtlasConfig,
    populations: [Population; 3],
    encyclopedias: [Encyclopedia; 3],
}

/// Generates the encyclopedia of all splits.
///
/// # Errors
/// [`AtlasError::Config`] when a setting is out of its range.
pub fn generate(config: &AtlasConfig) -> AtlasResult<Atlas> {
    config.validate()?;
    let populations = Population::all(config);
    let encyclopedias = Split::ALL.map(|split| {
        let author = Author { population: &populations[split as usize], wording: wording(config) };
        Encyclopedia::write(author, split, config.seed)
    });
    Ok(Atlas { config: config.clone(), populations, encyclopedias })
}

fn wording(config: &AtlasConfig) -> Wording {
    Wording { name_share: config.name_share, own_words_share: config.own_words_share, min_tokens: config.min_document_tokens }
}

impl Atlas {
    /// The settings that it was made from.
    pub fn config(&self) -> &AtlasConfig {
        &self.config
    }

    /// The documents about the entities of a split.
    pub fn corpus(&self, split: Split) -> impl Iterator<Item = AtlasDocument> + '_ {
        self.encyclopedias[split as usize].corpus()
    }

    /// The question-answering records of a split, as many as its setting says.
    pub fn records(&self, split: Split) -> impl Iterator<Item = QuestionRecord> + '_ {
        let count = match split {
            Split::Train => self.config.train_records,
            Split::Validation => self.config.validation_records,
            Split::Test => self.config.test_records,
        };
        let examples = AtlasExamples {
            config: &self.config,
            split,
            population: &self.populations[split as usize],
            encyclopedia: &self.encyclopedias[split as usize],
        };
        (0..count).map(move |index| examples.record(index))
    }

    /// The pretraining contexts of a stage, counted from 0. They mention only the training split's
    /// entities, with facts of their own, so a model gains nothing from memorising them. Empty for
    /// a stage that the settings do not have.
    pub fn pretraining(&self, stage: usize) -> impl Iterator<Item = AtlasContext> + '_ {
        let author = Author { population: &self.populations[Split::Train as usize], wording: wording(&self.config) };
        let source = self.config.pretraining.get(stage);
        let source = source.map(|config| PretrainingContexts { config: &self.config, author, stage: config, number: stage + 1 });
        source.into_iter().flat_map(|source| (0..source.stage.contexts).map(move |index| source.record(index)))
    }
}

#[cfg(test)]
mod tests;
