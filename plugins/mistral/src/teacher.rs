//! The teacher: greedy answers of a decoder that reads whole documents.

use std::sync::Arc;

use scaledown_sdk::component::{ChatTokenizer, Generator, GeneratorInput, Question, Teacher, TeacherContext, TeacherPlugin};
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{GenerateOptions, ParamOptions, Params, Sampling, Span, generate};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{Device, Error, Result};

use crate::{MistralGenerator, TeacherConfig};

/// A decoder of the Mistral, Llama, Qwen, Gemma or Phi-3 family that answers questions, the
/// likeliest token at a time.
///
/// Questions of a call are sorted by the length of their prompts and answered `batch` at a time,
/// padded on the left, with a key/value cache. Each is read by itself: the others of its batch do
/// not change its answer, beyond the order in which a device adds numbers up.
pub struct MistralTeacher {
    generator: MistralGenerator,
    tokenizer: Box<dyn ChatTokenizer>,
    config: TeacherConfig,
    /// The maximum tokens of a prompt.
    most: Option<usize>,
}

impl TeacherPlugin for MistralTeacher {
    type Config = TeacherConfig;

    fn build(config: TeacherConfig, context: TeacherContext) -> Result<Self> {
        if config.batch_size == 0 || config.max_new_tokens == 0 || config.max_input_tokens == Some(0) {
            let message = "batch, max_new_tokens and max_input_tokens of the teacher must be at least 1, found a 0";
            return Err(Error::Config(message.into()));
        }
        let tokenizer = (context.tokenizer)(&config.model)?;
        // A template that rejects these two words rejects every question.
        tokenizer.encode_chat("system", "user", config.chat_template).map_err(|error| match error {
            Error::Input(message) => Error::Config(format!("{}: {message}", config.model.display())),
            other => other,
        })?;
        let shape = DecoderConfig::from_directory(&config.model)?;
        let most = most_input_tokens(&config, shape.max_positions())?;
        let generator = MistralGenerator::from_model(load(&config, shape, context.device)?);
        Ok(MistralTeacher { generator, tokenizer, config, most })
    }
}

/// Reads the model's weights, one tensor at a time.
fn load(config: &TeacherConfig, shape: DecoderConfig, device: Device) -> Result<CausalLm> {
    let options = ParamOptions {
        device,
        dtype: config.dtype.dtype(),
        trainable: false,
        seed: 0,
        lora: None,
        quantization: config.quantization,
    };
    let params = Params::load(options, Arc::new(DirectoryWeights::open(&config.model)?));
    let model = CausalLm::new(shape, &params)?;
    params.finish()?;
    Ok(model)
}

/// The maximum tokens of a prompt, if limited: by the configuration, and by the model's `context`
/// less an answer.
fn most_input_tokens(config: &TeacherConfig, context: Option<usize>) -> Result<Option<usize>> {
    let Some(context) = context else { return Ok(config.max_input_tokens) };
    // The last token of an answer is not read.
    let room = (context + 1).saturating_sub(config.max_new_tokens);
    match config.max_input_tokens {
        _ if room == 0 => Err(Error::Config(format!(
            "max_new_tokens is {}, but the model's maximum is {context} tokens, prompt included; lower it",
            config.max_new_tokens
        ))),
        Some(most) if most > room => Err(Error::Config(format!(
            "max_input_tokens is {most}, expected at most {room}: the model's maximum is {context} tokens, of which max_new_tokens = {} are reserved for the answer",
            config.max_new_tokens
        ))),
        configured => Ok(Some(configured.unwrap_or(room))),
    }
}

impl Teacher for MistralTeacher {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        let prompts: Vec<Vec<u32>> = questions.iter().map(|question| self.prompt(question)).collect::<Result<_>>()?;
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&index| prompts[index].len());
        let mut answers = vec![String::new(); prompts.len()];
        for batch in order.chunks(self.config.batch_size) {
            let rows: Vec<&[u32]> = batch.iter().map(|&index| prompts[index].as_slice()).collect();
            for (&index, answer) in batch.iter().zip(self.answer_batch(&rows)?) {
                answers[index] = answer;
            }
        }
        Ok(answers)
    }

    fn batch_size(&self) -> usize {
        self.config.batch_size
    }
}

impl MistralTeacher {
    /// The tokens that the model reads before it answers.
    fn prompt(&self, question: &Question<'_>) -> Result<Vec<u32>> {
        let ids = self.tokenizer.encode_chat(question.system, question.message, self.config.chat_template)?;
        let refused = |message: String| Err(Error::Input(format!("the question {:?} {message}", excerpt(question.query))));
        match self.most {
            _ if ids.is_empty() => refused("gives an empty prompt, expected at least one token".into()),
            Some(most) if ids.len() > most => refused(format!(
                "gives a prompt of {} tokens, expected at most {most}; use fewer or shorter documents, or raise max_input_tokens if the model allows it",
                ids.len()
            )),
            _ => self.check_ids(ids),
        }
    }

    /// Refuses token ids that the model does not have.
    fn check_ids(&self, ids: Vec<u32>) -> Result<Vec<u32>> {
        let vocabulary = self.generator.vocabulary();
        match ids.iter().find(|&&id| id as usize >= vocabulary) {
            Some(id) => Err(Error::Config(format!(
                "{}: the tokenizer gives token id {id}, but the model's vocabulary has {vocabulary}; they do not match",
                self.config.model.display()
            ))),
            None => Ok(ids),
        }
    }

    fn answer_batch(&self, prompts: &[&[u32]]) -> Result<Vec<String>> {
        let options = GenerateOptions {
            max_new_tokens: self.config.max_new_tokens,
            end_ids: self.tokenizer.end_ids().to_vec(),
            sampling: Sampling::Greedy,
        };
        let made = no_grad(|| generate(&self.generator, &self.input(prompts)?, options))?;
        made.iter().map(|answer| Ok(self.tokenizer.decode(&answer.tokens)?.trim().to_owned())).collect()
    }

    /// The prompts' embeddings, padded on the left with those of token 0, which nothing sees.
    fn input(&self, prompts: &[&[u32]]) -> Result<GeneratorInput> {
        let width = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(prompts.len() * width);
        for prompt in prompts {
            ids.extend(std::iter::repeat_n(0, width - prompt.len()));
            ids.extend_from_slice(prompt);
        }
        let spans = prompts.iter().map(|prompt| Span::padded_left(prompt.len(), width)).collect();
        let ids = self.generator.device().from_slice(&ids, [prompts.len(), width])?;
        Ok(GeneratorInput { embeddings: self.generator.embed(&ids)?, spans })
    }
}

/// The start of a text, for a message.
fn excerpt(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { format!("{}...", text.chars().take(57).collect::<String>()) }
}
