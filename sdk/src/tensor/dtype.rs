//! Element types.

use half::{bf16, f16};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 64-bit floating point; gradient checks use it.
    F64,
    /// 32-bit floating point.
    F32,
    /// 16-bit "brain" floating point: the exponent of `F32`, 8 bits of precision.
    BF16,
    /// 16-bit IEEE floating point.
    F16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit unsigned integer.
    U32,
    /// A truth value, one byte each (0 or 1).
    Bool,
    /// Blocks of 32 numbers of a row as 8-bit integers with one scale: see [`Q8_0`](super::Q8_0).
    /// Only [`Op::Linear`](super::Op::Linear) reads such a weight and
    /// [`Op::Embedding`](super::Op::Embedding) such a table; [`Op::Cast`](super::Op::Cast) makes
    /// them and unpacks them. A WASM guest does not know the type.
    #[cfg(not(target_arch = "wasm32"))]
    #[serde(rename = "q8_0")]
    Q8_0,
    /// As `Q8_0`, of 4-bit integers: see [`Q4_0`](super::Q4_0).
    #[cfg(not(target_arch = "wasm32"))]
    #[serde(rename = "q4_0")]
    Q4_0,
}

impl DType {
    /// The size of one element in bytes; of one block, if the type is quantised.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::U32 => 4,
            DType::BF16 | DType::F16 => 2,
            DType::Bool => 1,
            #[cfg(not(target_arch = "wasm32"))]
            DType::Q8_0 => 34,
            #[cfg(not(target_arch = "wasm32"))]
            DType::Q4_0 => 18,
        }
    }

    /// The number of elements that are stored together: 32 if the type is quantised, else 1. The
    /// last extent of a tensor is a multiple of it.
    #[must_use]
    pub const fn block(self) -> usize {
        if self.is_quantized() { 32 } else { 1 }
    }

    /// Whether elements are stored in blocks with a common scale.
    #[must_use]
    pub const fn is_quantized(self) -> bool {
        #[cfg(not(target_arch = "wasm32"))]
        return matches!(self, DType::Q8_0 | DType::Q4_0);
        #[cfg(target_arch = "wasm32")]
        false
    }

    /// Whether elements are floating-point numbers. Only such tensors have gradients.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F64 | DType::F32 | DType::BF16 | DType::F16)
    }

    /// The type in which sums, norms, softmax and losses are computed: `F64` for `F64`, else `F32`.
    #[must_use]
    pub const fn accumulator(self) -> DType {
        match self {
            DType::F64 => DType::F64,
            _ => DType::F32,
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::BF16 => "bf16",
            DType::F16 => "f16",
            DType::I64 => "i64",
            DType::U32 => "u32",
            DType::Bool => "bool",
            #[cfg(not(target_arch = "wasm32"))]
            DType::Q8_0 => "q8_0",
            #[cfg(not(target_arch = "wasm32"))]
            DType::Q4_0 => "q4_0",
        })
    }
}

/// A Rust type that can be an element of a tensor.
pub trait Element: bytemuck::NoUninit + bytemuck::AnyBitPattern + Send + Sync + 'static {
    /// The element type that this Rust type stands for.
    const DTYPE: DType;
}

macro_rules! element {
    ($($rust:ty => $dtype:ident),*) => {
        $(impl Element for $rust { const DTYPE: DType = DType::$dtype; })*
    };
}

// A truth value travels as `u8`, since not every byte is a valid `bool`.
element!(f64 => F64, f32 => F32, bf16 => BF16, f16 => F16, i64 => I64, u32 => U32, u8 => Bool);
