use minijinja::context;

use super::*;

fn render(source: &str, context: Value, style: Style) -> Result<String, String> {
    Template::new(source, style)?.render(context)
}

fn rendered_with(source: &str, context: Value) -> Result<String, String> {
    render(source, context, Style::Chat)
}

fn shown(source: &str) -> String {
    let context = context! { x => "a-b", n => 3, none_ => Value::from(()), list => vec![1, 2, 3], deep => context! { s => "q" } };
    rendered_with(source, context).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn values_and_methods_are_pythons() {
    for (source, expected) in [
        ("{{ [1, 'a', none, true, 1.0, {'k': \"it's\"}] }}", "[1, 'a', None, True, 1.0, {'k': \"it's\"}]"),
        ("{{ none }}|{{ true }}|{{ 1e20 }}|{{ 0.5 }}", "None|True|1e+20|0.5"),
        ("{{ '%s has %d of %.2f%%' % ('x', 3, 0.5) }}", "x has 3 of 0.50%"),
        ("{{ 'n=%s' % n }}|{{ 7 % n }}|{{ -7 % 3 }}|{{ 2 * 7 % 4 }}|{{ n % 2 == 1 }}", "n=3|1|2|2|True"),
        ("{{ '%s' % x | upper }}", "A-B"),
        ("{{ '%r %5r|%% %s' % ('q', n, x) }}|{{ '%(a)s %(b)d' % {'a': 'c', 'b': 2} }}", "'q'     3|% a-b|c 2"),
        (
            "{{ 'pre-x'.removeprefix('pre-') }}|{{ x.partition('-') }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(3) }}",
            "x|['a', '-', 'b']|007|-07",
        ),
        ("{{ 'a,b,c'.rsplit(',', 1) }}|{{ ' a  b c '.split(none, 1) }}|{{ 'abc'.index('c') }}", "['a,b', 'c']|['a', 'b c ']|2"),
        ("{{ 'ä<b'.find('<') }}|{{ 'aXbX'.rindex('X') }}|{{ 'ab'.center(5, '*') }}|{{ 'a'.ljust(3) }}|", "1|3|**ab*|a  |"),
        ("{{ {'b': '<ä>', 'a': [1, 2]} | tojson }}", r#"{"b": "<ä>", "a": [1, 2]}"#),
        ("{{ {'b': '<ä>'} | tojson(ensure_ascii=true) }}", r#"{"b": "<\u00e4>"}"#),
        ("{{ {'b': [1], 'a': []} | tojson(indent=2, sort_keys=true) }}", "{\n  \"a\": [],\n  \"b\": [\n    1\n  ]\n}"),
        ("{{ [1, {'a': 2}] | tojson(separators=(',', ':')) }}", r#"[1,{"a":2}]"#),
        ("{{ deep.s.upper() }}|{{ deep.get('z', 'd') }}|{{ deep['s'] ~ x }}", "Q|d|qa-b"),
        ("{{ list[-1] }}|{{ list[::-1] }}|{{ list | map('string') | join('+') }}", "3|[3, 2, 1]|1+2+3"),
        ("{% raw %}{{ x ~ }}{% endraw %}{# {{ #}{{ '}}' }}", "{{ x ~ }}}}"),
        ("{% for k, v in deep.items() %}{{ k }}={{ v }}{% endfor %}", "s=q"),
        ("{% set ns = namespace(a=1, b='x') %}{% set ns.a = ns.a + n %}{{ ns.a }}{{ ns.b }}", "4x"),
        ("{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(a=3, b=x) }}", "123a-b"),
        ("{{ x if x is defined and missing is not defined else 'no' }}", "a-b"),
        ("{{ missing is defined }}|{{ none_ is none }}|{{ tools is defined and tools }}", "False|True|False"),
        ("{{ 'a' 'b' ~ x[0] }}|{{ -n }}|{{ not n }}|{{ n is odd }}|{{ 4 is divisibleby 2 }}", "aba|-3|False|True|True"),
        ("{{ 'x\ny'|indent(2) }}|{{ 'x\ny'|indent(2, true) }}", "x\n  y|  x\n  y"),
        (
            "{{ 2.5|round }}|{{ 0.25|round(1) }}|{{ 2.675|round(2) }}|{{ 2.1|round(method='ceil') }}|{{ 7|round }}",
            "2.0|0.2|2.67|3.0|7",
        ),
        ("{{ [1,2,3]|batch(2, 0)|list }}", "[[1, 2], [3, 0]]"),
    ] {
        assert_eq!(shown(source), expected, "{source}");
    }
}

#[test]
fn no_template_takes_more_than_it_may() {
    let long = "x".repeat(100_000);
    let doubled = "{% set x = x ~ x %}".repeat(60);
    let fixed = format!("{{% for i in range(90000) %}}{long}{{% endfor %}}");
    let held = format!("{{% set y %}}{fixed}{{% endset %}}{{{{ y | length }}}}");
    let list = format!("{{% set x = 'x' %}}{}{{{{ x | tojson }}}}", "{% set x = [x, x] %}".repeat(60));
    for source in [
        &format!("{doubled}{{{{ x | length }}}}"),
        &format!("{{% set ns = namespace(x=x) %}}{}", "{% set ns.x = ns.x + ns.x %}".repeat(60)),
        &"{% macro m(a, i) %}{% if i %}{{ m(a ~ a, i - 1) }}{% endif %}{% endmacro %}{{ m(x, 50) }}".to_owned(),
        &list,
        &list.replace("tojson", "string"),
        &list.replace(" | tojson", ""),
        &list.replace("{{ x | tojson }}", "{{ x == x }}"),
        &fixed,
        &held,
        &"{{ 'x\nx' | indent(1000000000) }}".to_owned(),
        &"{{ '%1000000000d' % 1 }}".to_owned(),
        &"{{ '%*d' % (1000000000, 1) }}".to_owned(),
        &"{{ '%1000000000s' | format('x') }}".to_owned(),
        &"{{ '{:1000000000}'.format('x') }}".to_owned(),
        &"{{ 'x'.zfill(100000000000) ~ 'x'.center(100000000000) ~ 'x'.ljust(100000000000) }}".to_owned(),
        &"{{ 'x' * 100000000000 }}".to_owned(),
        &"{{ ('x' * 100000) | replace('x', 'y' * 100000) }}".to_owned(),
        &"{{ ('x' * 100000).replace('', 'y' * 100000) }}".to_owned(),
        &"{{ range(100000) | join('y' * 100000) }}".to_owned(),
        &"{{ ('y' * 100000).join(range(100000)) }}".to_owned(),
        &"{{ [1] | batch(9223372036854775807, 0) }}".to_owned(),
        &"{{ [1] | slice(9223372036854775807, 0) }}".to_owned(),
        &"{{ (range(100000) | list * 1000000000) | list }}".to_owned(),
        &"{{ 'x\t'.expandtabs(1000000000000) }}".to_owned(),
        &"{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}".to_owned(),
        &"{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns | tojson }}".to_owned(),
        &"{% set ns = namespace() %}{% set ns.a = {'b': ns} %}{{ ns == ns.a }}{{ ns ~ 'x' }}".to_owned(),
        &"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}".to_owned(),
        &"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        &format!("{{{{ {}x{} }}}}", "(".repeat(100_000), ")".repeat(100_000)),
        &format!("{{{{ {}x }}}}", "not ".repeat(200_000)),
        &format!("{{{{ {}x }}}}", "-".repeat(200_000)),
        &format!("{{{{ x{} }}}}", " ~ x".repeat(200_000)),
        &format!("{{{{ x{} }}}}", "|upper".repeat(100_000)),
        &format!("{{{{ x{} }}}}", ".a".repeat(200_000)),
        &format!("{{{{ x{} }}}}", "[0]".repeat(200_000)),
        &format!("{{{{ x{} }}}}", " if x else x".repeat(50_000)),
        &format!("{{{{ {}x{} }}}}", "[x, x ~ ".repeat(50_000), "]".repeat(50_000)),
        &format!("{{% if n %}}{}{{% endif %}}", "{% elif n %}".repeat(50_000)),
        &format!("{}{}", "{% if x %}".repeat(50_000), "{% endif %}".repeat(50_000)),
        &format!("{{{{ [{}] }}}}", "x, ".repeat(100_000)),
        &"{{ x }}{# }}".repeat(50_000),
        &"{{ ".repeat(1000),
        &"{% raw %}".to_owned(),
    ] {
        let start = std::time::Instant::now();
        let message = rendered_with(source, context! { x => "12345678" });
        assert!(message.is_err(), "{}: {:?}", &source[..source.len().min(100)], message.map(|text| text.len()));
        assert!(start.elapsed().as_secs() < 10, "{}: {:?}", &source[..source.len().min(100)], start.elapsed());
    }
}

#[test]
fn what_templates_need_is_within_the_depth() {
    for source in [
        format!("{{{{ x{} }}}}", " ~ x".repeat(140)),
        format!("{{{{ {}x{} }}}}", "(".repeat(60), ")".repeat(60)),
        format!("{{{{ [{}] }}}}", "x, ".repeat(1000)),
        format!("{{% if n == 5 %}}{}{{% endif %}}", "{% elif n == 4 %}x".repeat(95)),
        format!("{{{{ x{} }}}}", "|upper".repeat(140)),
    ] {
        let message = rendered_with(&source, context! { x => "1", n => 3 });
        assert!(message.is_ok(), "{}: {message:?}", &source[..40]);
    }
}

#[test]
fn a_long_conversation_is_within_the_limits() {
    let content = "Long text. ".repeat(200_000);
    let source = "{% for m in messages %}{% if m.content is string and m.content | length > 0 %}<{{ m.role }}>{{ m.content | trim }}{% endif %}{% endfor %}";
    let messages = vec![context! { role => "user", content }];
    assert!(rendered_with(source, context! { messages }).unwrap().len() > 2_000_000);
}
