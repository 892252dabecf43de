//! The teacher: greedy answers, one question at a time.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use scaledown_sdk::component::{ChatTokenizer, Question, Teacher, TeacherContext, TeacherPlugin, caught};
use scaledown_sdk::{Error, Result};

use crate::CandleTeacher;
use crate::family::{self, Family};
use crate::gguf;

/// A causal language model of candle's that answers questions, the likeliest token at a time.
pub struct Candle {
    family: Box<dyn Family>,
    tokenizer: Box<dyn ChatTokenizer>,
    config: CandleTeacher,
    /// The most tokens of a prompt.
    most: Option<usize>,
}

impl TeacherPlugin for Candle {
    type Config = CandleTeacher;

    fn build(config: CandleTeacher, context: TeacherContext) -> Result<Self> {
        if config.max_new_tokens == 0 || config.max_input_tokens == Some(0) {
            return Err(Error::Config("max_new_tokens and max_input_tokens of the teacher must be at least 1, found a 0".into()));
        }
        let (family, positions) = match (&config.gguf, &config.model) {
            (Some(path), _) => gguf::open(path)?,
            (None, Some(model)) => family::open(model, config.dtype.dtype())?,
            (None, None) => {
                let message = "the teacher `candle` has neither `model`, a directory or hub id, nor `gguf`, a file";
                return Err(Error::Config(message.into()));
            }
        };
        let place = config.model.as_ref().or(config.gguf.as_ref());
        let tokenizer = (context.tokenizer)(place.map_or(Path::new(""), PathBuf::as_path))?;
        let room = positions.map(|positions| (positions + 1).saturating_sub(config.max_new_tokens));
        let most = match (config.max_input_tokens, room) {
            (_, Some(0)) => {
                return Err(Error::Config(format!(
                    "max_new_tokens is {}, but the model reads no more than {} tokens, prompt included; lower it",
                    config.max_new_tokens,
                    positions.unwrap_or_default()
                )));
            }
            (Some(most), Some(room)) if most > room => {
                return Err(Error::Config(format!(
                    "max_input_tokens is {most}, expected at most {room}, with room for an answer"
                )));
            }
            (Some(most), _) => Some(most),
            (None, room) => room,
        };
        Ok(Candle { family, tokenizer, config, most })
    }
}

impl Teacher for Candle {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        questions.iter().map(|question| self.answer_one(question)).collect()
    }
}

impl Candle {
    fn answer_one(&self, question: &Question<'_>) -> Result<String> {
        let ids = self.tokenizer.encode_chat(question.system, question.message, self.config.chat_template)?;
        let refused = |message: String| Err(Error::Input(format!("the question {:?} {message}", question.query)));
        match self.most {
            _ if ids.is_empty() => return refused("makes an empty prompt, expected at least one token".into()),
            Some(most) if ids.len() > most => {
                return refused(format!("makes a prompt of {} tokens, expected at most {most}", ids.len()));
            }
            _ => {}
        }
        // candle panics where an id is beyond a table.
        let made = caught(|| self.generate(&ids)).map_err(Error::Input)?;
        let made = made.map_err(|error| Error::Input(format!("candle: {error}")))?;
        Ok(self.tokenizer.decode(&made)?.trim().to_owned())
    }

    /// The tokens that follow a prompt, until one ends the answer.
    fn generate(&self, prompt: &[u32]) -> candle_core::Result<Vec<u32>> {
        let mut step = self.family.start();
        let (mut next, mut offset) = (prompt.to_vec(), 0);
        let mut made = Vec::new();
        while made.len() < self.config.max_new_tokens {
            let ids = Tensor::new(next.as_slice(), &Device::Cpu)?.unsqueeze(0)?;
            let logits = step(&ids, offset)?;
            let token = likeliest(&logits)?;
            if self.tokenizer.end_ids().contains(&token) {
                break;
            }
            made.push(token);
            offset += next.len();
            next = vec![token];
        }
        Ok(made)
    }
}

/// The token of the greatest logit in the last row.
fn likeliest(logits: &Tensor) -> candle_core::Result<u32> {
    let rows = logits.to_dtype(DType::F32)?.reshape(((), logits.dim(candle_core::D::Minus1)?))?;
    rows.get(rows.dim(0)?.saturating_sub(1))?.argmax(0)?.to_scalar::<u32>()
}
