//! Stored weights that a model is read from, and which of them were asked for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::weights::WeightSource;

/// A source of weights with the names that were asked for.
pub(super) struct Stored {
    pub(super) source: Arc<dyn WeightSource>,
    asked: Mutex<BTreeSet<String>>,
}

impl Stored {
    pub(super) fn new(source: Arc<dyn WeightSource>) -> Arc<Self> {
        Arc::new(Stored { source, asked: Mutex::default() })
    }

    /// Notes that `name` is no weight too much.
    pub(super) fn ask(&self, name: String) {
        self.asked().insert(name);
    }

    /// The weights under `prefix` that nobody asked for, those below one of the names `apart` left out.
    fn superfluous(&self, prefix: &str, apart: &[String]) -> Vec<String> {
        let asked = self.asked();
        let under = |name: &str, path: &str| name.strip_prefix(path).is_some_and(|rest| path.is_empty() || rest.starts_with('.'));
        let left = |name: &String| !asked.contains(name) && under(name, prefix) && !apart.iter().any(|path| under(name, path));
        self.source.names().into_iter().filter(left).collect()
    }

    fn asked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Weights that must be used up.
pub(super) struct Whole {
    pub(super) stored: Arc<Stored>,
    /// The path in the source below which all of them must be asked for.
    pub(super) prefix: String,
    /// Paths in the source that may be left.
    pub(super) apart: Vec<String>,
}

impl Whole {
    /// The weights that are left, in any order.
    pub(super) fn left(&self) -> Vec<String> {
        self.stored.superfluous(&self.prefix, &self.apart)
    }
}
