//! `scaledown inspect forward`: logits and hidden states in a file.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::safetensors::write_safetensors;
use scaledown_sdk::nn::{Span, TokenBatch};
use scaledown_sdk::{Device, Tensor};

use super::InspectedModel;
use crate::{Error, Result};

/// Token ids as the tokenizers of Hugging Face return them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// The ids, rows of one length.
    pub input_ids: Vec<Vec<u32>>,
    /// 1 for a real token and 0 for padding, before the tokens of a row or after them; default: all
    /// are real.
    #[serde(default)]
    pub attention_mask: Option<Vec<Vec<u8>>>,
    /// The type of each token, 0 for the first text of a pair and 1 for the second; default: all 0.
    /// Models without types ignore it.
    #[serde(default)]
    pub token_type_ids: Option<Vec<Vec<u32>>>,
}

impl Tokens {
    /// Reads a JSON file.
    ///
    /// # Errors
    /// If it cannot be read, is of another form, or its rows differ in length, or its mask has
    /// other values than 0 and 1.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path, FileKind::ModelConfiguration).map_err(|error| Error::io(path, error))?;
        let batch: Tokens = serde_json::from_slice(&bytes).map_err(|error| Error::line(path, error.line(), error.to_string()))?;
        let refuse = |message: String| Err(Error::data(path.display(), message));
        let length = batch.input_ids.first().map_or(0, Vec::len);
        if length == 0 || batch.input_ids.iter().any(|row| row.len() != length) {
            return refuse("`input_ids` must be rows of one length, padded, and not empty".into());
        }
        if let Some(mask) = &batch.attention_mask
            && (mask.len() != batch.input_ids.len() || mask.iter().any(|row| row.len() != length))
        {
            return refuse(format!("`attention_mask` must have the shape of `input_ids`, {} x {length}", batch.input_ids.len()));
        }
        if let Some(types) = &batch.token_type_ids
            && (types.len() != batch.input_ids.len() || types.iter().any(|row| row.len() != length))
        {
            return refuse(format!("`token_type_ids` must have the shape of `input_ids`, {} x {length}", batch.input_ids.len()));
        }
        let entries = batch.attention_mask.iter().flatten().enumerate();
        let mut entries = entries.flat_map(|(row, mask)| mask.iter().enumerate().map(move |(place, &value)| (row, place, value)));
        if let Some((row, place, value)) = entries.find(|&(_, _, value)| value > 1) {
            return refuse(format!("`attention_mask[{row}][{place}]` is {value}, expected 1 for a real token or 0 for padding"));
        }
        Ok(batch)
    }

    pub(super) fn ids(&self, device: &Device) -> Result<Tensor> {
        let shape = [self.input_ids.len(), self.input_ids.first().map_or(0, Vec::len)];
        Ok(device.from_slice(&self.input_ids.concat(), shape)?)
    }

    /// The real positions of each row.
    ///
    /// # Errors
    /// If padding stands within a row.
    pub(super) fn spans(&self) -> Result<Vec<Span>> {
        let span = |(row, mask): (usize, Vec<bool>)| {
            Span::of_mask(&mask).map_err(|error| Error::because(format!("`attention_mask[{row}]`"), error))
        };
        self.mask().into_iter().enumerate().map(span).collect()
    }

    fn mask(&self) -> Vec<Vec<bool>> {
        match &self.attention_mask {
            Some(mask) => mask.iter().map(|row| row.iter().map(|&real| real != 0).collect()).collect(),
            None => self.input_ids.iter().map(|row| vec![true; row.len()]).collect(),
        }
    }

    /// The rows without their padding, for a model with absolute positions, which are counted from
    /// the beginning of a row.
    ///
    /// # Errors
    /// If there is padding before a token.
    pub(super) fn texts(&self) -> Result<TokenBatch> {
        let mut texts = TokenBatch::default();
        for (i, (ids, mask)) in self.input_ids.iter().zip(self.mask()).enumerate() {
            let real = mask.iter().take_while(|&&real| real).count();
            if real == 0 || mask[real..].contains(&true) {
                let message =
                    format!("`attention_mask[{i}]` has padding before a token; this model expects padding on the right");
                return Err(Error::failed(message));
            }
            let types = self.token_type_ids.as_ref().map_or_else(|| vec![0; real], |types| types[i][..real].to_vec());
            texts.ids.push(ids[..real].to_vec());
            texts.types.push(types);
        }
        Ok(texts)
    }

    /// States `[batch, longest, hidden]` of [`Tokens::texts`] as `[batch, seq, hidden]`; zeros
    /// where all rows are padded.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn padded(&self, states: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let length = self.input_ids.first().map_or(0, Vec::len);
        let pad = |state: Tensor| match *state.dims() {
            [batch, longest, hidden] if longest < length => {
                let zeros = state.device().zeros(state.dtype(), [batch, length - longest, hidden])?;
                Tensor::concat(&[&state, &zeros], 1)
            }
            _ => Ok(state),
        };
        Ok(states.into_iter().map(pad).collect::<scaledown_sdk::Result<_>>()?)
    }
}

/// A tensor that was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct WrittenTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Whether a file can be made at `path`, as far as that shows before there is anything to write.
///
/// # Errors
/// If its directory is missing.
pub fn check_destination(path: &Path) -> Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
        Some(parent) => {
            let message =
                format!("cannot write {}: directory {} does not exist; create it first", path.display(), parent.display());
            Err(Error::failed(message))
        }
        None => Ok(()),
    }
}

/// Runs the model on `batch` and writes `logits`, where it has a head, and `hidden.0 .. hidden.N`
/// to a safetensors file. Returns its contents.
///
/// # Errors
/// If an id is not in the vocabulary, or the file cannot be written.
pub fn write_forward(model: &InspectedModel, batch: &Tokens, device: &Device, path: &Path) -> Result<Vec<WrittenTensor>> {
    let (logits, states) = model.forward(batch, device)?;
    let names: Vec<String> = (0..states.len()).map(|i| format!("hidden.{i}")).collect();
    let named: Vec<(&str, Tensor)> =
        logits.map(|logits| ("logits", logits)).into_iter().chain(names.iter().map(String::as_str).zip(states)).collect();
    let written = named.iter().map(|(name, tensor)| WrittenTensor { name: (*name).to_owned(), shape: tensor.dims().to_vec() });
    let written = written.collect();
    write_safetensors(path, named, &[("format", "pt")])?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mask: &str) -> std::result::Result<Vec<Vec<bool>>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        std::fs::write(&path, format!(r#"{{"input_ids": [[1, 2, 3, 4], [5, 6, 7, 8]], "attention_mask": {mask}}}"#)).unwrap();
        let name = path.display().to_string();
        Tokens::read(&path).map(|batch| batch.mask()).map_err(|error| error.to_string().replace(&name, "tokens.json"))
    }

    #[test]
    fn a_mask_says_yes_or_no() {
        assert_eq!(read("[[1, 1, 1, 0], [0, 0, 1, 1]]").unwrap()[1], [false, false, true, true]);
        let holes = Tokens { input_ids: vec![vec![1; 4]], attention_mask: Some(vec![vec![1, 0, 1, 1]]), token_type_ids: None };
        let error = holes.spans().unwrap_err().to_string();
        assert!(error.contains("`attention_mask[0]`: padding within a sequence, at position 1"), "{error}");
        let error = read("[[1, 1, 1, 1], [0, 1, 2, 1]]").unwrap_err();
        assert_eq!(error, "tokens.json: `attention_mask[1][2]` is 2, expected 1 for a real token or 0 for padding");
        assert!(read("[[1, 1, 1, 1]]").unwrap_err().contains("must have the shape of `input_ids`, 2 x 4"));
        assert!(read("[[1, 1, 1, -1], [1, 1, 1, 1]]").is_err());
    }
}
