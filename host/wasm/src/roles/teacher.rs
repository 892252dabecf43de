//! A teacher that is a WASM component.

use scaledown_sdk::component::{Question, Teacher};
use scaledown_sdk::{Device, Result};
use serde_json::Value;

use super::{Workers, build, same_number};
use crate::bindings::exports::scaledown::plugin::teaching;
use crate::guest::{Setting, missing};
use crate::plugin::Plugin;

/// A teacher of a plugin.
pub struct WasmTeacher(Workers);

impl WasmTeacher {
    /// Makes the teacher from the keys of its configuration table.
    ///
    /// # Errors
    /// [`Error::Plugin`](scaledown_sdk::Error) if the plugin is no teacher or traps; or the
    /// component's own error.
    pub fn build(plugin: &Plugin, keys: &Value, device: &Device) -> Result<Self> {
        let setting = Setting::untrained(plugin, keys, device, None);
        Ok(WasmTeacher(Workers::new(plugin, setting, build!(teaching))?))
    }
}

impl Teacher for WasmTeacher {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        let question = |question: &Question<'_>| teaching::Question {
            query: question.query.to_owned(),
            documents: question.documents.to_vec(),
            system: question.system.to_owned(),
            message: question.message.to_owned(),
        };
        let asked: Vec<teaching::Question> = questions.iter().map(question).collect();
        let answers = self.0.call(|guest| {
            guest.call(|store, instance, plugin| {
                let indices = plugin.roles().teaching.as_ref().ok_or_else(|| missing("teaching"))?;
                indices.load(&mut *store, instance)?.call_answer(store, &asked)
            })
        })?;
        same_number(&self.0.plugin, "answers", questions.len(), answers.len())?;
        Ok(answers)
    }

    fn concurrency(&self) -> usize {
        self.0.plugin.settings().limits.instances
    }
}
