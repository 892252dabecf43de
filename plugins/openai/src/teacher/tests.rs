//! The teacher against a server that answers from a script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::*;

mod together;

const KEY: &str = "sk-secret-0123456789abcdef";
const ANSWER: &str = r#"{"choices":[{"message":{"content":"In 1907."},"finish_reason":"stop"}]}"#;

/// The server's reaction to one request.
enum Turn {
    /// Answers with a status, more header lines and a body.
    Reply(u16, &'static str, String),
    /// Says that the body is longer than it is, and hangs up.
    Torn,
    /// Never answers.
    Silent,
}

/// A real server on a port of its own, whose replies are a list; one connection a turn.
struct Server {
    address: String,
    /// The requests' head and body.
    seen: Arc<Mutex<Vec<(String, Value)>>>,
    /// Ends after the last turn, with the connections that are never answered.
    thread: JoinHandle<Vec<TcpStream>>,
}

impl Server {
    fn start(turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = seen.clone();
        let thread = std::thread::spawn(move || {
            let mut silent = Vec::new();
            for turn in turns {
                let (mut stream, _) = listener.accept().unwrap();
                requests.lock().unwrap().push(request(&stream));
                match turn {
                    Turn::Reply(status, more, body) => {
                        let length = body.len();
                        let head = format!("HTTP/1.1 {status} It\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n");
                        stream.write_all((head + &body).as_bytes()).unwrap();
                    }
                    Turn::Torn => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"choices\":[").unwrap(),
                    Turn::Silent => silent.push(stream),
                }
            }
            silent
        });
        Server { address, seen, thread }
    }

    fn config(&self, more: Value) -> OpenAiConfig {
        let mut config = json!({"endpoint": format!("http://{}/v1", self.address), "model": "tiny", "retries": 2});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    /// The result of one question and its requests. All turns must have been used.
    fn ask(self, more: Value, question: &Question<'_>) -> (Result<Vec<String>>, Vec<(String, Value)>) {
        let key = Secret::read("teacher.api_key_env", None, "OPENAI_API_KEY", |_| Some(KEY.into())).unwrap();
        let teacher = OpenAi::with(&self.config(more), key, Duration::from_millis(1)).unwrap();
        let answers = teacher.answer(&[*question]);
        drop(self.thread.join().unwrap());
        (answers, std::mem::take(&mut self.seen.lock().unwrap()))
    }
}

/// The head and the body of the request on a connection.
fn request(stream: &TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "the request ends in its head: {head}");
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

fn ok() -> Turn {
    Turn::Reply(200, "", ANSWER.into())
}

fn question() -> Question<'static> {
    Question { query: "When?", documents: &[], system: "Be brief.", message: "When?\nIn 1907." }
}

/// The message of the error that `turns` lead to, which never holds the key; and whether it is the
/// question's own.
fn reported(turns: Vec<Turn>, more: Value) -> (String, bool) {
    let tries = turns.len();
    let (answers, seen) = Server::start(turns).ask(more, &question());
    let error = answers.unwrap_err();
    assert_eq!(seen.len(), tries);
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    (error.to_string(), matches!(error, Error::Input(_)))
}

#[test]
fn a_request_says_what_the_configuration_and_the_question_say() {
    let more = json!({"seed": 7, "max_new_tokens": 32, "extra": {"top_p": 0.5}});
    let (answers, seen) = Server::start(vec![ok()]).ask(more, &question());
    assert_eq!(answers.unwrap(), ["In 1907."]);
    let (head, body) = &seen[0];
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains(&format!("authorization: bearer {KEY}\r\n")), "{head}");
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When?\nIn 1907."}]);
    let expected = json!({"model": "tiny", "max_tokens": 32, "temperature": 0.0, "seed": 7, "top_p": 0.5, "messages": messages});
    assert_eq!(*body, expected);

    let silent = Question { system: "", ..question() };
    let (_, seen) = Server::start(vec![ok()]).ask(json!({"token_limit": "max_completion_tokens"}), &silent);
    assert_eq!(seen[0].1["messages"], json!([{"role": "user", "content": "When?\nIn 1907."}]));
    assert_eq!((&seen[0].1["max_completion_tokens"], &seen[0].1["max_tokens"]), (&json!(128), &Value::Null));
}

#[test]
fn what_passes_is_tried_again() {
    let busy = || Turn::Reply(503, "", "busy".into());
    for first in [busy(), Turn::Torn, Turn::Reply(408, "", String::new())] {
        let (answers, seen) = Server::start(vec![first, busy(), ok()]).ask(json!({}), &question());
        assert_eq!((answers.unwrap(), seen.len()), (vec!["In 1907.".to_owned()], 3));
    }
}

#[test]
fn a_service_is_left_alone_for_as_long_as_it_asks() {
    let start = std::time::Instant::now();
    let limit = Turn::Reply(429, "Retry-After: 0.3\r\n", String::new());
    let (answers, seen) = Server::start(vec![limit, ok()]).ask(json!({}), &question());
    assert_eq!((answers.unwrap().len(), seen.len()), (1, 2));
    assert!(start.elapsed() >= Duration::from_millis(300), "it waited {:?}", start.elapsed());
}

#[test]
fn tries_end() {
    let busy = || Turn::Reply(500, "", format!(r#"{{"error":{{"message":"out of {KEY} memory"}}}}"#));
    let (message, own) = reported(vec![busy(), busy(), busy()], json!({}));
    assert!(message.contains("HTTP 500: out of [secret] memory") && message.contains("tried 3 times"), "{message}");
    assert!(message.starts_with("plugin openai: http://127.0.0.1:") && !own, "{message}");
    let (message, _) = reported(vec![Turn::Silent], json!({"retries": 0, "timeout": 0.2}));
    assert!(message.contains("no response within teacher.timeout = 0.2 seconds"), "{message}");
    let spent = r#"{"error":{"code":"insufficient_quota","message":"no money"}}"#;
    let (message, _) = reported(vec![Turn::Reply(429, "", spent.into())], json!({}));
    assert!(message.contains("no money; the account's quota is exhausted"), "{message}");
}

#[test]
fn a_question_that_finally_fails_is_left_out_where_others_are_answered() {
    let busy = || Turn::Reply(200, "", r#"{"error":{"message":"Provider returned error","code":502}}"#.into());
    let mut turns = vec![ok(), busy(), busy(), busy(), ok()];
    turns.extend((0..12).map(|_| busy()));
    let server = Server::start(turns);
    let teacher = OpenAi::with(&server.config(json!({})), None, Duration::from_millis(1)).unwrap();
    let ask = || teacher.answer(&[question()]);
    ask().unwrap();
    let error = ask().unwrap_err();
    assert!(
        matches!(&error, Error::Input(message) if message.contains("HTTP 502: Provider returned error (tried 3 times)")),
        "{error}"
    );
    ask().unwrap();
    for _ in 0..3 {
        assert!(matches!(ask().unwrap_err(), Error::Input(_)));
    }
    let error = ask().unwrap_err();
    assert!(matches!(&error, Error::Plugin { message, .. } if message.contains("tried 3 times")), "{error}");
    drop(server.thread.join().unwrap());
}

#[test]
fn a_dead_server_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = json!({"endpoint": format!("http://{address}/v1"), "model": "tiny", "retries": 1});
    let config: OpenAiConfig = serde_json::from_value(config).unwrap();
    let teacher = OpenAi::with(&config, None, Duration::from_millis(1)).unwrap();
    let message = teacher.answer(&[question()]).unwrap_err().to_string();
    assert!(message.contains(&address.to_string()) && message.contains("the connection failed"), "{message}");
    assert!(message.contains("tried 2 times"), "{message}");
}

#[test]
fn a_refusal_of_one_question_is_that_questions() {
    let long = r#"{"object":"error","message":"This model's maximum context length is 64 tokens."}"#;
    for status in [400, 413, 422] {
        let (message, own) = reported(vec![Turn::Reply(status, "", long.into())], json!({}));
        assert!(own && message.starts_with(r#"the question "When?" cannot be answered"#), "{message}");
        assert!(message.contains("maximum context length is 64 tokens"), "{message}");
    }
}

#[test]
fn a_refusal_of_all_questions_says_what_to_do() {
    let echo = || format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}"#);
    for (status, expected) in [
        (401, "rejected the key in environment variable OPENAI_API_KEY"),
        (403, "its access to the model"),
        (404, "check that teacher.endpoint is the base URL"),
        (200, "has no choices[0]"),
    ] {
        let (message, own) = reported(vec![Turn::Reply(status, "", echo())], json!({}));
        assert!(!own && message.contains(expected) && message.contains("/v1/chat/completions"), "{message}");
        assert!(message.contains("[secret]"), "{message}");
    }
    let cut = Turn::Reply(200, "", ANSWER[..30].into());
    let (message, _) = reported(vec![cut], json!({}));
    assert!(message.contains("is not JSON (EOF") && message.contains(&ANSWER[..30]), "{message}");
}

#[test]
fn a_redirect_is_not_followed() {
    for (status, location) in [(302, "Location: http://elsewhere.test/v1?token=x\r\n"), (307, "Location: /v2\r\n")] {
        let (message, own) = reported(vec![Turn::Reply(status, location, String::new())], json!({}));
        assert!(!own && message.contains("redirected to") && !message.contains("token=x"), "{message}");
    }
}

#[test]
fn a_configuration_with_a_key_is_refused_without_showing_it() {
    let base = json!({"endpoint": "http://localhost/v1", "model": "tiny"});
    let config = |more: Value| {
        let mut keys = base.clone();
        keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<OpenAiConfig>(keys)
    };
    for name in ["api_key", "key", "token"] {
        let message = config(json!({name: KEY})).unwrap_err().to_string();
        assert!(message.contains(name) && !message.contains(KEY), "{message}");
    }
    for (extra, expected) in [(json!({"x_api_key": KEY}), "looks like a secret"), (json!({"stream": KEY}), "is reserved")] {
        let config = config(json!({"extra": extra})).unwrap();
        let message = OpenAi::with(&config, None, Duration::ZERO).err().unwrap().to_string();
        assert!(message.contains(expected) && !message.contains(KEY), "{message}");
    }
    assert!(OpenAi::with(&config(json!({"timeout": 0})).unwrap(), None, Duration::ZERO).is_err());
}
