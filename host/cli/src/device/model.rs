//! The small language model of device checks. Its random weights are the same on every machine.

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{ForwardMode, Optimizer, OptimizerConfig, ParamGroup, ParamOptions, Params, Span, clip_scale};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Device, Result};
use serde_json::json;

const VOCABULARY: usize = 256;
const ROWS: usize = 2;
const LEN: usize = 32;

/// A model in training.
pub(super) struct Model {
    model: CausalLm,
    optimizer: Optimizer,
    device: Device,
}

impl Model {
    pub(super) fn new(device: &Device, dtype: DType) -> Result<Self> {
        let config = json!({
            "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": VOCABULARY, "hidden_size": 64,
            "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 256, "sliding_window": null,
            "tie_word_embeddings": false, "eos_token_id": 2
        });
        let options = ParamOptions { device: device.clone(), dtype, trainable: true, seed: 1, lora: None, quantization: None };
        let params = Params::random(options);
        let model = CausalLm::new(DecoderConfig::from_json(&config)?, &params)?;
        let group = ParamGroup { name: "model".into(), params: params.trainable(), lr: 1e-2 };
        let optimizer = Optimizer::new(vec![group], OptimizerConfig::default())?;
        device.cut()?;
        Ok(Model { model, optimizer, device: device.clone() })
    }

    /// Makes one step; the loss and the norm of its gradients.
    pub(super) fn step(&mut self, step: u32) -> Result<[f64; 2]> {
        let ids: Vec<u32> = (0..(ROWS * LEN) as u32).map(|i| (i * 7 + step * 13) % VOCABULARY as u32).collect();
        let targets: Vec<i64> = ids.iter().map(|&id| i64::from((id + 7) % VOCABULARY as u32)).collect();
        let x = self.model.embed(&self.device.from_slice(&ids, [ROWS, LEN])?)?;
        let spans = [Span::padded_right(LEN), Span::padded_right(LEN - 3)];
        let states = self.model.forward(&x, &spans, &mut ForwardMode::training(u64::from(step), false))?;
        let logits = self.model.logits(&states)?.reshape([ROWS * LEN, VOCABULARY])?;
        let loss = logits.cross_entropy(&self.device.from_slice(&targets, [ROWS * LEN])?)?.mean_all()?;
        let kept = loss.detach();
        drop((x, states, logits));
        let gradients = loss.backward()?;
        let Some(norm) = self.optimizer.gradient_norm(&gradients)? else { return Ok([f64::NAN; 2]) };
        let scale = clip_scale(&norm, 1.0, &[&kept])?;
        self.optimizer.step(gradients, 1.0, &scale)?;
        let read = self.device.read(&[&kept, &norm])?;
        self.device.cut()?;
        let number = |index: usize| read.get(index).and_then(|data| data.to_f64().first().copied()).unwrap_or(f64::NAN);
        Ok([number(0), number(1)])
    }

    /// Decodes greedily; `made` is called after each token.
    pub(super) fn decode(&self, tokens: usize, mut made: impl FnMut()) -> Result<Vec<i64>> {
        no_grad(|| {
            let prompt: Vec<u32> = (0..(ROWS * LEN) as u32).map(|i| (i * 11 + 3) % VOCABULARY as u32).collect();
            let x = self.model.embed(&self.device.from_slice(&prompt, [ROWS, LEN])?)?;
            let spans = [Span::padded_left(LEN, LEN), Span::padded_left(LEN - 5, LEN)];
            let (mut logits, mut cache) = self.model.prefill(&x, &spans, tokens)?;
            let mut all = Vec::new();
            for _ in 0..tokens {
                let ids = logits.arg_max()?;
                all.extend(ids.to_vec::<i64>()?);
                made();
                logits = self.model.decode(&ids, &mut cache)?;
            }
            Ok(all)
        })
    }
}
