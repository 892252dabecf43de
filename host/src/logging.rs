//! Diagnostics on standard error, chosen by `RUST_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging: what `RUST_LOG` asks for; otherwise warnings, or only errors when quiet. Levels are coloured at a terminal, unless
/// `NO_COLOR` is set and not empty (<https://no-color.org>).
///
/// A second call in one process changes nothing.
pub fn start(quiet: bool) {
    let default = if quiet { LevelFilter::ERROR } else { LevelFilter::WARN };
    let filter = EnvFilter::builder().with_default_directive(default.into()).from_env_lossy();
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured).with_writer(std::io::stderr);
    // It fails only if a program that uses this library has its own subscriber, which then stays.
    let _ = subscriber.try_init();
}
