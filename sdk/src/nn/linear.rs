//! The linear layer, with its low-rank adapter.

use std::sync::atomic::{AtomicBool, Ordering};

use super::lora::AdapterSwitch;
use super::{ForwardMode, Init, LoraConfig, Param, Params};
use crate::error::ResultExt;
use crate::tensor::{Tensor, UnaryOp};
use crate::{Error, Result};

/// `x weight^T + bias`, and an adapter if the model's [`ParamOptions`](super::ParamOptions) ask for
/// one here. The weight and bias of an adapted layer are frozen, and the adapter trains. A frozen
/// weight may be [quantised](super::ParamOptions::quantization).
///
/// Parameters under its path: `weight [out, in]`, `bias [out]`, `lora_A.weight [r, in]`,
/// `lora_B.weight [out, r]`.
#[derive(Debug)]
pub struct Linear {
    weight: Param,
    bias: Option<Param>,
    adapter: Option<Adapter>,
}

/// `dropout(x) A^T B^T * alpha / r`, which is added to a linear layer (Hu et al. 2021, arXiv
/// 2106.09685).
#[derive(Debug)]
struct Adapter {
    down: Param,
    up: Param,
    scale: f64,
    dropout: f64,
    /// Set once the update is part of the weight.
    merged: AtomicBool,
    switch: AdapterSwitch,
}

impl Adapter {
    /// Whether the update is to be added to the layer's output.
    fn active(&self) -> bool {
        !self.merged.load(Ordering::Relaxed) && self.switch.on()
    }
}

/// The distribution of a new weight of `inputs` columns.
fn default_init(inputs: usize) -> Init {
    Init::Normal(1.0 / (inputs.max(1) as f64).sqrt())
}

impl Linear {
    /// The layer at the path of `params`. A new weight is normally distributed with a variance of
    /// `1 / inputs`, which keeps the scale of what passes through whatever the width (LeCun et al.
    /// 1998); a new bias is 0.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, inputs: usize, outputs: usize, bias: bool) -> Result<Self> {
        Linear::with_init(params, inputs, outputs, bias, default_init(inputs))
    }

    /// As [`Linear::new`] with a bias, with another distribution of a new bias.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn with_bias_init(params: &Params, inputs: usize, outputs: usize, bias: Init) -> Result<Self> {
        Linear::build(params, inputs, outputs, Some(bias), default_init(inputs))
    }

    /// As [`Linear::new`], with another distribution of a new weight.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn with_init(params: &Params, inputs: usize, outputs: usize, bias: bool, init: Init) -> Result<Self> {
        Linear::build(params, inputs, outputs, bias.then_some(Init::ZEROS), init)
    }

    fn build(params: &Params, inputs: usize, outputs: usize, bias: Option<Init>, init: Init) -> Result<Self> {
        params.note_linear();
        let lora = params.lora().filter(|lora| lora.applies_to(params.path()));
        let base = if lora.is_some() { params.frozen() } else { params.clone() };
        Ok(Linear {
            weight: base.weight("weight", [outputs, inputs], init)?,
            bias: bias.map(|init| base.get("bias", [outputs], init)).transpose()?,
            adapter: lora.map(|lora| Adapter::new(params, inputs, outputs, lora)).transpose()?,
        })
    }

    /// `[.., in] -> [.., out]`.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward(&self, x: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(Param::tensor);
        let y = x.linear(&self.weight.tensor(), bias.as_ref())?;
        match &self.adapter {
            Some(adapter) if adapter.active() => adapter.add_to(y, x, forward).at("lora"),
            _ => Ok(y),
        }
    }

    /// `function(x weight^T + bias)`, `[.., in] -> [.., out]`, with bias and function in one
    /// instruction.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward_activated(&self, x: &Tensor, function: UnaryOp, forward: &mut ForwardMode) -> Result<Tensor> {
        match &self.bias {
            Some(bias) if !self.adapter.as_ref().is_some_and(Adapter::active) => {
                x.linear(&self.weight.tensor(), None)?.bias_activation(&bias.tensor(), function)
            }
            _ => self.forward(x, forward)?.unary(function),
        }
    }

    /// Adds the adapter's update to the weight and switches the adapter off, which makes inference
    /// as fast as without it. Do not train afterwards. The adapter's `B` becomes 0, so
    /// that saved parameters still describe the same function. A quantised weight would round the
    /// update away, as would one that is stored in a shorter type: there the adapter stays.
    ///
    /// # Errors
    /// If the device fails.
    pub fn merge(&self) -> Result<()> {
        match &self.adapter {
            Some(adapter) if self.weight.tensor().dtype() != adapter.up.tensor().dtype() => Ok(()),
            Some(adapter) if !adapter.merged.swap(true, Ordering::Relaxed) => adapter.merge_into(&self.weight),
            _ => Ok(()),
        }
    }

    /// The weight `[out, in]`.
    #[must_use]
    pub fn weight(&self) -> &Param {
        &self.weight
    }
}

impl Adapter {
    fn new(params: &Params, inputs: usize, outputs: usize, lora: &LoraConfig) -> Result<Self> {
        if lora.r == 0 {
            return Err(Error::Config("the rank `r` of an adapter is 0; it must be at least 1".into()));
        }
        let params = params.fresh().trained();
        // Kaiming's uniform distribution with a = sqrt(5), as PEFT starts A.
        let bound = 1.0 / (inputs.max(1) as f64).sqrt();
        Ok(Adapter {
            down: params.get("lora_A.weight", [lora.r, inputs], Init::Uniform(bound))?,
            up: params.get("lora_B.weight", [outputs, lora.r], Init::ZEROS)?,
            scale: lora.alpha / lora.r as f64,
            dropout: lora.dropout,
            merged: AtomicBool::new(false),
            switch: params.adapter_switch(),
        })
    }

    /// `y` plus the update, in one instruction.
    fn add_to(&self, y: Tensor, x: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let dropout = if forward.training { (self.dropout, forward.next_seed()) } else { (0.0, 0) };
        y.adapter(x, &self.down.tensor(), &self.up.tensor(), self.scale, dropout)
    }

    fn merge_into(&self, weight: &Param) -> Result<()> {
        let up = self.up.tensor().detach();
        let update = up.matmul(&self.down.tensor().detach())?.affine(self.scale, 0.0)?;
        weight.set(&weight.tensor().detach().add(&update)?)?;
        self.up.set(&up.device().zeros(up.dtype(), up.shape())?)
    }
}
