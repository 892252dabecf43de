//! How the weights of frozen linear layers are stored in less memory.

use crate::tensor::{DType, Shape};

/// A format in which the weights of frozen linear layers are stored: blocks of 32 numbers of a row with one scale, as GGML's.
///
/// What trains is never quantised, nor are embeddings and norms; and a weight whose rows are not made of whole blocks keeps its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Quantization {
    /// 8-bit integers: 8.5 bits a weight.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// 4-bit integers: 4.5 bits a weight.
    #[serde(rename = "q4_0")]
    Q4_0,
}

impl Quantization {
    /// The element type of a weight that is stored so.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Quantization::Q8_0 => DType::Q8_0,
            Quantization::Q4_0 => DType::Q4_0,
        }
    }

    /// Whether a weight of this shape is made of whole blocks.
    #[must_use]
    pub fn fits(self, shape: &Shape) -> bool {
        shape.rank() > 0 && shape.last().is_multiple_of(self.dtype().block())
    }
}
