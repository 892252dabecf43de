//! Where models cut, forward and backward; without any plugin.

mod common;

use std::sync::{Arc, Mutex};

use scaledown_conformance::device::reference::Reference;
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{ForwardMode, Params, Span};
use scaledown_sdk::tensor::{DeviceInfo, Storage, Value, no_grad};
use scaledown_sdk::{DType, Device, DeviceBackend, Op, Result, TensorData, TensorSpec};

/// The instructions between two cuts.
type Segment = Vec<(&'static str, Vec<TensorSpec>)>;

/// The reference device, which notes what runs between cuts.
#[derive(Clone, Default)]
struct Cuts(Arc<Mutex<Vec<Segment>>>);

impl DeviceBackend for Cuts {
    fn info(&self) -> DeviceInfo {
        Reference.info()
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        Reference.upload(spec, bytes)
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        Reference.read(values)
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        Reference.supports(op, inputs)
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let specs = inputs.iter().map(|input| input.spec.clone()).collect();
        self.0.lock().expect("no panic").last_mut().expect("a segment").push((op.name(), specs));
        Reference.execute(op, inputs, outputs)
    }

    fn cut(&self) -> Result<()> {
        self.0.lock().expect("no panic").push(Segment::new());
        Ok(())
    }
}

fn model(cuts: &Cuts, layers: usize) -> (CausalLm, Device) {
    cuts.0.lock().expect("no panic").push(Segment::new());
    let json = serde_json::json!({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 11, "hidden_size": 8,
        "intermediate_size": 8, "num_hidden_layers": layers, "num_attention_heads": 2, "num_key_value_heads": 1,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 64, "sliding_window": null,
        "tie_word_embeddings": false, "eos_token_id": 2
    });
    let device = Device::new(cuts.clone());
    let params = Params::random(common::training::options(&device, DType::F32, None));
    (CausalLm::new(DecoderConfig::from_json(&json).expect("a configuration"), &params).expect("a model"), device)
}

#[test]
fn equal_layers_are_equal_segments_forward_and_backward() {
    for checkpointing in [false, true] {
        const LAYERS: usize = 5;
        let cuts = Cuts::default();
        let (model, device) = model(&cuts, LAYERS);
        cuts.0.lock().expect("no panic").push(Segment::new());
        let built = cuts.0.lock().expect("no panic").len() - 1;
        let x = model.embed(&device.from_slice(&[1_i64, 2, 3], [1, 3]).expect("ids")).expect("embeddings");
        let states = model.forward(&x, &[Span::padded_right(3)], &mut ForwardMode::training(1, checkpointing)).expect("states");
        let forward = cuts.0.lock().expect("no panic").len() - 1;
        states.sum_all().and_then(|loss| loss.backward()).expect("gradients");
        let all = cuts.0.lock().expect("no panic").clone();
        // Embeddings, the layers, and the head behind them.
        let ahead = &all[built..=forward];
        assert_eq!(ahead.len(), LAYERS + 2);
        assert!(!ahead[1].is_empty() && ahead[2..=LAYERS].iter().all(|layer| *layer == ahead[1]), "the layers forward");
        // After the head's gradient: the layers from the last to the first, then the embeddings.
        let back = &all[forward + 1..];
        assert_eq!(back.len(), LAYERS + 1, "checkpointing {checkpointing}");
        let first = usize::from(checkpointing);
        assert!(!back[first].is_empty() && back[first..LAYERS].iter().all(|layer| *layer == back[first]), "the layers backward");
    }
}

#[test]
fn a_prompt_is_cut_and_a_token_is_not() {
    let cuts = Cuts::default();
    let (model, device) = model(&cuts, 4);
    no_grad(|| {
        let count = || cuts.0.lock().expect("no panic").len();
        let before = count();
        let x = model.embed(&device.from_slice(&[1_i64, 2, 3], [1, 3]).expect("ids")).expect("embeddings");
        let (logits, mut cache) = model.prefill(&x, &[Span::padded_left(3, 3)], 2).expect("a prompt");
        assert_eq!(count() - before, 4);
        model.decode(&logits.arg_max().expect("ids"), &mut cache).expect("a token");
        assert_eq!(count() - before, 4);
    });
}
