//! The tensors of a model of ours, and the files that it is written to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, View, serialize_to_file};
use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::{DType, Error as SdkError, TensorData, TensorSpec};
use serde_json::json;

use super::ImportError;

/// Tensors by name.
pub(super) type Tensors = BTreeMap<String, TensorData>;

/// PEFT's name of an adapter's tensor as transformers or PEFT stores it: without PEFT's prefix and
/// the adapter's own name.
pub(super) fn peft_name(name: &str) -> String {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name);
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [start @ .., side @ ("lora_A" | "lora_B"), _, "weight"] => format!("{}.{side}.weight", start.join(".")),
        _ => name.to_owned(),
    }
}

/// Some rows of a matrix, one after the other.
pub(super) fn rows(matrix: &TensorData, rows: impl IntoIterator<Item = usize>) -> scaledown_sdk::Result<TensorData> {
    let spec = matrix.spec();
    let width = spec.shape.last() * spec.dtype.size();
    let mut bytes = Vec::new();
    let mut count = 0;
    for row in rows {
        let range = matrix.bytes().get(row * width..(row + 1) * width);
        bytes.extend_from_slice(range.ok_or_else(|| SdkError::Weights(format!("there is no row {row} in {spec}")))?);
        count += 1;
    }
    TensorData::new(TensorSpec::new(spec.dtype, [count, spec.shape.last()]), bytes)
}

/// A tensor that has to be there.
pub(super) fn required(source: &dyn WeightSource, name: &str) -> Result<TensorData, ImportError> {
    let failed = |message: String| ImportError::Tensor { path: source.location().into(), tensor: name.to_owned(), message };
    if source.spec(name).is_none() {
        return Err(failed("is missing".into()));
    }
    source.read(name).map_err(|error| failed(format!("cannot be read: {error}")))
}

/// Writes tensors to a safetensors file.
pub(super) fn write(path: &Path, tensors: &Tensors) -> scaledown_sdk::Result<()> {
    struct Piece<'a>(&'a TensorData);
    impl View for Piece<'_> {
        fn dtype(&self) -> Dtype {
            match self.0.spec().dtype {
                DType::F64 => Dtype::F64,
                DType::BF16 => Dtype::BF16,
                DType::F16 => Dtype::F16,
                // Nothing else comes out of a checkpoint.
                _ => Dtype::F32,
            }
        }

        fn shape(&self) -> &[usize] {
            self.0.spec().shape.dims()
        }

        fn data(&self) -> Cow<'_, [u8]> {
            Cow::Borrowed(self.0.bytes())
        }

        fn data_len(&self) -> usize {
            self.0.bytes().len()
        }
    }
    let pieces = tensors.iter().map(|(name, tensor)| (name.as_str(), Piece(tensor)));
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    serialize_to_file(pieces, Some(metadata), path).map_err(|error| SdkError::Weights(format!("{}: {error}", path.display())))
}

/// PEFT's description of an adapter on all linear layers.
pub(super) fn adapter_config(rank: usize, base: &str) -> String {
    let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    let config = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": rank, "lora_alpha": 2 * rank,
        "lora_dropout": 0.1, "target_modules": targets, "bias": "none", "fan_in_fan_out": false, "init_lora_weights": true,
        "inference_mode": true, "modules_to_save": null,
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_adapters_are_read_in_every_form() {
        let plain = "model.layers.0.self_attn.q_proj.lora_A.weight";
        for name in [
            plain,
            "model.layers.0.self_attn.q_proj.lora_A.decoder_adapter.weight",
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
        ] {
            assert_eq!(peft_name(name), plain);
        }
        assert_eq!(peft_name("model.norm.weight"), "model.norm.weight");
    }

    #[test]
    fn rows_are_taken_in_the_order_asked_for() {
        let matrix = TensorData::from_slice(&[0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0], [3, 2]).unwrap();
        assert_eq!(rows(&matrix, [2, 0, 2]).unwrap().to_f64(), [4.0, 5.0, 0.0, 1.0, 4.0, 5.0]);
        assert!(rows(&matrix, [3]).is_err());
    }
}
