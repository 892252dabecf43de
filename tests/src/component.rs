//! Builds crates of this workspace as WASM components.

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

const TARGET: &str = "wasm32-unknown-unknown";

fn root() -> PathBuf {
    // The tests' crate is a direct member of the workspace.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Whether the compiler can build for WebAssembly.
#[must_use]
pub fn target_installed() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    output.is_ok_and(|output| output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Builds the crate `package` as a component.
///
/// # Errors
/// What the compiler or the encoder says.
pub fn build(package: &str) -> Result<Vec<u8>, String> {
    let target = root().join("target/component");
    let status = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--package", package, "--lib", "--crate-type", "cdylib"])
        .args(["--profile", "component", "--target", TARGET])
        .current_dir(root())
        .env("CARGO_TARGET_DIR", &target)
        // Flags of the outer build, such as those for coverage, are not for this target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("{package} does not build for {TARGET}: {status}"));
    }
    let module = target.join(TARGET).join("component").join(format!("{}.wasm", package.replace('-', "_")));
    encode(&std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?)
}

/// Makes a component of a core module written in WebAssembly's text format by hand, for the
/// compressor's world.
///
/// # Errors
/// If the module does not fit the world.
pub fn from_text(text: &str) -> Result<Vec<u8>, String> {
    from_text_for("compressor", text)
}

/// Makes a component of a core module written in WebAssembly's text format by hand, for a world of
/// the contract.
///
/// # Errors
/// If the module does not fit the world.
pub fn from_text_for(world: &str, text: &str) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit/plugin-0.2.0")).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))?;
    for_world(text, &resolve, world)
}

/// As [`from_text_for`], for a component that imports interfaces of other packages too: `packages`
/// are their texts, and `imports` the names of the interfaces.
///
/// # Errors
/// If the module does not fit the world.
pub fn from_text_beside(world: &str, packages: &[&str], imports: &[&str], text: &str) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let mut push = |name: &str, text: &str| resolve.push_str(name, text).map_err(|error| format!("{error:#}"));
    for (number, package) in packages.iter().enumerate() {
        push(&format!("{number}.wit"), package)?;
    }
    resolve.push_dir(root().join("wit/plugin-0.2.0")).map_err(|error| format!("{error:#}"))?;
    let imports: String = imports.iter().map(|name| format!("    import {name};\n")).collect();
    let own = format!("package local:made;\nworld made {{\n    include scaledown:plugin/{world}@0.2.0;\n{imports}}}\n");
    let package = resolve.push_str("made.wit", &own).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some("made")).map_err(|error| format!("{error:#}"))?;
    for_world(text, &resolve, world)
}

fn for_world(text: &str, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, String> {
    let mut module = wat::parse_str(text).map_err(|error| error.to_string())?;
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).map_err(|error| format!("{error:#}"))?;
    encode(&module)
}

/// Makes a component of a core module that says itself which world it is for.
///
/// # Errors
/// If the module is not valid, or does not fit its world.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}
