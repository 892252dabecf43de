//! Parameters of one model that are another's, too.

use std::sync::{Arc, PoisonError};

use super::{Param, Store, join};
use crate::nn::LoraConfig;
use crate::tensor::Shape;
use crate::{Error, Result};

/// The parameters of another model that are this one's, too.
#[derive(Clone)]
pub(super) struct SharedParams {
    pub(super) owner: Arc<Store>,
    /// The path of the other model in its own parameters.
    pub(super) prefix: String,
    /// The path of this one, below which names are looked up.
    pub(super) root: String,
    pub(super) lora: LoraConfig,
}

impl SharedParams {
    /// The other model's parameter for the one that is called `name` here.
    pub(super) fn get(&self, name: &str, shape: &Shape) -> Result<Param> {
        let relative = name.strip_prefix(self.root.as_str()).unwrap_or(name).trim_start_matches('.');
        let name = join(&self.prefix, relative);
        let state = self.owner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.params.get(&name).cloned();
        let param = found.ok_or_else(|| Error::Weights(format!("the other model has no {name} to share")))?;
        let found = param.tensor().spec().shape.clone();
        if found != *shape {
            return Err(Error::Weights(format!("{name} of the other model has shape {found}, expected {shape}")));
        }
        Ok(param)
    }
}
