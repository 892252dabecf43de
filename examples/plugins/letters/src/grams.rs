//! The groups of letters of a text.

use std::collections::BTreeMap;

/// How often each group of letters occurs.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Grams(BTreeMap<String, u32>);

impl Grams {
    /// The groups of `size` letters of each word, with the word's ends.
    pub(crate) fn of(text: &str, size: usize) -> Self {
        let mut grams = BTreeMap::new();
        for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let letters: Vec<char> = format!("<{}>", word.to_lowercase()).chars().collect();
            for group in letters.windows(size.clamp(1, letters.len())) {
                *grams.entry(group.iter().collect()).or_insert(0) += 1;
            }
        }
        Grams(grams)
    }

    /// The share of these groups that a text has, more for those that it has often.
    pub(crate) fn covered_by(&self, text: &Grams) -> f32 {
        let all: u32 = self.0.values().sum();
        let found = self.0.iter().map(|(group, &count)| {
            let times = text.0.get(group).copied().unwrap_or(0);
            if times == 0 { 0.0 } else { count as f32 * (1.0 + (times as f32).ln() / 10.0) }
        });
        found.sum::<f32>() / all.max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_nearer_than_another() {
        let query = Grams::of("Hazell Brenow", 3);
        let near = query.covered_by(&Grams::of("The home of Hazel Brenow", 3));
        let far = query.covered_by(&Grams::of("Birch Loom is framed in walnut", 3));
        assert!(near > 0.6 && far < 0.1, "{near} {far}");
        assert_eq!(Grams::of("", 3), Grams::default());
    }
}
