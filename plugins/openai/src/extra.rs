//! The keys of `teacher.extra`.

use scaledown_sdk::{Error, Result};
use serde_json::{Map, Value};

/// Keys of a request that are the teacher's own, and one that would make the reply a stream.
const OWN: [&str; 8] = ["model", "messages", "max_tokens", "max_completion_tokens", "temperature", "seed", "stream", "n"];
/// Substrings of secret names, in lower case and without `_` and `-`.
const PARTS: [&str; 8] = ["apikey", "authorization", "bearer", "credential", "passphrase", "passwd", "password", "secret"];
/// Words that the name of something secret consists of or ends with: `access_token`,
/// `subscription-key`, `sessionCookie`.
const ENDS: [&str; 9] = ["auth", "cookie", "jwt", "key", "keys", "pass", "pwd", "token", "tokens"];
/// Harmless request keys with such an ending. Token counts are not secrets; they are recognised as
/// numbers.
const HARMLESS: [&str; 14] = [
    "prompt_cache_key",
    "bos_token",
    "cls_token",
    "end_token",
    "eos_token",
    "mask_token",
    "pad_token",
    "sep_token",
    "start_token",
    "stop_token",
    "unk_token",
    "special_tokens",
    "stop_tokens",
    "bad_tokens",
];

/// Checks that `extra` sets nothing that the teacher sets, and nothing that looks secret by its
/// name, however deep.
///
/// # Errors
/// [`Error::Config`], with the name alone.
pub(crate) fn check(extra: &Map<String, Value>) -> Result<()> {
    for (name, value) in extra {
        let path = if has_part(name) { Some(name.clone()) } else { secret(name, value) };
        if let Some(path) = path {
            return Err(Error::Config(format!(
                "teacher.extra.{path} looks like a secret; put it into the environment variable that teacher.api_key_env names"
            )));
        }
        if OWN.contains(&name.as_str()) {
            return Err(Error::Config(format!("teacher.extra.{name} is reserved; set it with the keys of [teacher]")));
        }
    }
    Ok(())
}

/// The path of the first thing that looks secret in `value`, which is called `name`.
fn secret(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Object(table) => {
            let inner = table.iter().find_map(|(name, value)| secret(name, value))?;
            Some(format!("{name}.{inner}"))
        }
        Value::Array(list) => list.iter().find_map(|value| secret(name, value)),
        Value::String(_) => is_secret(name).then(|| name.to_owned()),
        // A number of tokens or a switch is no key: `min_tokens = 3`,
        // `skip_special_tokens = false`.
        Value::Number(_) => has_part(name).then(|| name.to_owned()),
        Value::Bool(_) | Value::Null => None,
    }
}

/// Whether a name says "secret" anywhere.
fn has_part(name: &str) -> bool {
    let joined: String = name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    PARTS.iter().any(|part| joined.contains(part))
}

/// Whether a text of this name is taken for a secret.
fn is_secret(name: &str) -> bool {
    let mut words = String::new();
    let mut small = false;
    for letter in name.chars() {
        // `accessToken` has two words.
        if letter.is_uppercase() && small {
            words.push('_');
        }
        small = letter.is_lowercase();
        words.extend(if letter.is_alphanumeric() { letter } else { '_' }.to_lowercase());
    }
    let last = words.rsplit('_').find(|word| !word.is_empty()).unwrap_or_default();
    has_part(name) || (ENDS.contains(&last) && !HARMLESS.contains(&words.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VALUE: &str = "sk-secret-0123456789abcdef";

    fn reported(extra: Value) -> Option<String> {
        check(extra.as_object().unwrap()).err().map(|error| error.to_string())
    }

    #[test]
    fn secret_names_are_refused_without_their_values() {
        for name in [
            "access_token",
            "accessToken",
            "token",
            "hf-token",
            "api_key",
            "API-KEY",
            "apikey",
            "x_api_key",
            "key",
            "subscription-key",
            "client_secret",
            "secretAccessKey",
            "password",
            "passwd",
            "pwd",
            "Authorization",
            "auth",
            "credentials",
            "bearer",
            "cookie",
        ] {
            for extra in [json!({name: VALUE}), json!({"headers": {name: VALUE}}), json!({"tools": [{"type": "x", name: VALUE}]})]
            {
                let message = reported(extra).unwrap();
                assert!(
                    message.contains(name) && message.contains("looks like a secret") && !message.contains(VALUE),
                    "{message}"
                );
            }
        }
        assert!(reported(json!({"credentials": {"user": "me"}})).is_some() && reported(json!({"tokens": [VALUE]})).is_some());
        let message = reported(json!({"tools": [{"headers": {"token": VALUE}}]})).unwrap();
        assert!(message.contains("teacher.extra.tools.headers.token looks"), "{message}");
    }

    #[test]
    fn what_requests_have_is_allowed() {
        let extra = json!({
            "top_p": 0.9, "min_tokens": 3, "skip_special_tokens": false, "stop_token_ids": [2], "prompt_cache_key": "a",
            "eos_token": "</s>", "return_tokens_as_token_ids": true, "monkey": "x", "chat_template_kwargs": {"enable_thinking": false},
            "response_format": {"json_schema": {"properties": {"key": {"type": "string"}}}}, "logit_bias": {"token": 5}
        });
        assert_eq!(reported(extra), None);
        assert!(reported(json!({"stream": true})).unwrap().contains("is reserved"));
    }
}
