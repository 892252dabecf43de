//! What is read: records, corpora and questions, ready-made datasets, and the encyclopedia that
//! the quickstart makes.

pub mod atlas;
pub mod config;
pub mod corpus;
pub mod datasets;
pub mod questions;
pub mod records;
