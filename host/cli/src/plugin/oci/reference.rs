//! What names a plugin in a registry.

use std::fmt;

use scaledown_host::error::{Error, Result};

/// `registry.example.org/acme/pool:1.2.0`: a registry, a repository in it and a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Host, and port where it has one.
    pub(crate) registry: String,
    /// The repository.
    pub(crate) repository: String,
    /// The version, a tag.
    pub(crate) version: String,
}

impl Reference {
    /// Reads a reference; one without a registry is in `registry`.
    ///
    /// # Errors
    /// If it is not written as one.
    pub(crate) fn parse(text: &str, registry: Option<&str>) -> Result<Self> {
        let wrong = |what: &str| {
            let expected = "expected REGISTRY/NAME:VERSION, as in registry.example.org/acme/pool:1.2.0";
            Error::usage(format!("{text}: {what}; {expected}"))
        };
        let text_of = text.strip_prefix("oci://").unwrap_or(text);
        let (first, rest) = text_of.split_once('/').unwrap_or(("", text_of));
        let is_host = first.contains(['.', ':']) || first == "localhost";
        let (host, path) = match (is_host, registry) {
            (true, _) => (first, rest),
            (false, Some(registry)) => (registry, text_of),
            (false, None) => return Err(wrong("it names no registry, and `--registry` gives none")),
        };
        let of_host = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(of_host) {
            return Err(wrong("a registry is a host, and perhaps `:` and a port"));
        }
        let (repository, version) = path.rsplit_once(':').ok_or_else(|| wrong("it has no version"))?;
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_' | '.' | '/');
        if repository.is_empty() || !repository.chars().all(plain) || repository.starts_with('/') || repository.contains("..") {
            return Err(wrong("a name is lowercase letters, digits, `-`, `_`, `.` and `/`"));
        }
        let tag = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if version.is_empty() || version.len() > 128 || !version.chars().all(tag) {
            return Err(wrong("a version is letters, digits, `-`, `_` and `.`"));
        }
        Ok(Reference { registry: host.to_owned(), repository: repository.to_owned(), version: version.to_owned() })
    }

    /// Whether the version is one that others can order: three numbers, and perhaps what follows
    /// `-`.
    pub(crate) fn is_semver(&self) -> bool {
        let core = self.version.split('-').next().unwrap_or_default();
        let parts: Vec<&str> = core.split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| part.parse::<u64>().is_ok())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.registry, self.repository, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_with_and_without_a_registry() {
        let read = |text, registry| Reference::parse(text, registry).map(|found| found.to_string());
        assert_eq!(read("localhost:5000/acme/pool:1.2.0", None).unwrap(), "localhost:5000/acme/pool:1.2.0");
        assert_eq!(read("acme/pool:1.2.0", Some("r.example")).unwrap(), "r.example/acme/pool:1.2.0");
        assert_eq!(read("oci://r.example/pool:1.2.0-rc.1", None).unwrap(), "r.example/pool:1.2.0-rc.1");
        for wrong in ["acme/pool:1.2.0", "r.example/acme/pool", "r.example/Acme:1", "r.example/../x:1", "r.example/a:b/c"] {
            assert!(read(wrong, None).is_err(), "{wrong}");
        }
        for wrong in ["user@r.example/pool:1.2.0", "r.example?x/pool:1.2.0"] {
            assert!(read(wrong, None).is_err(), "{wrong}");
        }
        assert!(Reference::parse("r.example/a:1.2.0", None).unwrap().is_semver());
        assert!(!Reference::parse("r.example/a:latest", None).unwrap().is_semver());
    }
}
