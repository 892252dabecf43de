//! Shared parts of the workspace-level tests.

pub mod chat_service;
pub mod component;
pub mod examples;
pub mod lazy;

pub mod parity;
pub mod plugins;
pub mod wit;
pub mod wit_reference;
