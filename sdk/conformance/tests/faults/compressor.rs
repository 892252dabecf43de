//! Compressors that break a promise.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use scaledown_conformance::ConformanceReport;
use scaledown_conformance::compressor::{CompressorSubject, check};
use scaledown_n_layers::{NLayers, NLayersConfig};
use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, CompressorPlugin, PairBatch, PairTemplate};
use scaledown_sdk::nn::{ForwardMode, Init, Param};
use scaledown_sdk::{Result, Tensor};
use serde_json::json;

use crate::{assert_found, assert_passes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    GivesOneVectorMore,
    AlwaysGivesRelevance,
    SeesPadding,
    SeesNeighbours,
    SortsPairs,
    IsRandom,
    IgnoresTokens,
    RepeatsTheFirstVector,
    CutsGradients,
    HasAnUnusedParameter,
    TrainsOnSomethingElse,
    ScalesUnderCheckpointing,
    IgnoresTheSeed,
    KeepsAStateUnsaved,
    SharesAState,
    WrapsIds,
    AcceptsNoPairs,
    PanicsOnNoMemoryTokens,
    IgnoresItsContext,
    IsMadeWithoutMemory,
}

/// How often something was computed.
static CALLS: AtomicU64 = AtomicU64::new(0);

struct Broken {
    fault: Fault,
    inner: NLayers,
    unused: Option<Param>,
    /// What makes this instance unlike others, although no parameter holds it.
    number: f64,
}

/// A parameter of each compressor that was made with the fault of sharing them.
static MADE: Mutex<Vec<Param>> = Mutex::new(Vec::new());

impl Broken {
    fn new(fault: Fault, mut context: CompressorContext) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let config: NLayersConfig = serde_json::from_value(json!({"layers": 2})).unwrap();
        let unused = match fault {
            Fault::HasAnUnusedParameter => Some(context.params.fresh().get("unused", [3], Init::Normal(1.0))?),
            _ => None,
        };
        if fault == Fault::IsMadeWithoutMemory {
            context.memory_tokens = context.memory_tokens.max(1);
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed) as f64;
        let params = context.params.clone();
        let inner = NLayers::build(config, context)?;
        if fault == Fault::SharesAState {
            let own = params.all().into_iter().find(|param| param.name() == "memory_embeddings");
            MADE.lock().unwrap().extend(own);
        }
        Ok(Broken { fault, inner, unused, number })
    }

    /// The batch as the inner compressor gets it.
    fn changed(&self, batch: &PairBatch) -> PairBatch {
        let mut batch = batch.clone();
        let longest = batch.ids.iter().map(Vec::len).max().unwrap_or(0);
        for ids in &mut batch.ids {
            match self.fault {
                Fault::SeesPadding => ids.resize(longest, 0),
                Fault::IgnoresTokens => ids.fill(5),
                Fault::WrapsIds => ids.iter_mut().for_each(|id| *id %= 48),
                Fault::IgnoresItsContext => ids.truncate(100),
                _ => {}
            }
        }
        match self.fault {
            Fault::AcceptsNoPairs if batch.ids.is_empty() => batch.ids.push(vec![5]),
            Fault::PanicsOnNoMemoryTokens => assert!(batch.memory_tokens > 0, "no memory tokens"),
            Fault::SortsPairs => batch.ids.sort(),
            _ => {}
        }
        batch
    }

    fn vectors(&self, x: Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        match self.fault {
            Fault::SeesNeighbours => x.sub(&x.mean(vec![0, 1], true)?.broadcast_to(x.shape().clone())?),
            Fault::IsRandom => x.affine(1.0 + 1e-3 * CALLS.fetch_add(1, Ordering::Relaxed) as f64, 0.0),
            Fault::IgnoresTheSeed if forward.training => x.affine(1.0 + 1e-3 * CALLS.fetch_add(1, Ordering::Relaxed) as f64, 0.0),
            Fault::RepeatsTheFirstVector => x.slice(1, 0, 1)?.broadcast_to(x.shape().clone()),
            Fault::CutsGradients => Ok(x.detach()),
            Fault::TrainsOnSomethingElse if forward.training => x.affine(1.0, 20.0),
            Fault::ScalesUnderCheckpointing if forward.checkpointing => x.affine(1.5, 0.0),
            Fault::KeepsAStateUnsaved => x.affine(1.0 + 1e-2 * self.number, 0.0),
            Fault::SharesAState => {
                let squares = |param: &Param| param.tensor().detach().square()?.mean_all()?.scalar();
                let scale = MADE.lock().unwrap().iter().map(squares).sum::<Result<f64>>()?;
                x.affine(1.0 + scale, 0.0)
            }
            _ => Ok(x),
        }
    }
}

impl Compressor for Broken {
    fn template(&self) -> PairTemplate {
        self.inner.template()
    }

    fn max_positions(&self) -> Option<usize> {
        self.inner.max_positions()
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        let _ = &self.unused;
        let found = self.inner.compress(&self.changed(batch), forward)?;
        let mut vectors = self.vectors(found.vectors, forward)?;
        if self.fault == Fault::GivesOneVectorMore {
            vectors = Tensor::concat(&[&vectors, &vectors.slice(1, 0, 1)?], 1)?;
        }
        let relevance = match found.relevance {
            None if self.fault == Fault::AlwaysGivesRelevance => Some(vectors.mean(vec![1, 2], false)?),
            found => found,
        };
        Ok(Compressed { vectors, relevance })
    }
}

fn report(fault: Fault) -> ConformanceReport {
    let scratch = tempfile::tempdir().unwrap();
    let build = |context: CompressorContext| Ok(Box::new(Broken::new(fault, context)?) as Box<dyn Compressor>);
    let device = scaledown_cpu::device().unwrap();
    check(&CompressorSubject { name: format!("{fault:?}"), build: &build, device, scratch: scratch.path() })
}

#[test]
fn a_compressor_that_keeps_its_promises_passes() {
    assert_passes(&report(Fault::None));
}

#[test]
fn each_fault_of_a_batch_is_found() {
    for (fault, check) in [
        (Fault::GivesOneVectorMore, "vectors have the shape"),
        (Fault::AlwaysGivesRelevance, "there is a relevance"),
        (Fault::SeesPadding, "that it gives alone"),
        (Fault::SeesNeighbours, "other pairs have no part"),
        (Fault::SortsPairs, "the order of pairs"),
        (Fault::IsRandom, "inference gives the same bits"),
        (Fault::IgnoresTokens, "depend on the pair's tokens"),
        (Fault::RepeatsTheFirstVector, "depend on the pair's tokens"),
        (Fault::WrapsIds, "cannot be compressed"),
        (Fault::AcceptsNoPairs, "cannot be compressed"),
        (Fault::PanicsOnNoMemoryTokens, "cannot be compressed"),
        (Fault::IgnoresItsContext, "longer than the context"),
        (Fault::IsMadeWithoutMemory, "without memory tokens"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}

#[test]
fn each_fault_of_training_is_found() {
    for (fault, check) in [
        (Fault::CutsGradients, "gets a finite gradient"),
        (Fault::HasAnUnusedParameter, "gets a finite gradient"),
        (Fault::TrainsOnSomethingElse, "lower a loss"),
        (Fault::ScalesUnderCheckpointing, "checkpointing changes no gradient"),
        (Fault::IgnoresTheSeed, "with the same seed"),
        (Fault::KeepsAStateUnsaved, "saved and loaded"),
        (Fault::SharesAState, "share nothing"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}
