//! The activations that a `config.json` names.

use super::JsonKeys;
use crate::Result;
use crate::tensor::UnaryOp;

/// The activation that `key` names, by transformers' names; `default` where it is absent.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) if there is no such activation.
pub(super) fn activation(keys: &JsonKeys<'_>, key: &str, default: UnaryOp) -> Result<UnaryOp> {
    match keys.text(key)? {
        None => Ok(default),
        Some("gelu") => Ok(UnaryOp::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh") => Ok(UnaryOp::GeluTanh),
        Some("relu") => Ok(UnaryOp::Relu),
        Some("silu" | "swish") => Ok(UnaryOp::Silu),
        Some("tanh") => Ok(UnaryOp::Tanh),
        Some(_) => Err(keys.invalid(key, "gelu, gelu_new, gelu_pytorch_tanh, relu, silu or tanh")),
    }
}
