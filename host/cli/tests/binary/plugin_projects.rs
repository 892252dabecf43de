//! Making, checking, publishing and installing plugins, as their authors and users do.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Ran, scaledown};
use crate::tiny::{Tiny, one_error};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

/// Runs a command in a directory with directories of its own for data and caches.
fn run(home: &Path, directory: &Path, arguments: &[&str]) -> Ran {
    let mut command = scaledown();
    command.current_dir(directory).args(arguments).stdin(Stdio::null());
    command.env("XDG_DATA_HOME", home.join("data")).env("XDG_CACHE_HOME", home.join("cache"));
    command.env("CARGO_TARGET_DIR", root().join("target/plugin-projects"));
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn done(home: &Path, directory: &Path, arguments: &[&str]) -> String {
    let ran = run(home, directory, arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.out
}

fn target_installed() -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]).output();
    output.is_ok_and(|output| output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

#[test]
fn a_new_project_builds_and_conforms() {
    if !target_installed() {
        eprintln!("skipped: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for kind in ["retriever", "reranker", "teacher", "corpus", "compressor", "generator"] {
        let name = format!("my-{kind}");
        done(home.path(), home.path(), &["plugin", "new", kind, &name]);
        let project = home.path().join(&name);
        if kind == "reranker" {
            let source = std::fs::read_to_string(project.join("src/lib.rs")).unwrap();
            let asking = source.replace("that it has.\");", "that it has.\", permissions: r#\"{\"env\": [\"BONUS\"]}\"#);");
            assert_ne!(source, asking);
            std::fs::write(project.join("src/lib.rs"), asking).unwrap();
        }
        // The versions that are at hand.
        std::fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
        let built = done(home.path(), &project, &["plugin", "build"]);
        assert!(built.contains(&format!("{name}.wasm: {kind}, ")), "{built}");
        let checked = done(home.path(), &project, &["plugin", "check", &format!("{name}.wasm")]);
        assert!(checked.contains("  ok ") && !checked.contains("FAILED"), "{checked}");
        // What it asks for is in the file, before anything of it runs.
        let asked = format!("asks for: {}\n", if kind == "reranker" { "env = [\"BONUS\"]" } else { "nothing" });
        let inspected = done(home.path(), &project, &["plugin", "inspect", &format!("{name}.wasm")]);
        assert!(inspected.contains(&asked) && checked.contains(&asked), "{inspected}{checked}");
        assert!(inspected.starts_with(&format!("{kind} {name} 0.1.0: ")), "{inspected}");
    }
}

/// The tests of a new project, which its author runs natively.
#[test]
#[ignore = "compiles the SDK, which takes minutes"]
fn a_new_project_passes_its_own_tests() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["retriever", "reranker", "teacher", "corpus", "compressor", "generator"] {
        let name = format!("my-{kind}");
        done(home.path(), home.path(), &["plugin", "new", kind, &name]);
        let project = home.path().join(&name);
        std::fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
        let target = root().join("target/plugin-projects");
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let output = command.arg("test").current_dir(&project).env("CARGO_TARGET_DIR", target).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains("test result: ok. 1 passed"), "{kind}: {out}{err}");
    }
}

#[test]
fn names_that_are_none_are_refused() {
    let home = tempfile::tempdir().unwrap();
    for (name, expected) in [("My", "expected lowercase letters"), ("-x", ""), ("a/b", "expected lowercase letters")] {
        let ran = run(home.path(), home.path(), &["plugin", "new", "retriever", name]);
        assert!(ran.code == 2 && ran.err.contains(expected), "{}", ran.err);
    }
    done(home.path(), home.path(), &["plugin", "new", "reranker", "twice", "--language", "python"]);
    let ran = run(home.path(), home.path(), &["plugin", "new", "reranker", "twice"]);
    assert!(one_error(&ran.err).contains("twice is there already"), "{}", ran.err);
    let ran = run(home.path(), home.path(), &["plugin", "build", "nowhere"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
}

#[test]
fn a_python_project_passes_its_own_tests() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["retriever", "reranker", "teacher", "corpus"] {
        let name = format!("my-{kind}");
        done(home.path(), home.path(), &["plugin", "new", kind, &name, "--language", "python"]);
        let output = Command::new("python3").args(["-m", "unittest"]).current_dir(home.path().join(&name)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // The hybrid of the examples, with the package that scaffolding writes.
    let project = home.path().join("my-retriever");
    for file in ["plugin.py", "test_plugin.py"] {
        std::fs::copy(root().join("examples/plugins/hybrid").join(file), project.join(file)).unwrap();
    }
    let output = Command::new("python3").args(["-m", "unittest"]).current_dir(&project).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs componentize-py (`pip install componentize-py`)"]
fn a_python_project_builds_and_conforms() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["retriever", "reranker", "teacher", "corpus"] {
        let name = format!("my-{kind}");
        done(home.path(), home.path(), &["plugin", "new", kind, &name, "--language", "python"]);
        let project = home.path().join(&name);
        let built = done(home.path(), &project, &["plugin", "build"]);
        assert!(built.contains(&format!("{name}.wasm: {kind}, ")), "{built}");
        let checked = done(home.path(), &project, &["plugin", "check", &format!("{name}.wasm")]);
        assert!(checked.contains("  ok ") && !checked.contains("FAILED"), "{checked}");
    }
}

#[test]
#[ignore = "needs componentize-py (`pip install componentize-py`)"]
fn a_hybrid_in_python_fuses_two_retrievers_of_the_configuration() {
    let tiny = Tiny::new();
    let home = tiny.path(".");
    done(&home, &home, &["plugin", "new", "retriever", "hybrid", "--language", "python"]);
    std::fs::copy(root().join("examples/plugins/hybrid/plugin.py"), home.join("hybrid/plugin.py")).unwrap();
    done(&home, &home, &["plugin", "build", "hybrid"]);
    std::fs::copy(fixture("letters.wasm"), home.join("letters.wasm")).unwrap();
    tiny.write("c.jsonl", "{\"id\": \"hazel\", \"text\": \"The home of Hazel is Aspen Vale.\"}\n{\"id\": \"birch\", \"text\": \"Birch Loom is framed.\"}\n");
    tiny.write(
        "c.toml",
        "[corpus]\nformat = \"jsonl\"\npath = \"c.jsonl\"\n[retriever]\nplugin = \"hybrid\"\n[plugins.hybrid]\npath = \"hybrid/hybrid.wasm\"\n\
         [plugins.hybrid.permissions]\ncomponents = [\"lexical\", \"spelling\"]\n[plugins.letters]\npath = \"letters.wasm\"\n\
         [components.lexical]\nkind = \"retriever\"\nplugin = \"bm25\"\n[components.spelling]\nkind = \"retriever\"\nplugin = \"letters\"\n\
         [output]\ndirectory = \"run\"\n",
    );
    done(&home, &home, &["index", "build", "c.toml"]);
    let found = done(&home, &home, &["index", "search", "c.toml", "--query", "brich home"]);
    assert!(found.contains("birch") && found.contains("hazel"), "{found}");
}

/// A registry on this machine, which ends with the test.
struct Registry {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Registry {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            directory.path().display()
        );
        std::fs::write(directory.path().join("config.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", "config.yml"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is not installed (apt-get install docker-registry)");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the registry does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Registry { child, address: format!("localhost:{port}"), _directory: directory }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs docker-registry (`apt-get install docker-registry`)"]
fn a_plugin_is_published_installed_and_trained() {
    let registry = Registry::start();
    let tiny = Tiny::new();
    let home = tiny.path(".");
    let reference = format!("{}/acme/pool:1.2.0", registry.address);
    std::fs::copy(fixture("attention-pool.wasm"), home.join("pool.wasm")).unwrap();
    let published = done(&home, &home, &["plugin", "publish", "pool.wasm", &reference]);
    assert!(published.contains("sha256 "), "{published}");
    // The same again changes nothing; something else under the same version is refused.
    done(&home, &home, &["plugin", "publish", "pool.wasm", &reference]);
    let other = fixture("letters.wasm");
    let ran = run(&home, &home, &["plugin", "publish", other.to_str().unwrap(), &reference]);
    assert!(one_error(&ran.err).contains("a published version never changes"), "{}", ran.err);
    let ran = run(&home, &home, &["plugin", "publish", "pool.wasm", &reference.replace("1.2.0", "latest")]);
    assert!(one_error(&ran.err).contains("three numbers"), "{}", ran.err);

    // The manifest is the one that others read.
    let url = format!("http://{}/v2/acme/pool/manifests/1.2.0", registry.address);
    let manifest = Command::new("python3")
        .args(["-c", "import sys, urllib.request as r; q = r.Request(sys.argv[1], headers={'Accept': 'application/vnd.oci.image.manifest.v1+json'}); print(r.urlopen(q).read().decode())", &url])
        .output()
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.stdout).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "1.2.0");

    let installed = done(&home, &home, &["plugin", "install", &reference]);
    assert!(installed.contains("compressor"), "{installed}");
    let lock = tiny.read("plugins.lock");
    assert!(lock.contains(&reference) && lock.contains("sha256 = \""), "{lock}");
    let base = tiny.read("base.toml").replace("plugin = \"n-layers\"\nlayers = 1", "plugin = \"pool\"\nsize = 8");
    tiny.write("base.toml", format!("{base}[plugins.pool]\nsource = \"{reference}\"\n"));
    done(&home, &home, &["train", "tiny.toml", "--set", "training.max_steps=2"]);

    tiny.write("plugins.lock", lock.replace("sha256 = \"", "sha256 = \"0000").replace("0000\"", "\""));
    let ran = run(&home, &home, &["plugin", "install", &reference]);
    assert!(ran.err.contains("`--update` accepts the new file"), "{}", ran.err);
    done(&home, &home, &["plugin", "install", &reference, "--update"]);
    done(&home, &home, &["plugin", "uninstall", &reference]);
    let ran = run(&home, &home, &["config", "check", "tiny.toml"]);
    assert!(ran.err.contains(&format!("scaledown plugin install {reference}")), "{}", ran.err);
    let ran = run(&home, &home, &["plugin", "install", &reference.replace("1.2.0", "9.9.9")]);
    assert!(one_error(&ran.err).contains("there is no such plugin or version"), "{}", ran.err);
}
