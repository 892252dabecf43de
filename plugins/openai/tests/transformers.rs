//! The teacher against a real server, `transformers serve`, with a tiny random model.
//!
//! It runs where the Python that `SCALEDOWN_TEST_PYTHON` names (`python3` if none) has
//! `transformers[serving]` and PyTorch, and is skipped with a message elsewhere.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scaledown_openai::{OpenAi, OpenAiConfig};
use scaledown_sdk::component::{Question, Teacher};
use serde_json::json;

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python() -> Command {
    let python = std::env::var("SCALEDOWN_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = Command::new(python);
    command.stdin(Stdio::null()).env("OMP_NUM_THREADS", "1").env("HF_HUB_OFFLINE", "1");
    command
}

/// The server of the model in `directory`, and its base URL; nothing if this machine has none.
fn serve(directory: &Path) -> Option<(Server, String)> {
    let wanted = "import fastapi, openai, torch, transformers, uvicorn; import transformers.cli.serve";
    let found = python().args(["-c", wanted]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!("passed over: SCALEDOWN_TEST_PYTHON names no Python with torch and transformers[serving]");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny_model.py");
    assert!(python().arg(script).arg(directory).status().unwrap().success(), "the model could not be made");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = "from transformers.cli.transformers import main; main()";
    let mut command = python();
    command.args(["-c", start, "serve"]).arg(directory).args(["--device", "cpu", "--host", "127.0.0.1", "--port"]);
    let log = std::fs::File::create(directory.join("server.log")).unwrap();
    let child = command.arg(port.to_string()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let mut server = Server(child);
    for _ in 0..600 {
        if ureq::get(format!("http://127.0.0.1:{port}/health")).call().is_ok() {
            return Some((server, format!("http://127.0.0.1:{port}/v1")));
        }
        let ended = server.0.try_wait().unwrap();
        assert!(ended.is_none(), "{}", std::fs::read_to_string(directory.join("server.log")).unwrap());
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("the server did not start: {}", std::fs::read_to_string(directory.join("server.log")).unwrap());
}

#[test]
fn a_real_server_answers_several_questions_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let Some((_server, endpoint)) = serve(directory.path()) else { return };
    let keys = json!({"endpoint": endpoint, "model": directory.path(), "concurrency": 3, "max_new_tokens": 8, "retries": 0});
    let config: OpenAiConfig = serde_json::from_value(keys).unwrap();
    let teacher = OpenAi::new(&config).unwrap();
    let ask = |message: &str| {
        let question = Question { query: "q", documents: &[], system: "Be brief.", message };
        teacher.answer(&[question]).unwrap().remove(0)
    };
    let messages = ["Who built the tower?", "When?", "Who built the tower?"];
    let answers: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = messages.iter().map(|message| scope.spawn(|| ask(message))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| !answer.is_empty()), "{answers:?}");
    assert_eq!(answers[0], answers[2]);
    assert_eq!(ask(messages[1]), answers[1]);
}
