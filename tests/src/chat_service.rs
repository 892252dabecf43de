//! A service that speaks as much of OpenAI's chat completions as a teacher asks for, and answers by
//! a fixed rule.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

/// Starts the service on a free port, and returns its base URL. It ends with the process.
///
/// Each answer is made of words that depend on all of the messages, as many as `max_tokens` says:
/// the first words of an answer are the same whatever the limit is. An empty message is refused
/// with HTTP 400, as is one of more than 4,000 words.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port is free: {error}"));
    let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    format!("http://{address}/v1")
}

/// Answers one request. Who asked may be gone at any time.
fn serve(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, reply) = answer(&serde_json::from_slice(&body).unwrap_or_default());
    let text = reply.to_string();
    let head = format!("HTTP/1.1 {status} It\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    stream.write_all((head + &text).as_bytes()).ok()
}

fn answer(request: &Value) -> (u16, Value) {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let texts: Vec<&str> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
    let words = texts.iter().map(|text| text.split_whitespace().count()).sum::<usize>();
    if texts.last().is_none_or(|text| text.is_empty()) || words > 4000 {
        return (400, json!({"error": {"message": format!("{words} words cannot be answered")}}));
    }
    let limit = request["max_tokens"].as_u64().unwrap_or(16);
    let mut state =
        texts.join("\u{1}").bytes().fold(17_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ["tower", "river", "king", "stone", "city", "north", "bridge", "old"][(state >> 61) as usize]
    };
    let answer: Vec<&str> = (0..limit).map(|_| word()).collect();
    (200, json!({"choices": [{"message": {"role": "assistant", "content": answer.join(" ")}, "finish_reason": "length"}]}))
}
