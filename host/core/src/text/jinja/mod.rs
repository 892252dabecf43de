//! Jinja as in `transformers`, for untrusted templates: a model's chat template and a
//! configuration's prompt.
//!
//! The engine is minijinja's. On top of it come the world of Python that templates of models use
//! ([`python`], [`json`]), and limits: of the instructions that run, of what is written, and of the
//! memory that values take ([`budget`], with the checks that [`guard`] writes into a template).

mod budget;
mod filters;
mod format;
mod guard;
mod json;
mod python;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};
use scaledown_sdk::component::caught;

/// The maximum bytes of a template.
const LONGEST_SOURCE: usize = 1 << 20;
/// The maximum bytes that a template may write beside its inputs.
const LONGEST_OUTPUT: u64 = 16 << 20;
/// The maximum instructions.
const FUEL: u64 = 200_000;
/// The maximum bytes from a template's literal texts, if each instruction wrote the longest.
const FIXED: u64 = 512 << 20;

/// Whose template it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A model's, which leaves out the white space around the tags of a line.
    Chat,
    /// The configuration's, which is written as it stands.
    Prompt,
}

/// A template's name in the engine's messages.
const NAME: &str = "<string>";

/// A template, parsed.
#[derive(Clone, Debug)]
pub(super) struct Template(Environment<'static>);

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The engine's words for a template that is malformed, or longer or deeper than a template may
    /// be.
    pub(super) fn new(source: &str, style: Style) -> Result<Self, String> {
        if source.len() > LONGEST_SOURCE {
            return Err(format!("has {} bytes, expected at most {LONGEST_SOURCE}", source.len()));
        }
        safely(|| {
            let longest = guard::longest_text(source).max(1) as u64;
            let source = guard::guarded(source)?;
            let mut environment = environment(style);
            environment.set_fuel(Some((FIXED / longest).min(FUEL)));
            environment.add_template_owned(NAME, source).map_err(reported)?;
            Ok(Template(environment))
        })
    }

    /// Renders the template with the variables `context`. Undefined values render as nothing; their
    /// attributes are errors.
    ///
    /// # Errors
    /// The engine's words for a template that refuses its input, or that asks for more than a
    /// template may.
    pub(super) fn render(&self, context: Value) -> Result<String, String> {
        safely(|| {
            let template = self.0.get_template(NAME).map_err(reported)?;
            let given = budget::weight(&context);
            budget::within(given, || {
                let mut output = Limited { bytes: Vec::new(), room: LONGEST_OUTPUT.saturating_add(given.saturating_mul(4)) };
                match template.render_captured_to(context, &mut output) {
                    Ok(_) => String::from_utf8(output.bytes).map_err(|error| error.to_string()),
                    Err(_) if output.room == 0 => Err("exceeds the output limit of a template".into()),
                    Err(error) => Err(reported(error)),
                }
            })
        })
    }
}

/// Runs the engine: a panic of it is an error of the template.
fn safely<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    caught(run).unwrap_or_else(|panic| Err(format!("the template engine failed: {panic}")))
}

fn reported(error: Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => "does not end: exceeds the step limit of a template".to_owned(),
        _ => error.to_string(),
    }
}

/// Output up to a limit.
struct Limited {
    bytes: Vec<u8>,
    room: u64,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.room.checked_sub(bytes.len() as u64) {
            Some(room) if room > 0 => self.room = room,
            _ => {
                self.room = 0;
                return Err(std::io::Error::other("too long"));
            }
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The environment that `transformers` makes for chat templates.
fn environment(style: Style) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(style == Style::Chat);
    environment.set_lstrip_blocks(style == Style::Chat);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(60);
    environment.set_unknown_method_callback(python::method);
    environment.set_formatter(|output, _, value| {
        let text = python::text(value)?;
        budget::charge(text.len())?;
        output.write_str(&text).map_err(Error::from)
    });
    filters::add(&mut environment);
    environment.remove_filter("pprint");
    environment.remove_filter("urlencode");
    environment.remove_global("debug");
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", strftime_now);
    environment
}

/// The present date and time in UTC, in the form that `strftime` describes (`%d %b %Y`).
fn strftime_now(format: &str) -> Result<String, Error> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now cannot write {format:?}: {error}"))
    };
    let format = time::format_description::parse_strftime_owned(format).map_err(|error| refused(&error))?;
    time::OffsetDateTime::now_utc().format(&format).map_err(|error| refused(&error))
}

/// An error of a template's own making.
fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Whether a value is made of other values.
fn is_compound(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable)
}

#[cfg(test)]
mod tests;
