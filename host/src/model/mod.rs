//! Models put together from a configuration: a generator with its tokenizer and prompt, and a compressor beside it.

mod language_model;
mod oscar;
mod saved;

pub use language_model::{LanguageModel, dtype};
pub use oscar::Oscar;
pub use saved::{load_oscar, save_language_model, save_oscar, start_from, start_language_model_from};
