//! The project's benchmarks, on random models of one shape: time depends on shapes, not on what a
//! model knows.
//!
//! `tests/peers` holds the PyTorch twin of each, with the same shapes, and a script that runs both
//! in turn.

mod decode;
mod models;
mod rag;
mod step;
mod timing;

pub use decode::decode;
pub use rag::rag;
pub use step::step;
pub use timing::{Measurement, Timing};

#[cfg(test)]
mod tests {
    use scaledown_sdk::nn::{LoraConfig, LoraPreset, LoraTarget};
    use serde_json::{Value, json};

    use super::{decode, models, rag, step};

    #[test]
    fn shapes_are_those_of_the_peers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/shapes.json");
        let shapes: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let generator = models::generator_config();
        for (name, value) in shapes["decoder"].as_object().unwrap() {
            assert_eq!(&generator[name], value, "{name} of the decoder");
        }
        let compressor =
            json!({ "layers": models::COMPRESSOR_LAYERS, "memory_tokens": models::MEMORY_TOKENS, "relevance": true });
        assert_eq!(shapes["compressor"], compressor);
        let lora = LoraConfig::default();
        assert_eq!(lora.target, LoraTarget::Preset(LoraPreset::AllLinear));
        let sizes = (&shapes["lora"]["r"], shapes["lora"]["alpha"].as_f64(), shapes["lora"]["dropout"].as_f64());
        assert_eq!(sizes, (&lora.r.into(), Some(lora.alpha), Some(lora.dropout)));
        assert_eq!(shapes["step"], step::shape());
        assert_eq!(shapes["rag"], rag::shape());
        let decode =
            json!({ "batches": decode::BATCHES, "prompt_tokens": decode::PROMPT_TOKENS, "new_tokens": decode::NEW_TOKENS });
        assert_eq!(shapes["decode"], decode);
    }
}
