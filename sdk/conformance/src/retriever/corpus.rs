//! The documents, and what a retriever makes of them.

use std::collections::BTreeMap;

use scaledown_sdk::component::{Document, Hit, Retriever};

use crate::report::{CheckFailure, Checked};

/// Texts of common words, which even a tiny vocabulary tells apart.
pub(super) const TEXTS: [&str; 10] = [
    "the old tower was built in the north",
    "a river and bridges of stone",
    "the king built a long bridge in the city",
    "stone towers stood by the river",
    "who built the city in the north",
    "the long river of the old kings",
    "a tower, a bridge and a city",
    "north of the city stood the king of stone",
    "old bridges of the north",
    "where the river was long",
];

/// How far the scores of two documents of one text may lie apart, relative to the greater: a
/// service sums in its own order.
const NEAR: f32 = 1e-4;

/// As many hits as there can be in these corpora.
pub(super) const ALL: usize = 200;

/// A document.
pub(super) fn document(id: impl Into<String>, text: usize) -> Document {
    Document { id: id.into(), text: TEXTS.get(text % TEXTS.len()).copied().unwrap_or_default().to_owned() }
}

/// The id of the document that has a text for ever.
pub(super) fn twin(text: usize) -> String {
    format!("twin-{}", text % TEXTS.len())
}

/// A document of each text that is never changed.
pub(super) fn twins() -> Vec<Document> {
    (0..TEXTS.len()).map(|text| document(twin(text), text)).collect()
}

/// The twins and `count` documents more, whose ids are in another order than they come; three of
/// them share each text.
pub(super) fn corpus(count: usize) -> Vec<Document> {
    let more = (0..count).map(|i| document(format!("doc-{:02}", count - 1 - i), i / 3));
    twins().into_iter().chain(more).collect()
}

/// The score of each document that each query finds.
pub(super) struct Profile(BTreeMap<String, Vec<Option<f32>>>);

impl Profile {
    /// Asks for each of the texts. No document may be found twice by a query.
    pub(super) fn of(retriever: &dyn Retriever) -> Checked<Self> {
        let mut found: BTreeMap<String, Vec<Option<f32>>> = BTreeMap::new();
        for (number, hits) in retriever.search(&TEXTS, ALL)?.into_iter().enumerate() {
            for Hit { id, score } in hits {
                let scores = found.entry(id.clone()).or_insert_with(|| vec![None; TEXTS.len()]);
                if let Some(slot) = scores.get_mut(number)
                    && let Some(first) = slot.replace(score)
                {
                    let what = format!("the hits of {:?} for the document {id}", TEXTS[number]);
                    return Err(CheckFailure::differs(what, "one", format!("two, of the scores {first} and {score}")));
                }
            }
        }
        Ok(Profile(found))
    }

    /// The ids that were found.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Whether a document is found as the twin of a text is.
    pub(super) fn follows(&self, id: &str, text: usize) -> bool {
        match (self.0.get(id), self.0.get(&twin(text))) {
            (Some(own), Some(twin)) => own.iter().zip(twin).all(|(own, twin)| near(*own, *twin)),
            _ => false,
        }
    }

    /// Fails unless a document is found as the twin of a text is.
    pub(super) fn expect(&self, id: &str, text: usize) -> Checked {
        if self.follows(id, text) {
            return Ok(());
        }
        let scores = |id: &str| self.0.get(id).map_or_else(|| "no hit".to_owned(), |scores| format!("{scores:?}"));
        let what = format!("the scores of the document {id}, whose text is {:?}", TEXTS[text % TEXTS.len()]);
        Err(CheckFailure::differs(what, format!("those of its twin, {}", scores(&twin(text))), scores(id)))
    }

    /// Fails if a query finds a document.
    pub(super) fn expect_none(&self, id: &str) -> Checked {
        match self.0.get(id) {
            None => Ok(()),
            Some(scores) => {
                Err(CheckFailure::differs(format!("the scores of the document {id}"), "no hit", format!("{scores:?}")))
            }
        }
    }

    /// Fails unless every document is found as it is in `other`.
    pub(super) fn expect_same(&self, other: &Profile, what: &str) -> Checked {
        if self.ids() != other.ids() {
            return Err(CheckFailure::differs(what, format!("{:?}", other.ids()), format!("{:?}", self.ids())));
        }
        for (id, scores) in &self.0 {
            let expected = other.0.get(id).map_or(&[][..], Vec::as_slice);
            if !scores.iter().zip(expected).all(|(own, other)| near(*own, *other)) {
                let what = format!("{what}, the scores of the document {id}");
                return Err(CheckFailure::differs(what, format!("{expected:?}"), format!("{scores:?}")));
            }
        }
        Ok(())
    }
}

fn near(a: Option<f32>, b: Option<f32>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => (a - b).abs() <= NEAR * a.abs().max(b.abs()),
        _ => false,
    }
}
