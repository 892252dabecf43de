//! Quantised models in GGUF files.

use std::io::BufReader;
use std::path::Path;

use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device};
use candle_transformers::models as candle;
use scaledown_sdk::component::caught;
use scaledown_sdk::files::open_regular;
use scaledown_sdk::{Error, Result};

use crate::family::{Family, cleared, copied};

/// The architectures, as `general.architecture` names them.
const KNOWN: &str = "llama (Llama, Mistral, Mixtral), phi2, phi3, qwen2, qwen3, gemma, gemma2, gemma3 and glm4";

/// The model of a file, and the most tokens that it reads.
///
/// # Errors
/// If the file is damaged, or of another architecture.
pub(crate) fn open(path: &Path) -> Result<(Box<dyn Family>, Option<usize>)> {
    let failed = |message: String| Error::Weights(format!("{}: {message}", path.display()));
    let mut file = BufReader::new(open_regular(path).map_err(|error| Error::io(path, error))?);
    let read = caught(|| Content::read(&mut file)).map_err(&failed)?;
    let content = read.map_err(|error| failed(format!("not a readable GGUF file ({error})")))?;
    let text = |key: &str| content.metadata.get(key).and_then(|value| value.to_string().ok()).cloned();
    let architecture = text("general.architecture").unwrap_or_else(|| "missing".into());
    let positions = content.metadata.get(&format!("{architecture}.context_length")).and_then(|value| value.to_u32().ok());
    let make = || -> candle_core::Result<Option<Box<dyn Family>>> {
        let (file, device) = (&mut file, &Device::Cpu);
        Ok(Some(match architecture.as_str() {
            "llama" => {
                copied(candle::quantized_llama::ModelWeights::from_gguf(content, file, device)?, |m, ids, at| m.forward(ids, at))
            }
            "phi2" => {
                copied(candle::quantized_phi::ModelWeights::from_gguf(content, file, device)?, |m, ids, at| m.forward(ids, at))
            }
            "phi3" => copied(candle::quantized_phi3::ModelWeights::from_gguf(false, content, file, device)?, |m, ids, at| {
                m.forward(ids, at)
            }),
            "qwen2" => cleared(
                candle::quantized_qwen2::ModelWeights::from_gguf(content, file, device)?,
                |m, ids, at| m.forward(ids, at),
                |m| m.clear_kv_cache(),
            ),
            "qwen3" => {
                copied(candle::quantized_qwen3::ModelWeights::from_gguf(content, file, device)?, |m, ids, at| m.forward(ids, at))
            }
            "gemma" | "gemma2" | "gemma3" => {
                copied(candle::quantized_gemma3::ModelWeights::from_gguf(content, file, device)?, |m, ids, at| m.forward(ids, at))
            }
            "glm4" => {
                copied(candle::quantized_glm4::ModelWeights::from_gguf(content, file, device, DType::F32)?, |m, ids, at| {
                    m.forward(ids, at)
                })
            }
            _ => return Ok(None),
        }))
    };
    let made = caught(make).map_err(&failed)?.map_err(|error| failed(error.to_string()))?;
    let family = made.ok_or_else(|| failed(format!("general.architecture is {architecture}, expected one of {KNOWN}")))?;
    Ok((family, positions.map(|positions| positions as usize)))
}
