//! A thin layer over the PJRT C API: loading a plugin, buffers, compiling and running. The rest of
//! the crate has no unsafe code.

mod api;
mod buffer;
mod client;
mod executable;
mod options;
mod sys;

pub use api::{Api, Failure, LoadError};
pub use buffer::{Buffer, BufferType, Download};
pub use client::Client;
pub use executable::{Executable, Running};
pub use options::{CompileOptions, OptionValue};
