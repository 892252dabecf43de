//! One macro by which a plugin offers its compressor, built natively or as a WASM component.

/// Offers a [`CompressorPlugin`](crate::component::CompressorPlugin):
/// `compressor!(AttentionPool, "attention-pool", "What it does.")`.
///
/// A crate that is linked into a host registers it under its name. A crate that is built as a
/// component exports it; there the host's configuration gives the name.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! compressor {
    ($type:ty, $name:literal, $description:literal) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::compressor::<$type>($name, $description)
        }
    };
}

/// Offers a [`CompressorPlugin`](crate::component::CompressorPlugin) as the export of this
/// component.
#[cfg(target_arch = "wasm32")]
#[macro_export]
macro_rules! compressor {
    ($type:ty, $name:literal, $description:literal) => {
        const _: () = {
            use $crate::guest::bindings::exports::scaledown::plugin::compression::{
                Compressed, Context, Guest as Compression, Mode, PairBatch, Template,
            };
            use $crate::guest::bindings::exports::scaledown::plugin::recomputation::Guest as Recomputation;
            use $crate::guest::bindings::scaledown::plugin::tensor::Tensor;
            use $crate::guest::{Failure, Instance};

            static INSTANCE: Instance<$type> = Instance::new();

            struct Component;

            impl Compression for Component {
                fn build(config: String, context: Context) -> ::std::result::Result<Template, Failure> {
                    INSTANCE.build(&config, &context)
                }

                fn compress(batch: PairBatch, mode: Mode) -> ::std::result::Result<Compressed, Failure> {
                    INSTANCE.compress(batch, mode)
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

    $crate::guest::bindings::export_compressor!(Component with_types_in $crate::guest::bindings);
        };
    };
}
