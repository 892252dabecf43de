//! Replies of a service: answers and errors.

use scaledown_remote::Secret;
use serde_json::Value;
use ureq::http::HeaderMap;

use crate::failure::Failure;

/// The characters of a reply that a message shows.
const SHOWN: usize = 300;

/// The answer in the body of a successful reply to a request with `key`.
///
/// # Errors
/// [`Failure::Service`] if the body is no chat completion; [`Failure::Request`] if it is one
/// without an answer; what its code means, if it holds an error, as a status of that code would;
/// [`Failure::Transient`] if it holds no choice, or one that broke off. None holds the key.
pub(crate) fn answer(body: &[u8], key: Option<&Secret>) -> Result<String, Failure> {
    let shown = || excerpt(&String::from_utf8_lossy(body), key);
    let malformed = |what: &str| Failure::Service(format!("the reply {what}{}", shown()));
    let reply: Value =
        serde_json::from_slice(without_comments(body)).map_err(|error| malformed(&format!("is not JSON ({error})")))?;
    let choice = reply.pointer("/choices/0").filter(|choice| !choice.is_null());
    let inner = choice.and_then(|choice| choice.get("error"));
    if let Some(failure) = [inner, reply.get("error")].into_iter().flatten().find_map(|error| failure(error, body, key)) {
        return Err(failure);
    }
    let Some(choice) = choice else {
        let error = reply.get("error").filter(|error| !error.is_null());
        return Err(match error {
            Some(_) => malformed("has no choices[0]"),
            None => transient(format!("the reply has no choices[0]{}", shown())),
        });
    };
    let reason = choice.get("finish_reason").and_then(Value::as_str).unwrap_or("unknown");
    match reason {
        "content_filter" => return Err(Failure::Request("the answer was withheld (finish_reason is content_filter)".into())),
        "error" => return Err(transient(format!("the answer was cut off (finish_reason is error){}", shown()))),
        _ => {}
    }
    let text = match choice.pointer("/message/content") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Array(parts)) => parts_text(parts),
        Some(Value::Null) | None if choice.get("message").is_some_and(Value::is_object) => None,
        _ => return Err(malformed("has no text at choices[0].message.content")),
    };
    match text.as_deref().map(without_thoughts) {
        // A service may repeat the key wherever it likes.
        Some(Some(text)) => Ok(key.map_or_else(|| text.to_owned(), |key| key.redact(text))),
        _ => Err(Failure::Request(format!(
            "no text at choices[0].message.content (finish_reason is {reason}); a reasoning model needs more teacher.max_new_tokens, or reasoning switched off in teacher.extra"
        ))),
    }
}

fn transient(message: String) -> Failure {
    Failure::Transient { message, wait: std::time::Duration::ZERO }
}

/// A body without the white space and the comments (`: PROCESSING`) that keep a connection alive
/// until the reply is there.
fn without_comments(body: &[u8]) -> &[u8] {
    let mut rest = body.trim_ascii_start();
    while rest.starts_with(b":") {
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        rest = rest[end..].trim_ascii_start();
    }
    rest.strip_prefix(b"data:").map_or(rest, <[u8]>::trim_ascii_start)
}

/// The failure for an error inside a successful reply, by its code; `None` without one.
fn failure(error: &Value, body: &[u8], key: Option<&Secret>) -> Option<Failure> {
    /// Names of errors that pass.
    const TRANSIENT: [&str; 7] = ["rate_limit", "overloaded", "timeout", "unavailable", "server_error", "internal", "try_again"];
    let code = ["code", "status", "status_code", "http_code"].iter().find_map(|name| {
        let code = error.get(name)?;
        code.as_u64().or_else(|| code.as_str()?.trim().parse().ok()).and_then(|code| u16::try_from(code).ok())
    });
    let words = complaint(body, key);
    let code = code.filter(|code| (400..600).contains(code)).or_else(|| {
        let names = ["code", "type", "status"].iter().filter_map(|name| error.get(name)?.as_str()).map(str::to_lowercase);
        names.into_iter().find(|name| TRANSIENT.iter().any(|transient| name.contains(transient))).map(|_| 503)
    })?;
    Some(match code {
        401 | 403 => Failure::Service(format!("the service returned error {code}{words}; check the key and the model")),
        code => Failure::of_status(code, &HeaderMap::new(), &words, is_spent(body)),
    })
}

/// The texts of a content that is given in typed parts; what a model thinks is none.
fn parts_text(parts: &[Value]) -> Option<String> {
    let texts = parts.iter().filter_map(|part| match part {
        Value::String(text) => Some(text.as_str()),
        part => {
            let is_text = part.get("type").and_then(Value::as_str).is_none_or(|kind| kind == "text" || kind == "output_text");
            part.get("text").and_then(Value::as_str).filter(|_| is_text)
        }
    });
    let texts: Vec<&str> = texts.collect();
    (!texts.is_empty()).then(|| texts.concat())
}

/// An answer without what a model thinks before it (`<think>...</think>`); nothing, if it thinks to
/// the end.
fn without_thoughts(text: &str) -> Option<&str> {
    const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];
    let begin = text.trim_start();
    match TAGS.iter().find(|(open, _)| begin.starts_with(open)) {
        Some((_, close)) => begin.split_once(close).map(|(_, answer)| answer.trim_start()),
        // The template may have opened it.
        None => Some(text.split_once("</think>").map_or(text, |(_, answer)| answer.trim_start())),
    }
}

/// The message of an error body: the service's own sentence if found, otherwise an excerpt; without
/// `key`.
pub(crate) fn complaint(body: &[u8], key: Option<&Secret>) -> String {
    const PLACES: [&str; 5] = ["/error/message", "/choices/0/error/message", "/message", "/detail", "/error"];
    let reply: Option<Value> = serde_json::from_slice(without_comments(body)).ok();
    let sentence = reply.as_ref().and_then(|reply| PLACES.iter().find_map(|place| reply.pointer(place)?.as_str()));
    sentence.map_or_else(|| excerpt(&String::from_utf8_lossy(body), key), |sentence| excerpt(sentence, key))
}

/// Whether a refusal says that the account has nothing left, which no wait changes.
pub(crate) fn is_spent(body: &[u8]) -> bool {
    let reply: Option<Value> = serde_json::from_slice(body).ok();
    let code = reply.as_ref().and_then(|reply| reply.pointer("/error/code")?.as_str());
    code == Some("insufficient_quota")
}

/// The start of a text on one line, after a colon; nothing of an empty one.
fn excerpt(text: &str, key: Option<&Secret>) -> String {
    // Before anything is cut: the start of a key would not be known for one.
    let text = key.map_or_else(|| text.to_owned(), |key| key.redact(text));
    let line =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        _ if line.is_empty() => String::new(),
        Some((end, _)) => format!(": {}...", &line[..end]),
        None => format!(": {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(body: &str) -> String {
        match answer(body.as_bytes(), None).unwrap_err() {
            Failure::Service(message) => format!("service: {message}"),
            Failure::Request(message) => format!("request: {message}"),
            Failure::Transient { message, .. } => format!("transient: {message}"),
        }
    }

    #[test]
    fn an_answer_is_the_first_choices_text() {
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"In 1907."},"finish_reason":"length"}]}"#;
        assert_eq!(answer(body.as_bytes(), None).unwrap(), "In 1907.");
    }

    #[test]
    fn what_is_no_completion_is_shown_in_short() {
        assert!(reported("<html>\n  <p>gateway</p>").starts_with("service: the reply is not JSON"));
        assert!(reported("<html>\n  <p>gateway</p>").ends_with(": <html> <p>gateway</p>"));
        assert!(reported(r#"{"choices":[{"message":{"content":"In 19"#).starts_with("service: the reply is not JSON (EOF"));
        assert_eq!(reported(r#"{"choices":[]}"#), r#"transient: the reply has no choices[0]: {"choices":[]}"#);
        assert!(reported(r#"{"choices":[{"message":{"content":[]}}]}"#).contains("no text at choices[0].message.content"));
        assert!(reported(&"é".repeat(100_000)).len() < 3 * SHOWN);
    }

    #[test]
    fn an_answer_that_is_held_back_is_an_error_of_its_question() {
        assert!(reported(r#"{"choices":[{"finish_reason":"content_filter","message":{"content":""}}]}"#).starts_with("request:"));
        assert!(reported(r#"{"choices":[{"finish_reason":"length","message":{"content":null}}]}"#).contains("max_new_tokens"));
    }

    #[test]
    fn failures_inside_of_a_reply_are_what_their_codes_say() {
        for (body, kind) in [
            (r#"{"error":{"message":"Provider returned error","code":502}}"#, "transient: HTTP 502: Provider"),
            (r#"{"error":{"message":"slow down","code":"429"}}"#, "transient: HTTP 429"),
            (r#"{"error":{"message":"slow down","type":"rate_limit_exceeded"}}"#, "transient:"),
            (r#"{"error":{"message":"busy","type":"overloaded_error"},"choices":[]}"#, "transient:"),
            (r#"{"error":{"message":"no money","code":429,"type":"insufficient_quota"}}"#, "transient:"),
            (r#"{"error":{"message":"too long","code":400}}"#, "request: HTTP 400: too long"),
            (r#"{"error":{"message":"bad key","code":401}}"#, "service: the service returned error 401: bad key"),
            (r#"{"error":{"message":"what"}}"#, "service: the reply has no choices[0]"),
            (r#"{"choices":[{"error":{"message":"gone","code":503},"message":{"content":""}}]}"#, "transient: HTTP 503: gone"),
            (r#"{"choices":null}"#, "transient: the reply has no choices[0]"),
            (r#"{"choices":[null]}"#, "transient: the reply has no choices[0]"),
            ("{}", "transient: the reply has no choices[0]"),
            (r#"{"choices":[{"message":{"content":null},"finish_reason":"error"}]}"#, "transient: the answer was cut off"),
            (r#"{"choices":[{"message":{"content":"In 19"},"finish_reason":"error"}]}"#, "transient: the answer was cut off"),
            (r#"{"choices":[{"message":{"content":"<think>hm"},"finish_reason":"length"}]}"#, "request: no text at choices[0]"),
            (r#"{"choices":[{"message":{},"finish_reason":"stop"}]}"#, "request: no text at choices[0]"),
        ] {
            assert!(reported(body).starts_with(kind), "{body}: {}", reported(body));
        }
    }

    #[test]
    fn answers_come_in_many_forms() {
        let parts = r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"In "},{"type":"text","text":"1907."}]"#;
        for (before, content) in [
            ("", parts),
            ("\n\n  \n", r#""In 1907.""#),
            (": PROCESSING\n\n: PROCESSING\n", r#""In 1907.""#),
            ("", r#""<think>In 1906?</think>\n\nIn 1907.""#),
            ("", r#""hm</think>In 1907.""#),
        ] {
            let body =
                format!(r#"{before}{{"error":null,"choices":[{{"message":{{"content":{content}}},"finish_reason":"stop"}}]}}"#);
            assert_eq!(answer(body.as_bytes(), None).unwrap(), "In 1907.", "{body}");
        }
    }

    #[test]
    fn an_answer_that_repeats_the_key_is_without_it() {
        let secret = Secret::read("teacher.api_key_env", None, "OPENAI_API_KEY", |_| Some("sk-secret-01".into())).unwrap();
        let body = br#"{"choices":[{"message":{"content":"It is sk-secret-01."},"finish_reason":"stop"}]}"#;
        assert_eq!(answer(body, secret.as_ref()).unwrap(), "It is [secret].");
    }

    #[test]
    fn a_key_at_the_cut_is_not_shown_in_part() {
        const KEY: &str = "sk-secret-0123456789abcdef";
        let secret = Secret::read("teacher.api_key_env", None, "OPENAI_API_KEY", |_| Some(KEY.into())).unwrap();
        let escaped = KEY.replace('-', "\\u002d");
        for before in [0, SHOWN - 20, SHOWN - 3, SHOWN - 1, 4 * SHOWN - 3] {
            let text = "x".repeat(before);
            for key in [KEY, &escaped] {
                let (sentence, page) = (format!(r#"{{"error":{{"message":"{text}{key}"}}}}"#), format!("{text}{key} <html>"));
                for body in [sentence, page, format!(r#"{{"choices":"{text}{key}"}}"#)] {
                    let answered = format!("{:?}", answer(body.as_bytes(), secret.as_ref()).unwrap_err());
                    for shown in [complaint(body.as_bytes(), secret.as_ref()), answered] {
                        assert!(["sk", "0123", "u002d"].iter().all(|part| !shown.contains(part)), "{before}: {shown}");
                    }
                }
            }
        }
    }

    #[test]
    fn complaints_are_the_services_own_sentence() {
        assert_eq!(complaint(br#"{"error":{"message":"too\nlong","code":"x"}}"#, None), ": too long");
        assert_eq!(complaint(br#"{"object":"error","message":"too long"}"#, None), ": too long");
        assert_eq!(complaint(br#"{"detail":"Not Found"}"#, None), ": Not Found");
        assert_eq!(complaint(b"Bad Gateway", None), ": Bad Gateway");
        assert_eq!(complaint(b"", None), "");
        assert!(is_spent(br#"{"error":{"code":"insufficient_quota"}}"#) && !is_spent(b"{}"));
    }
}
