//! The layout of naver/pisco's training code (`model_type: "PISCO"`).

use std::path::Path;

use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use toml::{Table, Value};

use super::cocom::{EMBEDDINGS, QUERY_TOKENS, projection, resolve, whole, write_small};
use super::error::Checked;
use super::family::PiscoConfig;
use super::generator::write_generator;
use super::parts::{Tensors, adapter_config, peft_name, required, rows, write};
use super::pickle::TorchPickle;
use super::tokens::ImportedTokens;
use super::{ImportError, ImportOptions, Made};
use crate::Result;
use crate::support::artifact::DirectoryWriter;

const USER: &str = "\n\nBackground:{{ documents }}\n Question: {{ query }}";
const DOCUMENT: &str = "Document {{ index }}:{{ document }}";
const DOCUMENT_TOKENS: usize = 128;

/// Makes the files of a model of ours of the checkpoint.
pub(super) fn import(config: &PiscoConfig, options: &ImportOptions<'_>, writer: &mut DirectoryWriter) -> Result<Made> {
    let source = options.source;
    let rank = config.rank.ok_or_else(|| {
        ImportError::layout(source.join("config.json"), "`lora_decoder` is false, expected an adapter on the generator")
    })?;
    let base = resolve(options.generator.unwrap_or(&config.generator))?;
    let tokens = ImportedTokens::open(&source.join("decoder_tokenizer"), &[])?;
    let (replaced, generator_adapter) = generator_state(&TorchPickle::open(&source.join("decoder_state.pt"))?)?;
    let memory_tokens = DOCUMENT_TOKENS / config.rate + 1;
    let small = source.join("compressor");
    let small_tokens = ImportedTokens::open(&source.join("compressor_tokenizer"), &[])?;
    let (compressor, inner) = compressor(source, &small, &small_tokens, memory_tokens)?;
    writer.fill(&["compressor.safetensors", "adapter_model.safetensors"], |directory| {
        write(&directory.join("compressor.safetensors"), &compressor)?;
        write(&directory.join("adapter_model.safetensors"), &generator_adapter)?;
        write_generator(&base, &replaced, &tokens, &directory.join("generator"))?;
        write_small(&small, &small_tokens, &compressor, directory)
    })?;
    writer.write("adapter_config.json", adapter_config(rank, &config.generator).as_bytes())?;
    writer.write("config.toml", settings(config, rank, inner, memory_tokens, options.name).to_string().as_bytes())?;
    Ok(Made {
        layout: "naver/pisco".into(),
        generator: config.generator.clone(),
        compressor: "decoder".into(),
        memory_tokens,
        document_tokens: DOCUMENT_TOKENS,
        notes: vec![
            format!(
                "documents are cut to {DOCUMENT_TOKENS} tokens, of which the checkpoint says nothing; raise compression.document_tokens and \
                 memory_tokens in config.toml for a model that was trained with more"
            ),
            "documents are compressed without the question; set compression.query = true for a model that was trained with it"
                .into(),
        ],
    })
}

/// The embeddings and the adapter of `decoder_state.pt`.
fn generator_state(state: &TorchPickle) -> Checked<(Tensors, Tensors)> {
    let (mut replaced, mut adapter) = (Tensors::new(), Tensors::new());
    for name in state.names() {
        let own = name.strip_prefix("base_model.model.").unwrap_or(&name);
        if own.contains(".lora_A.") || own.contains(".lora_B.") {
            adapter.insert(format!("base_model.model.{}", peft_name(own)), required(state, &name)?);
        } else if !own.contains("original_module") {
            // What PEFT trains beside an adapter stands in a module of its own.
            let own = own.replace(".modules_to_save.default", "");
            if [EMBEDDINGS, "lm_head.weight"].contains(&own.as_str()) {
                replaced.insert(own, required(state, &name)?);
            }
        }
    }
    if adapter.is_empty() || !replaced.contains_key(EMBEDDINGS) {
        let message = "expected an adapter (lora_A, lora_B) and model.embed_tokens.weight in it";
        return Err(ImportError::layout(state.location(), message));
    }
    Ok((replaced, adapter))
}

/// The compressor's parameters, and the size of the projection's inner layer.
fn compressor(source: &Path, small: &Path, tokens: &ImportedTokens, memory_tokens: usize) -> Result<(Tensors, usize)> {
    let weights = DirectoryWeights::open(small)?;
    let mut parameters = Tensors::new();
    for name in weights.names().into_iter().filter(|name| !name.starts_with("lm_head.")) {
        let own = format!("model.{}", name.strip_prefix("model.").unwrap_or(&name));
        parameters.insert(own, required(&weights, &name)?);
    }
    let missing = || ImportError::layout(small, "there is no embed_tokens.weight");
    let memory = tokens.required("<MEM>")? as usize;
    let table = parameters.get(EMBEDDINGS).ok_or_else(missing)?;
    parameters.insert("memory_embeddings".into(), rows(table, std::iter::repeat_n(memory, memory_tokens))?);
    let inner = projection(&TorchPickle::open(&source.join("connector.pt"))?, &mut parameters)?;
    Ok((parameters, inner))
}

fn settings(config: &PiscoConfig, rank: usize, inner: usize, memory_tokens: usize, name: &str) -> Table {
    let mut compressor = Table::new();
    compressor.insert("plugin".into(), "decoder".into());
    compressor.insert("model".into(), "./compressor".into());
    compressor.insert("projection".into(), Value::Integer(inner as i64));
    let mut compression = Table::new();
    for (key, value) in [
        ("memory_tokens", memory_tokens),
        ("tokens_per_vector", config.rate),
        ("document_tokens", DOCUMENT_TOKENS),
        ("query_tokens", QUERY_TOKENS),
    ] {
        compression.insert(key.into(), Value::Integer(value as i64));
    }
    compression.insert("query".into(), Value::Boolean(false));
    let mut prompt = Table::new();
    prompt.insert("user".into(), USER.into());
    prompt.insert("document".into(), DOCUMENT.into());
    prompt.insert("separator".into(), "".into());
    whole(rank, compressor, compression, prompt, 5, name)
}
