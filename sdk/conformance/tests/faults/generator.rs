//! Generators that break a promise.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use scaledown_conformance::ConformanceReport;
use scaledown_conformance::generator::{GeneratorSubject, check};
use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::component::{DecodeState, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin};
use scaledown_sdk::nn::{ForwardMode, Init, Param, Span};
use scaledown_sdk::{Device, Result, Tensor};

use crate::{assert_found, assert_passes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    LogitsOfFewerTokens,
    SeesOtherRows,
    SeesPadding,
    SeesLaterTokens,
    DecodesTheWrongToken,
    IsRandom,
    IgnoresVectors,
    AdapterStaysOn,
    MergesTwice,
    TrainsTheBase,
    CutsTheInput,
    ScalesUnderCheckpointing,
    WrapsIds,
    PanicsWhenFull,
    GuessesShapes,
    ClaimsAShorterContext,
}

struct Broken {
    fault: Fault,
    inner: MistralGenerator,
    /// A parameter that is more than the model has.
    extra: Option<Param>,
    merged: AtomicBool,
    calls: AtomicUsize,
}

impl Broken {
    fn new(fault: Fault, context: GeneratorContext) -> Result<Self> {
        let extra = |name: &str, value: f64| {
            let params = context.params.fresh().trained();
            params.get(name, [32], Init::Normal(value)).map(Some)
        };
        let extra = match fault {
            Fault::AdapterStaysOn if context.params.lora().is_some() => extra("always.lora_B.weight", 1.0)?,
            Fault::TrainsTheBase if context.params.lora().is_some() => extra("always.weight", 1e-6)?,
            _ => None,
        };
        let inner = MistralGenerator::build(MistralConfig::default(), context)?;
        Ok(Broken { fault, inner, extra, merged: AtomicBool::new(false), calls: AtomicUsize::new(0) })
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn read(&self, input: &GeneratorInput) -> Result<GeneratorInput> {
        let mut input = input.clone();
        if self.is(Fault::SeesPadding) {
            let width = input.embeddings.dims()[1];
            input.spans.iter_mut().for_each(|span| *span = Span { start: 0, len: width });
        }
        if self.is(Fault::CutsTheInput) {
            input.embeddings = input.embeddings.detach();
        }
        if self.is(Fault::IgnoresVectors) {
            input.embeddings = input.embeddings.affine(0.0, 1.0)?;
        }
        Ok(input)
    }
}

impl Generator for Broken {
    fn device(&self) -> &Device {
        self.inner.device()
    }

    fn hidden_size(&self) -> usize {
        self.inner.hidden_size()
    }

    fn vocabulary(&self) -> usize {
        self.inner.vocabulary()
    }

    fn max_positions(&self) -> Option<usize> {
        if self.is(Fault::ClaimsAShorterContext) { Some(20) } else { self.inner.max_positions() }
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        if self.is(Fault::WrapsIds) {
            let wrapped: Vec<u32> = ids.to_vec::<u32>()?.into_iter().map(|id| id % self.vocabulary() as u32).collect();
            return self.inner.embed(&ids.device().from_slice(&wrapped, ids.shape().clone())?);
        }
        self.inner.embed(ids)
    }

    fn forward(&self, input: &GeneratorInput, forward: &mut ForwardMode) -> Result<Tensor> {
        let mut input = self.read(input)?;
        if self.is(Fault::GuessesShapes) {
            let rows = input.embeddings.dims()[0];
            let last = input.spans.last().copied().unwrap_or_default();
            input.spans.resize(rows, last);
        }
        let mut hidden = self.inner.forward(&input, forward)?;
        let whole = hidden.shape().clone();
        hidden = match self.fault {
            Fault::SeesOtherRows => hidden.add(&hidden.mean(vec![0], true)?.broadcast_to(whole)?)?,
            Fault::SeesLaterTokens => hidden.add(&hidden.mean(vec![1], true)?.broadcast_to(whole)?)?,
            Fault::IsRandom => hidden.affine(1.0 + 1e-3 * self.calls.fetch_add(1, Ordering::Relaxed) as f64, 0.0)?,
            Fault::ScalesUnderCheckpointing if forward.checkpointing => hidden.affine(1.5, 0.0)?,
            _ => hidden,
        };
        match &self.extra {
            Some(extra) => hidden.add(&extra.tensor().broadcast_to(hidden.shape().clone())?),
            None => Ok(hidden),
        }
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = self.inner.logits(hidden)?;
        match self.fault {
            Fault::LogitsOfFewerTokens => logits.slice(logits.shape().rank() - 1, 0, self.vocabulary() - 1),
            Fault::MergesTwice if self.merged.load(Ordering::Relaxed) => logits.affine(2.0, 0.0),
            _ => Ok(logits),
        }
    }

    fn prefill(&self, input: &GeneratorInput, new_tokens: usize) -> Result<(Tensor, DecodeState)> {
        self.inner.prefill(&self.read(input)?, new_tokens)
    }

    fn decode(&self, ids: &Tensor, state: &mut DecodeState) -> Result<Tensor> {
        if self.is(Fault::DecodesTheWrongToken) {
            let others: Vec<u32> = ids.to_vec::<u32>()?.into_iter().map(|id| if id > 4 { id - 1 } else { id }).collect();
            return self.inner.decode(&ids.device().from_slice(&others, [others.len()])?, state);
        }
        let found = self.inner.decode(ids, state);
        assert!(!self.is(Fault::PanicsWhenFull) || found.is_ok(), "the cache is full");
        found
    }

    fn merge_adapters(&self) -> Result<()> {
        self.merged.store(true, Ordering::Relaxed);
        self.inner.merge_adapters()
    }
}

fn report(fault: Fault) -> ConformanceReport {
    let build = |context: GeneratorContext| Ok(Box::new(Broken::new(fault, context)?) as Box<dyn Generator>);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures/llama2");
    check(&GeneratorSubject {
        name: format!("{fault:?}"),
        build: &build,
        model: &model,
        device: scaledown_cpu::device().unwrap(),
    })
}

#[test]
fn a_generator_that_keeps_its_promises_passes() {
    assert_passes(&report(Fault::None));
}

#[test]
fn each_fault_of_a_sequence_is_found() {
    for (fault, check) in [
        (Fault::LogitsOfFewerTokens, "embeddings are [.., hidden]"),
        (Fault::SeesOtherRows, "a row of a batch"),
        (Fault::SeesPadding, "padding on the left or on the right"),
        (Fault::SeesPadding, "what padding holds"),
        (Fault::SeesLaterTokens, "later tokens"),
        (Fault::DecodesTheWrongToken, "reading a prompt and decoding"),
        (Fault::IsRandom, "inference gives the same bits"),
        (Fault::IgnoresVectors, "no token's"),
        (Fault::WrapsIds, "an id beyond the vocabulary"),
        (Fault::GuessesShapes, "the wrong shape"),
        (Fault::PanicsWhenFull, "a decoding that is full"),
        (Fault::ClaimsAShorterContext, "longer than the context"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}

#[test]
fn each_fault_of_adapters_and_gradients_is_found() {
    for (fault, check) in [
        (Fault::AdapterStaysOn, "switched off"),
        (Fault::MergesTwice, "merged adapters"),
        (Fault::TrainsTheBase, "and no other parameter"),
        (Fault::CutsTheInput, "reaches the embeddings"),
        (Fault::ScalesUnderCheckpointing, "checkpointing changes no gradient"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}
