//! The keys of `[compressor]` with `plugin = "n-layers"`.

/// The configuration of the `n-layers` compressor.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NLayersConfig {
    /// How many of the generator's layers are copied. The paper uses 5, 8 and 10, and 16 for reranking.
    #[schemars(range(min = 1), extend("format" = "generator-layers"))]
    pub layers: usize,
    /// Whether the generator's final norm follows the last layer; the authors' code has none.
    #[serde(default)]
    pub final_norm: bool,
}
