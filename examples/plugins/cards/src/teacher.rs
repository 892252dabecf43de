//! A teacher by rules: documents say "The home of Hazel is Aspen Vale.", and questions ask "What is
//! the home of Hazel?"

use scaledown_sdk::Result;
use scaledown_sdk::component::{Question, Teacher, TeacherContext, TeacherPlugin};

/// The keys of `[teacher]` with `plugin = "cards"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardTeacherConfig {
    /// The answer where no document has one.
    #[serde(default = "unknown")]
    pub otherwise: String,
}

fn unknown() -> String {
    "unknown".into()
}

/// The teacher.
pub struct CardTeacher(CardTeacherConfig);

impl TeacherPlugin for CardTeacher {
    type Config = CardTeacherConfig;

    fn build(config: CardTeacherConfig, _context: TeacherContext) -> Result<Self> {
        Ok(CardTeacher(config))
    }
}

impl Teacher for CardTeacher {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        let answer = |question: &Question<'_>| find(question).unwrap_or_else(|| self.0.otherwise.clone());
        Ok(questions.iter().map(answer).collect())
    }
}

/// What follows "the home of Hazel is" in the first document that has it.
fn find(question: &Question<'_>) -> Option<String> {
    let asked = question.query.trim_end_matches(['?', ' ']).split_once(" the ")?.1.to_lowercase();
    let sentences = question.documents.iter().flat_map(|document| document.split('.'));
    sentences
        .filter_map(|sentence| {
            let (subject, value) = sentence.split_once(" is ")?;
            subject.to_lowercase().ends_with(&asked).then(|| value.trim().to_owned())
        })
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asked_attribute_is_the_answer() {
        let documents = ["The trade of Hazel is weaver. The home of Hazel is Aspen Vale.".to_owned()];
        let ask = |query| {
            let question = Question { query, documents: &documents, system: "", message: "" };
            CardTeacher(CardTeacherConfig { otherwise: unknown() }).answer(&[question]).unwrap().remove(0)
        };
        assert_eq!(ask("What is the home of Hazel?"), "Aspen Vale");
        assert_eq!(ask("What is the age of Hazel?"), "unknown");
    }
}
