//! What a service says: its answer, or its complaint.

use serde_json::Value;

use crate::failure::Failure;

/// The characters of a reply that a message shows.
const SHOWN: usize = 300;

/// The answer in the body of a successful reply.
///
/// # Errors
/// [`Failure::Service`] if the body is no chat completion; [`Failure::Request`] if it is one without an answer.
pub(crate) fn answer(body: &[u8]) -> Result<String, Failure> {
    let malformed = |what: &str| Failure::Service(format!("its reply {what}{}", excerpt(body)));
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

/// What the body of a refusal says, to stand behind the status: the service's own sentence where it is found, an excerpt otherwise.
pub(crate) fn complaint(body: &[u8]) -> String {
    const PLACES: [&str; 4] = ["/error/message", "/message", "/detail", "/error"];
    let reply: Option<Value> = serde_json::from_slice(body).ok();
    let sentence = reply.as_ref().and_then(|reply| PLACES.iter().find_map(|place| reply.pointer(place)?.as_str()));
    sentence.map_or_else(|| excerpt(body), |sentence| excerpt(sentence.as_bytes()))
}

/// Whether a refusal says that the account has nothing left, which no wait changes.
pub(crate) fn is_spent(body: &[u8]) -> bool {
    let reply: Option<Value> = serde_json::from_slice(body).ok();
    let code = reply.as_ref().and_then(|reply| reply.pointer("/error/code")?.as_str());
    code == Some("insufficient_quota")
}

/// The start of a text on one line, after a colon; nothing of an empty one.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]);
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
        match answer(body.as_bytes()).unwrap_err() {
            Failure::Service(message) => format!("service: {message}"),
            Failure::Request(message) => format!("request: {message}"),
            Failure::Passing { message, .. } => format!("passing: {message}"),
        }
    }

    #[test]
    fn an_answer_is_the_first_choices_text() {
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"In 1907."},"finish_reason":"length"}]}"#;
        assert_eq!(answer(body.as_bytes()).unwrap(), "In 1907.");
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
    fn complaints_are_the_services_own_sentence() {
        assert_eq!(complaint(br#"{"error":{"message":"too\nlong","code":"x"}}"#), ": too long");
        assert_eq!(complaint(br#"{"object":"error","message":"too long"}"#), ": too long");
        assert_eq!(complaint(br#"{"detail":"Not Found"}"#), ": Not Found");
        assert_eq!(complaint(b"Bad Gateway"), ": Bad Gateway");
        assert_eq!(complaint(b""), "");
        assert!(is_spent(br#"{"error":{"code":"insufficient_quota"}}"#) && !is_spent(b"{}"));
    }
}
