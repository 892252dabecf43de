use super::*;

fn template(source: &str) -> ChatTemplate {
    let config = serde_json::json!({"bos_token": "<s>", "eos_token": {"content": "</s>", "special": true}});
    template_of(source, &config)
}

fn template_of(source: &str, config: &Value) -> ChatTemplate {
    let place = "model/tokenizer_config.json".into();
    ChatTemplate::new(source, place, special_tokens(config))
}

#[test]
fn templates_render_as_in_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures/chats.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in cases.as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let rendered = template_of(text("template"), &case["tokens"]).render(text("system"), text("user"));
        let rendered = rendered.unwrap_or_else(|error| panic!("{}: {error}", text("name")));
        assert_eq!(rendered, text("rendered"), "{}: {:?}", text("name"), text("system"));
    }
    assert!(cases.as_array().unwrap().len() >= 70);
}

#[test]
fn a_system_message_goes_where_the_template_puts_it() {
    let source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m['content'].strip() }}{% endfor %}";
    assert_eq!(template(source).render("Be brief.", " Why? ").unwrap(), "<s>[system]Be brief.[user]Why?");
}

#[test]
fn a_template_without_a_system_role_gets_one_message() {
    let source = "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('only users') }}{% endif %}\
                  [INST] {{ m.content }} [/INST]{% endfor %}";
    assert_eq!(template(source).render("Be brief.", "Why?").unwrap(), "[INST] Be brief.\n\nWhy? [/INST]");
}

#[test]
fn a_template_may_name_the_date() {
    let date = template("{{ strftime_now('%d %b %Y') }}").render("", "Why?").unwrap();
    let parts: Vec<&str> = date.split(' ').collect();
    assert!(matches!(parts.as_slice(), [day, month, year] if day.len() == 2 && month.len() == 3 && year.len() == 4), "{date}");
    let error = template("{{ strftime_now('%') }}").render("", "Why?").unwrap_err().to_string();
    assert!(error.contains("strftime_now cannot write \"%\""), "{error}");
}

#[test]
fn an_endless_template_is_stopped() {
    let source = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
    assert!(template(source).render("", "Why?").is_err());
}

#[test]
fn an_error_names_the_file() {
    for (source, message) in [
        ("{{ raise_exception('no') }}", "the chat template cannot be rendered: model/tokenizer_config.json: "),
        ("{% if %}", "syntax error"),
        ("{# nothing #}", "renders nothing for a question"),
    ] {
        let error = template(source).render("Be brief.", "Why?").unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("model/tokenizer_config.json"), "{error}");
    }
}

#[test]
fn a_system_message_that_is_written_in_json_stays_one() {
    let source = "{{ messages | tojson }}";
    let rendered = template(source).render("Be \"brief\".", "Why?").unwrap();
    assert_eq!(rendered, r#"[{"role": "system", "content": "Be \"brief\"."}, {"role": "user", "content": "Why?"}]"#);
}
