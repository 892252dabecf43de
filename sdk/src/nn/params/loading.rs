//! What parameters are made of: stored weights, or a module's own initial values.

use std::sync::Arc;

use super::{Param, Params, describe, join};
use crate::nn::Init;
use crate::nn::stored::Stored;
use crate::tensor::{DType, Shape, Tensor, TensorSpec};
use crate::{Error, Result};

/// Stored weights that the parameters of a scope start from.
#[derive(Clone)]
pub(super) struct Initial {
    pub(super) stored: Arc<Stored>,
    /// The prefix of this scope when the source was attached; names are looked up relative to it.
    pub(super) root: String,
    pub(super) prefix: String,
}

impl Params {
    /// Whether the weights of this path hold `name`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.source(&self.full(name)).is_some_and(|(stored, name)| stored.source.spec(&name).is_some())
    }

    /// The format of the blocks in which the weights of this path hold a weight that does not
    /// train: it stays as it is.
    pub(super) fn stored_blocks(&self, name: &str) -> Option<DType> {
        let (stored, name) = self.source(&self.full(name)).filter(|_| !self.trainable)?;
        stored.source.spec(&name).map(|spec| spec.dtype).filter(|dtype| dtype.is_quantized())
    }

    /// The value of a parameter as floating-point numbers, not rounded as its
    /// [`Quantization`](crate::nn::Quantization) rounds: of a quantised one that was read from
    /// stored weights of this path, what stands there.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn unquantized(&self, param: &Param) -> Result<Tensor> {
        let value = param.tensor().detach();
        if !value.dtype().is_quantized() {
            return Ok(value);
        }
        match self.source(param.name()).filter(|(stored, name)| stored.source.spec(name).is_some()) {
            Some((stored, name)) => self.device().upload(&stored.source.read(&name)?)?.cast(self.dtype()),
            None => value.cast(self.dtype()),
        }
    }

    pub(super) fn initial_value(&self, name: &str, shape: &Shape, init: Init, dtype: DType) -> Result<Tensor> {
        let options = &self.store.options;
        let Some((stored, name_there)) = self.source(name) else {
            let value = init.tensor(TensorSpec::new(options.dtype, shape), name_seed(options.seed, name), &options.device)?;
            return value.cast(dtype);
        };
        stored.ask(name_there.clone());
        let problem = match stored.source.spec(&name_there) {
            Some(spec) if spec.shape != *shape => format!("{name_there} has shape {}, expected {shape}", spec.shape),
            Some(spec) if !spec.dtype.is_float() && !spec.dtype.is_quantized() => {
                format!("{name_there} is of type {}, expected floating-point numbers", spec.dtype)
            }
            Some(spec) => {
                let value = options.device.upload(&stored.source.read(&name_there)?)?;
                // Blocks of one format become those of another by way of numbers.
                let value = if spec.dtype.is_quantized() && dtype != spec.dtype { value.cast(DType::F32)? } else { value };
                return value.cast(dtype);
            }
            None => format!("{name_there} is missing, expected shape {shape}"),
        };
        self.state().problems.entry(stored.source.location()).or_default().push(problem);
        // A shape too large for memory is reported with the file, not as a lack of memory.
        options.device.zeros(options.dtype, shape).map_err(|_| Error::Weights(describe(&self.state().problems)))
    }

    /// The weights that hold the parameter `name` (a full name), and its name there.
    fn source(&self, name: &str) -> Option<(&Stored, String)> {
        let initial = self.initial.as_ref()?;
        let relative = name.strip_prefix(initial.root.as_str())?.trim_start_matches('.');
        Some((&initial.stored, initial.stored.name_of(join(&initial.prefix, relative))))
    }

    /// Notes that stored weights may hold `name` under this path although no parameter is made of
    /// it.
    pub fn tolerate(&self, name: &str) {
        if let Some((stored, name)) = self.source(&self.full(name)) {
            stored.ask(name);
        }
    }

    /// As [`Params::tolerate`], for a weight that is the same as `original` under this path, as
    /// where an output head is the embedding table: either may be stored alone. One that differs is
    /// noted, and [`Params::finish`] reports it.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn tolerate_copy(&self, name: &str, original: &str) -> Result<()> {
        let full = [name, original].map(|name| self.full(name));
        let [Some((stored, name)), Some((_, original))] = full.each_ref().map(|name| self.source(name)) else { return Ok(()) };
        stored.ask(name.clone());
        let source = &stored.source;
        if source.spec(&original).is_none() {
            // Stored once, under the other name.
            stored.copy(original, name);
            return Ok(());
        }
        if source.spec(&name).is_none() || source.read(&name)? == source.read(&original)? {
            return Ok(());
        }
        let problem =
            format!("{name} differs from {original}, although the model's configuration ties them (tie_word_embeddings)");
        self.state().problems.entry(source.location()).or_default().push(problem);
        Ok(())
    }

    /// Takes the parameter `name` under this path from the weight that is called `copy` in the
    /// whole of the stored weights, where it is not stored under its own name.
    pub fn stored_as(&self, name: &str, copy: &str) {
        if let Some((stored, name)) = self.source(&self.full(name)) {
            stored.copy(name, copy.to_owned());
        }
    }
}

/// A seed for each name (FNV-1a), so that a parameter's initial value depends on no other
/// parameter.
fn name_seed(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed ^ 0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}
