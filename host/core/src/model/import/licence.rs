//! What may be done with a checkpoint.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_text};

/// What is known of the licence of the checkpoint called `name`, and of the models that it is made
/// from.
pub(super) fn notes(directory: &Path, name: &str, models: &[&str]) -> Vec<String> {
    let card = read_text(&directory.join("README.md"), FileKind::Template).unwrap_or_default();
    let tag = card.lines().take(60).find_map(|line| line.trim().strip_prefix("license:")).map(str::trim);
    let lower = card.to_lowercase();
    let restricted = ["by-nc", "noncommercial", "non-commercial", "by nc"].iter().any(|mark| lower.contains(mark));
    let mut notes = vec![match tag {
        Some(tag) => format!("the model card names the licence {tag}"),
        None => "no licence is named in the checkpoint's README.md; ask its authors before any commercial use".into(),
    }];
    if restricted || name.starts_with("naver/") {
        notes.push("the model card says CC BY-NC or non-commercial, or NAVER's do: treat these weights as non-commercial".into());
    }
    if name.starts_with("apple/") {
        notes.push("Apple's licence for the weights counts; see the model card".into());
    }
    for model in models {
        let lower = model.to_lowercase();
        if lower.contains("llama-3") || lower.contains("llama-2") {
            notes.push(format!("{model} is under Meta's Llama community licence, which counts for what is made from it, too"));
        } else if lower.contains("gemma") {
            notes.push(format!("{model} is under Google's Gemma terms of use"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_forbids_commerce_is_reported_whatever_its_tag() {
        let directory = tempfile::tempdir().unwrap();
        let none = notes(directory.path(), "x/y", &[]);
        assert!(none[0].contains("no licence is named"), "{none:?}");
        std::fs::write(directory.path().join("README.md"), "---\nlicense: cc-by-4.0\n---\nThis work is CC BY-NC 4.0.\n").unwrap();
        let found = notes(directory.path(), "x/y", &["meta-llama/Llama-3.2-1B-Instruct"]);
        assert_eq!(found[0], "the model card names the licence cc-by-4.0");
        assert!(found[1].contains("non-commercial") && found[2].contains("Llama community licence"), "{found:?}");
    }
}
