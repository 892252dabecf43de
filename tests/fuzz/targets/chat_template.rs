//! A model's chat template.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::{directory, file};
use scaledown_host::text::ChatTemplate;

fuzz_target!(|data: &[u8]| {
    let directory = directory(&file("chat_template.jinja", data)).to_owned();
    if let Ok(Some(template)) = ChatTemplate::from_directory(&directory, &serde_json::Value::Null) {
        let _ = template.render("Be brief.", "Where?");
    }
});
