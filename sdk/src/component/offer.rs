//! One macro by which a plugin offers its compressor, built natively or as a WASM component.

/// Offers a [`CompressorPlugin`](crate::component::CompressorPlugin): `compressor!(AttentionPool, "attention-pool", "What it does.")`.
///
/// A crate that is linked into a host registers it under its name. A crate that is built as a component exports it; there the host's
/// configuration gives the name.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! compressor {
    ($type:ty, $name:literal, $description:literal) => {
        $crate::component::inventory::submit! {
            $crate::component::Registration::compressor::<$type>($name, $description)
        }
    };
}

/// Offers a [`CompressorPlugin`](crate::component::CompressorPlugin) as the export of this component.
#[cfg(target_arch = "wasm32")]
#[macro_export]
macro_rules! compressor {
    ($type:ty, $name:literal, $description:literal) => {
        const _: () = {
            use $crate::guest::bindings::{Compressed, Context, Guest, Mode, PairBatch, Template};
            use $crate::guest::{Failure, Instance};

            static INSTANCE: Instance<$type> = Instance::new();

            struct Component;

            impl Guest for Component {
                fn build(config: String, context: Context) -> ::std::result::Result<Template, Failure> {
                    INSTANCE.build(&config, &context)
                }

                fn compress(batch: PairBatch, mode: Mode) -> ::std::result::Result<Compressed, Failure> {
                    INSTANCE.compress(batch, mode)
                }
            }

    $crate::guest::bindings::export_compressor!(Component with_types_in $crate::guest::bindings);
        };
    };
}
