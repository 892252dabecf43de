//! The guest side of a WASM component: what stands behind [`Tensor`](crate::Tensor) and
//! [`Params`](crate::nn::Params) there.
//!
//! The crate's other modules are written against those types, and so run in a component as they run
//! in the host.

/// What the host gives.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/plugin-0.2.0",
        world: "host",
        generate_all,
    });
}

/// The bindings of a world's exports, over the same imports.
macro_rules! exports {
    ($world:literal, $export:literal, $module:literal) => {
        wit_bindgen::generate!({
            path: "../wit/plugin-0.2.0",
            world: $world,
            pub_export_macro: true,
            export_macro_name: $export,
            default_bindings_module: $module,
            with: {
                "scaledown:plugin/types@0.2.0": crate::guest::bindings::scaledown::plugin::types,
                "scaledown:plugin/documents@0.2.0": crate::guest::bindings::scaledown::plugin::documents,
                "scaledown:plugin/components@0.2.0": crate::guest::bindings::scaledown::plugin::components,
                "scaledown:plugin/log@0.2.0": crate::guest::bindings::scaledown::plugin::log,
                "scaledown:plugin/progress@0.2.0": crate::guest::bindings::scaledown::plugin::progress,
                "scaledown:plugin/random@0.2.0": crate::guest::bindings::scaledown::plugin::random,
                "scaledown:plugin/config@0.2.0": crate::guest::bindings::scaledown::plugin::config,
                "scaledown:plugin/clock@0.2.0": crate::guest::bindings::scaledown::plugin::clock,
                "scaledown:plugin/tokenizer@0.2.0": crate::guest::bindings::scaledown::plugin::tokenizer,
                "scaledown:plugin/storage@0.2.0": crate::guest::bindings::scaledown::plugin::storage,
                "scaledown:plugin/files@0.2.0": crate::guest::bindings::scaledown::plugin::files,
                "scaledown:plugin/http@0.2.0": crate::guest::bindings::scaledown::plugin::http,
                "scaledown:plugin/tensor@0.2.0": crate::guest::bindings::scaledown::plugin::tensor,
                "scaledown:plugin/instructions@0.2.0": crate::guest::bindings::scaledown::plugin::instructions,
                "scaledown:plugin/params@0.2.0": crate::guest::bindings::scaledown::plugin::params,
            },
        });
    };
}

/// The exports of what makes checkpointed segments.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod checkpointing {
    exports!("checkpointing", "export_checkpointing", "scaledown_sdk::guest::checkpointing");
}

/// The exports of a compressor.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod compressor {
    exports!("compressor", "export_compressor", "scaledown_sdk::guest::compressor");
}

/// The exports of a corpus.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod corpus {
    exports!("corpus", "export_corpus", "scaledown_sdk::guest::corpus");
}

/// The exports of a generator.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod generator {
    exports!("generator", "export_generator", "scaledown_sdk::guest::generator");
}

/// The exports of a reranker.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod reranker {
    exports!("reranker", "export_reranker", "scaledown_sdk::guest::reranker");
}

/// The exports of a retriever.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod retriever {
    exports!("retriever", "export_retriever", "scaledown_sdk::guest::retriever");
}

/// The exports of a teacher.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod teacher {
    exports!("teacher", "export_teacher", "scaledown_sdk::guest::teacher");
}

pub(crate) mod error;
mod export;
mod generator_role;
pub mod host;
mod instructions;
mod offers;
mod roles;
mod slot;

pub use bindings::scaledown::plugin::types::Error as Failure;
pub use export::{build_compressor, compress, forget, recompute};
pub use generator_role::{Decodings, ModelShape, build_generator, decode, embed, forward, logits, prefill, release};
pub(crate) use instructions::{dtype_from_wit, dtype_to_wit, run, shape_from_wit, shape_to_wit};
pub use roles::{Pass, answer, build_corpus, build_reranker, build_retriever, build_teacher, facts, index, next, score, search};
pub use slot::{About, Slot, describe};
