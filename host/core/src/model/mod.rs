//! Models put together from a configuration: a generator with its tokenizer and prompt, and a compressor beside it.

mod base;
pub mod inspect;
mod language_model;
mod oscar;
mod saved;
pub mod sequence;
mod stored;

pub use base::base_checksum;
pub use language_model::{LanguageModel, Role, dtype};
pub use oscar::Oscar;
pub use saved::{save_language_model, save_oscar};
pub use stored::{StoredLanguageModel, StoredOscar};
