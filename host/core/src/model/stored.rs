//! The contents of a directory, and stored compressors.

use std::path::{Path, PathBuf};

use scaledown_sdk::Tensor;
use scaledown_sdk::nn::peft::SavedAdapter;
use scaledown_sdk::nn::safetensors::{DirectoryWeights, SafetensorsFile};
use scaledown_sdk::nn::{Param, Params, WeightSource};

use super::base::base_checksum;
use super::saved::{ADAPTER, BASE, COMPRESSOR};
use super::{LanguageModel, Oscar};
use crate::support::artifact;
use crate::{Error, Result};

/// The parameter whose rows are the memory tokens, in every compressor built on
/// [`MemoryTokens`](scaledown_sdk::nn::MemoryTokens).
const MEMORY_EMBEDDINGS: &str = "memory_embeddings";

/// A stored compressor with verified files.
pub struct StoredOscar {
    directory: PathBuf,
    compressor: SafetensorsFile,
    adapter: Option<SavedAdapter>,
    /// The checksum of the weights that it was trained beside, where it is known.
    base: Option<u32>,
}

impl StoredOscar {
    /// Opens the directory that [`save_oscar`](super::save_oscar) wrote.
    ///
    /// # Errors
    /// If it holds something else, which the error names, or a file is missing or damaged.
    pub fn open(directory: &Path) -> Result<Self> {
        expect(directory, DirectoryKind::Compressor)?;
        let reader = artifact::open(directory)?;
        let compressor = SafetensorsFile::open(reader.verified(COMPRESSOR)?)?;
        let adapter = if reader.contains(ADAPTER[1]) {
            ADAPTER.iter().try_for_each(|name| reader.verified(name).map(drop))?;
            Some(SavedAdapter::open(directory)?)
        } else {
            None
        };
        let base = if reader.contains(BASE) { base(&reader.read(BASE)?, &directory.join(BASE))? } else { None };
        Ok(StoredOscar { directory: directory.to_owned(), compressor, adapter, base })
    }

    /// Checks, without reading a value, that the stored parameters are those of `oscar`.
    ///
    /// # Errors
    /// If one is missing or has another shape, which the error names; if one of the two has an
    /// adapter and the other none or another; or if the generator's own weights differ.
    pub fn check(&self, oscar: &Oscar) -> Result<()> {
        let failed = |message: String| Error::data(self.directory.display(), message);
        let hint = "use the configuration of its training, config.toml in the same directory";
        for param in oscar.compressor_params.trainable() {
            let (name, wanted) = (param.name(), &param.tensor().spec().shape.clone());
            let found = self.compressor.spec(name).map(|spec| spec.shape);
            if found.as_ref() != Some(wanted) {
                let found = found.map_or_else(|| "is missing".into(), |shape| format!("has the shape {shape}"));
                return Err(failed(format!("{name} {found}, the configuration's compressor has {wanted}; {hint}")));
            }
        }
        match (&self.adapter, oscar.model.params.lora()) {
            (Some(_), None) => Err(failed(format!("the model has an adapter, the configuration's generator has none; {hint}"))),
            (None, Some(_)) => Err(failed(format!("the model has no adapter, the configuration's generator has one; {hint}"))),
            (Some(adapter), Some(lora)) if adapter.config().r != lora.r => {
                let (found, wanted) = (adapter.config().r, lora.r);
                Err(failed(format!("the adapter's rank is {found}, the configuration's is {wanted}; {hint}")))
            }
            (Some(adapter), Some(lora)) if adapter.config().alpha != lora.alpha => {
                let (found, wanted) = (adapter.config().alpha, lora.alpha);
                Err(failed(format!("the adapter's alpha is {found}, the configuration's is {wanted}; {hint}")))
            }
            _ if self.base.is_some() && self.base != base_checksum([&oscar.model.params])? => {
                let model = oscar.model.directory.display();
                Err(failed(format!("it was trained with a generator whose weights differ from those of {model}; {hint}")))
            }
            _ => Ok(()),
        }
    }

    /// Sets the parameters of `oscar` to the stored ones, in whatever element type it has.
    ///
    /// # Errors
    /// As [`StoredOscar::check`], or if a value cannot be read.
    pub fn load(&self, oscar: &Oscar) -> Result<()> {
        self.check(oscar)?;
        for param in oscar.compressor_params.trainable() {
            param.set(&stored(&oscar.compressor_params, &param, &self.compressor)?)?;
        }
        match &self.adapter {
            Some(adapter) => Ok(adapter.restore(&oscar.model.params)?),
            None => Ok(()),
        }
    }

    /// Starts a model from the stored one: every parameter that has the stored one's name and shape
    /// takes its value, and so does the adapter. Of embeddings of another number of memory tokens,
    /// as many are taken as there are places for. Returns the names of parameters that found no
    /// value.
    ///
    /// # Errors
    /// If a value cannot be read, or the adapters differ in shape.
    pub fn start(&self, oscar: &Oscar) -> Result<Vec<String>> {
        let missing = copy_matching(&oscar.compressor_params, &self.compressor)?;
        if let (Some(adapter), Some(_)) = (&self.adapter, oscar.model.params.lora()) {
            adapter.restore(&oscar.model.params)?;
        }
        Ok(missing)
    }
}

/// The checksum that `base.json` holds.
fn base(bytes: &[u8], path: &Path) -> Result<Option<u32>> {
    #[derive(serde::Deserialize)]
    struct Base {
        generator_checksum: u32,
    }
    let read = serde_json::from_slice(bytes).map(|Base { generator_checksum }| Some(generator_checksum));
    read.map_err(|error| Error::line(path, error.line(), error.to_string()))
}

/// A language model on the disk to start another from.
pub struct StoredLanguageModel(DirectoryWeights);

impl StoredLanguageModel {
    /// Opens a Hugging Face directory.
    ///
    /// # Errors
    /// If it holds something else, which the error names, or its weights cannot be read.
    pub fn open(directory: &Path) -> Result<Self> {
        expect(directory, DirectoryKind::LanguageModel)?;
        Ok(StoredLanguageModel(DirectoryWeights::open(directory)?))
    }

    /// Starts a language model from the stored one, which may have fewer layers: every parameter
    /// that has a stored one's name and shape takes its value. Layers on top that start from small
    /// random weights hardly change what the model computes (progressive stacking). Returns the
    /// names of parameters that found no value.
    ///
    /// # Errors
    /// If the weights cannot be read.
    pub fn start(&self, model: &LanguageModel) -> Result<Vec<String>> {
        copy_matching(&model.params, &self.0)
    }
}

/// The contents of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectoryKind {
    Compressor,
    LanguageModel,
    Checkpoint,
    Run,
    Missing,
    Other,
}

impl DirectoryKind {
    fn of(directory: &Path) -> Self {
        let has = |name: &str| directory.join(name).is_file();
        match () {
            () if !directory.is_dir() => DirectoryKind::Missing,
            // A checkpoint holds the compressor's parameters as well.
            () if has("trainer.json") => DirectoryKind::Checkpoint,
            // A compressor that lacks a file counts as damaged.
            () if has(COMPRESSOR) || (has("manifest.json") && has("config.toml")) => DirectoryKind::Compressor,
            () if has("config.json") || has("model.safetensors") || has("model.safetensors.index.json") => {
                DirectoryKind::LanguageModel
            }
            () if directory.join("model").is_dir() || directory.join("checkpoints").is_dir() => DirectoryKind::Run,
            () => DirectoryKind::Other,
        }
    }
}

/// Fails with the contents of `directory` if they are not the wanted ones.
fn expect(directory: &Path, wanted: DirectoryKind) -> Result<()> {
    let found = DirectoryKind::of(directory);
    if found == wanted {
        return Ok(());
    }
    let found = match found {
        DirectoryKind::Compressor => "this is a trained compressor",
        DirectoryKind::LanguageModel => "this is a language model",
        DirectoryKind::Checkpoint => "this is a training checkpoint, for --resume only",
        DirectoryKind::Run => "this is a run's output directory; its `model` exists once the training has finished",
        DirectoryKind::Missing => "there is no such directory",
        DirectoryKind::Other => "this is not a model",
    };
    let wanted = match wanted {
        DirectoryKind::LanguageModel => {
            "a language model (config.json and model.safetensors), as `scaledown pretrain` with `pretraining.kind = \"causal-lm\"` writes it \
             to `model` in its output directory"
        }
        _ => {
            "a trained compressor (compressor.safetensors), as `scaledown train` or `scaledown quickstart` writes it to `model` in its output \
             directory"
        }
    };
    Err(Error::data(directory.display(), format!("{found}; expected {wanted}")))
}

/// The value of a parameter in `source`, which has it in the same shape, in the parameter's own
/// element type.
fn stored(params: &Params, param: &Param, source: &dyn WeightSource) -> Result<Tensor> {
    Ok(params.device().upload(&source.read(param.name())?)?.cast(param.tensor().dtype())?)
}

fn copy_matching(params: &Params, source: &dyn WeightSource) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for param in params.trainable() {
        let wanted = param.tensor().spec().shape.clone();
        let found = source.spec(param.name()).map(|spec| spec.shape);
        let fits = |found: &[usize], wanted: &[usize]| {
            let rows = found.first() == wanted.first() || param.name().ends_with(MEMORY_EMBEDDINGS);
            rows && found.len() == wanted.len() && found[1..] == wanted[1..]
        };
        match found {
            Some(shape) if shape.rank() > 0 && fits(shape.dims(), wanted.dims()) => {
                let value = stored(params, &param, source)?;
                let (rows, all) = (shape.dims()[0].min(wanted.dims()[0]), wanted.dims()[0]);
                let taken = value.slice(0, 0, rows)?;
                let own = param.tensor().detach().slice(0, rows, all - rows)?;
                param.set(&Tensor::concat(&[&taken, &own], 0)?)?;
            }
            _ => missing.push(param.name().to_owned()),
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_another_kind_is_reported_with_what_was_expected() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let reported = |wanted| expect(place, wanted).unwrap_err().to_string().replace(&place.display().to_string(), "DIR");
        assert!(
            reported(DirectoryKind::Compressor).starts_with("DIR: this is not a model; expected a trained compressor"),
            "{}",
            reported(DirectoryKind::Compressor)
        );
        std::fs::create_dir(place.join("model")).unwrap();
        assert!(reported(DirectoryKind::Compressor).starts_with("DIR: this is a run's output directory"));
        std::fs::write(place.join("config.json"), "{}").unwrap();
        assert!(reported(DirectoryKind::Compressor).starts_with("DIR: this is a language model; expected a trained compressor"));
        assert!(expect(place, DirectoryKind::LanguageModel).is_ok());
        std::fs::write(place.join(COMPRESSOR), "").unwrap();
        assert!(
            reported(DirectoryKind::LanguageModel).starts_with("DIR: this is a trained compressor; expected a language model")
        );
        std::fs::write(place.join("trainer.json"), "{}").unwrap();
        assert!(reported(DirectoryKind::Compressor).starts_with("DIR: this is a training checkpoint"));
        let missing = expect(&place.join("none"), DirectoryKind::Compressor).unwrap_err().to_string();
        assert!(missing.contains("none: there is no such directory") && missing.contains("scaledown train"), "{missing}");
    }
}
