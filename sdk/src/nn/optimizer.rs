//! AdamW over groups of parameters (Loshchilov and Hutter 2019, arXiv 1711.05101), equal to `torch.optim.AdamW`.
//!
//! Moments are f32 whatever the parameters are, and parameters of 16 bits have an f32 master copy: updates smaller than their precision
//! would be lost otherwise.

use std::collections::BTreeMap;

use super::params::Param;
use super::weights::WeightSource;
use crate::autodiff::Gradients;
use crate::tensor::{AdamW, Op, Tensor, no_grad};
use crate::{Error, Result};

/// Parameters that share a learning rate.
#[derive(Clone, Debug)]
pub struct ParamGroup {
    /// What a metrics log calls the group (`generator`, `compressor`).
    pub name: String,
    /// The parameters.
    pub params: Vec<Param>,
    /// The learning rate at the schedule's peak.
    pub lr: f64,
}

/// The settings that all groups share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerConfig {
    /// The decay of the first moment.
    pub beta1: f64,
    /// The decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, for every parameter.
    pub weight_decay: f64,
}

impl Default for OptimizerConfig {
    /// PyTorch's, with the paper's weight decay.
    fn default() -> Self {
        OptimizerConfig { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1 }
    }
}

/// AdamW and its state.
pub struct Optimizer {
    groups: Vec<ParamGroup>,
    config: OptimizerConfig,
    moments: BTreeMap<String, Moments>,
    steps: u64,
}

struct Moments {
    first: Tensor,
    second: Tensor,
    master: Option<Tensor>,
}

impl Moments {
    fn new(param: &Param) -> Result<Self> {
        let value = param.tensor().detach();
        let (device, dtype) = (value.device().clone(), value.dtype().accumulator());
        let zeros = || device.zeros(dtype, value.shape());
        let master = if value.dtype() == dtype { None } else { Some(value.cast(dtype)?) };
        Ok(Moments { first: zeros()?, second: zeros()?, master })
    }

    /// The state's tensors with the names that they are stored under.
    fn named(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        [("first", &self.first), ("second", &self.second)]
            .into_iter()
            .chain(self.master.as_ref().map(|master| ("master", master)))
    }
}

impl Optimizer {
    /// An optimizer that has made no step. A parameter may be in one group only.
    ///
    /// # Errors
    /// [`Error::Config`] if a name occurs twice, or the device is out of memory.
    pub fn new(groups: Vec<ParamGroup>, config: OptimizerConfig) -> Result<Self> {
        let mut moments = BTreeMap::new();
        for param in groups.iter().flat_map(|group| &group.params) {
            if moments.insert(param.name().to_owned(), Moments::new(param)?).is_some() {
                return Err(Error::Config(format!("the optimizer got the parameter {} twice", param.name())));
            }
        }
        Ok(Optimizer { groups, config, moments, steps: 0 })
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[ParamGroup] {
        &self.groups
    }

    /// The number of steps made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The Euclidean norm of all gradients together.
    ///
    /// # Errors
    /// If the device fails.
    pub fn gradient_norm(&self, gradients: &Gradients) -> Result<f64> {
        let all: Vec<&Tensor> = gradients.values().collect();
        if all.is_empty() { Ok(0.0) } else { Ok(Tensor::sum_squares(&all)?.scalar()?.sqrt()) }
    }

    /// The first parameter whose gradient is not finite.
    ///
    /// # Errors
    /// If the device fails.
    pub fn non_finite(&self, gradients: &Gradients) -> Result<Option<&str>> {
        for param in self.groups.iter().flat_map(|group| &group.params) {
            if let Some(gradient) = gradients.get(&param.tensor())
                && !Tensor::sum_squares(&[gradient])?.scalar()?.is_finite()
            {
                return Ok(Some(param.name()));
            }
        }
        Ok(None)
    }

    /// Makes one step. `schedule` multiplies each group's learning rate; `scale` multiplies the gradients (clipping, averaging).
    /// A parameter without a gradient stays as it is.
    ///
    /// # Errors
    /// If the device fails; the parameters may then be of different steps, and only a checkpoint is safe to go on from.
    pub fn step(&mut self, mut gradients: Gradients, schedule: f64, scale: f64) -> Result<()> {
        self.steps += 1;
        let OptimizerConfig { beta1, beta2, eps, weight_decay } = self.config;
        for group in &self.groups {
            let lr = group.lr * schedule;
            let settings = AdamW { lr, beta1, beta2, eps, weight_decay, step: self.steps, grad_scale: scale };
            for param in &group.params {
                if let (Some(gradient), Some(moments)) = (gradients.take(&param.tensor()), self.moments.remove(param.name())) {
                    let moments = update(param, gradient, moments, settings).map_err(|error| error.at(param.name()))?;
                    self.moments.insert(param.name().to_owned(), moments);
                }
            }
        }
        Ok(())
    }

    /// The state, for a checkpoint: `first.NAME`, `second.NAME` and `master.NAME` of each parameter. The number of steps is apart.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let named = |(name, moments): (&String, &Moments)| {
            moments.named().map(|(kind, tensor)| (format!("{kind}.{name}"), tensor.clone())).collect::<Vec<_>>()
        };
        self.moments.iter().flat_map(named).collect()
    }

    /// Takes the state of a checkpoint that was written after `steps` steps.
    ///
    /// # Errors
    /// [`Error::Weights`] that names a tensor that is missing or of another shape, or if the state cannot be read.
    pub fn load_state(&mut self, steps: u64, state: &dyn WeightSource) -> Result<()> {
        for (name, moments) in &mut self.moments {
            moments.first = restore(&moments.first, &format!("first.{name}"), state)?;
            moments.second = restore(&moments.second, &format!("second.{name}"), state)?;
            if let Some(master) = &moments.master {
                moments.master = Some(restore(master, &format!("master.{name}"), state)?);
            }
        }
        self.steps = steps;
        Ok(())
    }
}

fn restore(old: &Tensor, name: &str, state: &dyn WeightSource) -> Result<Tensor> {
    let spec = state.spec(name).ok_or_else(|| Error::Weights(format!("the optimizer's state has no {name}")))?;
    if spec != *old.spec() {
        return Err(Error::Weights(format!("the optimizer's {name} is {spec}, expected {}", old.spec())));
    }
    old.device().upload(&state.read(name)?)
}

fn update(param: &Param, gradient: Tensor, moments: Moments, settings: AdamW) -> Result<Moments> {
    let mut rest = None;
    no_grad(|| {
        param.update(|value| {
            let mut inputs = vec![value, gradient, moments.first, moments.second];
            inputs.extend(moments.master);
            let mut outputs = Tensor::apply_owned(Op::AdamW(settings), inputs)?.into_iter();
            let value = outputs.next();
            rest = outputs.next().zip(outputs.next()).map(|(first, second)| Moments { first, second, master: outputs.next() });
            value.ok_or_else(|| Error::Autodiff("adamw has no output".into()))
        })
    })?;
    rest.ok_or_else(|| Error::Autodiff("adamw has too few outputs".into()))
}
