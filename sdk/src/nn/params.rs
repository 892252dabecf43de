//! Named parameters: where their values come from, which of them train, and how modules find them.

mod loading;
mod param;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loading::Initial;
pub use param::Param;
pub(super) use param::update_all;
use shared::SharedParams;

use super::init::Init;
use super::lora::{AdapterSwitch, LoraConfig, WithoutAdapters};
use super::quantization::Quantization;
use super::stored::{Stored, Whole};
use super::weights::WeightSource;
use crate::tensor::{DType, Device, Shape};
use crate::{Error, Result};

/// Settings shared by all parameters of one model.
#[derive(Clone, Debug)]
pub struct ParamOptions {
    /// The device that values live on.
    pub device: Device,
    /// The type that values are stored in.
    pub dtype: DType,
    /// Whether gradients are wanted (of parameters that are not made otherwise by
    /// [`Params::frozen`] or an adapter).
    pub trainable: bool,
    /// The seed of random initial values.
    pub seed: u64,
    /// The adapter that linear layers get, if any.
    pub lora: Option<LoraConfig>,
    /// How the weights of linear layers and embedding tables that do not train are stored, if not
    /// in `dtype`.
    pub quantization: Option<Quantization>,
}

/// The parameters of a model under one path, as a module sees them while it is built.
///
/// A value comes from the weights given to [`Params::load`] or attached to the path by
/// [`Params::initialised_from`]; or from the module's own [`Init`], where the model is made from
/// random weights ([`Params::random`]) or the parameter is new ([`Params::fresh`]).
#[derive(Clone)]
pub struct Params {
    store: Arc<Store>,
    prefix: String,
    trainable: bool,
    quantization: Option<Quantization>,
    initial: Option<Initial>,
    shared: Option<SharedParams>,
}

struct Store {
    options: ParamOptions,
    state: Mutex<State>,
    adapters: AdapterSwitch,
}

#[derive(Default)]
struct State {
    params: BTreeMap<String, Param>,
    /// Weights that must be used up; see [`Params::load`].
    whole: Vec<Whole>,
    /// Missing and misshapen weights, by source.
    problems: BTreeMap<String, Vec<String>>,
    /// The paths of the linear layers, which an adapter may be on.
    linear: BTreeSet<String>,
}

impl Params {
    /// Parameters with random initial values.
    #[must_use]
    pub fn random(options: ParamOptions) -> Self {
        let (trainable, quantization) = (options.trainable, options.quantization);
        let store = Arc::new(Store { options, state: Mutex::default(), adapters: AdapterSwitch::default() });
        Params { store, prefix: String::new(), trainable, quantization, initial: None, shared: None }
    }

    /// Parameters whose values `weights` hold. [`Params::finish`] reports missing and extra
    /// weights.
    #[must_use]
    pub fn load(options: ParamOptions, weights: Arc<dyn WeightSource>) -> Self {
        Params::random(options).load_strict(weights, "", &[])
    }

    /// The parameters under `name` of this path.
    #[must_use]
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Params { prefix: self.full(&name.to_string()), ..self.clone() }
    }

    /// The same path, but without gradients.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Params { trainable: false, ..self.clone() }
    }

    /// The same path, with gradients.
    #[must_use]
    pub fn trained(&self) -> Self {
        Params { trainable: true, ..self.clone() }
    }

    /// The same path, in which the weights of linear layers and embedding tables that do not train
    /// are stored as `quantization` says.
    #[must_use]
    pub fn quantized(&self, quantization: Option<Quantization>) -> Self {
        Params { quantization, ..self.clone() }
    }

    /// The same path, with initial values from `source`, in which this path is called `prefix`.
    #[must_use]
    pub fn initialised_from(&self, source: Arc<dyn WeightSource>, prefix: &str) -> Self {
        self.attached(Stored::new(source), prefix)
    }

    /// As [`Params::initialised_from`], for a model that takes all of the weights under `prefix`:
    /// [`Params::finish`] reports those that no parameter is made of, except those under one of the
    /// paths `ignore` (heads that the model does not have), which count from `prefix` too.
    #[must_use]
    pub fn load_strict(&self, source: Arc<dyn WeightSource>, prefix: &str, ignore: &[&str]) -> Self {
        let stored = Stored::new(source);
        let ignore = ignore.iter().map(|name| join(prefix, name)).collect();
        self.state().whole.push(Whole { stored: Arc::clone(&stored), prefix: prefix.to_owned(), ignore });
        self.attached(stored, prefix)
    }

    fn attached(&self, stored: Arc<Stored>, prefix: &str) -> Self {
        let initial = Initial { stored, root: self.prefix.clone(), prefix: prefix.to_owned() };
        Params { initial: Some(initial), ..self.clone() }
    }

    /// The same path without stored weights: new parameters, that take their [`Init`].
    #[must_use]
    pub fn fresh(&self) -> Self {
        Params { initial: None, shared: None, ..self.clone() }
    }

    /// The same path, for a model that is `owner`'s under another adapter: its weights are those of
    /// `owner`, held once, frozen and not listed here; what is new is the adapter `lora` on its
    /// linear layers. [`Params::finish`] of the returned path reports an adapter on layers that are
    /// not there.
    #[must_use]
    pub fn sharing(&self, owner: &Params, lora: LoraConfig) -> Self {
        let (prefix, root) = (owner.prefix.clone(), self.prefix.clone());
        let shared = SharedParams { owner: Arc::clone(&owner.store), prefix, root, lora };
        Params { trainable: false, initial: None, shared: Some(shared), ..self.clone() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.prefix
    }

    /// The device that values live on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.store.options.device
    }

    /// The type that values are stored in.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.store.options.dtype
    }

    /// The adapter that linear layers get, if any.
    #[must_use]
    pub fn lora(&self) -> Option<&LoraConfig> {
        match &self.shared {
            Some(shared) => Some(&shared.lora),
            None => self.store.options.lora.as_ref(),
        }
    }

    /// Switches the adapters of the whole model off for as long as the returned guard lives: the
    /// model computes what it did before it was adapted (PEFT's `disable_adapter`). An adapter that
    /// was merged into its weight stays.
    #[must_use]
    pub fn without_adapters(&self) -> WithoutAdapters {
        self.store.adapters.switch_off()
    }

    /// The switch of the model's adapters.
    pub(super) fn adapter_switch(&self) -> AdapterSwitch {
        self.store.adapters.clone()
    }

    /// Whether the adapters of the model count at present.
    #[must_use]
    pub fn adapters_on(&self) -> bool {
        self.store.adapters.on()
    }

    /// The parameter `name` under this path. Asking twice gives the same parameter.
    ///
    /// A value that is missing or misshapen is noted, and [`Params::finish`] reports all of them
    /// together.
    ///
    /// # Errors
    /// If weights cannot be read or the device is out of memory.
    pub fn get(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        self.get_as(self.store.options.dtype, name, shape.into(), init)
    }

    /// The weight `name` of a linear layer: as [`Params::get`], but quantised if that is asked for,
    /// nothing of it trains, and its rows are made of whole blocks.
    ///
    /// # Errors
    /// As [`Params::get`].
    pub(super) fn weight(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        self.get_quantized(self.quantization, name, shape.into(), init)
    }

    /// The weight `name` of an embedding table: as [`Params::weight`].
    ///
    /// # Errors
    /// As [`Params::get`].
    pub(super) fn table(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        self.get_quantized(self.quantization.map(Quantization::of_table), name, shape.into(), init)
    }

    fn get_quantized(&self, quantization: Option<Quantization>, name: &str, shape: Shape, init: Init) -> Result<Param> {
        let quantization = quantization.filter(|quantization| !self.trainable && quantization.fits(&shape));
        let dtype = match quantization {
            Some(quantization) => quantization.dtype(),
            None => self.stored_blocks(name).unwrap_or(self.store.options.dtype),
        };
        self.get_as(dtype, name, shape, init)
    }

    fn get_as(&self, dtype: DType, name: &str, shape: Shape, init: Init) -> Result<Param> {
        let name = self.full(name);
        if let Some(shared) = &self.shared {
            return shared.get(&name, &shape);
        }
        if let Some(param) = self.state().params.get(&name) {
            return Ok(param.clone());
        }
        let value = self.initial_value(&name, &shape, init, dtype).map_err(|error| error.at(&name))?;
        let param = Param::new(name.clone(), &value, self.trainable)?;
        self.state().params.insert(name, param.clone());
        Ok(param)
    }

    /// Notes that this path is a linear layer.
    pub fn note_linear(&self) {
        self.state().linear.insert(self.prefix.clone());
    }

    /// Ends the construction of a model: reports weights that were missing, misshapen, or present
    /// but never asked for, and an adapter on layers that are not there.
    ///
    /// # Errors
    /// [`Error::Weights`] that names all of them (the first twenty), and the files that they are or
    /// should be in; [`Error::Config`] that names the adapter's target.
    pub fn finish(&self) -> Result<()> {
        let state = self.state();
        if let Some(problem) = self.lora().and_then(|lora| lora.problem(&state.linear)) {
            return Err(Error::Config(problem));
        }
        let mut problems = state.problems.clone();
        for whole in &state.whole {
            let extra = whole.left().into_iter().map(|name| format!("{name} is not a parameter of this model"));
            problems.entry(whole.stored.source.location()).or_default().extend(extra);
        }
        problems.retain(|_, problems| !problems.is_empty());
        if problems.is_empty() { Ok(()) } else { Err(Error::Weights(describe(&problems))) }
    }

    /// All parameters made so far, in order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Param> {
        self.state().params.values().cloned().collect()
    }

    /// The parameters that train, in order of their names.
    #[must_use]
    pub fn trainable(&self) -> Vec<Param> {
        self.all().into_iter().filter(Param::trainable).collect()
    }

    fn full(&self, name: &str) -> String {
        join(&self.prefix, name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.store.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first twenty problems, by where the weights are.
fn describe(problems: &BTreeMap<String, Vec<String>>) -> String {
    const SHOWN: usize = 20;
    let mut room = SHOWN;
    let mut places = Vec::new();
    for (location, problems) in problems {
        let shown = &problems[..problems.len().min(room)];
        room -= shown.len();
        if !shown.is_empty() {
            let place = if location.is_empty() { String::new() } else { format!("{location}: ") };
            places.push(format!("{place}{}", shown.join("; ")));
        }
    }
    let more = problems.values().map(Vec::len).sum::<usize>().saturating_sub(SHOWN);
    let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{tail}", places.join("; "))
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() || name.is_empty() { format!("{prefix}{name}") } else { format!("{prefix}.{name}") }
}
