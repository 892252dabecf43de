//! Input data: records, corpora, questions, public datasets, and the quickstart's synthetic
//! encyclopedia.

pub mod atlas;
pub mod config;
pub mod corpus;
pub mod datasets;
pub mod questions;
pub mod records;
