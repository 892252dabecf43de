//! What a component says that it needs and offers, read from its binary before anything of it runs.

use std::collections::BTreeSet;

use scaledown_sdk::component::Kind;
use scaledown_sdk::{Error, Result};
use wasmparser::{BinaryReaderError, Encoding, Parser, Payload};

/// The version of the contract that this host serves.
pub const VERSION: &str = "0.2.0";

/// The package of the contract.
const PACKAGE: &str = "scaledown:plugin/";

/// Interfaces of other packages that the host offers, by the beginning of their names.
const WASI: [&str; 6] = ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// The interface that each kind of component exports.
const ROLES: [(Kind, &str); 6] = [
    (Kind::Corpus, "reading"),
    (Kind::Retriever, "retrieval"),
    (Kind::Reranker, "reranking"),
    (Kind::Teacher, "teaching"),
    (Kind::Compressor, "compression"),
    (Kind::Generator, "generation"),
];

/// The interfaces that the host gives.
const GIVEN: [&str; 15] = [
    "types",
    "documents",
    "components",
    "log",
    "progress",
    "random",
    "config",
    "clock",
    "tokenizer",
    "storage",
    "files",
    "http",
    "tensor",
    "instructions",
    "params",
];

/// The names of what a component imports and exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// Its imports, as `scaledown:plugin/log@0.2.0`.
    pub imports: Vec<String>,
    /// Its exports.
    pub exports: Vec<String>,
}

/// What is wrong with a binary, in one line.
pub(crate) fn damaged(error: &BinaryReaderError) -> String {
    let words = error.to_string();
    format!("it is damaged: {}", words.split_whitespace().collect::<Vec<_>>().join(" "))
}

impl Contract {
    /// Reads a component's binary.
    ///
    /// # Errors
    /// [`Error::Plugin`] if it is not a valid component.
    pub fn read(name: &str, binary: &[u8]) -> Result<Self> {
        let broken = |message: String| Error::Plugin { plugin: name.to_owned(), message };
        if !binary.starts_with(b"\0asm") {
            return Err(broken("not a WebAssembly component: it does not begin as one".into()));
        }
        let mut contract = Contract::default();
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(binary) {
            match payload.map_err(|error| broken(damaged(&error)))? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    let message = "it is a core module, not a component; make one of it with `scaledown plugin build`";
                    return Err(broken(message.into()));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|error| broken(damaged(&error)))?;
                        contract.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export.map_err(|error| broken(damaged(&error)))?;
                        contract.exports.push(export.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        // Names are shown on a terminal.
        let plain = |name: &String| !name.contains(char::is_control);
        match contract.imports.iter().chain(&contract.exports).all(plain) {
            true => Ok(contract),
            false => Err(broken("it is damaged: a name of an import or export has control characters".into())),
        }
    }

    /// The kinds of component that it is, of the version that this host serves.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let serves = |interface: &str| {
            self.exports.iter().any(|name| parts(name).is_some_and(|(own, version)| own == interface && fits(version)))
        };
        ROLES.iter().filter(|(_, interface)| serves(interface)).map(|(kind, _)| *kind).collect()
    }

    /// The versions of the contract that it was built for.
    #[must_use]
    pub fn versions(&self) -> Vec<&str> {
        let names = self.imports.iter().chain(&self.exports);
        names.filter_map(|name| Some(parts(name)?.1)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Checks that this host can run it: its version, its imports, and that it is a component of
    /// some kind.
    ///
    /// # Errors
    /// [`Error::Plugin`] with the reason.
    pub fn check(&self, name: &str) -> Result<()> {
        let broken = |message: String| Err(Error::Plugin { plugin: name.to_owned(), message });
        if let Some(version) = self.versions().into_iter().find(|version| !fits(version)) {
            let newer = if later(version) { "update ScaleDown" } else { "build it again with the present SDK" };
            return broken(format!(
                "it was built for version {version} of the plugin interface, and this host serves {VERSION}; {newer}"
            ));
        }
        let known = |import: &&String| match parts(import) {
            Some((interface, _)) => GIVEN.contains(&interface),
            None => WASI.iter().any(|package| import.starts_with(package)) && import.contains("@0.2."),
        };
        if let Some(missing) = self.imports.iter().find(|import| !known(import)) {
            return broken(format!(
                "it imports {missing}, which this host does not have; `scaledown plugin inspect` lists its imports"
            ));
        }
        if self.kinds().is_empty() {
            let roles = ROLES.map(|(_, interface)| format!("{PACKAGE}{interface}@{VERSION}")).join(", ");
            let exports = if self.exports.is_empty() { "nothing".to_owned() } else { self.exports.join(", ") };
            return broken(format!(
                "it is a component of no kind that is known here: it exports {exports}, expected one of {roles}"
            ));
        }
        Ok(())
    }

    /// Whether it imports WASI.
    pub(crate) fn needs_wasi(&self) -> bool {
        self.imports.iter().any(|import| import.starts_with("wasi:"))
    }
}

/// The interface and version of a name of the contract's package.
fn parts(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

/// Whether this host serves a version: the same minor version, and no pre-release.
fn fits(version: &str) -> bool {
    numbers(version).zip(numbers(VERSION)).is_some_and(|(theirs, ours)| theirs[..2] == ours[..2])
}

fn later(version: &str) -> bool {
    numbers(version).zip(numbers(VERSION)).is_some_and(|(theirs, ours)| theirs > ours)
}

fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().ok());
    let found = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(imports: &[&str], exports: &[&str]) -> Contract {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Contract { imports: owned(imports), exports: owned(exports) }
    }

    #[test]
    fn what_does_not_fit_is_named_with_both_versions() {
        let refusal = |contract: Contract| contract.check("x").unwrap_err().to_string();
        let fine = of(&["scaledown:plugin/log@0.2.7", "wasi:io/streams@0.2.6"], &["scaledown:plugin/retrieval@0.2.0"]);
        fine.check("x").unwrap();
        assert_eq!(fine.kinds(), [Kind::Retriever]);
        let newer = refusal(of(&[], &["scaledown:plugin/retrieval@0.3.0"]));
        assert!(newer.contains("version 0.3.0") && newer.contains("serves 0.2.0; update ScaleDown"), "{newer}");
        let older = refusal(of(&[], &["scaledown:plugin/retrieval@0.1.0"]));
        assert!(older.contains("version 0.1.0") && older.contains("build it again"), "{older}");
        let missing = refusal(of(&["wasi:http/types@0.2.0"], &["scaledown:plugin/retrieval@0.2.0"]));
        assert!(missing.contains("imports wasi:http/types@0.2.0"), "{missing}");
        let other = refusal(of(&[], &["wasi:cli/run@0.2.0"]));
        assert!(other.contains("exports wasi:cli/run@0.2.0, expected one of"), "{other}");
    }

    #[test]
    fn what_is_no_component_is_reported_so() {
        let refusal = |binary: &[u8]| Contract::read("x", binary).unwrap_err().to_string();
        assert!(refusal(b"no component").contains("not a WebAssembly component"));
        assert!(refusal(b"\0asm\x01\0\0\0").contains("core module"));
    }
}
