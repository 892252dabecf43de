//! How pairs are written: as the model's own tokenizer writes them.

use std::path::Path;

use scaledown_sdk::component::PairTemplate;
use scaledown_sdk::files::{FileKind, read_text};
use scaledown_sdk::{Error, Result};
use serde_json::Value;

use crate::DecoderCompressorConfig;

/// The template of the configuration, and where it leaves parts out, that of `tokenizer.json`.
pub(crate) fn template(config: &DecoderCompressorConfig) -> Result<PairTemplate> {
    let path = config.model.join("tokenizer.json");
    let has_tokenizer = path.exists();
    let written = if has_tokenizer { of_tokenizer(&path)? } else { PairTemplate::default() };
    Ok(PairTemplate {
        tokenizer: has_tokenizer.then(|| config.model.clone()),
        prefix: config.prefix.clone().unwrap_or(written.prefix),
        separator: config.separator.clone().unwrap_or(written.separator),
        suffix: config.suffix.clone().unwrap_or(written.suffix),
    })
}

/// What a tokenizer puts around two texts: the `pair` of its `TemplateProcessing`. One without puts
/// nothing.
fn of_tokenizer(path: &Path) -> Result<PairTemplate> {
    let text = read_text(path, FileKind::Tokenizer).map_err(|error| Error::io(path, error))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))?;
    let Some(processor) = find(&json["post_processor"]) else { return Ok(PairTemplate::default()) };
    let malformed = || {
        let expected = "expected special tokens and the sequences A and B";
        Error::Config(format!("{}: the pair of post_processor is {}, {expected}", path.display(), processor["pair"]))
    };
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    let mut part = 0;
    for piece in processor["pair"].as_array().ok_or_else(malformed)? {
        match (piece.pointer("/Sequence/id").and_then(Value::as_str), piece.pointer("/SpecialToken/id").and_then(Value::as_str)) {
            (Some("A"), _) if part == 0 => part = 1,
            (Some("B"), _) if part == 1 => part = 2,
            (None, Some(token)) => {
                let ids = processor["special_tokens"][token]["ids"].as_array().ok_or_else(malformed)?;
                let ids: Option<Vec<u32>> = ids.iter().map(|id| u32::try_from(id.as_u64()?).ok()).collect();
                parts[part].extend(ids.ok_or_else(malformed)?);
            }
            _ => return Err(malformed()),
        }
    }
    let [prefix, separator, suffix] = parts;
    if part == 2 { Ok(PairTemplate { tokenizer: None, prefix, separator, suffix }) } else { Err(malformed()) }
}

/// The `TemplateProcessing` of a post-processor, which may be one of several in a row.
fn find(processor: &Value) -> Option<&Value> {
    match processor["type"].as_str() {
        Some("TemplateProcessing") => Some(processor),
        Some("Sequence") => processor["processors"].as_array()?.iter().find_map(find),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(processor: Value) -> Result<PairTemplate> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokenizer.json");
        std::fs::write(&path, json!({"post_processor": processor}).to_string()).unwrap();
        of_tokenizer(&path)
    }

    #[test]
    fn a_pair_is_written_as_the_tokenizer_writes_it() {
        let special = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
        let sequence = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
        let pair = json!([special("<s>"), sequence("A"), special("</s>"), special("<s>"), sequence("B"), special("</s>")]);
        let tokens = json!({"<s>": {"id": "<s>", "ids": [1]}, "</s>": {"id": "</s>", "ids": [2]}});
        let processor = json!({"type": "TemplateProcessing", "pair": pair, "special_tokens": tokens});
        let template = read(json!({"type": "Sequence", "processors": [{"type": "ByteLevel"}, processor]})).unwrap();
        assert_eq!((template.prefix, template.separator, template.suffix), (vec![1], vec![2, 1], vec![2]));
        assert_eq!(read(json!({"type": "ByteLevel"})).unwrap(), PairTemplate::default());
        assert_eq!(read(Value::Null).unwrap(), PairTemplate::default());
        let backwards = json!([sequence("B"), sequence("A")]);
        let message = read(json!({"type": "TemplateProcessing", "pair": backwards})).unwrap_err().to_string();
        assert!(message.contains("the sequences A and B"), "{message}");
    }
}
