//! The plugins that come with ScaleDown. Each is a cargo feature of the `scaledown` binary, of the
//! plugin's own name.

use scaledown_sdk::component::Kind;

/// All of them, whether or not they are linked into this program.
const SHIPPED: [(Kind, &str); 16] = [
    (Kind::Retriever, "bm25"),
    (Kind::Retriever, "milvus"),
    (Kind::Retriever, "qdrant"),
    (Kind::Retriever, "splade"),
    (Kind::Reranker, "candle"),
    (Kind::Reranker, "deberta"),
    (Kind::Teacher, "candle"),
    (Kind::Teacher, "mistral"),
    (Kind::Teacher, "openai"),
    (Kind::Compressor, "adapter"),
    (Kind::Compressor, "decoder"),
    (Kind::Compressor, "modernbert"),
    (Kind::Compressor, "n-layers"),
    (Kind::Generator, "mistral"),
    (Kind::Device, "cpu"),
    (Kind::Device, "cuda"),
];

/// The aliases of some of them.
const ALIASES: [(&str, &str); 2] = [("decoder", "mistral"), ("cross-encoder", "deberta")];

/// Plugins that even the full binary leaves out, since they need special machines, with their
/// features.
const APART: [(Kind, &str, &str); 2] = [(Kind::Device, "pjrt", "trainium"), (Kind::Device, "trainium", "trainium")];

/// How to build in a plugin that comes with ScaleDown and that this program lacks; `None` for any
/// other name.
#[must_use]
pub fn how_to_build_in(kind: Kind, name: &str) -> Option<String> {
    if super::registry::find(kind, name).is_some() {
        return None;
    }
    if let Some((.., feature)) = APART.iter().find(|(own, known, _)| (*own, *known) == (kind, name)) {
        return Some(format!("plugin \"{name}\" is not built in; build with `--features {feature}`"));
    }
    let is_shipped = |name| SHIPPED.contains(&(kind, name));
    let aliased = ALIASES.into_iter().find(|(alias, _)| *alias == name).map(|(_, name)| name);
    let name = [Some(name), aliased].into_iter().flatten().find(|name| is_shipped(name))?;
    let lacks = super::registry::find(kind, name).is_none();
    lacks.then(|| format!("plugin \"{name}\" is not built in; build with `--features {name}` (or `--features full`)"))
}

/// The aliases of the plugins that come with ScaleDown, each with the plugin's name.
pub fn shipped_aliases() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALIASES.into_iter()
}

/// The plugins that come with ScaleDown, by kind and name.
pub fn shipped() -> impl Iterator<Item = (Kind, &'static str)> {
    SHIPPED.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_is_left_out_is_named_with_its_feature() {
        // The library links no plugin.
        let message = how_to_build_in(Kind::Retriever, "milvus").unwrap();
        assert_eq!(message, "plugin \"milvus\" is not built in; build with `--features milvus` (or `--features full`)");
        assert!(how_to_build_in(Kind::Teacher, "decoder").unwrap().contains("--features mistral"), "an alias");
        let message = how_to_build_in(Kind::Device, "pjrt").unwrap();
        assert_eq!(message, "plugin \"pjrt\" is not built in; build with `--features trainium`");
        assert_eq!(how_to_build_in(Kind::Retriever, "milvux"), None);
        assert_eq!(how_to_build_in(Kind::Teacher, "milvus"), None, "a name counts for its own kind");
    }
}
