//! Models put together from a configuration: a generator with its tokenizer and prompt, and a
//! compressor beside it.

mod adapter_check;
mod base;
pub mod config;
pub mod import;
pub mod inspect;
mod kept;
mod language_model;
mod oscar;
mod prompted;
mod saved;
pub mod sequence;
mod stored;
pub(crate) mod tensors;
mod vectors;

pub use adapter_check::adapter_problem;
pub use base::base_checksum;
pub use language_model::{LanguageModel, Role, dtype};
pub use oscar::Oscar;
pub use prompted::{DocumentLength, Prompted};
pub use saved::{save_language_model, save_oscar};
pub use stored::{StoredLanguageModel, StoredOscar};
pub use vectors::VectorsError;
pub(crate) use vectors::{VectorWriter, key as vector_key};
