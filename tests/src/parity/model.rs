//! The models of the fixtures, and one recorded pass through them.

use std::sync::Arc;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::modernbert::{ModernBertConfig, ModernBertMaskedLm};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{ForwardMode, LoraConfig, ParamOptions, Params, Span, WeightSource};
use scaledown_sdk::{DType, Device, Result, Tensor};

use super::{ComparisonReport, Fixture, directory};

/// A model of either family with its head, read from a fixture's directory.
pub struct Model {
    kind: Kind,
    /// All its parameters.
    pub params: Params,
}

enum Kind {
    Decoder(CausalLm),
    ModernBertModel(ModernBertMaskedLm),
}

/// How the parameters of a fixture's model are made: trainable, without an adapter.
#[must_use]
pub fn options(device: &Device, dtype: DType, lora: Option<LoraConfig>) -> ParamOptions {
    ParamOptions { device: device.clone(), dtype, trainable: true, seed: 0, lora, quantization: None }
}

impl Model {
    /// Reads the model of the fixture `name`.
    ///
    /// # Errors
    /// If the directory does not hold a model, or the weights do not fit its configuration.
    pub fn load(name: &str, device: &Device, dtype: DType) -> Result<Self> {
        let params = Params::load(options(device, dtype, None), weights(name)?);
        let kind = if name.starts_with("modernbert") {
            Kind::ModernBertModel(ModernBertMaskedLm::new(encoder_config(name, "config.json")?, &params)?)
        } else {
            Kind::Decoder(CausalLm::new(DecoderConfig::from_directory(&directory(name))?, &params)?)
        };
        params.finish()?;
        Ok(Model { kind, params })
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        match &self.kind {
            Kind::Decoder(model) => model.embed(ids),
            Kind::ModernBertModel(model) => model.encoder().table().tensor().embedding(ids),
        }
    }

    fn hidden_states(&self, embeddings: &Tensor, spans: &[Span]) -> Result<Vec<Tensor>> {
        let mut forward = ForwardMode::training(0, false);
        match &self.kind {
            Kind::Decoder(model) => model.hidden_states(embeddings, spans, &mut forward),
            Kind::ModernBertModel(model) => model.encoder().hidden_states(embeddings, spans, &mut forward),
        }
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        match &self.kind {
            Kind::Decoder(model) => model.logits(hidden),
            Kind::ModernBertModel(model) => model.logits(hidden, &mut ForwardMode::inference()),
        }
    }

    /// Runs the case on this model, and compares logits, hidden states, loss and gradients with
    /// those recorded.
    ///
    /// # Errors
    /// If the model cannot run.
    pub fn compare(&self, case: &Fixture, device: &Device, report: &mut ComparisonReport) -> Result<()> {
        let mask = mask(case, "in.attention_mask");
        let embeddings = match case.find("in.inputs_embeds") {
            Some(embeddings) => device.upload(embeddings)?.leaf()?,
            None => self.embed(&case.upload("in.input_ids", device))?,
        };
        let states = self.hidden_states(&embeddings, &Span::of_masks(&mask)?)?;
        let logits = self.logits(states.last().unwrap_or(&embeddings))?;
        let real = mask.concat();
        report.rows("logits", &logits, case.get("logits"), &real);
        compare_states(&states, case, &real, report);
        if let Some(targets) = case.find("in.targets") {
            let loss = mean_cross_entropy(&logits, &device.upload(targets)?)?;
            report.tensor("loss", &loss, case.get("loss"));
            compare_gradients(loss, &self.params, &embeddings, case, report)?;
        }
        Ok(())
    }
}

/// The weights of a fixture's directory.
///
/// # Errors
/// If there are none.
pub fn weights(name: &str) -> Result<Arc<dyn WeightSource>> {
    Ok(Arc::new(DirectoryWeights::open(directory(name))?))
}

/// An encoder's configuration in one of the two styles.
///
/// # Errors
/// If the encoder does not support it.
///
/// # Panics
/// If the fixture has no such file.
pub fn encoder_config(name: &str, file: &str) -> Result<ModernBertConfig> {
    ModernBertConfig::from_json(&json(name, file))
}

/// A decoder's configuration in one of the two styles.
///
/// # Errors
/// If the decoder does not support it.
///
/// # Panics
/// If the fixture has no such file.
pub fn decoder_config(name: &str, file: &str) -> Result<DecoderConfig> {
    DecoderConfig::from_json(&json(name, file))
}

fn json(name: &str, file: &str) -> serde_json::Value {
    let path = directory(name).join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An attention mask as rows of flags.
#[must_use]
pub fn mask(case: &Fixture, name: &str) -> Vec<Vec<bool>> {
    case.rows(name).into_iter().map(|row| row.into_iter().map(|flag| flag != 0).collect()).collect()
}

/// The mean cross-entropy of logits `[.., vocabulary]` over the targets `[..]` that are not
/// negative.
///
/// # Errors
/// If the shapes do not fit.
pub fn mean_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let rows = targets.shape().count();
    let counted = targets.to_vec::<i64>()?.into_iter().filter(|&target| target >= 0).count();
    let logits = logits.reshape([rows, logits.shape().last()])?;
    logits.cross_entropy(&targets.reshape([rows])?)?.sum_all()?.affine(1.0 / counted as f64, 0.0)
}

fn compare_states(states: &[Tensor], case: &Fixture, real: &[bool], report: &mut ComparisonReport) {
    let recorded = (0..).map_while(|i| case.find(&format!("hidden.{i}"))).count();
    if recorded > 0 && recorded != states.len() {
        report.problem(&format!("there are {} hidden states, PyTorch has {recorded}", states.len()));
    }
    for (i, state) in states.iter().enumerate().take(recorded) {
        report.rows(&format!("hidden.{i}"), state, case.get(&format!("hidden.{i}")), real);
    }
}

/// Compares the gradient of `loss` by every parameter, or, where the input is by embeddings, by
/// those.
fn compare_gradients(loss: Tensor, params: &Params, input: &Tensor, case: &Fixture, report: &mut ComparisonReport) -> Result<()> {
    let gradients = loss.backward()?;
    if let Some(theirs) = case.find("grad.inputs_embeds") {
        match gradients.get(input) {
            Some(ours) => report.tensor("grad.inputs_embeds", ours, theirs),
            None => report.problem("grad.inputs_embeds is missing"),
        }
        return Ok(());
    }
    let recorded = case.under("grad.");
    let trainable = params.trainable();
    for (name, theirs) in recorded.iter() {
        let param = trainable.iter().find(|param| param.name() == name);
        match param.and_then(|param| gradients.get(&param.tensor())) {
            Some(ours) => report.tensor(&format!("grad.{name}"), ours, theirs),
            None => report.problem(&format!("grad.{name} is missing")),
        }
    }
    for param in trainable.iter().filter(|param| recorded.find(param.name()).is_none()) {
        report.problem(&format!("{} trains here and not in PyTorch", param.name()));
    }
    Ok(())
}
