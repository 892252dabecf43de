//! The weights of a GGUF file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use candle_core::Device as CandleDevice;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::TensorInfo;
use parking_lot::Mutex;
use scaledown_sdk::component::caught;
use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::{DType, Error as SdkError, Result, TensorData, TensorSpec};

use super::GgufError;
use super::metadata::Metadata;
use super::names::GgufArchitecture;

/// The weights by the names of `transformers`.
pub(super) struct GgufWeights {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the tensors' bytes begin.
    data: u64,
    tensors: BTreeMap<String, GgufTensor>,
    factors: Option<TensorInfo>,
}

/// One weight.
struct GgufTensor {
    info: TensorInfo,
    spec: TensorSpec,
    /// The heads whose rows stand in llama.cpp's order, if they do.
    heads: Option<usize>,
    /// What is added to each number.
    offset: f32,
}

impl GgufWeights {
    pub(super) fn new(metadata: &Metadata, architecture: GgufArchitecture) -> std::result::Result<Self, GgufError> {
        let heads = |kind: &str| metadata.integer(&format!("{}.attention.{kind}", architecture.prefix()));
        let (queries, keys) = (heads("head_count"), heads("head_count_kv").or(heads("head_count")));
        let mut tensors = BTreeMap::new();
        for (weight, info) in &metadata.content.tensor_infos {
            let Some(name) = architecture.name(weight) else { continue };
            let dtype = match info.ggml_dtype {
                GgmlDType::Q8_0 => DType::Q8_0,
                GgmlDType::Q4_0 => DType::Q4_0,
                GgmlDType::F16 => DType::F16,
                GgmlDType::BF16 => DType::BF16,
                _ => DType::F32,
            };
            let spec = TensorSpec::new(dtype, info.shape.dims());
            spec.check().map_err(|error| metadata.error(format!("{weight}: {error}")))?;
            let of_heads = match () {
                () if architecture != GgufArchitecture::Llama => None,
                () if name.contains(".q_proj.") => queries,
                () if name.contains(".k_proj.") => keys,
                () => None,
            };
            // llama.cpp adds the 1 that Gemma's norms lack.
            let offset = if architecture.is_gemma() && name.ends_with("norm.weight") { -1.0 } else { 0.0 };
            let heads = of_heads.and_then(|heads| usize::try_from(heads).ok());
            tensors.insert(name, GgufTensor { info: copy(info), spec, heads, offset });
        }
        let named = |name: &str| metadata.content.tensor_infos.get(name).map(copy);
        let file = File::open(&metadata.path).map_err(|error| metadata.error(error.to_string()))?;
        Ok(GgufWeights {
            path: metadata.path.clone(),
            file: Mutex::new(file),
            data: metadata.content.tensor_data_offset,
            tensors,
            factors: named("rope_freqs.weight").or(named("rope_factors_short.weight")),
        })
    }

    /// The factors by which the rotary frequencies are divided, if the file has some.
    pub(super) fn rotary_factors(&self) -> std::result::Result<Option<Vec<f32>>, GgufError> {
        let factors = self.factors.as_ref().map(|info| self.numbers(info)).transpose();
        factors.map_err(|message| GgufError::new(&self.path, format!("the rotary factors: {message}")))
    }

    /// The bytes of a tensor as they are stored.
    fn bytes(&self, info: &TensorInfo, count: usize) -> std::result::Result<Vec<u8>, String> {
        let mut file = self.file.lock();
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let start = self.data.saturating_add(info.offset);
        if start.checked_add(count as u64).is_none_or(|end| end > length) {
            return Err(format!("its {count} bytes from {start} on are more than the file's {length}; is it cut short?"));
        }
        let mut bytes = vec![0; count];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// The numbers of a tensor of any format.
    fn numbers(&self, info: &TensorInfo) -> std::result::Result<Vec<f32>, String> {
        let read = || {
            let mut file = self.file.lock();
            let tensor = info.read(&mut *file, self.data, &CandleDevice::Cpu)?;
            tensor.dequantize(&CandleDevice::Cpu)?.flatten_all()?.to_vec1::<f32>()
        };
        caught(read)?.map_err(|error| error.to_string())
    }

    fn data(&self, entry: &GgufTensor) -> std::result::Result<TensorData, String> {
        let plain = matches!(entry.spec.dtype, DType::Q8_0 | DType::Q4_0 | DType::F16 | DType::BF16);
        let (spec, bytes) = if plain && entry.offset == 0.0 {
            (entry.spec.clone(), self.bytes(&entry.info, entry.spec.bytes())?)
        } else {
            let numbers = self.numbers(&entry.info)?;
            let bytes = numbers.iter().flat_map(|number| (number + entry.offset).to_le_bytes()).collect();
            (TensorSpec::new(DType::F32, entry.spec.shape.clone()), bytes)
        };
        let bytes = match entry.heads {
            Some(heads) => in_halves(&bytes, spec.shape.dims().first().copied().unwrap_or(0), heads)?,
            None => bytes,
        };
        TensorData::new(spec, bytes).map_err(|error| error.to_string())
    }
}

impl WeightSource for GgufWeights {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.tensors.get(name).map(|entry| entry.spec.clone())
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        let failed = |message: String| SdkError::Weights(format!("{}: {name}: {message}", self.path.display()));
        let entry = self.tensors.get(name).ok_or_else(|| failed("there is no such tensor".into()))?;
        self.data(entry).map_err(failed)
    }
}

fn copy(info: &TensorInfo) -> TensorInfo {
    TensorInfo { ggml_dtype: info.ggml_dtype, shape: info.shape.clone(), offset: info.offset }
}

/// Rows of heads in the order of `transformers`, whose rotary embedding turns the two halves of a
/// head: llama.cpp's turns neighbours, and its files have the rows of both halves in turn.
fn in_halves(bytes: &[u8], rows: usize, heads: usize) -> std::result::Result<Vec<u8>, String> {
    let size = rows / heads.max(1);
    if rows == 0 || size * heads != rows || !size.is_multiple_of(2) {
        return Err(format!("its {rows} rows are not those of {heads} heads of even size"));
    }
    let width = bytes.len() / rows;
    let mut ordered = Vec::with_capacity(bytes.len());
    for head in 0..heads {
        for half in 0..2 {
            for at in 0..size / 2 {
                let row = head * size + 2 * at + half;
                ordered.extend_from_slice(&bytes[row * width..(row + 1) * width]);
            }
        }
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_halves_come_apart() {
        // Two heads of four rows of one byte; in the file, the halves of a head stand in turn.
        assert_eq!(in_halves(&[0, 2, 1, 3, 4, 6, 5, 7], 8, 2).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(in_halves(&[0; 6], 6, 4).is_err());
    }
}
