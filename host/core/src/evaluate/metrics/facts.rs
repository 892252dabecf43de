//! Numbers and names of right answers: what soft compression loses first.

use std::collections::BTreeSet;

use super::normalize_answer;

/// The numbers and names of right answers, and how many of them answers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeptFacts {
    /// Those of the right answers.
    pub gold: u64,
    /// Those of them that the answers from full documents hold.
    pub uncompressed: u64,
    /// Those of them that the answers from compressed documents hold.
    pub compressed: u64,
    /// Those that the answers from full documents hold and the answers from compressed ones do not.
    pub lost: u64,
}

impl KeptFacts {
    /// Counts those of one question. Of several right answers, the one counts of which the
    /// compressed answer holds most.
    #[must_use]
    pub fn of(golds: &[&str], uncompressed: &str, compressed: &str) -> Self {
        let (full, small) = (words(uncompressed), words(compressed));
        let counted = golds.iter().map(|gold| {
            let facts = facts(gold);
            let held = |words: &BTreeSet<String>| facts.iter().filter(|fact| words.contains(*fact)).count() as u64;
            let lost = facts.iter().filter(|fact| full.contains(*fact) && !small.contains(*fact)).count() as u64;
            KeptFacts { gold: facts.len() as u64, uncompressed: held(&full), compressed: held(&small), lost }
        });
        counted.max_by(|a, b| a.compressed.cmp(&b.compressed).then(b.lost.cmp(&a.lost))).unwrap_or_default()
    }

    /// The share of the full documents' numbers and names that the compressed answers lost; `None`
    /// if there were none.
    #[must_use]
    pub fn lost_share(&self) -> Option<f64> {
        (self.uncompressed > 0).then(|| self.lost as f64 / self.uncompressed as f64)
    }
}

impl std::ops::AddAssign for KeptFacts {
    fn add_assign(&mut self, other: KeptFacts) {
        self.gold += other.gold;
        self.uncompressed += other.uncompressed;
        self.compressed += other.compressed;
        self.lost += other.lost;
    }
}

/// The words with a digit, and those that begin with a capital letter, as metrics normalise words.
fn facts(text: &str) -> BTreeSet<String> {
    let is_fact = |word: &&str| {
        word.chars().any(char::is_numeric) || word.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase)
    };
    text.split_whitespace().filter(is_fact).map(normalize_answer).filter(|word| !word.is_empty()).collect()
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(normalize_answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_count_and_other_words_do_not() {
        let facts = facts("The year 1,969, when Neil A. Armstrong walked (on the Moon)");
        let expected: BTreeSet<String> = ["1969", "neil", "armstrong", "moon"].map(str::to_owned).into();
        assert_eq!(facts, expected);
    }

    #[test]
    fn what_only_the_full_documents_gave_is_lost() {
        let kept = KeptFacts::of(&["Neil Armstrong, 1969"], "It was Neil Armstrong in 1969.", "Neil Young in 1969");
        assert_eq!(kept, KeptFacts { gold: 3, uncompressed: 3, compressed: 2, lost: 1 });
        assert_eq!(kept.lost_share(), Some(1.0 / 3.0));
        // The right answer that the compressed one holds most of counts.
        let kept = KeptFacts::of(&["Armstrong", "Neil"], "Armstrong", "Neil");
        assert_eq!(kept, KeptFacts { gold: 1, uncompressed: 0, compressed: 1, lost: 0 });
        assert_eq!(KeptFacts::of(&["yes"], "yes", "no").lost_share(), None);
    }
}
