//! WASI, for components that were built for it: denied but for what the user grants.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use crate::imports::Imports;
use crate::plugin::Plugin;
use crate::services::log::shortened;
use crate::services::random::Numbers;

/// What a component gets of WASI: the directories, variables and the clock that the plugin is
/// granted; no sockets; random numbers that a run repeats; and what it prints goes to the log.
pub(crate) fn context(plugin: &Plugin) -> WasiCtx {
    let permissions = &plugin.settings().permissions;
    let mut context = WasiCtxBuilder::new();
    let numbers = |salt: &str| {
        let mut numbers = Numbers::of(&format!("{}{salt}", plugin.name()));
        (0..512).flat_map(|_| numbers.next().to_le_bytes()).collect::<Vec<u8>>()
    };
    context.allow_blocking_current_thread(true).allow_tcp(false).allow_udp(false);
    context.secure_random(Deterministic::new(numbers(" secure")));
    context.insecure_random(Deterministic::new(numbers(" insecure"))).insecure_random_seed(7);
    let printed = |level| Printed { plugin: plugin.name().to_owned(), level };
    context.stdout(printed(Level::Info)).stderr(printed(Level::Warn));
    for name in &permissions.env {
        if let Ok(value) = std::env::var(name) {
            context.env(name, value);
        }
    }
    if !permissions.clock {
        context.wall_clock(Stopped).monotonic_clock(Stopped);
    }
    let readable = permissions.read.iter().map(|path| (path, FsPerms::ReadOnly));
    let writable = permissions.write.iter().map(|path| (path, FsPerms::ReadWrite));
    for (path, permission) in readable.chain(writable).filter(|(path, _)| path.is_dir()) {
        let shown = path.to_string_lossy();
        if let Err(error) = context.preopened_dir(path, &shown, permission) {
            tracing::warn!(plugin = plugin.name(), "{shown} cannot be opened for it: {error}");
        }
    }
    context.build()
}

/// Gives components WASI, in which nothing waits longer than a call may take.
pub(crate) fn link(linker: &mut Linker<Imports>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<Imports, HasSelf<Imports>>(linker, |imports: &mut Imports| imports)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl monotonic_clock::Host for Imports {
    fn now(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::now(&mut self.clocks())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::resolution(&mut self.clocks())
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = monotonic_clock::Host::now(self)?;
        monotonic_clock::Host::subscribe_duration(self, when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        // Who waits does not run, so that the call's end would not be seen.
        let left = self.deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        let most = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        monotonic_clock::Host::subscribe_duration(&mut self.clocks(), duration.min(most))
    }
}

/// A clock that stands still.
struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

#[derive(Clone, Copy)]
enum Level {
    Info,
    Warn,
}

/// What a component prints, which goes to the log line by line.
struct Printed {
    plugin: String,
    level: Level,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Lines { plugin: self.plugin.clone(), level: self.level, begun: Vec::new() })
    }
}

/// A stream that cuts what is printed into lines.
struct Lines {
    plugin: String,
    level: Level,
    begun: Vec<u8>,
}

impl Lines {
    /// The longest line; a longer one is cut into several.
    const LONGEST: usize = 8 << 10;

    fn line(&mut self) {
        let line = shortened(&String::from_utf8_lossy(&std::mem::take(&mut self.begun)));
        let plugin = self.plugin.as_str();
        match self.level {
            Level::Info => tracing::info!(plugin, "{line}"),
            Level::Warn => tracing::warn!(plugin, "{line}"),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            self.line();
        }
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for byte in bytes {
            if byte == b'\n' || self.begun.len() >= Self::LONGEST {
                self.line();
            }
            if byte != b'\n' {
                self.begun.push(byte);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl Pollable for Lines {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(()))
    }
}
