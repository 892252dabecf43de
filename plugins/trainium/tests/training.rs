//! Trainings and decodings on XLA's plugin for the CPU: the same numbers as on the device `cpu`,
//! and no compilation after the second step.

mod common;

use common::training::{StepNumbers, Tiny, Training};
use scaledown_sdk::component::{Factory, Kind, RerankerContext, registrations};
use scaledown_sdk::{DType, Device};

const STEPS: u64 = 5;

fn trained(training: &Training, device: &Device) -> Vec<StepNumbers> {
    let mut tiny = Tiny::new(training, device).expect("a model");
    (0..STEPS).map(|step| tiny.step(step).expect("a step")).collect()
}

/// The greatest relative difference of losses and norms from those of the device `cpu`.
fn difference(training: &Training) -> f64 {
    let (found, expected) =
        (trained(training, &Device::new(common::backend())), trained(training, &scaledown_cpu::device().expect("a device")));
    println!("{} {}: {found:?}\nexpected {expected:?}", training.compressor, training.dtype);
    let relative = |a: f64, b: f64| (a - b).abs() / b.abs().max(1e-3);
    let pairs = found.iter().zip(&expected);
    pairs.map(|(a, b)| relative(a.loss, b.loss).max(relative(a.norm, b.norm))).fold(0.0, f64::max)
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn trainings_agree_with_the_cpu_in_f32() {
    for training in [Training::n_layers(DType::F32), Training::modernbert(DType::F32), Training::n_layers(DType::F32).reranking()]
    {
        let difference = difference(&training);
        assert!(difference < 1e-5, "{} differs by {difference}", training.compressor);
    }
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn trainings_agree_with_the_cpu_in_bf16() {
    for training in [Training::n_layers(DType::BF16), Training::modernbert(DType::BF16).reranking()] {
        let difference = difference(&training);
        assert!(difference < 1e-2, "{} differs by {difference}", training.compressor);
    }
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn nothing_is_compiled_after_the_second_step() {
    for checkpointing in [false, true] {
        for training in [Training::n_layers(DType::F32), Training::modernbert(DType::BF16).reranking()] {
            let training = Training { checkpointing, ..training };
            let backend = common::backend();
            let mut tiny = Tiny::new(&training, &Device::new(backend.clone())).expect("a model");
            let mut compiles = Vec::new();
            for step in 0..STEPS {
                let before = backend.stats();
                tiny.step(step).expect("a step");
                let after = backend.stats();
                compiles.push(after.compiles - before.compiles);
                println!(
                    "step {step}: {} compiles, {} runs, {:.4}s host",
                    after.compiles - before.compiles,
                    after.runs - before.runs,
                    after.host_seconds - before.host_seconds
                );
            }
            assert_eq!(compiles[2..], [0; STEPS as usize - 2], "{} with checkpointing {checkpointing}", training.compressor);
        }
    }
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn every_decoded_token_is_one_run_of_one_module() {
    let training = Training::n_layers(DType::F32);
    let backend = common::backend();
    let tiny = Tiny::new(&training, &Device::new(backend.clone())).expect("a model");
    let mut stats = Vec::new();
    let found = tiny.decode(8, |_| stats.push(backend.stats())).expect("tokens");
    for pair in stats[1..].windows(2) {
        println!("{} runs, {} compiles", pair[1].runs - pair[0].runs, pair[1].compiles - pair[0].compiles);
    }
    for pair in stats[2..].windows(2) {
        assert_eq!((pair[1].runs - pair[0].runs, pair[1].compiles - pair[0].compiles), (1, 0));
    }
    let expected = Tiny::new(&training, &scaledown_cpu::device().expect("a device")).expect("a model");
    assert_eq!(found, expected.decode(8, |_| {}).expect("tokens"));
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn rerankers_score_as_on_the_cpu() {
    use scaledown_deberta as _;
    let registration = registrations().find(|entry| entry.kind() == Kind::Reranker && entry.name == "deberta");
    let Some(Factory::Reranker(build)) = registration.map(|entry| entry.factory) else { panic!("no reranker") };
    let documents = ["the quick brown fox", "a letter of the alphabet, and many more words beside it", "fox"];
    for model in ["deberta-v3", "minilm"] {
        let scores = |device: Device| {
            let keys = serde_json::json!({ "model": common::training::fixture(model) });
            build(keys, RerankerContext { device }).and_then(|reranker| reranker.score("fox", &documents)).expect("scores")
        };
        let (found, expected) = (scores(Device::new(common::backend())), scores(scaledown_cpu::device().expect("a device")));
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{model}: {found:?}, expected {expected:?}");
        }
    }
}
