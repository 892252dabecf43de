//! A milvus-lite server of the test's own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What is installed. The server's stubs come from pymilvus, which milvus-lite does not ask for by itself.
const PACKAGES: [&str; 2] = ["milvus-lite==3.2.2", "pymilvus==3.0.2"];

/// A server, which ends with the test if the test started it.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The server to test with, whose data is in `directory`; nothing if there is none on this machine.
pub(crate) fn server(directory: &Path) -> Option<Server> {
    if let Ok(url) = std::env::var("SCALEDOWN_TEST_MILVUS_URL") {
        return Some(Server { url, child: None });
    }
    let Some(python) = installed() else {
        eprintln!("passed over: no server in SCALEDOWN_TEST_MILVUS_URL, and no Python that could install {PACKAGES:?}");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = std::fs::File::create(directory.join("server.log")).unwrap();
    let mut command = Command::new(python.with_file_name("milvus-lite"));
    command.args(["server", "--host", "127.0.0.1", "--port", &port.to_string(), "--data-dir"]).arg(directory.join("data"));
    let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let mut server = Server { url: format!("http://127.0.0.1:{port}"), child: Some(child) };
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        let ended = server.child.as_mut().unwrap().try_wait().unwrap();
        assert!(ended.is_none(), "{}", std::fs::read_to_string(directory.join("server.log")).unwrap());
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("milvus-lite did not start: {}", std::fs::read_to_string(directory.join("server.log")).unwrap());
}

/// The Python that has the packages, in an environment under `target/` that is made once.
fn installed() -> Option<PathBuf> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("milvus-lite");
    let python = environment.join("bin/python");
    let complete = environment.join("complete");
    if std::fs::read_to_string(&complete).is_ok_and(|found| found == PACKAGES.join(" ")) {
        return Some(python);
    }
    let run = |command: &mut Command| command.stdin(Stdio::null()).status().is_ok_and(|status| status.success());
    let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"];
    let installed = made && run(Command::new(&python).args(pip).args(PACKAGES));
    installed.then(|| std::fs::write(complete, PACKAGES.join(" ")).unwrap()).map(|()| python)
}
