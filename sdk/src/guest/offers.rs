//! The macros by which a component exports what it is, one a role.

/// Offers a [`RetrieverPlugin`](crate::component::RetrieverPlugin) as an export of this component.
#[macro_export]
macro_rules! retriever {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        const _: () = {
            use $crate::guest::bindings::scaledown::plugin::{documents::Reader, types::Hit};
            use $crate::guest::{Failure, Slot};

            static SLOT: Slot<$type> = Slot::new();

            struct Component;

            impl $crate::guest::retriever::exports::scaledown::plugin::retrieval::Guest for Component {
                fn describe() -> String {
                    type Keys = <$type as $crate::component::RetrieverPlugin>::Config;
                    $crate::guest::describe::<Keys>($crate::about!($name, $description $(, $permissions)?), None)
                }

                fn build(config: String) -> ::std::result::Result<(), Failure> {
                    $crate::guest::build_retriever(&SLOT, &config)
                }

                fn index(documents: Reader) -> ::std::result::Result<u64, Failure> {
                    $crate::guest::index(&SLOT, documents)
                }

                fn search(queries: Vec<String>, k: u32) -> ::std::result::Result<Vec<Vec<Hit>>, Failure> {
                    $crate::guest::search(&SLOT, &queries, k)
                }

                fn facts() -> Vec<(String, String)> {
                    $crate::guest::facts(&SLOT)
                }
            }

    $crate::guest::retriever::export_retriever!(Component with_types_in $crate::guest::retriever);
        };
    };
}

/// Offers a [`RerankerPlugin`](crate::component::RerankerPlugin) as an export of this component.
#[macro_export]
macro_rules! reranker {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        const _: () = {
            use $crate::guest::{Failure, Slot};

            static SLOT: Slot<$type> = Slot::new();

            struct Component;

            impl $crate::guest::reranker::exports::scaledown::plugin::reranking::Guest for Component {
                fn describe() -> String {
                    type Keys = <$type as $crate::component::RerankerPlugin>::Config;
                    $crate::guest::describe::<Keys>($crate::about!($name, $description $(, $permissions)?), None)
                }

                fn build(config: String) -> ::std::result::Result<(), Failure> {
                    $crate::guest::build_reranker(&SLOT, &config)
                }

                fn score(query: String, documents: Vec<String>) -> ::std::result::Result<Vec<f32>, Failure> {
                    $crate::guest::score(&SLOT, &query, &documents)
                }
            }

    $crate::guest::reranker::export_reranker!(Component with_types_in $crate::guest::reranker);
        };
    };
}

/// Offers a [`TeacherPlugin`](crate::component::TeacherPlugin) as an export of this component.
#[macro_export]
macro_rules! teacher {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        const _: () = {
            use $crate::guest::bindings::scaledown::plugin::types::Question;
            use $crate::guest::{Failure, Slot};

            static SLOT: Slot<$type> = Slot::new();

            struct Component;

            impl $crate::guest::teacher::exports::scaledown::plugin::teaching::Guest for Component {
                fn describe() -> String {
                    type Keys = <$type as $crate::component::TeacherPlugin>::Config;
                    $crate::guest::describe::<Keys>($crate::about!($name, $description $(, $permissions)?), None)
                }

                fn build(config: String) -> ::std::result::Result<(), Failure> {
                    $crate::guest::build_teacher(&SLOT, &config)
                }

                fn answer(questions: Vec<Question>) -> ::std::result::Result<Vec<String>, Failure> {
                    $crate::guest::answer(&SLOT, &questions)
                }
            }

    $crate::guest::teacher::export_teacher!(Component with_types_in $crate::guest::teacher);
        };
    };
}

/// Offers a [`CorpusPlugin`](crate::component::CorpusPlugin) as an export of this component.
#[macro_export]
macro_rules! corpus {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        const _: () = {
            use $crate::guest::corpus::exports::scaledown::plugin::reading::{Entry, Guest, Item};
            use $crate::guest::{Failure, Pass, Slot};

            static SLOT: Slot<Pass<$type>> = Slot::new();

            struct Component;

            impl Guest for Component {
                fn describe() -> String {
                    type Keys = <$type as $crate::component::CorpusPlugin>::Config;
                    $crate::guest::describe::<Keys>($crate::about!($name, $description $(, $permissions)?), None)
                }

                fn build(config: String) -> ::std::result::Result<(), Failure> {
                    $crate::guest::build_corpus(&SLOT, &config)
                }

                fn next(most: u32) -> ::std::result::Result<Vec<Item>, Failure> {
                    let items = $crate::guest::next(&SLOT, most)?.into_iter();
                    Ok(items
                        .map(|item| match item {
                            Ok((id, title, text)) => Item::Entry(Entry { id, title, text }),
                            Err(reason) => Item::Unreadable(reason),
                        })
                        .collect())
                }
            }

    $crate::guest::corpus::export_corpus!(Component with_types_in $crate::guest::corpus);
        };
    };
}

/// Offers a [`CompressorPlugin`](crate::component::CompressorPlugin) as the export of this
/// component.
#[macro_export]
macro_rules! compressor {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        const _: () = {
            use $crate::component::CompressorPlugin;
            use $crate::guest::bindings::scaledown::plugin::tensor::Tensor;
            use $crate::guest::checkpointing::exports::scaledown::plugin::recomputation::Guest as Recomputation;
            use $crate::guest::compressor::exports::scaledown::plugin::compression::{
                Compressed, Context, Guest as Compression, Mode, PairBatch, Template,
            };
            use $crate::guest::{Failure, Slot};

            static SLOT: Slot<$type> = Slot::new();

            struct Component;

            impl Compression for Component {
                fn describe() -> String {
                    type Keys = <$type as CompressorPlugin>::Config;
                    let rate = <$type as CompressorPlugin>::LEARNING_RATE;
                    $crate::guest::describe::<Keys>($crate::about!($name, $description $(, $permissions)?), Some(rate))
                }

                fn build(config: String, context: Context) -> ::std::result::Result<Template, Failure> {
                    $crate::guest::build_compressor(&SLOT, &config, &context)
                }

                fn compress(batch: PairBatch, mode: Mode) -> ::std::result::Result<Compressed, Failure> {
                    $crate::guest::compress(&SLOT, batch, mode)
                }
            }

            impl Recomputation for Component {
                fn recompute(segment: u64, inputs: Vec<Tensor>) -> ::std::result::Result<Vec<Tensor>, Failure> {
                    $crate::guest::recompute(segment, inputs)
                }

                fn forget(segments: Vec<u64>) {
                    $crate::guest::forget(&segments);
                }
            }

    $crate::guest::compressor::export_compressor!(Component with_types_in $crate::guest::compressor);
    $crate::guest::checkpointing::export_checkpointing!(Component with_types_in $crate::guest::checkpointing);
        };
    };
}

/// Offers a [`GeneratorPlugin`](crate::component::GeneratorPlugin) as the export of this component.
#[macro_export]
macro_rules! generator {
    ($type:ty, $name:literal, $description:literal $(, permissions: $permissions:literal)? $(,)?) => {
        const _: () = {
            use $crate::guest::bindings::scaledown::plugin::tensor::Tensor;
            use $crate::guest::bindings::scaledown::plugin::types::Mode;
            use $crate::guest::checkpointing::exports::scaledown::plugin::recomputation::Guest as Recomputation;
            use $crate::guest::generator::exports::scaledown::plugin::generation::{Guest as Generation, Shape, Span};
            use $crate::guest::{Decodings, Failure, Slot};

            static SLOT: Slot<Decodings<$type>> = Slot::new();

            struct Component;

            fn pairs(spans: Vec<Span>) -> Vec<(u32, u32)> {
                spans.into_iter().map(|span| (span.start, span.len)).collect()
            }

            impl Generation for Component {
                fn describe() -> String {
                    type Keys = <$type as $crate::component::GeneratorPlugin>::Config;
                    $crate::guest::describe::<Keys>($crate::about!($name, $description $(, $permissions)?), None)
                }

                fn build(config: String, model: String) -> ::std::result::Result<Shape, Failure> {
                    let (hidden_size, vocabulary, max_positions) = $crate::guest::build_generator(&SLOT, &config, &model)?;
                    Ok(Shape { hidden_size, vocabulary, max_positions })
                }

                fn embed(ids: Tensor) -> ::std::result::Result<Tensor, Failure> {
                    $crate::guest::embed(&SLOT, ids)
                }

                fn forward(embeddings: Tensor, spans: Vec<Span>, mode: Mode) -> ::std::result::Result<Tensor, Failure> {
                    $crate::guest::forward(&SLOT, embeddings, &pairs(spans), mode)
                }

                fn logits(hidden: Tensor) -> ::std::result::Result<Tensor, Failure> {
                    $crate::guest::logits(&SLOT, hidden)
                }

                fn prefill(
                    embeddings: Tensor,
                    spans: Vec<Span>,
                    new_tokens: u32,
                ) -> ::std::result::Result<(Tensor, u64), Failure> {
                    $crate::guest::prefill(&SLOT, embeddings, &pairs(spans), new_tokens)
                }

                fn decode(ids: Tensor, state: u64) -> ::std::result::Result<Tensor, Failure> {
                    $crate::guest::decode(&SLOT, ids, state)
                }

                fn release(state: u64) {
                    $crate::guest::release(&SLOT, state);
                }
            }

            impl Recomputation for Component {
                fn recompute(segment: u64, inputs: Vec<Tensor>) -> ::std::result::Result<Vec<Tensor>, Failure> {
                    $crate::guest::recompute(segment, inputs)
                }

                fn forget(segments: Vec<u64>) {
                    $crate::guest::forget(&segments);
                }
            }

    $crate::guest::generator::export_generator!(Component with_types_in $crate::guest::generator);
    $crate::guest::checkpointing::export_checkpointing!(Component with_types_in $crate::guest::checkpointing);
        };
    };
}
