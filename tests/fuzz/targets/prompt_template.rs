//! The template of a prompt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_host::text::PromptTemplate;
use scaledown_host::text::config::Prompt;

fuzz_target!(|data: &[u8]| {
    let Ok(user) = std::str::from_utf8(data) else { return };
    if let Ok(template) = PromptTemplate::new(&Prompt { user: user.to_owned(), ..Prompt::default() }) {
        let _ = template.message("Where?", &["Here.".to_owned(), "There.".to_owned()]);
    }
});
