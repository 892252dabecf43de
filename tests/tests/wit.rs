//! The WIT interface has a function for each instruction that a component may call:
//! `wit/plugin-0.2.0/instructions.wit` is what the table of instructions says.
//! `SCALEDOWN_WRITE_FIXTURES=1` writes it again.

use std::path::PathBuf;

use scaledown_sdk::Op;
use scaledown_sdk::tensor::Audience;
use scaledown_tests::wit;
use wit_parser::Resolve;

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wit/plugin-0.2.0")
}

#[test]
fn the_interface_is_the_table() {
    let path = package().join("instructions.wit");
    let generated = wit::instructions();
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        // The other test may be reading it.
        let new = path.with_extension("new");
        std::fs::write(&new, &generated).unwrap();
        std::fs::rename(&new, &path).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, generated, "write {} again with SCALEDOWN_WRITE_FIXTURES=1", path.display());
}

#[test]
fn the_package_parses_and_has_every_instruction() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(package()).unwrap_or_else(|error| panic!("{error:#}"));
    let interface = resolve.packages[package].interfaces["instructions"];
    let functions: Vec<&str> = resolve.interfaces[interface].functions.keys().map(String::as_str).collect();
    for declaration in Op::TABLE {
        let name = declaration.name.replace('_', "-");
        let families = ["unary", "binary", "compare"];
        let there = families.contains(&declaration.name) || functions.iter().any(|function| function.starts_with(&name));
        match declaration.audience {
            Audience::Everyone => assert!(there, "{name} is missing"),
            Audience::Host => assert!(!functions.contains(&name.as_str()), "{name} is the host's alone"),
        }
    }
    for function in ["gelu-tanh", "maximum", "ge", "reduce-max", "gated-silu", "bias-activation-gelu", "top-k", "split"] {
        assert!(functions.contains(&function), "{function}");
    }
}
