//! `scaledown plugin new`: a project that builds and passes its own tests.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::terminal::Terminal;
use scaledown_host::error::{Error, Result};

/// Start a plugin: a project that builds and passes its own tests.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// The kind of component.
    #[arg(value_enum)]
    kind: PluginKind,
    /// The plugin's name: lowercase letters, digits and `-`. Its directory is called so.
    name: String,
    /// The language that it is written in.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
    /// The SDK's directory, for a Rust plugin. If not given, that of this program's own sources
    /// where they are there, else the published crate.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PluginKind {
    Corpus,
    Retriever,
    Reranker,
    Teacher,
    Compressor,
    Generator,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    #[default]
    Rust,
    Python,
}

/// A file of a project: its path, and its text, in which `{{name}}` and the like are replaced.
type Template = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/plugin/", $path))
    };
}

macro_rules! wit {
    ($($name:literal)*) => {
        [$((concat!("wit/deps/scaledown-plugin/", $name), include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/plugin-0.2.0/", $name)))),*]
    };
}

/// The interface's files, which componentize-py reads.
const WIT: [Template; 8] =
    wit!("types.wit" "services.wit" "roles.wit" "worlds.wit" "tensor.wit" "instructions.wit" "params.wit" "compressor.wit");

impl New {
    pub(super) fn run(self, terminal: &Terminal) -> Result<()> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if !self.name.starts_with(|letter: char| letter.is_ascii_lowercase()) || !self.name.chars().all(plain) {
            return Err(Error::usage(format!(
                "{}: expected lowercase letters, digits and `-`, a letter first, as in `my-retriever`",
                self.name
            )));
        }
        let directory = Path::new(&self.name);
        if directory.exists() {
            return Err(Error::usage(format!("{} is there already", self.name)));
        }
        for (path, text) in self.files()? {
            let path = directory.join(path);
            let parent = path.parent().unwrap_or(directory);
            std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
            std::fs::write(&path, self.filled(text)).map_err(|error| Error::io(&path, error))?;
        }
        let test = match self.language {
            Language::Rust => "cargo test",
            Language::Python => "python -m unittest",
        };
        terminal.print(format!(
            "{0}/ holds a {1}. Next: `cd {0}`, `{test}`, `scaledown plugin build`, `scaledown plugin check {0}.wasm`\n",
            self.name,
            self.kind.name()
        ))
    }

    fn files(&self) -> Result<Vec<Template>> {
        let (source, conformance) = match (self.language, self.kind) {
            (Language::Rust, PluginKind::Corpus) => (template!("rust/corpus.rs"), template!("corpus.toml")),
            (Language::Rust, PluginKind::Retriever) => (template!("rust/retriever.rs"), template!("empty.toml")),
            (Language::Rust, PluginKind::Reranker) => (template!("rust/reranker.rs"), template!("empty.toml")),
            (Language::Rust, PluginKind::Teacher) => (template!("rust/teacher.rs"), template!("empty.toml")),
            (Language::Rust, PluginKind::Compressor) => (template!("rust/compressor.rs"), template!("empty.toml")),
            (Language::Rust, PluginKind::Generator) => (template!("rust/generator.rs"), template!("empty.toml")),
            (Language::Python, PluginKind::Corpus) => (template!("python/corpus.py"), template!("corpus.toml")),
            (Language::Python, PluginKind::Retriever) => (template!("python/retriever.py"), template!("empty.toml")),
            (Language::Python, PluginKind::Reranker) => (template!("python/reranker.py"), template!("empty.toml")),
            (Language::Python, PluginKind::Teacher) => (template!("python/teacher.py"), template!("empty.toml")),
            (Language::Python, PluginKind::Compressor | PluginKind::Generator) => {
                let message = format!("a {} is written in Rust: Python has no tensors of the host", self.kind.name());
                return Err(Error::usage(message));
            }
        };
        let mut files = vec![("conformance.toml", conformance), ("README.md", template!("README.md"))];
        match self.language {
            Language::Rust => {
                files.extend([("Cargo.toml", template!("rust/Cargo.toml")), (".gitignore", "/target\n"), ("src/lib.rs", source)])
            }
            Language::Python => {
                let test = match self.kind {
                    PluginKind::Corpus => template!("python/test_corpus.py"),
                    PluginKind::Reranker => template!("python/test_reranker.py"),
                    PluginKind::Teacher => template!("python/test_teacher.py"),
                    _ => template!("python/test_retriever.py"),
                };
                files.extend([
                    ("plugin.py", source),
                    ("test_plugin.py", test),
                    ("scaledown_plugin/__init__.py", template!("python/scaledown_plugin.py")),
                    ("scaledown_plugin/testing.py", template!("python/testing.py")),
                    ("wit/world.wit", template!("python/world.wit")),
                ]);
                files.extend(WIT);
            }
        }
        Ok(files)
    }

    fn filled(&self, text: &str) -> String {
        let type_name: String = self.name.split('-').map(capital).collect();
        let interface = match self.kind {
            PluginKind::Corpus => "reading",
            PluginKind::Retriever => "retrieval",
            PluginKind::Reranker => "reranking",
            PluginKind::Teacher => "teaching",
            PluginKind::Compressor => "compression",
            PluginKind::Generator => "generation",
        };
        text.replace("{{name}}", &self.name)
            .replace("{{type}}", &type_name)
            .replace("{{kind}}", self.kind.name())
            .replace("{{interface}}", interface)
            .replace("{{sdk}}", &self.sdk())
    }

    /// The dependency on the SDK, as Cargo.toml writes it.
    fn sdk(&self) -> String {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        let directory = self.sdk.clone().unwrap_or(own).canonicalize().ok().filter(|path| path.join("Cargo.toml").is_file());
        match directory {
            Some(directory) => format!("{{ path = {:?} }}", directory.display().to_string()),
            None => format!("{:?}", env!("CARGO_PKG_VERSION")),
        }
    }
}

impl PluginKind {
    fn name(self) -> &'static str {
        match self {
            PluginKind::Corpus => "corpus",
            PluginKind::Retriever => "retriever",
            PluginKind::Reranker => "reranker",
            PluginKind::Teacher => "teacher",
            PluginKind::Compressor => "compressor",
            PluginKind::Generator => "generator",
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
