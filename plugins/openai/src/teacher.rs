//! The teacher.

use std::time::Duration;

use scaledown_remote::Secret;
use scaledown_sdk::component::{Question, Teacher, TeacherContext, TeacherPlugin};
use scaledown_sdk::{Error, Result};
use serde_json::{Map, Value, json};

use crate::call::side_by_side;
use crate::client::Client;
use crate::kept::Kept;
use crate::limit::Limit;
use crate::{OpenAiConfig, extra};

/// The characters of a question that a message shows.
const SHOWN: usize = 80;

/// A model behind a service.
pub struct OpenAi {
    client: Client,
    concurrency: usize,
    limit: Limit,
    kept: Kept,
    /// The request without its messages.
    request: Map<String, Value>,
}

impl TeacherPlugin for OpenAi {
    type Config = OpenAiConfig;

    fn build(config: OpenAiConfig, _: TeacherContext) -> Result<Self> {
        OpenAi::new(&config)
    }
}

impl OpenAi {
    /// The teacher behind the service of `config`, with the key that the environment holds. Nothing
    /// is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`] if the address, the key's variable or another value cannot be used.
    pub fn new(config: &OpenAiConfig) -> Result<Self> {
        let key = Secret::find("teacher.api_key_env", config.api_key_env.as_deref(), "OPENAI_API_KEY")?;
        OpenAi::with(config, key, Duration::from_secs(1))
    }

    /// [`OpenAi::new`] with this key and this delay before the first retry.
    fn with(config: &OpenAiConfig, key: Option<Secret>, first_wait: Duration) -> Result<Self> {
        let mut request = Map::from_iter([
            ("model".to_owned(), json!(config.model)),
            (config.token_limit.key().to_owned(), json!(config.max_new_tokens)),
            ("temperature".to_owned(), json!(config.temperature)),
        ]);
        if let Some(seed) = config.seed {
            request.insert("seed".to_owned(), json!(seed));
        }
        extra::check(&config.extra)?;
        request.extend(config.extra.clone());
        let concurrency = config.concurrency.max(1);
        let client = Client::new(config, key, first_wait)?;
        Ok(OpenAi { client, concurrency, limit: Limit::new(concurrency), kept: Kept::default(), request })
    }

    /// The body of a question's request.
    fn body(&self, question: &Question<'_>) -> String {
        let mut messages = Vec::new();
        if !question.system.is_empty() {
            messages.push(json!({"role": "system", "content": question.system}));
        }
        messages.push(json!({"role": "user", "content": question.message}));
        let mut request = self.request.clone();
        request.insert("messages".to_owned(), Value::Array(messages));
        Value::Object(request).to_string()
    }
}

impl Teacher for OpenAi {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        let bodies: Vec<String> = questions.iter().map(|question| self.body(question)).collect();
        let ask = |number: usize, unwanted: &dyn Fn() -> bool| {
            let shown: String = questions[number].query.chars().take(SHOWN).collect();
            self.client.ask(bodies[number].as_bytes(), &shown, unwanted)
        };
        let kept = if let [body] = bodies.as_slice() { self.kept.take(body) } else { None };
        let outcomes = kept.map_or_else(|| side_by_side(&self.limit, bodies.len(), &ask), |kept| Ok(vec![kept]))?;
        if outcomes.len() > 1 && outcomes.iter().any(|outcome| outcome.is_err()) {
            self.kept.put(bodies.into_iter().zip(outcomes.iter().cloned()));
        }
        outcomes.into_iter().map(|outcome| outcome.map_err(Error::Input)).collect()
    }

    fn batch_size(&self) -> usize {
        self.concurrency
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }
}

#[cfg(test)]
mod tests;
