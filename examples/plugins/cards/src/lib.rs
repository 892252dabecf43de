//! A corpus of a format of its own, and a teacher that answers by rules.
//!
//! A file of cards holds entries like this one, with a blank line between them:
//!
//! ```text
//! # hazel-brenow
//! home: Aspen Vale
//! trade: weaver
//! ```

mod card;
mod teacher;

use std::io::{BufRead, BufReader};

use scaledown_sdk::component::{Corpus, CorpusContext, CorpusDocument, CorpusDocuments, CorpusPlugin, names_in, open_file};
use scaledown_sdk::{Error, Result};

pub use teacher::{CardTeacher, CardTeacherConfig};

scaledown_sdk::corpus!(Cards, "cards", "Reads files of cards: a name, and lines of `attribute: value`.");
scaledown_sdk::teacher!(CardTeacher, "cards", "Answers with the value of the attribute that the question names.");

/// The keys of `[corpus]` with `plugin = "cards"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardsConfig {
    /// A file of cards, or a directory of files whose names end in `.cards`.
    #[schemars(extend("format" = "file-or-directory"))]
    pub path: String,
}

/// The corpus.
pub struct Cards(CardsConfig);

impl CorpusPlugin for Cards {
    type Config = CardsConfig;

    fn build(config: CardsConfig, _context: CorpusContext) -> Result<Self> {
        Ok(Cards(config))
    }
}

impl Corpus for Cards {
    fn documents(&self) -> Result<CorpusDocuments> {
        let path = self.0.path.trim_end_matches('/');
        // What cannot be listed is a file.
        let files = match names_in(path) {
            Ok(names) => names.into_iter().filter(|name| name.ends_with(".cards")).map(|name| format!("{path}/{name}")).collect(),
            Err(_) => vec![path.to_owned()],
        };
        let opened = files.iter().map(|file| Ok((file.clone(), open_file(file)?))).collect::<Result<Vec<_>>>()?;
        Ok(Box::new(opened.into_iter().flat_map(|(name, file)| cards(name, BufReader::new(file)))))
    }
}

/// The cards of one file, one after the other.
fn cards(name: String, file: impl BufRead + 'static) -> impl Iterator<Item = Result<CorpusDocument>> {
    let mut lines = file.lines().enumerate();
    std::iter::from_fn(move || {
        let mut block: Vec<String> = Vec::new();
        for (number, line) in lines.by_ref() {
            match line {
                Ok(line) if line.trim().is_empty() && block.is_empty() => {}
                Ok(line) if line.trim().is_empty() => return Some(card::read(&name, number, &block)),
                Ok(line) => block.push(line),
                Err(error) => return Some(Err(Error::Input(format!("{name}:{}: {error}", number + 1)))),
            }
        }
        (!block.is_empty()).then(|| card::read(&name, 0, &block))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_read_one_by_one_and_bad_ones_are_named() {
        let text = "# hazel\nhome: Aspen Vale\n\nno name\n\n# birch-loom\nframe: walnut\nyear: 1704\n";
        let found: Vec<_> = cards("x.cards".into(), text.as_bytes()).collect();
        let hazel = found[0].as_ref().unwrap();
        assert_eq!((hazel.id.as_str(), hazel.title.as_str()), ("hazel", "Hazel"));
        assert_eq!(hazel.text, "The home of Hazel is Aspen Vale.");
        assert!(found[1].as_ref().unwrap_err().to_string().contains("x.cards:4: expected `# name`"), "{:?}", found[1]);
        assert_eq!(found[2].as_ref().unwrap().text, "The frame of Birch Loom is walnut. The year of Birch Loom is 1704.");
        assert_eq!(found.len(), 3);
    }
}
