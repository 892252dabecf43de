//! Inspection of models: their properties and outputs, for comparison with other frameworks.

mod architecture;
mod checkpoint;
mod forward;
mod summary;

pub use checkpoint::InspectedModel;
pub use forward::{Tokens, WrittenTensor, check_destination, write_forward};
pub use summary::{ModelKind, ModelSummary};
