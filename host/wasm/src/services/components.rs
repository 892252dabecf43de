//! Other components of the configuration, which a plugin may call.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use scaledown_sdk::component::{Kind, Question, Reranker, Retriever, Teacher};
use scaledown_sdk::{Device, Error, Result};

use crate::bindings::scaledown::plugin::components::Host;
use crate::bindings::scaledown::plugin::types::{self, Error as WitError};
use crate::imports::{Answer, Imports, refusal};
use crate::plugin::Surroundings;
use crate::services::patience::WaitTime;
use crate::services::permission::quoted;

/// How deep components may call each other.
const DEEPEST: usize = 8;

thread_local! {
    /// How many calls of components this thread is within.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The components that a plugin may call, each made when it is first called.
pub(crate) struct Neighbours {
    surroundings: Arc<dyn Surroundings>,
    device: Device,
    /// Where retrievers keep their indexes, each in a directory of its name; nothing where the
    /// plugin keeps no index.
    directory: Option<PathBuf>,
    open: Mutex<BTreeMap<String, Open>>,
    /// Held while one is made, which may take long; `open` is not.
    making: Mutex<()>,
}

#[derive(Clone)]
enum Open {
    Retriever(Arc<dyn Retriever>),
    Reranker(Arc<dyn Reranker>),
    Teacher(Arc<dyn Teacher>),
}

impl Neighbours {
    pub(crate) fn new(surroundings: &Arc<dyn Surroundings>, device: &Device, directory: Option<PathBuf>) -> Self {
        let directory = directory.map(|directory| directory.join("components"));
        Neighbours {
            surroundings: Arc::clone(surroundings),
            device: device.clone(),
            directory,
            open: Mutex::default(),
            making: Mutex::default(),
        }
    }

    /// A retriever of its own, to index with.
    pub(crate) fn retriever_to_index(&self, name: &str) -> Result<Box<dyn Retriever>> {
        let directory = self.directory.as_ref().ok_or_else(|| without_index(name))?.join(name);
        self.surroundings.retriever(name, &self.device, &directory)
    }

    /// Forgets what is open: an index has changed.
    pub(crate) fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn open(&self, name: &str, kind: Kind) -> Result<Open> {
        let known = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = known().get(name) {
            return Ok(open.clone());
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = known().get(name) {
            return Ok(open.clone());
        }
        let made = match kind {
            Kind::Retriever => Open::Retriever(Arc::from(self.retriever_to_index(name)?)),
            Kind::Reranker => Open::Reranker(Arc::from(self.surroundings.reranker(name, &self.device)?)),
            Kind::Teacher => Open::Teacher(Arc::from(self.surroundings.teacher(name, &self.device)?)),
            other => return Err(Error::Input(format!("a {other} cannot be called by another component"))),
        };
        known().insert(name.to_owned(), made.clone());
        Ok(made)
    }
}

fn without_index(name: &str) -> Error {
    Error::Input(format!("{name} is a retriever, which only a retriever can call: it is searched in that one's index"))
}

fn another(name: &str, kind: Kind) -> Error {
    Error::Input(format!("the component {name} is no {kind}"))
}

impl Imports {
    /// Those that hold the component of this name and kind, if the plugin may call it.
    fn callable(&self, name: &str, kind: Kind) -> std::result::Result<Arc<Neighbours>, WitError> {
        if !self.plugin.settings().permissions.components.iter().any(|granted| granted == name) {
            return Err(self.denied(&format!("call the component {name}"), &format!("components = [{}]", quoted(name))));
        }
        match self.plugin.surroundings().kind(name) {
            Some(found) if found == kind => {
                let neighbours = self.setting.neighbours.clone();
                neighbours.ok_or_else(|| WitError::Failed("no component can be called here".into()))
            }
            Some(found) => Err(refusal(&Error::Input(format!("the component {name} is a {found}, expected a {kind}")))),
            None => Err(refusal(&Error::Input(format!(
                "there is no component {name}; add a table [components.{name}] with the keys `kind` and `plugin`"
            )))),
        }
    }

    /// Runs a call of another component, on a thread of its own: the other may be a plugin too, and
    /// the stacks of both do not fit into one thread. What the call takes is not the plugin's time.
    fn within<T: Send + 'static>(&mut self, name: &str, call: impl FnOnce() -> Result<T> + Send + 'static) -> Answer<T> {
        let depth = DEPTH.get();
        if depth >= DEEPEST {
            return Ok(Err(WitError::Failed(format!("components call each other more than {DEEPEST} deep"))));
        }
        let result = self.patiently(&format!("a call of the component {name}"), WaitTime::Own, move || {
            DEPTH.set(depth + 1);
            call()
        })?;
        Ok(result.map_err(|error| heard(&error)))
    }
}

/// The error of a called component, as the component that called it hears of it: without the names
/// of all plugins that passed it on.
fn heard(error: &Error) -> WitError {
    match error {
        Error::Plugin { message, .. } => WitError::Failed(message.clone()),
        other => refusal(other),
    }
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

impl Host for Imports {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.plugin.settings().permissions.components.clone())
    }

    fn search(&mut self, component: String, queries: Vec<String>, k: u32) -> Answer<Vec<Vec<types::Hit>>> {
        let neighbours = match self.callable(&component, Kind::Retriever) {
            Ok(neighbours) => neighbours,
            Err(error) => return Ok(Err(error)),
        };
        let k = usize::try_from(k).unwrap_or(usize::MAX);
        let found = self.within(&component.clone(), move || match neighbours.open(&component, Kind::Retriever)? {
            Open::Retriever(retriever) => retriever.search(&texts(&queries), k),
            _ => Err(another(&component, Kind::Retriever)),
        })?;
        let hit = |hit: scaledown_sdk::component::Hit| types::Hit { id: hit.id, score: hit.score };
        Ok(found.map(|found| found.into_iter().map(|hits| hits.into_iter().map(hit).collect()).collect()))
    }

    fn score(&mut self, component: String, query: String, documents: Vec<String>) -> Answer<Vec<f32>> {
        let neighbours = match self.callable(&component, Kind::Reranker) {
            Ok(neighbours) => neighbours,
            Err(error) => return Ok(Err(error)),
        };
        self.within(&component.clone(), move || match neighbours.open(&component, Kind::Reranker)? {
            Open::Reranker(reranker) => reranker.score(&query, &texts(&documents)),
            _ => Err(another(&component, Kind::Reranker)),
        })
    }

    fn answer(&mut self, component: String, questions: Vec<types::Question>) -> Answer<Vec<String>> {
        let neighbours = match self.callable(&component, Kind::Teacher) {
            Ok(neighbours) => neighbours,
            Err(error) => return Ok(Err(error)),
        };
        fn question(question: &types::Question) -> Question<'_> {
            Question {
                query: &question.query,
                documents: &question.documents,
                system: &question.system,
                message: &question.message,
            }
        }
        self.within(&component.clone(), move || match neighbours.open(&component, Kind::Teacher)? {
            Open::Teacher(teacher) => teacher.answer(&questions.iter().map(question).collect::<Vec<_>>()),
            _ => Err(another(&component, Kind::Teacher)),
        })
    }
}
