//! Writes the WIT interface of the instructions from their table.

use std::fmt::Write;

use scaledown_sdk::Op;
use scaledown_sdk::tensor::{Audience, BinaryOp, CompareOp, Declaration, GatedOp, ReduceOp, UnaryOp};

/// The greatest width of a comment line.
const WIDTH: usize = 100;

/// The text of `instructions.wit`: a function for each instruction that a component may call, and
/// for each elementary function of one.
#[must_use]
pub fn instructions() -> String {
    let mut text = String::from(
        "package scaledown:plugin@0.2.0;\n\n\
         /// The instructions, generated from the SDK's table of instructions, which\n\
         /// defines what holds for all of them: NaN, integer overflow, empty\n\
         /// tensors. Notation: `b` batch, `s` query positions, `t` key positions,\n\
         /// `h` heads, `g` key/value heads, `d` size of a head, `n` rows, `v`\n\
         /// vocabulary.\n\
         interface instructions {\n    use tensor.{dtype, error, shape, tensor};\n",
    );
    for declaration in Op::TABLE.iter().filter(|declaration| declaration.audience == Audience::Everyone) {
        for function in functions(declaration) {
            text.push('\n');
            text.push_str(&function);
        }
    }
    text.push_str("}\n");
    text
}

/// The functions of one instruction: one, or one for each elementary function that it may apply.
fn functions(declaration: &Declaration) -> Vec<String> {
    let variants = |all: Vec<(&'static str, &'static [&'static str])>| -> Vec<String> {
        // `add` says it all; `sum` alone would not.
        let alone = matches!(declaration.name, "unary" | "binary" | "compare");
        let name = |variant: &str| if alone { variant.to_owned() } else { format!("{}_{variant}", declaration.name) };
        all.into_iter()
            .map(|(variant, doc)| function(declaration, &name(variant), &documented(declaration, variant, doc)))
            .collect()
    };
    match declaration.fields.iter().find_map(|field| elementary(field.ty)) {
        Some(all) => variants(all),
        None => vec![function(declaration, declaration.name, &plain(declaration.doc))],
    }
}

/// The elementary functions of a type, with what is said of each.
fn elementary(ty: &str) -> Option<Vec<(&'static str, &'static [&'static str])>> {
    Some(match ty {
        "UnaryOp" => UnaryOp::ALL.iter().map(|function| (function.name(), function.doc())).collect(),
        "BinaryOp" => BinaryOp::ALL.iter().map(|function| (function.name(), function.doc())).collect(),
        "CompareOp" => CompareOp::ALL.iter().map(|function| (function.name(), function.doc())).collect(),
        "ReduceOp" => ReduceOp::ALL.iter().map(|function| (function.name(), function.doc())).collect(),
        "GatedOp" => GatedOp::ALL.iter().map(|function| (function.name(), function.doc())).collect(),
        _ => return None,
    })
}

/// The text of an instruction with `f` as the function of this name.
fn documented(declaration: &Declaration, variant: &str, doc: &[&str]) -> String {
    let text = plain(declaration.doc).replace("f(", &format!("{}(", kebab(variant)));
    if doc.is_empty() { text } else { format!("{text} {}", plain(doc)) }
}

/// The documentation without what only a reader of the Rust sources follows.
fn plain(doc: &[&str]) -> String {
    let text = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches("Coarse. ").replace(" Which keys a query sees: see [`AttentionSpec`].", "");
    let mut plain = String::new();
    let mut rest = text.as_str();
    // [`Op::RmsNorm`]'s becomes `rms-norm`'s, [`BlockFormat`](super::BlockFormat) becomes
    // `BlockFormat`.
    while let Some(at) = rest.find("[`") {
        plain.push_str(&rest[..at]);
        let Some(end) = rest[at..].find("`]") else { break };
        let name = &rest[at + 2..at + end];
        let name = name.strip_prefix("Op::").map_or_else(|| name.to_owned(), |variant| kebab(&snake(variant)));
        let _ = write!(plain, "`{name}`");
        rest = &rest[at + end + 2..];
        if let Some(target) = rest.strip_prefix('(') {
            rest = target.find(')').map_or("", |close| &target[close + 1..]);
        }
    }
    plain.push_str(rest);
    plain
}

fn function(declaration: &Declaration, name: &str, doc: &str) -> String {
    let mut text = String::new();
    wrapped(&mut text, "", doc);
    let mut params: Vec<String> = declaration.inputs.split_whitespace().map(input).collect();
    for field in declaration.fields.iter().filter(|field| elementary(field.ty).is_none()) {
        if field.ty == "AttentionSpec" {
            attention(&mut text, &mut params);
            continue;
        }
        wrapped(&mut text, "- ", &format!("`{}`: {}", kebab(field.name), plain(field.doc)));
        params.push(format!("{}: {}", kebab(field.name), field_type(field.ty)));
    }
    let outputs: Vec<&str> = declaration.outputs.split_whitespace().collect();
    let output = match outputs.as_slice() {
        [one] if one.ends_with('*') => "list<tensor>".to_owned(),
        [_] => "tensor".to_owned(),
        several => format!("tuple<{}>", vec!["tensor"; several.len()].join(", ")),
    };
    let _ = writeln!(text, "    {}: func({}) -> result<{output}, error>;", kebab(name), params.join(", "));
    text
}

/// What [`AttentionSpec`](scaledown_sdk::tensor::AttentionSpec) says, as parameters: which inputs
/// there are, the options tell.
fn attention(text: &mut String, params: &mut Vec<String>) {
    wrapped(
        text,
        "",
        "Query `i` at position `p` sees key `j` at position `r` where all of these hold: `j` is in the row's span, if there are \
         spans; `r <= p` if `causal`; `|p - r| <= window` if there is a window. A row of `spans` is `(start, len, first)`: the \
         keys `start..start + len` are real, and the row's first query stands where key `first` does. Without positions, key \
         `j` is at `j`, and query `i` at `first + i`, or without spans at `t - s + i`.",
    );
    wrapped(text, "- ", "`scale`: The factor on the scores, usually `1 / sqrt(d)`.");
    params.extend(["scale: f64", "causal: bool", "window: option<u64>"].map(str::to_owned));
}

fn input(declared: &str) -> String {
    let name = kebab(declared.trim_end_matches(['?', '*', '!']));
    let ty = match declared.chars().last() {
        Some('?') => "option<borrow<tensor>>",
        Some('*') => "list<borrow<tensor>>",
        Some('!') => "tensor",
        _ => "borrow<tensor>",
    };
    format!("{name}: {ty}")
}

/// # Panics
/// If a field of the table is of a type that the interface cannot say yet.
fn field_type(ty: &str) -> &'static str {
    match ty {
        "f64" => "f64",
        "i64" => "s64",
        "u64" | "usize" => "u64",
        "bool" => "bool",
        "DType" => "dtype",
        "Shape" => "shape",
        "Vec<usize>" => "list<u64>",
        other => panic!("the plugin interface has no type for {other}: add it here"),
    }
}

/// Appends a comment, wrapped.
fn wrapped(text: &mut String, bullet: &str, comment: &str) {
    let mut line = format!("    /// {bullet}");
    let mut empty = true;
    for word in comment.split_whitespace() {
        if !empty && line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = format!("    /// {}", " ".repeat(bullet.len()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(text, "{line}");
}

fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
