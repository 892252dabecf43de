//! Compiles the kernels of the CUDA device for this processor.
//!
//! `SCALEDOWN_EMULATOR_SANITIZE=address,undefined` builds them, and the tests, with these
//! sanitizers.

use std::path::{Path, PathBuf};

fn main() {
    let kernels = Path::new("../kernels");
    println!("cargo:rerun-if-changed=../kernels");
    println!("cargo:rerun-if-changed=emulate.h");
    println!("cargo:rerun-if-changed=emulate.cpp");
    println!("cargo:rerun-if-env-changed=SCALEDOWN_EMULATOR_SANITIZE");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(2).warnings(false).include(kernels).include(".").file("emulate.cpp");
    if let Ok(sanitizers) = std::env::var("SCALEDOWN_EMULATOR_SANITIZE")
        && !sanitizers.is_empty()
    {
        let flag = format!("-fsanitize={sanitizers}");
        build.flag(&flag).flag("-fno-sanitize-recover=all").flag("-g").opt_level(1);
        // The compiler would name them by itself, if rustc did not ask it to leave out what is
        // usual.
        for (sanitizer, library) in [("address", "asan"), ("undefined", "ubsan")] {
            if sanitizers.contains(sanitizer) {
                println!("cargo:rustc-link-arg-tests=-l{library}");
            }
        }
    }
    // A linker leaves out objects that are not named, and with them their kernels: each file gets a
    // function, and one calls all.
    let mut names: Vec<String> = std::fs::read_dir(kernels)
        .expect("the kernels are beside this crate")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".cu").map(str::to_owned))
        .collect();
    names.sort();
    for name in &names {
        let file = out.join(format!("{name}.cpp"));
        let text = format!("#include \"{name}.cu\"\nextern \"C\" void emulated_{name}() {{}}\n");
        write(&file, &text);
        build.file(file);
    }
    let declared: String = names.iter().map(|name| format!("extern \"C\" void emulated_{name}();\n")).collect();
    let called: String = names.iter().map(|name| format!("  emulated_{name}();\n")).collect();
    let all = out.join("all.cpp");
    write(&all, &format!("{declared}extern \"C\" void emulation_link() {{\n{called}}}\n"));
    build.file(all).compile("emulated");
}

/// Leaves a file alone that is as it should be, so that nothing is recompiled.
fn write(file: &Path, text: &str) {
    if std::fs::read_to_string(file).ok().as_deref() != Some(text) {
        std::fs::write(file, text).expect("the build directory can be written to");
    }
}
