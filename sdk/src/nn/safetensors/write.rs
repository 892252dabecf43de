//! Writing a safetensors file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};

use super::file::malformed;
use super::to_stored;
use crate::tensor::Tensor;
use crate::{Error, Result};

/// Writes named tensors to a file, each downloaded only when its turn comes. The file appears whole
/// or not at all: it is written beside `path`, flushed to the disk, and renamed.
///
/// # Errors
/// [`Error::Weights`] if two tensors have one name; [`Error::Io`] if the file cannot be written; or
/// if a download fails.
pub fn write_safetensors<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, Tensor)>,
    metadata: &[(&str, &str)],
) -> Result<()> {
    let path = path.as_ref();
    let mut tensors: Vec<(&str, Tensor)> = tensors.into_iter().collect();
    // As the format's own writer does: wide elements first, so that every tensor is aligned.
    tensors.sort_by(|(a, x), (b, y)| y.dtype().size().cmp(&x.dtype().size()).then_with(|| a.cmp(b)));
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(malformed(path, &format!("duplicate tensor {}", pair[0].0)));
    }
    let header = header(&tensors, metadata).map_err(|problem| malformed(path, &problem))?;
    let partial = path.with_extension("safetensors.partial");
    let written = write(&partial, path, &header, &tensors)
        .and_then(|()| std::fs::rename(&partial, path).map_err(|error| Error::io(path, error)));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

/// The header, padded to a multiple of 8 bytes, with its length before it.
fn header(tensors: &[(&str, Tensor)], metadata: &[(&str, &str)]) -> std::result::Result<Vec<u8>, String> {
    let mut end = 0;
    let info = |(name, tensor): &(&str, Tensor)| {
        let start = end;
        end += tensor.spec().bytes();
        let unknown = || format!("{name} has type {}, which the format does not support; cast it first", tensor.dtype());
        let dtype = to_stored(tensor.dtype()).ok_or_else(unknown)?;
        Ok(((*name).to_owned(), TensorInfo { dtype, shape: tensor.dims().to_vec(), data_offsets: (start, end) }))
    };
    let infos = tensors.iter().map(info).collect::<std::result::Result<_, String>>()?;
    let metadata: HashMap<String, String> = metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let header = Metadata::new((!metadata.is_empty()).then_some(metadata), infos).map_err(|error| error.to_string())?;
    let mut text = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    text.resize(text.len().next_multiple_of(8), b' ');
    Ok([&(text.len() as u64).to_le_bytes()[..], &text].concat())
}

/// Writes `partial`; an error names `path`, which is what a person knows.
fn write(partial: &Path, path: &Path, header: &[u8], tensors: &[(&str, Tensor)]) -> Result<()> {
    let io = |error| Error::io(path, error);
    let mut file = BufWriter::new(File::create(partial).map_err(io)?);
    file.write_all(header).map_err(io)?;
    for (_, tensor) in tensors {
        file.write_all(tensor.to_data()?.bytes()).map_err(io)?;
    }
    file.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(io)
}
