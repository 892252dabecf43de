//! AdamW over groups of parameters (Loshchilov and Hutter 2019, arXiv 1711.05101), equal to
//! `torch.optim.AdamW`.
//!
//! Moments are f32 whatever the parameters are, and parameters of 16 bits have an f32 master copy:
//! updates smaller than their precision would be lost otherwise.

use std::collections::BTreeMap;

use super::params::{Param, update_all};
use super::weights::WeightSource;
use crate::autodiff::Gradients;
use crate::error::ResultExt;
use crate::tensor::{DType, Op, Tensor, no_grad};
use crate::{Error, Result};

/// Parameters that share a learning rate.
#[derive(Clone, Debug)]
pub struct ParamGroup {
    /// The group's name in a metrics log (`generator`, `compressor`).
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

    /// The Euclidean norm of all gradients together, a scalar that stays on the device; `None` if
    /// there are none.
    ///
    /// # Errors
    /// If the device fails.
    pub fn gradient_norm(&self, gradients: &Gradients) -> Result<Option<Tensor>> {
        let params = self.groups.iter().flat_map(|group| &group.params);
        let values: Vec<Tensor> = params.map(Param::tensor).collect();
        let all: Vec<&Tensor> = values.iter().filter_map(|value| gradients.get(value)).collect();
        if all.is_empty() { Ok(None) } else { no_grad(|| Tensor::sum_squares(&all)?.sqrt()).map(Some) }
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

    /// Makes one step. `schedule` multiplies each group's learning rate; `scale`, a scalar on the
    /// device, multiplies the gradients (see [`clip_scale`]). A parameter without a gradient stays
    /// as it is, and **where `scale` is NaN, everything does**.
    ///
    /// # Errors
    /// If the device fails; the parameters may then be of different steps; resume from a
    /// checkpoint.
    pub fn step(&mut self, mut gradients: Gradients, schedule: f64, scale: &Tensor) -> Result<()> {
        self.steps += 1;
        for group in &self.groups {
            // One instruction for all parameters of one kind.
            for (precise, masters) in [(DType::F32, false), (DType::F32, true), (DType::F64, false)] {
                let lr = group.lr * schedule;
                let OptimizerConfig { beta1, beta2, eps, weight_decay } = self.config;
                let op = Op::AdamW { beta1, beta2, eps, weight_decay, masters, lr, step: self.steps };
                let of_kind = |param: &&Param| {
                    let dtype = param.tensor().dtype();
                    dtype.accumulator() == precise && (dtype != precise) == masters
                };
                let params: Vec<&Param> = group.params.iter().filter(of_kind).collect();
                update(&op, &params, &mut gradients, &mut self.moments, scale).at(&group.name)?;
            }
        }
        Ok(())
    }

    /// The state, for a checkpoint: `first.NAME`, `second.NAME` and `master.NAME` of each
    /// parameter. The number of steps is apart.
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
    /// [`Error::Weights`] that names a tensor that is missing or of another shape, or if the state
    /// cannot be read.
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

/// The factor by which gradients of this `norm` are multiplied so that it becomes `max_norm` at
/// most (as `torch.nn.utils.clip_grad_norm_`): a scalar on the device, and NaN, so that a step
/// changes nothing, where the norm or one of the `losses` is not finite.
///
/// # Errors
/// If the device fails.
pub fn clip_scale(norm: &Tensor, max_norm: f64, losses: &[&Tensor]) -> Result<Tensor> {
    no_grad(|| {
        let one = norm.device().full(norm.dtype(), [], 1.0)?;
        let mut scale = norm.affine(1.0, 1e-6)?.recip()?.affine(max_norm, 0.0)?.minimum(&one)?;
        for number in std::iter::once(norm).chain(losses.iter().copied()) {
            // Less itself, a number is zero where it is finite, else NaN, which stays.
            let number = number.detach().cast(norm.dtype())?.reshape([])?;
            scale = scale.add(&number.sub(&number)?)?;
        }
        Ok(scale)
    })
}

/// Runs one AdamW instruction for all of `params` that have a gradient.
fn update(
    op: &Op,
    params: &[&Param],
    gradients: &mut Gradients,
    moments: &mut BTreeMap<String, Moments>,
    scale: &Tensor,
) -> Result<()> {
    let mut taken = Vec::new();
    for &param in params {
        if let (Some(gradient), Some(own)) = (gradients.take(&param.tensor()), moments.remove(param.name())) {
            taken.push((param, gradient, own));
        }
    }
    let Some((first, ..)) = taken.first() else { return Ok(()) };
    let accumulator = first.tensor().dtype().accumulator();
    let placeholder = scale.detach();
    let params: Vec<&Param> = taken.iter().map(|(param, ..)| *param).collect();
    let mut updated = Vec::new();
    no_grad(|| {
        update_all(&params, &placeholder, |values| {
            let mut inputs = vec![scale.detach().cast(accumulator)?];
            for (value, (_, gradient, own)) in values.into_iter().zip(taken) {
                inputs.extend([value, gradient, own.first, own.second]);
                inputs.extend(own.master);
            }
            let mut outputs = Tensor::apply_owned(op.clone(), inputs)?.into_iter();
            let masters = matches!(op, Op::AdamW { masters: true, .. });
            let mut values = Vec::with_capacity(params.len());
            while let (Some(value), Some(first), Some(second)) = (outputs.next(), outputs.next(), outputs.next()) {
                values.push(value);
                updated.push(Moments { first, second, master: if masters { outputs.next() } else { None } });
            }
            Ok(values)
        })
    })?;
    for (param, own) in params.iter().zip(updated) {
        moments.insert(param.name().to_owned(), own);
    }
    Ok(())
}
