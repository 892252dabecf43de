//! The questions of calls against a server that serves all connections at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;

/// The server's reply to a user's message: status, extra headers and body.
type Says = fn(&str) -> (u16, &'static str, String);

/// A server with a thread a connection, which answers each after a while.
struct Crowd {
    address: String,
    /// The number of requests, and the maximum at a time.
    made: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    fn start(pause: Duration, says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let crowd = Crowd { address, made: Arc::default(), most: Arc::default() };
        let (made, most, now) = (crowd.made.clone(), crowd.most.clone(), Arc::new(AtomicUsize::new(0)));
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, made, most, now) = (stream.unwrap(), made.clone(), most.clone(), now.clone());
                std::thread::spawn(move || {
                    let (_, body) = request(&stream);
                    made.fetch_add(1, Ordering::SeqCst);
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(pause);
                    now.fetch_sub(1, Ordering::SeqCst);
                    let (status, more, body) = says(body.pointer("/messages/0/content").unwrap().as_str().unwrap());
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status} It\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n");
                    // Who asked may be gone.
                    let _ = stream.write_all((head + &body).as_bytes());
                });
            }
        });
        crowd
    }

    fn teacher(&self, concurrency: usize) -> OpenAi {
        let config = json!({"endpoint": format!("http://{}/v1", self.address), "model": "tiny", "concurrency": concurrency});
        OpenAi::with(&serde_json::from_value(config).unwrap(), None, Duration::from_millis(1)).unwrap()
    }
}

fn questions(messages: &[String]) -> Vec<Question<'_>> {
    messages.iter().map(|message| Question { query: message, documents: &[], system: "", message }).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("q{number}")).collect()
}

fn echo(message: &str) -> (u16, &'static str, String) {
    (200, "", json!({"choices": [{"message": {"content": message}}]}).to_string())
}

#[test]
fn the_requests_of_one_call_are_made_side_by_side() {
    let crowd = Crowd::start(Duration::from_millis(150), echo);
    let messages = numbered(10);
    let teacher = crowd.teacher(4);
    assert_eq!((teacher.batch_size(), teacher.concurrency()), (4, 4));
    assert_eq!(teacher.answer(&questions(&messages)).unwrap(), messages);
    assert_eq!((crowd.made.load(Ordering::SeqCst), crowd.most.load(Ordering::SeqCst)), (10, 4));
    assert!(teacher.answer(&[]).unwrap().is_empty());
}

#[test]
fn all_calls_together_keep_to_the_limit() {
    let crowd = Crowd::start(Duration::from_millis(60), echo);
    let (messages, teacher) = (numbered(5), crowd.teacher(3));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(teacher.answer(&questions(&messages)).unwrap(), messages));
        }
    });
    assert_eq!((crowd.made.load(Ordering::SeqCst), crowd.most.load(Ordering::SeqCst)), (20, 3));
}

#[test]
fn a_refused_question_costs_the_others_no_second_request() {
    let crowd = Crowd::start(Duration::from_millis(20), |message| match message {
        "q1" => (400, "", "too long".into()),
        other => echo(other),
    });
    let (messages, teacher) = (numbered(4), crowd.teacher(2));
    let error = teacher.answer(&questions(&messages)).unwrap_err();
    assert!(matches!(error, Error::Input(_)) && error.to_string().contains(r#"the question "q1""#), "{error}");
    for question in questions(&messages) {
        match teacher.answer(&[question]) {
            Ok(answer) => assert_eq!(answer, [question.message]),
            Err(error) => assert!(matches!(error, Error::Input(_)) && question.message == "q1", "{error}"),
        }
    }
    assert_eq!(crowd.made.load(Ordering::SeqCst), 4);
    // What was kept was kept for once.
    assert_eq!(teacher.answer(&questions(&messages[..1])).unwrap(), ["q0"]);
    assert_eq!(crowd.made.load(Ordering::SeqCst), 5);
}

#[test]
fn the_first_lasting_error_ends_a_call_and_its_waits() {
    let start = Instant::now();
    let crowd = Crowd::start(Duration::from_millis(100), |message| match message {
        "q0" => (429, "Retry-After: 300\r\n", String::new()),
        _ => (401, "", String::new()),
    });
    let (messages, teacher) = (numbered(20), crowd.teacher(2));
    let message = teacher.answer(&questions(&messages)).unwrap_err().to_string();
    assert!(message.contains("requires a key (HTTP 401)"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
    assert_eq!(crowd.made.load(Ordering::SeqCst), 2);
}
