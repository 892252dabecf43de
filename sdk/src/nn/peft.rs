//! Adapters in the layout of the PEFT library: `adapter_config.json` and
//! `adapter_model.safetensors`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::safetensors::{SafetensorsFile, write_safetensors};
use super::{JsonKeys, LoraConfig, LoraPreset, LoraTarget, Param, Params, WeightSource};
use crate::tensor::{TensorData, TensorSpec};
use crate::{Error, Result};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// PEFT's prefix of parameter names.
const PREFIX: &str = "base_model.model.";
/// Keys that make the adapter another function than plain LoRA, or give it parameters elsewhere.
const UNSUPPORTED: [&str; 12] = [
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "layers_to_transform",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "use_bdlora",
];

/// An adapter that was saved by PEFT or by [`save_adapter`]. As a [`WeightSource`] it has the names
/// of the model it belongs to.
#[derive(Debug)]
pub struct SavedAdapter {
    config: LoraConfig,
    base_model: Option<String>,
    file: SafetensorsFile,
}

impl SavedAdapter {
    /// Opens the adapter in `directory`.
    ///
    /// # Errors
    /// If a file is missing or malformed, or the adapter uses something that this crate does not
    /// support; the message names the key.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let path = directory.join(CONFIG);
        let text = crate::files::read_text(&path, crate::files::FileKind::ModelConfiguration)
            .map_err(|error| Error::io(&path, error))?;
        let json = serde_json::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))?;
        let path = path.display().to_string();
        let keys = JsonKeys::new(&json, &path)?;
        refuse_unsupported(&keys)?;
        let file = SafetensorsFile::open(directory.join(WEIGHTS))?;
        if let Some(name) = file.names().iter().find(|name| !name.starts_with(PREFIX)) {
            let message = format!("{}: {name} does not begin with {PREFIX:?}", file.path().display());
            return Err(Error::Weights(message));
        }
        let base_model = keys.text("base_model_name_or_path")?.map(str::to_owned);
        Ok(SavedAdapter { config: lora_config(&keys)?, base_model, file })
    }

    /// Rank, scale, dropout and targets.
    #[must_use]
    pub fn config(&self) -> &LoraConfig {
        &self.config
    }

    /// The model that the adapter was trained on, a hub id or a path.
    #[must_use]
    pub fn base_model(&self) -> Option<&str> {
        self.base_model.as_deref()
    }

    /// Gives the adapters under the path of `params` the saved values.
    ///
    /// # Errors
    /// [`Error::Weights`] that names a tensor that is missing, misshapen, or belongs to no adapter
    /// of the model.
    pub fn restore(&self, params: &Params) -> Result<()> {
        let mut left: BTreeSet<String> = self.names().into_iter().collect();
        let file = self.file.path().display();
        for (name, param) in adapters(params) {
            if !left.remove(&name) {
                return Err(Error::Weights(format!("{file}: {name} is missing")));
            }
            let (data, expected) = (self.read(&name)?, param.tensor().spec().clone());
            if data.spec().shape != expected.shape {
                return Err(Error::Weights(format!("{file}: {name} is {}, expected {expected}", data.spec())));
            }
            param.set(&params.device().upload(&data)?.cast(expected.dtype)?)?;
        }
        match left.first() {
            Some(name) => Err(Error::Weights(format!("{file}: {name} is not part of an adapter of the model"))),
            None => Ok(()),
        }
    }
}

impl WeightSource for SavedAdapter {
    fn names(&self) -> Vec<String> {
        self.file.names().iter().filter_map(|name| name.strip_prefix(PREFIX)).map(str::to_owned).collect()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.file.spec(&format!("{PREFIX}{name}"))
    }

    fn location(&self) -> String {
        self.file.location()
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        self.file.read(&format!("{PREFIX}{name}"))
    }
}

/// Saves the adapters under the path of `params` so that PEFT and vLLM read them. `base_model` is
/// the hub id or path of the model.
///
/// # Errors
/// [`Error::Config`] if the model has no adapter; or if a file cannot be written.
pub fn save_adapter(directory: impl AsRef<Path>, params: &Params, base_model: &str) -> Result<()> {
    let directory = directory.as_ref();
    let adapters = adapters(params);
    let lora = params.lora().filter(|_| !adapters.is_empty());
    let lora = lora.ok_or_else(|| Error::Config("the model has no adapter to save".into()))?;
    let targets: BTreeSet<&str> = match &lora.target {
        // As they were given: a path may stand for one layer of many that have its last name.
        LoraTarget::Names(names) => names.iter().map(String::as_str).collect(),
        // `model.layers.0.self_attn.q_proj.lora_A.weight` belongs to `q_proj`.
        LoraTarget::Preset(LoraPreset::AllLinear) => adapters.iter().filter_map(|(name, _)| name.rsplit('.').nth(2)).collect(),
    };
    std::fs::create_dir_all(directory).map_err(|error| Error::io(directory, error))?;
    let tensors: Vec<_> = adapters.iter().map(|(name, param)| (format!("{PREFIX}{name}"), param.tensor().detach())).collect();
    let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.clone()));
    write_safetensors(directory.join(WEIGHTS), tensors, &[("format", "pt")])?;
    let config = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": lora.r,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": targets,
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "inference_mode": true,
        "modules_to_save": null,
    });
    let path = directory.join(CONFIG);
    std::fs::write(&path, format!("{config:#}\n")).map_err(|error| Error::io(&path, error))
}

/// The adapters' parameters under the path of `params`, by their names below it.
fn adapters(params: &Params) -> Vec<(String, Param)> {
    let below = |param: Param| {
        let name = param.name().strip_prefix(params.path())?.trim_start_matches('.').to_owned();
        (name.ends_with(".lora_A.weight") || name.ends_with(".lora_B.weight")).then_some((name, param))
    };
    params.all().into_iter().filter_map(below).collect()
}

fn lora_config(keys: &JsonKeys<'_>) -> Result<LoraConfig> {
    let target = match keys.value("target_modules") {
        Some(Value::String(preset)) if preset == "all-linear" => LoraTarget::Preset(LoraPreset::AllLinear),
        Some(Value::Array(_)) => {
            let names = keys.texts("target_modules")?.unwrap_or_default();
            LoraTarget::Names(names.into_iter().map(str::to_owned).collect())
        }
        _ => return Err(keys.invalid("target_modules", "\"all-linear\" or a list of layers' names")),
    };
    Ok(LoraConfig {
        r: keys.size("r")?,
        alpha: keys.positive("lora_alpha")?.unwrap_or(8.0),
        dropout: keys.number("lora_dropout")?.unwrap_or(0.0),
        target,
    })
}

/// Refuses an adapter that computes something else than plain LoRA.
fn refuse_unsupported(keys: &JsonKeys<'_>) -> Result<()> {
    if keys.text("peft_type")? != Some("LORA") {
        return Err(keys.invalid("peft_type", "\"LORA\""));
    }
    if keys.text("bias")?.is_some_and(|bias| bias != "none") {
        return Err(keys.invalid("bias", "\"none\""));
    }
    for key in ["use_dora", "use_rslora", "use_qalora", "fan_in_fan_out", "lora_bias"] {
        if keys.flag(key, false)? {
            return Err(keys.invalid(key, "false"));
        }
    }
    for key in UNSUPPORTED {
        let empty = |value: &Value| {
            value.as_object().is_some_and(|map| map.is_empty()) || value.as_array().is_some_and(|list| list.is_empty())
        };
        if keys.value(key).is_some_and(|value| !empty(value)) {
            return Err(keys.invalid(key, "nothing"));
        }
    }
    // The other ways of PEFT to start an adapter (PiSSA, OLoRA, LoftQ ..) take what it starts with
    // out of the base model's weights.
    match keys.value("init_lora_weights") {
        Some(Value::String(start)) if !["gaussian", "orthogonal", "eva"].contains(&start.as_str()) => {
            Err(keys.invalid("init_lora_weights", "true, false, \"gaussian\", \"orthogonal\" or \"eva\""))
        }
        _ => Ok(()),
    }
}
