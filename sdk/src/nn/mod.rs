//! Neural network modules, written once against [`Tensor`](crate::Tensor).

#[cfg(not(target_arch = "wasm32"))]
mod activation;
#[cfg(not(target_arch = "wasm32"))]
pub mod bert;
#[cfg(not(target_arch = "wasm32"))]
pub mod deberta;
pub mod decoder;
mod embedding;
mod forward;
#[cfg(not(target_arch = "wasm32"))]
mod generate;
mod init;
mod json_keys;
mod layer_norm;
#[cfg(not(target_arch = "wasm32"))]
mod length_batches;
mod linear;
mod lora;
mod memory;
#[cfg(not(target_arch = "wasm32"))]
mod model_directory;
pub mod modernbert;
#[cfg(not(target_arch = "wasm32"))]
mod optimizer;
#[cfg(not(target_arch = "wasm32"))]
mod params;
#[cfg(target_arch = "wasm32")]
mod params_guest;
#[cfg(not(target_arch = "wasm32"))]
pub mod peft;
mod projection;
#[cfg(not(target_arch = "wasm32"))]
mod quantization;
mod rms_norm;
mod rotary;
#[cfg(not(target_arch = "wasm32"))]
pub mod safetensors;
#[cfg(not(target_arch = "wasm32"))]
mod sampling;
mod schedule;
mod span;
#[cfg(not(target_arch = "wasm32"))]
mod stored;
#[cfg(not(target_arch = "wasm32"))]
mod token_batch;
mod weights;

pub use embedding::Embedding;
pub use forward::ForwardMode;
#[cfg(not(target_arch = "wasm32"))]
pub use generate::{Decoding, Finish, GenerateOptions, Generated, generate};
pub use init::Init;
pub use json_keys::JsonKeys;
pub use layer_norm::LayerNorm;
#[cfg(not(target_arch = "wasm32"))]
pub use length_batches::length_batches;
pub use linear::Linear;
#[cfg(not(target_arch = "wasm32"))]
pub use lora::WithoutAdapters;
pub use lora::{LoraConfig, LoraPreset, LoraTarget};
pub use memory::{MemoryTokens, PairInput};
#[cfg(not(target_arch = "wasm32"))]
pub use optimizer::{Optimizer, OptimizerConfig, ParamGroup, clip_scale};
#[cfg(not(target_arch = "wasm32"))]
pub use params::{Param, ParamOptions, Params};
#[cfg(target_arch = "wasm32")]
pub use params_guest::{Param, Params};
pub use projection::Projection;
#[cfg(not(target_arch = "wasm32"))]
pub use quantization::Quantization;
pub use rms_norm::RmsNorm;
pub use rotary::{RopeScaling, Rotary, Rotation};
#[cfg(not(target_arch = "wasm32"))]
pub use sampling::Sampling;
pub use schedule::Schedule;
pub use span::{Span, Widths};
#[cfg(not(target_arch = "wasm32"))]
pub use token_batch::TokenBatch;
pub use weights::{MergedWeights, WeightSource};
