//! A corpus: the parts of a text, or of a file, between bars.

use std::io::Read;

use scaledown_sdk::component::{Corpus, CorpusContext, CorpusDocument, CorpusDocuments, CorpusPlugin, open_file};
use scaledown_sdk::{Error, Result};

scaledown_sdk::corpus!({{type}}, "{{name}}", "Reads the parts of a text or file between bars.");

/// The keys of `[corpus]` with `plugin = "{{name}}"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file.
    #[schemars(extend("format" = "path"))]
    pub path: Option<String>,
    /// The text, in place of a file.
    pub text: Option<String>,
}

/// The corpus.
pub struct {{type}}(Config);

impl CorpusPlugin for {{type}} {
    type Config = Config;

    fn build(config: Config, _context: CorpusContext) -> Result<Self> {
        match config {
            Config { path: None, text: None } => Err(Error::Config("expected `path` or `text` in [corpus]".into())),
            config => Ok({{type}}(config)),
        }
    }
}

impl Corpus for {{type}} {
    fn documents(&self) -> Result<CorpusDocuments> {
        let mut text = self.0.text.clone().unwrap_or_default();
        if let Some(path) = &self.0.path {
            let read = open_file(path)?.read_to_string(&mut text);
            read.map_err(|error| Error::Input(format!("{path}: {error}")))?;
        }
        Ok(Box::new(documents(&text).into_iter().map(Ok)))
    }
}

fn documents(text: &str) -> Vec<CorpusDocument> {
    let document = |(place, part): (usize, &str)| CorpusDocument {
        id: (place + 1).to_string(),
        title: String::new(),
        text: part.trim().to_owned(),
    };
    text.split('|').enumerate().map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_a_document() {
        let found: Vec<String> = documents("one | two").into_iter().map(|document| document.id + ":" + &document.text).collect();
        assert_eq!(found, ["1:one", "2:two"]);
    }
}
