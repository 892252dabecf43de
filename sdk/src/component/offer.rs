//! The macros by which a plugin offers a component that is linked in, one a role. Built for
//! WebAssembly, they are those of `guest/offers.rs`.

/// Offers a [`CompressorPlugin`](crate::component::CompressorPlugin):
/// `compressor!(AttentionPool, "attention-pool", "What it does.")`.
///
/// A crate that is linked into a host registers it under its name. A crate that is built as a
/// component exports it; there the host's configuration gives the name. A component that needs
/// permissions asks for them, which grants nothing and shows the user what to grant:
/// `corpus!(Cards, "cards", "What it does.", permissions: r#"{"read": ["cards"]}"#)`.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! compressor {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::compressor::<$type>($name, $description)
        }
    };
}

/// Offers a [`CorpusPlugin`](crate::component::CorpusPlugin):
/// `corpus!(MyType, "its-name", "What it does.")`. As [`compressor!`](crate::compressor) does.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! corpus {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::corpus::<$type>($name, $description)
        }
    };
}

/// Offers a [`RetrieverPlugin`](crate::component::RetrieverPlugin):
/// `retriever!(MyType, "its-name", "What it does.")`. As [`compressor!`](crate::compressor) does.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! retriever {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::retriever::<$type>($name, $description)
        }
    };
}

/// Offers a [`RerankerPlugin`](crate::component::RerankerPlugin):
/// `reranker!(MyType, "its-name", "What it does.")`. As [`compressor!`](crate::compressor) does.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! reranker {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::reranker::<$type>($name, $description)
        }
    };
}

/// Offers a [`TeacherPlugin`](crate::component::TeacherPlugin):
/// `teacher!(MyType, "its-name", "What it does.")`. As [`compressor!`](crate::compressor) does.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! teacher {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::teacher::<$type>($name, $description)
        }
    };
}

/// Offers a [`GeneratorPlugin`](crate::component::GeneratorPlugin):
/// `generator!(MyType, "its-name", "What it does.")`. As [`compressor!`](crate::compressor) does.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! generator {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::generator::<$type>($name, $description)
        }
    };
}
