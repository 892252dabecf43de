//! A teacher by rules: the sentence of the documents that shares the most words with the question.

use scaledown_sdk::Result;
use scaledown_sdk::component::{Question, Teacher, TeacherContext, TeacherPlugin};

scaledown_sdk::teacher!({{type}}, "{{name}}", "Answers with the sentence that shares the most words with the question.");

/// The keys of `[teacher]` with `plugin = "{{name}}"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The answer where no sentence shares a word with the question.
    #[serde(default)]
    pub otherwise: String,
}

/// The teacher.
pub struct {{type}}(Config);

impl TeacherPlugin for {{type}} {
    type Config = Config;

    fn build(config: Config, _context: TeacherContext) -> Result<Self> {
        Ok({{type}}(config))
    }
}

impl Teacher for {{type}} {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        Ok(questions.iter().map(|question| self.best(question)).collect())
    }
}

impl {{type}} {
    fn best(&self, question: &Question<'_>) -> String {
        let words: Vec<&str> = question.query.split_whitespace().collect();
        let sentences = question.documents.iter().flat_map(|document| document.split_inclusive(['.', '!', '?'])).map(str::trim);
        let shared = |sentence: &str| sentence.split_whitespace().filter(|word| words.contains(word)).count();
        let mut best = (0, self.0.otherwise.as_str());
        for sentence in sentences {
            if shared(sentence) > best.0 {
                best = (shared(sentence), sentence);
            }
        }
        best.1.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fitting_sentence_is_the_answer() {
        let documents = ["It rains. The home of Hazel is Aspen Vale.".to_owned()];
        let question = Question { query: "What is the home of Hazel?", documents: &documents, system: "", message: "" };
        assert_eq!({{type}}(Config { otherwise: String::new() }).best(&question), "The home of Hazel is Aspen Vale.");
    }
}
