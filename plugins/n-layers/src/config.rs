//! The keys of `[compressor]` with `plugin = "n-layers"`.

/// The configuration of the `n-layers` compressor.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NLayersConfig {
    /// Number of the generator's layers to copy. The paper uses 5, 8 and 10, and 16 for reranking.
    #[schemars(range(min = 1), extend("format" = "generator-layers"))]
    pub layers: usize,
    /// Applies the generator's final norm after the last layer. The authors' code does not.
    #[serde(default)]
    pub final_norm: bool,
}
