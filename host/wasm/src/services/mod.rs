//! What a component may call beside tensors: one file an interface.

mod clock;
pub(crate) mod components;
mod config;
pub(crate) mod documents;
mod files;
mod http;
pub(crate) mod log;
mod patience;
pub(crate) mod permission;
mod progress;
pub(crate) mod random;
pub(crate) mod storage;
pub(crate) mod tokenizer;
