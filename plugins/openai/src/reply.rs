//! What a service says: its answer, or its complaint.

use scaledown_remote::Secret;
use serde_json::Value;

use crate::failure::Failure;

/// The characters of a reply that a message shows.
const SHOWN: usize = 300;

/// The answer in the body of a successful reply to a request with `key`.
///
/// # Errors
/// [`Failure::Service`] if the body is no chat completion; [`Failure::Request`] if it is one without an answer. Neither holds the key.
pub(crate) fn answer(body: &[u8], key: Option<&Secret>) -> Result<String, Failure> {
    let malformed = |what: &str| Failure::Service(format!("its reply {what}{}", excerpt(&String::from_utf8_lossy(body), key)));
    let reply: Value = serde_json::from_slice(body).map_err(|error| malformed(&format!("is not JSON ({error})")))?;
    let Some(choice) = reply.pointer("/choices/0") else { return Err(malformed("has no choices[0]")) };
    let reason = choice.get("finish_reason").and_then(Value::as_str).unwrap_or("unknown");
    if reason == "content_filter" {
        return Err(Failure::Request("it held the answer back (finish_reason is content_filter)".into()));
    }
    match choice.pointer("/message/content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) => Err(Failure::Request(format!(
            "it gave no text (finish_reason is {reason}); a model that thinks first needs more teacher.max_new_tokens, or to be \
             told not to in teacher.extra"
        ))),
        _ => Err(malformed("has no text at choices[0].message.content")),
    }
}

/// What the body of a refusal says, to stand behind the status: the service's own sentence where it is found, an excerpt otherwise; without `key`.
pub(crate) fn complaint(body: &[u8], key: Option<&Secret>) -> String {
    const PLACES: [&str; 4] = ["/error/message", "/message", "/detail", "/error"];
    let reply: Option<Value> = serde_json::from_slice(body).ok();
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

    fn told(body: &str) -> String {
        match answer(body.as_bytes(), None).unwrap_err() {
            Failure::Service(message) => format!("service: {message}"),
            Failure::Request(message) => format!("request: {message}"),
            Failure::Passing { message, .. } => format!("passing: {message}"),
        }
    }

    #[test]
    fn an_answer_is_the_first_choices_text() {
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"In 1907."},"finish_reason":"length"}]}"#;
        assert_eq!(answer(body.as_bytes(), None).unwrap(), "In 1907.");
    }

    #[test]
    fn what_is_no_completion_is_shown_in_short() {
        assert!(told("<html>\n  <p>gateway</p>").starts_with("service: its reply is not JSON"));
        assert!(told("<html>\n  <p>gateway</p>").ends_with(": <html> <p>gateway</p>"));
        assert!(told(r#"{"choices":[{"message":{"content":"In 19"#).starts_with("service: its reply is not JSON (EOF"));
        assert_eq!(told(r#"{"choices":[]}"#), r#"service: its reply has no choices[0]: {"choices":[]}"#);
        assert!(told(r#"{"choices":[{"message":{"content":[]}}]}"#).contains("no text at choices[0].message.content"));
        assert!(told(&"é".repeat(100_000)).len() < 3 * SHOWN);
    }

    #[test]
    fn an_answer_that_is_held_back_is_an_error_of_its_question() {
        assert!(told(r#"{"choices":[{"finish_reason":"content_filter","message":{"content":""}}]}"#).starts_with("request:"));
        assert!(told(r#"{"choices":[{"finish_reason":"length","message":{"content":null}}]}"#).contains("max_new_tokens"));
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
