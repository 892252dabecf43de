//! Diagnostics on standard error, chosen by `RUST_LOG`.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: what `RUST_LOG` asks for; otherwise warnings, or only errors when quiet. Levels
/// are coloured at a terminal, unless `NO_COLOR` is set and not empty (<https://no-color.org>).
///
/// A second call in one process changes nothing.
pub fn start(quiet: bool) {
    let default = if quiet { LevelFilter::ERROR } else { LevelFilter::WARN };
    let filter = EnvFilter::builder().with_default_directive(default.into()).from_env_lossy();
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_ansi(coloured).with_writer(std::io::stderr);
    let subscriber = tracing_subscriber::registry().with(lines).with(filter).with(filter_fn(|metadata| !spills(metadata)));
    // It fails only if a program that uses this library has its own subscriber, which then stays.
    let _ = subscriber.try_init();
}

/// Whether this is the traffic of an HTTP client, byte by byte, and with it the keys that it
/// carries: nothing shows that, whatever was asked for.
fn spills(metadata: &Metadata<'_>) -> bool {
    const CLIENTS: [&str; 4] = ["ureq", "h2", "hyper", "tonic"];
    *metadata.level() == Level::TRACE && CLIENTS.iter().any(|client| metadata.target().starts_with(client))
}
