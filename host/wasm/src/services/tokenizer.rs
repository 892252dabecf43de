//! Models' tokenizers.

use std::sync::Arc;

use scaledown_sdk::component::ChatTokenizer;
use wasmtime::component::Resource;

use crate::bindings::scaledown::plugin::tokenizer::{Host, HostTokenizer};
use crate::imports::{Answer, Imports, refusal};

/// A tokenizer that a component has opened.
#[allow(unreachable_pub, reason = "the generated bindings name it")]
pub struct OpenTokenizer(Arc<dyn ChatTokenizer>);

impl Host for Imports {}

impl HostTokenizer for Imports {
    fn open(&mut self, model: String) -> Answer<Resource<OpenTokenizer>> {
        let directory = match self.readable(&model) {
            Ok(directory) => directory,
            Err(error) => return Ok(Err(error)),
        };
        let tokenizer = match self.tokenizers.get(&directory) {
            Some(open) => Arc::clone(open),
            None => match self.plugin.surroundings().tokenizer(&directory) {
                Ok(tokenizer) => Arc::from(tokenizer),
                Err(error) => return Ok(Err(refusal(&error))),
            },
        };
        // Opened once, however often the component asks.
        self.tokenizers.insert(directory, Arc::clone(&tokenizer));
        Ok(Ok(self.table.push(OpenTokenizer(tokenizer))?))
    }

    fn encode(&mut self, tokenizer: Resource<OpenTokenizer>, text: String) -> Answer<Vec<u32>> {
        let encoded = self.table.get(&tokenizer)?.0.encode_chat("", &text, false);
        Ok(encoded.map_err(|error| refusal(&error)))
    }

    fn encode_chat(&mut self, tokenizer: Resource<OpenTokenizer>, system: String, user: String) -> Answer<Vec<u32>> {
        let encoded = self.table.get(&tokenizer)?.0.encode_chat(&system, &user, true);
        Ok(encoded.map_err(|error| refusal(&error)))
    }

    fn decode(&mut self, tokenizer: Resource<OpenTokenizer>, ids: Vec<u32>) -> Answer<String> {
        let decoded = self.table.get(&tokenizer)?.0.decode(&ids);
        Ok(decoded.map_err(|error| refusal(&error)))
    }

    fn end_ids(&mut self, tokenizer: Resource<OpenTokenizer>) -> wasmtime::Result<Vec<u32>> {
        Ok(self.table.get(&tokenizer)?.0.end_ids().to_vec())
    }

    fn drop(&mut self, tokenizer: Resource<OpenTokenizer>) -> wasmtime::Result<()> {
        self.table.delete(tokenizer)?;
        Ok(())
    }
}
