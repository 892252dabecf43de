//! The plugins that can be built in, and the message for a configuration that names one which is
//! not.

use scaledown as _;
use scaledown_host::plugins::{automatic_device, registry, shipped, shipped_aliases};
use scaledown_sdk::component::Kind;

#[test]
fn the_aliases_are_those_that_plugins_register() {
    let mut registered: Vec<_> =
        registry::entries().flat_map(|entry| entry.aliases.iter().map(|alias| (*alias, entry.name))).collect();
    let mut listed: Vec<_> = shipped_aliases().collect();
    registered.sort_unstable();
    listed.sort_unstable();
    registered.dedup();
    assert_eq!(registered, listed, "host/core/src/plugins/shipped.rs does not list what is registered");
}

#[test]
fn every_plugin_that_is_shipped_is_in_the_full_binary_and_no_other() {
    let mut listed: Vec<_> = shipped().collect();
    listed.sort_unstable();
    // The example is linked into these tests, and not into the binary; the automatic device and the
    // formats of corpora are the library's own.
    let others = ["attention-pool", "cards", "letters", automatic_device::NAME];
    let linked = registry::entries()
        .map(|entry| (entry.kind(), entry.name))
        .filter(|(kind, name)| *kind != Kind::Corpus && !others.contains(name))
        // An example.
        .filter(|entry| *entry != (Kind::Generator, "decoder"));
    assert_eq!(linked.collect::<Vec<_>>(), listed, "host/core/src/plugins/shipped.rs does not list what is built in");
}
