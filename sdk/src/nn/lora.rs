//! Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685), in PEFT's conventions.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::Ordering;

/// Which linear layers get an adapter, and of what size.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// The rank of the update.
    #[schemars(range(min = 1))]
    pub r: usize,
    /// The update is scaled by `alpha / r`.
    #[schemars(range(min = 0.0))]
    pub alpha: f64,
    /// The probability with which an input element of the adapter is dropped in training.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub dropout: f64,
    /// `"all-linear"` (all but the output head), or the names or paths of layers
    /// (`["q_proj", "v_proj"]`).
    pub target: LoraTarget,
}

/// The linear layers that get an adapter.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum LoraTarget {
    /// `"all-linear"`.
    Preset(LoraPreset),
    /// Layers whose name is one of these, or whose path ends with one of these
    /// (`layers.0.self_attn.q_proj`).
    Names(Vec<String>),
}

/// A named set of linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum LoraPreset {
    /// All linear layers but the output head.
    #[serde(rename = "all-linear")]
    AllLinear,
}

impl Default for LoraConfig {
    /// The paper's: rank 16, alpha 32, dropout 0.1, all linear layers.
    fn default() -> Self {
        LoraConfig { r: 16, alpha: 32.0, dropout: 0.1, target: LoraTarget::Preset(LoraPreset::AllLinear) }
    }
}

impl LoraConfig {
    /// Whether the linear layer at `path` (`model.layers.0.self_attn.q_proj`) gets an adapter.
    #[must_use]
    pub fn applies_to(&self, path: &str) -> bool {
        match &self.target {
            LoraTarget::Preset(LoraPreset::AllLinear) => !ends_with(path, "lm_head"),
            LoraTarget::Names(names) => names.iter().any(|name| ends_with(path, name)),
        }
    }

    /// The problem with the targets, for a model with linear layers at these paths: unknown names,
    /// or no layer at all.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn problem(&self, paths: &BTreeSet<String>) -> Option<String> {
        let mut layers: BTreeSet<&str> = paths.iter().filter_map(|path| path.rsplit('.').next()).collect();
        layers.remove("lm_head");
        let layers = if layers.is_empty() { "none".into() } else { layers.into_iter().collect::<Vec<_>>().join(", ") };
        let known = |name: &&String| paths.iter().any(|path| ends_with(path, name));
        let what = match &self.target {
            LoraTarget::Preset(_) if paths.iter().any(|path| self.applies_to(path)) => return None,
            LoraTarget::Names(names) if !names.is_empty() => {
                let wrong = names.iter().find(|name| !known(name))?;
                format!("target {wrong:?} is not a linear layer of the model")
            }
            _ => "no target".into(),
        };
        Some(format!("cannot create the adapter (lora): {what}; the model's linear layers are {layers}"))
    }
}

/// Whether the last parts of a path are `name`.
fn ends_with(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether the adapters of a model take part. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct AdapterSwitch(Arc<AtomicUsize>);

impl AdapterSwitch {
    /// Whether the adapters are switched on.
    pub(super) fn on(&self) -> bool {
        #[cfg(target_arch = "wasm32")]
        return crate::guest::bindings::scaledown::plugin::params::adapters_on();
        #[cfg(not(target_arch = "wasm32"))]
        return self.0.load(Ordering::Relaxed) == 0;
    }

    /// Switches the adapters off until the guard, and every other one, is dropped.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn switch_off(&self) -> WithoutAdapters {
        self.0.fetch_add(1, Ordering::Relaxed);
        WithoutAdapters(self.clone())
    }
}

/// Keeps a model's adapters switched off until it is dropped; see
/// [`Params::without_adapters`](super::Params::without_adapters).
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub struct WithoutAdapters(AdapterSwitch);

#[cfg(not(target_arch = "wasm32"))]
impl Drop for WithoutAdapters {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_name_or_a_path_as_in_peft() {
        let lora = |names: &[&str]| LoraConfig {
            target: LoraTarget::Names(names.iter().map(|&name| name.to_owned()).collect()),
            ..LoraConfig::default()
        };
        let path = "model.layers.1.self_attn.q_proj";
        assert!(lora(&["q_proj"]).applies_to(path));
        assert!(lora(&["layers.1.self_attn.q_proj"]).applies_to(path));
        assert!(lora(&["v_proj", path]).applies_to(path));
        assert!(!lora(&["proj"]).applies_to(path));
        assert!(!lora(&["layers.0.self_attn.q_proj"]).applies_to(path));
        assert!(LoraConfig::default().applies_to(path));
        assert!(!LoraConfig::default().applies_to("lm_head"));
    }

    #[test]
    fn a_target_that_is_no_layer_is_reported_with_those_there_are() {
        let names = |names: &[&str]| LoraConfig {
            target: LoraTarget::Names(names.iter().map(|&name| name.to_owned()).collect()),
            ..LoraConfig::default()
        };
        let paths =
            ["lm_head", "model.layers.0.mlp.up_proj", "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"];
        let paths: BTreeSet<String> = paths.map(str::to_owned).into();
        let problem = |lora: LoraConfig| lora.problem(&paths);
        let message =
            |what: &str| Some(format!("cannot create the adapter (lora): {what}; the model's linear layers are q_proj, up_proj"));
        assert_eq!(problem(names(&["q_proj", "q_prj"])), message("target \"q_prj\" is not a linear layer of the model"));
        assert_eq!(
            problem(names(&["layers.2.self_attn.q_proj"])),
            message("target \"layers.2.self_attn.q_proj\" is not a linear layer of the model")
        );
        assert_eq!(problem(names(&[])), message("no target"));
        assert_eq!(problem(names(&["lm_head", "layers.1.self_attn.q_proj"])), None);
        assert_eq!(problem(LoraConfig::default()), None);
        assert!(
            LoraConfig::default().problem(&BTreeSet::new()).is_some_and(|message| message.ends_with("linear layers are none"))
        );
    }
}
