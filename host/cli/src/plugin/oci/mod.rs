//! Plugins in OCI registries, in the layout that `wkg` and others read: a manifest with the
//! configuration of WebAssembly and one layer, the file itself.
//!
//! The few calls of the protocol that this takes are made with the HTTP client that the program has
//! already.

mod client;
mod credentials;
mod reference;

pub(super) use client::{Client, Published};
pub(super) use reference::Reference;
