//! Weights in safetensors files, as Hugging Face lays them out.
//!
//! Files are not trusted: a header is bounded in size and checked against the file before anything
//! is read, a tensor is read only when it is asked for, and every malformation is an error that
//! names the file and the tensor.

mod directory;
mod file;
#[cfg(test)]
mod tests;
mod write;

pub use directory::DirectoryWeights;
pub use file::SafetensorsFile;
pub use write::write_safetensors;

use safetensors::Dtype;

use crate::tensor::DType;

/// The element type that `dtype` stands for, if this crate has it.
fn from_stored(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::BF16 => DType::BF16,
        Dtype::F16 => DType::F16,
        Dtype::I64 => DType::I64,
        Dtype::U32 => DType::U32,
        Dtype::BOOL => DType::Bool,
        _ => return None,
    })
}

/// The name of `dtype` in a file, if files know it.
fn to_stored(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::BF16 => Dtype::BF16,
        DType::F16 => Dtype::F16,
        DType::I64 => Dtype::I64,
        DType::U32 => Dtype::U32,
        DType::Bool => Dtype::BOOL,
        DType::Q8_0 | DType::Q4_0 => return None,
    })
}
