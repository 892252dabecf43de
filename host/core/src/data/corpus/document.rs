//! One document.

use serde::Serialize;

use crate::data::records::with_title;

/// A document of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RawDocument {
    /// The id; never empty. That no other document is called so is not checked
    /// here.
    pub id: String,
    /// The title; empty where there is none.
    pub title: String,
    /// The text.
    pub text: String,
}

impl RawDocument {
    /// The text with the title, if there is one, as its first sentence: as records write it.
    #[must_use]
    pub fn titled(&self) -> String {
        with_title(&self.title, &self.text)
    }
}
