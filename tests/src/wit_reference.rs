//! The reference of the plugin interface, as the WIT package says it.

use std::fmt::Write;
use std::path::Path;

use wit_parser::{Docs, Function, Interface, Resolve, Type, TypeDefKind, TypeId, WorldItem};

/// The reference in Markdown.
///
/// # Errors
/// If the package does not parse.
pub fn markdown(package: &Path) -> Result<String, String> {
    let mut resolve = Resolve::default();
    let (id, _) = resolve.push_dir(package).map_err(|error| format!("{error:#}"))?;
    let mut text = String::from(
        "# The plugin interface\n\nGenerated from `wit/plugin-0.2.0`: every interface of the package `scaledown:plugin@0.2.0`. How to write a \
         plugin is in [plugins.md](plugins.md).\n\n## Worlds\n\n| world | exports | what it is |\n| --- | --- | --- |\n",
    );
    for (name, world) in &resolve.packages[id].worlds {
        let world = &resolve.worlds[*world];
        let exports = world.exports.values().filter_map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone().map(|name| format!("[`{name}`](#{name})")),
            _ => None,
        });
        let _ = writeln!(text, "| `{name}` | {} | {} |", exports.collect::<Vec<_>>().join(", "), line(&world.docs));
    }
    for (name, interface) in &resolve.packages[id].interfaces {
        describe(&resolve, name, &resolve.interfaces[*interface], &mut text);
    }
    Ok(text)
}

fn describe(resolve: &Resolve, name: &str, interface: &Interface, text: &mut String) {
    let _ = write!(text, "\n## {name}\n\n{}\n", paragraph(&interface.docs));
    for (name, id) in &interface.types {
        let definition = &resolve.types[*id];
        let body = match &definition.kind {
            TypeDefKind::Record(record) => {
                let fields = record
                    .fields
                    .iter()
                    .map(|field| format!("- `{}: {}`: {}", field.name, ty(resolve, &field.ty), line(&field.docs)));
                format!("record\n\n{}", fields.collect::<Vec<_>>().join("\n"))
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter().map(|case| format!("- `{}`: {}", case.name, line(&case.docs)));
                format!("enum\n\n{}", cases.collect::<Vec<_>>().join("\n"))
            }
            TypeDefKind::Variant(cases) => {
                let cases = cases.cases.iter().map(|case| {
                    let payload = case.ty.as_ref().map_or_else(String::new, |payload| format!("({})", ty(resolve, payload)));
                    format!("- `{}{payload}`: {}", case.name, line(&case.docs))
                });
                format!("variant\n\n{}", cases.collect::<Vec<_>>().join("\n"))
            }
            TypeDefKind::Resource => "resource".to_owned(),
            // A name that another interface gives a type.
            TypeDefKind::Type(_) if definition.docs.contents.is_none() => continue,
            TypeDefKind::Type(other) => format!("= `{}`", ty(resolve, other)),
            _ => format!("= `{}`", named(resolve, *id, true)),
        };
        let _ = write!(text, "\n**`{name}`** {} {body}\n", paragraph(&definition.docs));
    }
    let functions: Vec<&Function> = interface.functions.values().collect();
    if !functions.is_empty() {
        text.push('\n');
    }
    for function in functions {
        let params = function.params.iter().map(|param| format!("{}: {}", param.name, ty(resolve, &param.ty)));
        let result = function.result.as_ref().map_or_else(String::new, |result| format!(" -> {}", ty(resolve, result)));
        let _ =
            writeln!(text, "- `{}({}){result}`: {}", function.name, params.collect::<Vec<_>>().join(", "), line(&function.docs));
    }
}

fn ty(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".into(),
        Type::String => "string".into(),
        Type::Char => "char".into(),
        Type::Id(id) => named(resolve, *id, false),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// A type by its name, or, where it has none or `open` asks for more, by what it is.
fn named(resolve: &Resolve, id: TypeId, open: bool) -> String {
    let definition = &resolve.types[id];
    if let (Some(name), false) = (&definition.name, open) {
        return name.clone();
    }
    match &definition.kind {
        TypeDefKind::List(of) => format!("list<{}>", ty(resolve, of)),
        TypeDefKind::Option(of) => format!("option<{}>", ty(resolve, of)),
        TypeDefKind::Tuple(of) => format!("tuple<{}>", of.types.iter().map(|of| ty(resolve, of)).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Result(of) => {
            let side = |side: &Option<Type>| side.as_ref().map_or_else(|| "_".into(), |side| ty(resolve, side));
            format!("result<{}, {}>", side(&of.ok), side(&of.err))
        }
        TypeDefKind::Handle(handle) => match handle {
            wit_parser::Handle::Own(id) => named(resolve, *id, false),
            wit_parser::Handle::Borrow(id) => format!("borrow<{}>", named(resolve, *id, false)),
        },
        TypeDefKind::Type(other) => ty(resolve, other),
        other => other.as_str().to_owned(),
    }
}

fn paragraph(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim().to_owned()
}

fn line(docs: &Docs) -> String {
    paragraph(docs).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
