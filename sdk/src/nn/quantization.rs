//! How the weights of frozen layers are stored in less memory.

use crate::tensor::{DType, Shape};

/// A format in which the weights of frozen linear layers and embedding tables are stored, whatever
/// type a model computes in: a shorter number, or blocks of 32 numbers of a row with one scale, as
/// GGML's.
///
/// Trainable weights, norms and biases are never quantised; a weight whose rows are not whole
/// blocks keeps its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Quantization {
    /// 16-bit "brain" floating point: 16 bits a weight.
    #[serde(rename = "bf16")]
    Bf16,
    /// 8-bit integers: 8.5 bits a weight.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// 4-bit integers: 4.5 bits a weight, and 8.5 bits in an embedding table, whose rows are read
    /// one by one and, often, as the output head.
    #[serde(rename = "q4_0")]
    Q4_0,
}

impl Quantization {
    /// The element type of a linear layer's weight that is stored so.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Quantization::Bf16 => DType::BF16,
            Quantization::Q8_0 => DType::Q8_0,
            Quantization::Q4_0 => DType::Q4_0,
        }
    }

    /// The format of an embedding table, in which each number counts for more than in a sum.
    #[must_use]
    pub fn of_table(self) -> Self {
        if self == Quantization::Q4_0 { Quantization::Q8_0 } else { self }
    }

    /// Whether a weight of this shape is made of whole blocks.
    #[must_use]
    pub fn fits(self, shape: &Shape) -> bool {
        shape.rank() > 0 && shape.last().is_multiple_of(self.dtype().block())
    }
}
