//! A process that is to stop does not wait for a service. In a process of its own, as the request
//! is the process's.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use scaledown_openai::OpenAi;
use scaledown_sdk::component::{Question, Teacher, stop};
use serde_json::json;

#[test]
fn a_wait_ends_when_the_process_is_to_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = json!({"endpoint": format!("http://{}/v1", listener.local_addr().unwrap()), "model": "tiny"});
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 429 It\r\nRetry-After: 300\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        // By now the answer is there, or soon will be: either way the wait must end.
        std::thread::sleep(Duration::from_millis(300));
        stop::request_stop();
    });
    let teacher = OpenAi::new(&serde_json::from_value(config).unwrap()).unwrap();
    let start = Instant::now();
    let question = Question { query: "When?", documents: &[], system: "", message: "When?" };
    let message = teacher.answer(&[question]).unwrap_err().to_string();
    server.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "it waited {:?}", start.elapsed());
    assert!(message.contains("interrupted while waiting to retry, after HTTP 429"), "{message}");
    assert!(stop::stop_requested());
}
