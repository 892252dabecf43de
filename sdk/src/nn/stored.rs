//! Stored weights that a model is read from, and which of them were asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::weights::WeightSource;

/// A source of weights with the names that were asked for.
pub(super) struct Stored {
    pub(super) source: Arc<dyn WeightSource>,
    asked: Mutex<BTreeSet<String>>,
    /// Weights that are stored under the name of a copy of theirs.
    copies: Mutex<BTreeMap<String, String>>,
}

/// Prefixes of models inside a model with a head; a model that was stored without its head lacks
/// them.
const BASES: [&str; 4] = ["model.", "bert.", "distilbert.", "deberta."];

impl Stored {
    pub(super) fn new(source: Arc<dyn WeightSource>) -> Arc<Self> {
        Arc::new(Stored { source, asked: Mutex::default(), copies: Mutex::default() })
    }

    /// Marks `name` as used.
    pub(super) fn ask(&self, name: String) {
        self.asked().insert(name);
    }

    /// Notes that `name`, where it is not stored, is the same as `copy`.
    pub(super) fn copy(&self, name: String, copy: String) {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner).insert(name, copy);
    }

    /// The name under which the weight `name` is stored: its own, that of a copy, or an older one
    /// that `transformers` reads too.
    pub(super) fn name_of(&self, name: String) -> String {
        let is_stored = |name: &String| self.source.spec(name).is_some();
        if is_stored(&name) {
            return name;
        }
        let copy = self.copies.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let found = copy.into_iter().chain(older(&name)).find(is_stored);
        found.unwrap_or(name)
    }

    /// The unused weights under `prefix`, except those below one of the names `ignore`.
    fn superfluous(&self, prefix: &str, ignore: &[String]) -> Vec<String> {
        let asked = self.asked();
        let under = |name: &str, path: &str| name.strip_prefix(path).is_some_and(|rest| path.is_empty() || rest.starts_with('.'));
        let left = |name: &String| !asked.contains(name) && under(name, prefix) && !ignore.iter().any(|path| under(name, path));
        self.source.names().into_iter().filter(left).collect()
    }

    fn asked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Other names of a weight: TensorFlow's names of layer norm parameters, and names without the
/// base's prefix.
fn older(name: &str) -> impl Iterator<Item = String> + use<> {
    let without = BASES.iter().find_map(|base| name.strip_prefix(base)).map(str::to_owned);
    let names = [Some(name.to_owned()), without.clone()];
    let norm = names.into_iter().flatten().filter_map(|name: String| {
        let (layer, parameter) = name.rsplit_once('.')?;
        let is_norm = layer.rsplit('.').next()?.to_lowercase().ends_with("norm");
        let parameter = [("weight", "gamma"), ("bias", "beta")].iter().find(|(new, _)| *new == parameter)?.1;
        is_norm.then(|| format!("{layer}.{parameter}"))
    });
    without.into_iter().chain(norm)
}

/// Weights that must be used up.
pub(super) struct Whole {
    pub(super) stored: Arc<Stored>,
    /// The path in the source below which all of them must be asked for.
    pub(super) prefix: String,
    /// Paths in the source that may be left.
    pub(super) ignore: Vec<String>,
}

impl Whole {
    /// The weights that are left, in any order.
    pub(super) fn left(&self) -> Vec<String> {
        self.stored.superfluous(&self.prefix, &self.ignore)
    }
}
