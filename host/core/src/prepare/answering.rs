//! The teacher's answers to the questions of a block.

use scaledown_sdk::Error as SdkError;
use scaledown_sdk::component::{self, Teacher};
use serde::{Deserialize, Serialize};

use super::pipeline::Ready;
use super::ranking::Ranked;
use crate::Result;
use crate::data::questions::CorpusQuestion;
use crate::text::PromptTemplate;
use crate::text::config::Prompt;

/// The teacher's answer to a question, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TeacherAnswer {
    /// The answer.
    Answer(String),
    /// Why there is none.
    Skipped(String),
}

/// The answering stage.
pub(super) struct Answering<'a> {
    pub(super) teacher: &'a dyn Teacher,
    pub(super) prompt: &'a Prompt,
    pub(super) template: &'a PromptTemplate,
}

/// A question with the texts of its documents and the message that the teacher gets.
struct PendingQuestion<'a> {
    place: usize,
    question: &'a CorpusQuestion,
    documents: &'a [String],
    message: String,
}

impl Answering<'_> {
    /// Answers a block's questions with these documents, except those with `known` answers, and
    /// passes the answers on as they arrive, each with its question's position. Ends early if they
    /// are not `taken`.
    ///
    /// A batch is always of the same questions, whatever is known, since with the others of its
    /// batch the last digit of a model's numbers, and so an answer, may change: one of which
    /// anything is not known is answered as a whole.
    pub(super) fn answers(
        &self,
        ready: &Ready,
        mut taken: impl FnMut(Vec<(usize, TeacherAnswer)>) -> Result<bool>,
    ) -> Result<()> {
        let Ready { block, ranked, texts, known } = ready;
        let (mut asked, mut skipped) = (Vec::new(), Vec::new());
        for (place, ((question, ranked), documents)) in block.questions.iter().zip(ranked).zip(texts).enumerate() {
            match ranked {
                Ranked::Skipped { reason } => skipped.push((place, TeacherAnswer::Skipped(reason.clone()))),
                _ => {
                    let message = self.template.message(&question.query, documents)?;
                    asked.push(PendingQuestion { place, question, documents, message });
                }
            }
        }
        skipped.retain(|(place, _)| !known.contains_key(place));
        if !skipped.is_empty() && !taken(skipped)? {
            return Ok(());
        }
        // Questions of like length are answered together, so that little is padded.
        asked.sort_by_key(|asked| asked.message.len());
        for batch in asked.chunks(self.teacher.batch_size().max(1)) {
            if batch.iter().all(|asked| known.contains_key(&asked.place)) {
                continue;
            }
            let answers = batch.iter().zip(self.batch(batch)?).map(|(asked, answer)| (asked.place, answer));
            if !taken(answers.filter(|(place, _)| !known.contains_key(place)).collect())? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The answers of a batch. If one of its questions cannot be answered, they are asked one by
    /// one.
    fn batch(&self, batch: &[PendingQuestion<'_>]) -> Result<Vec<TeacherAnswer>> {
        let questions: Vec<component::Question<'_>> = batch.iter().map(|asked| self.question(asked)).collect();
        match self.teacher.answer(&questions) {
            Ok(answers) if answers.len() == batch.len() => Ok(answers.into_iter().map(answered).collect()),
            Ok(answers) => {
                let message = format!("the teacher returned {} answers for {} questions", answers.len(), batch.len());
                Err(SdkError::Input(message).into())
            }
            Err(error) if !refuses(&error) => Err(error.into()),
            Err(error) if batch.len() == 1 => Ok(vec![TeacherAnswer::Skipped(error.to_string())]),
            Err(_) => {
                let each = batch.iter().map(|asked| self.batch(std::slice::from_ref(asked)));
                Ok(each.collect::<Result<Vec<_>>>()?.concat())
            }
        }
    }

    fn question<'a>(&'a self, asked: &'a PendingQuestion<'_>) -> component::Question<'a> {
        component::Question {
            query: &asked.question.query,
            documents: asked.documents,
            system: &self.prompt.system,
            message: &asked.message,
        }
    }
}

/// Whether an error is the question's own fault, so that a retry cannot succeed.
pub(super) fn refuses(error: &SdkError) -> bool {
    matches!(error.root(), SdkError::Input(_))
}

fn answered(answer: String) -> TeacherAnswer {
    match answer.trim() {
        "" => TeacherAnswer::Skipped("the teacher's answer is empty".into()),
        text => TeacherAnswer::Answer(text.to_owned()),
    }
}
