//! Checkpoints of the COCOM family: PISCO, DEX-Comp and CLaRa, whose generator compresses under an
//! adapter of its own, and OSCAR, with a small model that compresses.

use std::path::{Path, PathBuf};

use scaledown_sdk::TensorData;
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::WeightSource;
use toml::{Table, Value};

use super::error::Checked;
use super::family::CocomConfig;
use super::generator::{link, write_generator};
use super::parts::{Tensors, adapter_config, peft_name, required, rows, write};
use super::pickle::TorchPickle;
use super::tokens::{ImportedTokens, write_file};
use super::{ImportError, ImportOptions, Made};
use crate::Result;
use crate::support::artifact::DirectoryWriter;
use crate::support::hub;

/// The prompt of the models, in their authors' words (a part of the format, as a model reads what
/// it was trained with).
pub(super) const SYSTEM: &str = "You are a helpful assistant. Your task is to extract relevant information from provided documents and to answer to questions as briefly as possible.";
const USER: &str = "Background:\n{{ documents }}<SEP>\n\nQuestion:{{ query }}";
/// The tokens of a question that a model with questions was trained with, beside its documents'.
pub(super) const QUERY_TOKENS: usize = 64;
pub(super) const EMBEDDINGS: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// Makes the files of a model of ours of the checkpoint.
pub(super) fn import(config: &CocomConfig, options: &ImportOptions<'_>, writer: &mut DirectoryWriter) -> Result<Made> {
    if config.compressor_adapter.is_some() {
        let path = options.source.join("config.json");
        let message =
            "`lora_compressor` is true; only compressors that were trained in full, or adapters of the generator, are read";
        return Err(ImportError::layout(path, message).into());
    }
    let base = resolve(options.generator.unwrap_or(&config.generator))?;
    // A checkpoint that ships its tokenizer means that one.
    let own = options.source.join("tokenizer.json").is_file();
    let tokens = ImportedTokens::open(if own { options.source } else { &base }, &added(config))?;
    let ends = TorchPickle::open(&options.source.join("decoder_first_last_layers.pth"))?;
    let replaced = replaced(&ends, &tokens)?;
    let adapters = TorchPickle::open(&options.source.join("adapters.pth"))?;
    let generator_adapter = adapter(&adapters, "decoder_adapter", "base_model.model.")?;
    let (compressor, table) = match &config.compressor {
        Some(name) => small_model(config, options, name)?,
        None => second_adapter(config, &adapters, &tokens, &base, &replaced)?,
    };
    let query = config.compressor.is_some();
    let settings = settings(config, table, options, query);
    let small = config.compressor.as_deref().map(|name| small_source(options, name)).transpose()?;
    let small_tokens = small.as_deref().map(|directory| ImportedTokens::open(directory, &memory_names(config))).transpose()?;
    writer.fill(&["compressor.safetensors", "adapter_model.safetensors"], |directory| {
        write(&directory.join("compressor.safetensors"), &compressor)?;
        write(&directory.join("adapter_model.safetensors"), &generator_adapter)?;
        write_generator(&base, &replaced, &tokens, &directory.join("generator"))?;
        match (&small, &small_tokens) {
            (Some(source), Some(tokens)) => write_small(source, tokens, &compressor, directory),
            _ => Ok(()),
        }
    })?;
    writer.write("adapter_config.json", adapter_config(config.rank, &config.generator).as_bytes())?;
    writer.write("config.toml", settings.to_string().as_bytes())?;
    Ok(Made {
        layout: if config.compressor.is_some() { "OSCAR".into() } else { format!("PISCO ({})", config.kind) },
        generator: config.generator.clone(),
        compressor: if config.compressor.is_some() { "decoder".into() } else { "adapter".into() },
        memory_tokens: config.memory_tokens,
        document_tokens: config.document_tokens,
        notes: notes(config, &adapters),
    })
}

/// The local directory of a model.
pub(super) fn resolve(model: &str) -> Result<PathBuf> {
    Ok(hub::HubSettings::from_environment().resolve(model, None)?)
}

fn small_source(options: &ImportOptions<'_>, name: &str) -> Result<PathBuf> {
    resolve(options.compressor.unwrap_or(name))
}

/// The memory tokens' names.
fn memory_names(config: &CocomConfig) -> Vec<String> {
    match config.different {
        true => (0..config.memory_tokens).map(|i| format!("<MEM{i}>")).collect(),
        false => vec!["<MEM>".into()],
    }
}

/// The tokens that the generator's tokenizer gets, in their order.
fn added(config: &CocomConfig) -> Vec<String> {
    let others = ["<AE>", "<ENC>", "<SEP>"].into_iter().chain(config.kbtc.then_some("<KBTC>"));
    memory_names(config).into_iter().chain(others.map(str::to_owned)).collect()
}

/// The embeddings, and the head where it is not the same.
fn replaced(ends: &TorchPickle, tokens: &ImportedTokens) -> Checked<Tensors> {
    let mut found = Tensors::new();
    for name in ends.names() {
        let own = name.trim_start_matches("decoder.").to_owned();
        if [EMBEDDINGS, HEAD].contains(&own.as_str()) {
            found.insert(own, required(ends, &name)?);
        }
    }
    let path = || PathBuf::from(ends.location());
    let table = found.get(EMBEDDINGS).ok_or_else(|| ImportError::Tensor {
        path: path(),
        tensor: EMBEDDINGS.into(),
        message: "is missing".into(),
    })?;
    let rows = table.spec().shape.rows();
    if rows < tokens.count {
        return Err(ImportError::Tokenizer {
            path: path(),
            message: format!(
                "the embeddings have {rows} rows, and the generator's tokenizer has {} tokens with those that the checkpoint adds; is \
                 --generator the model that it was trained with?",
                tokens.count
            ),
        });
    }
    Ok(found)
}

/// The tensors of an adapter, by PEFT's names with `prefix` before them.
fn adapter(adapters: &TorchPickle, name: &str, prefix: &str) -> Checked<Tensors> {
    let names = adapters.under(name);
    if names.is_empty() {
        return Err(ImportError::layout(adapters.location(), format!("there is no adapter {name}")));
    }
    let tensor = |inner: String| Ok((format!("{prefix}{}", peft_name(&inner)), required(adapters, &format!("{name}.{inner}"))?));
    names.into_iter().map(tensor).collect()
}

/// The parameters and the table of a compressor that is the generator under an adapter.
fn second_adapter(
    config: &CocomConfig,
    adapters: &TorchPickle,
    tokens: &ImportedTokens,
    base: &Path,
    replaced: &Tensors,
) -> Checked<(Tensors, Table)> {
    let name = if config.one_adapter { "decoder_adapter" } else { "encoder_adapter" };
    let mut parameters = adapter(adapters, name, "adapter.")?;
    let table = replaced.get(EMBEDDINGS).ok_or_else(|| ImportError::layout(base, "the embeddings are missing"))?;
    parameters.insert("memory_embeddings".into(), memory(config, table, tokens)?);
    let id = |name: &str| tokens.special(name).map(i64::from);
    let prefix = [Some(i64::from(tokens.required("<ENC>")?)), id("bos")];
    let mut keys = Table::new();
    keys.insert("plugin".into(), "adapter".into());
    keys.insert("prefix".into(), Value::Array(prefix.into_iter().flatten().map(Value::Integer).collect()));
    keys.insert("suffix".into(), Value::Array(id("eos").into_iter().map(Value::Integer).collect()));
    keys.insert("lora".into(), Value::Table(lora(config.rank)));
    Ok((parameters, keys))
}

/// The parameters and the table of a compressor of its own.
fn small_model(config: &CocomConfig, options: &ImportOptions<'_>, name: &str) -> Result<(Tensors, Table)> {
    let directory = options.source.join("compressor");
    let weights = TorchPickle::open(&directory.join("compressor.pth"))?;
    let tokens = ImportedTokens::open(&small_source(options, name)?, &memory_names(config))?;
    let mut parameters = Tensors::new();
    for name in weights.names().into_iter().filter(|name| !name.starts_with("lm_head.")) {
        let own = format!("model.{}", name.strip_prefix("model.").unwrap_or(&name));
        parameters.insert(own, required(&weights, &name)?);
    }
    let missing = || ImportError::layout(weights.location(), "there is no embed_tokens.weight");
    let table = parameters.get(EMBEDDINGS).ok_or_else(missing)?;
    parameters.insert("memory_embeddings".into(), memory(config, table, &tokens)?);
    let mut keys = Table::new();
    keys.insert("plugin".into(), "decoder".into());
    keys.insert("model".into(), "./compressor".into());
    if !config.mlp {
        let message = "`compr_use_mlp` is false; a compressor of its own is read with its MLP only";
        return Err(ImportError::layout(options.source.join("config.json"), message).into());
    }
    let mlp = TorchPickle::open(&directory.join("mlp.pth"))?;
    let inner = projection(&mlp, &mut parameters)?;
    keys.insert("projection".into(), Value::Integer(inner as i64));
    Ok((parameters, keys))
}

/// Adds the projection's tensors, which are those of a `Sequential` of a linear layer, a ReLU and
/// another; the size of its inner layer.
pub(super) fn projection(mlp: &dyn WeightSource, parameters: &mut Tensors) -> Checked<usize> {
    for name in ["0.weight", "0.bias", "2.weight", "2.bias"] {
        parameters.insert(format!("projection.{name}"), required(mlp, name)?);
    }
    Ok(required(mlp, "0.bias")?.spec().shape.count())
}

/// The rows of the memory tokens.
fn memory(config: &CocomConfig, table: &TensorData, tokens: &ImportedTokens) -> Checked<TensorData> {
    let mut ids = Vec::new();
    for name in memory_names(config) {
        ids.push(tokens.required(&name)? as usize);
    }
    let ids = ids.iter().cycle().take(config.memory_tokens).copied();
    rows(table, ids).map_err(|error| ImportError::layout("the embeddings", error.to_string()))
}

/// Writes the directory of the small model: its weights are those of `compressor.safetensors` under
/// a second name.
pub(super) fn write_small(
    source: &Path,
    tokens: &ImportedTokens,
    compressor: &Tensors,
    directory: &Path,
) -> scaledown_sdk::Result<()> {
    let target = directory.join("compressor");
    std::fs::create_dir_all(&target).map_err(|error| scaledown_sdk::Error::io(&target, error))?;
    let path = source.join("config.json");
    let bytes = read_bytes(&path, FileKind::ModelConfiguration).map_err(|error| scaledown_sdk::Error::io(&path, error))?;
    let failed = |error: serde_json::Error| scaledown_sdk::Error::Config(format!("{}: {error}", path.display()));
    let mut json: serde_json::Value = serde_json::from_slice(&bytes).map_err(failed)?;
    if let (Some(json), Some(table)) = (json.as_object_mut(), compressor.get(EMBEDDINGS)) {
        json.insert("vocab_size".into(), table.spec().shape.rows().into());
    }
    write_file(&target.join("config.json"), format!("{json:#}\n").as_bytes())?;
    tokens.write(&target)?;
    link(&directory.join("compressor.safetensors"), &target.join("model.safetensors"))
}

/// The table of an adapter of NAVER's: alpha is twice the rank.
pub(super) fn lora(rank: usize) -> Table {
    let mut lora = Table::new();
    lora.insert("r".into(), Value::Integer(rank as i64));
    lora.insert("alpha".into(), Value::Float(2.0 * rank as f64));
    lora.insert("dropout".into(), Value::Float(0.1));
    lora.insert("target".into(), "all-linear".into());
    lora
}

/// The configuration of the model.
fn settings(config: &CocomConfig, compressor: Table, options: &ImportOptions<'_>, query: bool) -> Table {
    let mut compression = Table::new();
    compression.insert("memory_tokens".into(), Value::Integer(config.memory_tokens as i64));
    compression.insert("document_tokens".into(), Value::Integer(config.document_tokens as i64));
    compression.insert("query_tokens".into(), Value::Integer(if query { QUERY_TOKENS } else { 128 } as i64));
    compression.insert("query".into(), Value::Boolean(query));
    let mut prompt = Table::new();
    prompt.insert("user".into(), USER.into());
    prompt.insert("separator".into(), "<SEP>".into());
    whole(config.rank, compressor, compression, prompt, config.documents, options.name)
}

/// A whole configuration.
pub(super) fn whole(
    rank: usize,
    compressor: Table,
    compression: Table,
    mut prompt: Table,
    documents: usize,
    name: &str,
) -> Table {
    let mut generator = Table::new();
    generator.insert("plugin".into(), "mistral".into());
    generator.insert("model".into(), "./generator".into());
    generator.insert("lora".into(), Value::Table(lora(rank)));
    prompt.insert("system".into(), SYSTEM.into());
    prompt.insert("chat_template".into(), Value::Boolean(true));
    let mut evaluation = Table::new();
    evaluation.insert("documents".into(), Value::Integer(documents as i64));
    evaluation.insert("max_new_tokens".into(), Value::Integer(128));
    let mut output = Table::new();
    let name = name.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("imported");
    output.insert("directory".into(), format!("runs/{name}").into());
    let sections = [
        ("generator", generator),
        ("compressor", compressor),
        ("compression", compression),
        ("prompt", prompt),
        ("evaluation", evaluation),
        ("output", output),
    ];
    sections.into_iter().map(|(name, table)| (name.to_owned(), Value::Table(table))).collect()
}

fn notes(config: &CocomConfig, adapters: &TorchPickle) -> Vec<String> {
    let mut notes = Vec::new();
    if config.compressor.is_some() {
        notes.push(format!(
            "a question is cut to {QUERY_TOKENS} tokens and a document to {}; the published code cuts the document to what the question leaves",
            config.document_tokens
        ));
    }
    if !adapters.under("query_reasoner_adapter").is_empty() {
        notes.push("the adapter that compresses questions for retrieval (query_reasoner_adapter) is left out".into());
    }
    notes
}
