//! The tensors of a model, by their names, on the disk.

use scaledown_sdk::Tensor;
use scaledown_sdk::nn::safetensors::write_safetensors;
use scaledown_sdk::nn::{Params, WeightSource};

use crate::support::artifact::{ArtifactError, DirectoryWriter};

/// The trainable parameters with their names.
pub(crate) fn trainable(params: &Params) -> Vec<(String, Tensor)> {
    params.trainable().iter().map(|param| (param.name().to_owned(), param.tensor().detach())).collect()
}

/// Writes tensors to `NAME.safetensors`.
pub(crate) fn write_tensors(
    writer: &mut DirectoryWriter,
    name: &str,
    tensors: Vec<(String, Tensor)>,
) -> Result<(), ArtifactError> {
    let file = format!("{name}.safetensors");
    let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.clone()));
    writer.fill(&[&file], |directory| write_safetensors(directory.join(&file), tensors, &[("format", "pt")]))
}

/// Sets every trainable parameter to the tensor of its name.
///
/// # Errors
/// If one is missing or of another shape.
pub(crate) fn load_trainable(params: &Params, source: &dyn WeightSource) -> scaledown_sdk::Result<()> {
    let place = match source.location() {
        place if place.is_empty() => "the stored model".to_owned(),
        place => place,
    };
    for param in params.trainable() {
        if source.spec(param.name()).is_none() {
            return Err(scaledown_sdk::Error::Weights(format!("{place} has no tensor {}", param.name())));
        }
        param.set(&params.device().upload(&source.read(param.name())?)?)?;
    }
    Ok(())
}
