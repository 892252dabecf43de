//! Components that were built for WASI: nothing of the machine is theirs, and no wait of theirs
//! outlives its call.

use std::time::{Duration, Instant};

use scaledown_sdk::component::Reranker;
use scaledown_sdk::{Error, Result};
use scaledown_tests::component::from_text_beside;
use scaledown_tests::plugins;
use scaledown_wasm::{Limits, Settings, WasmReranker};
use serde_json::json;

use super::{device, refused, settings, text};

/// The parts of WASI that the components here import.
const PACKAGES: [&str; 5] = [
    "package wasi:io@0.2.6;
    interface poll {
        resource pollable { block: func(); }
        poll: func(in: list<borrow<pollable>>) -> list<u32>;
    }",
    "package wasi:clocks@0.2.6;
    interface monotonic-clock {
        use wasi:io/poll@0.2.6.{pollable};
        subscribe-duration: func(when: u64) -> pollable;
        subscribe-instant: func(when: u64) -> pollable;
    }
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    "package wasi:filesystem@0.2.6;
    interface types { resource descriptor; }
    interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }",
    "package wasi:cli@0.2.6;
    interface environment { get-environment: func() -> list<tuple<string, string>>; }",
    "package wasi:sockets@0.2.6;
    interface network {
        resource network;
        enum error-code {
            unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
            not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
            remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
            name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
        }
        enum ip-address-family { ipv4, ipv6 }
    }
    interface instance-network { use network.{network}; instance-network: func() -> network; }
    interface tcp { resource tcp-socket; }
    interface tcp-create-socket {
        use network.{error-code, ip-address-family};
        use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
    }
    interface udp { resource udp-socket; }
    interface udp-create-socket {
        use network.{error-code, ip-address-family};
        use udp.{udp-socket};
        create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
    }
    interface ip-name-lookup {
        use network.{error-code, network};
        resource resolve-address-stream;
        resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
    }",
];

/// What a call of `score` gives, of a reranker that imports interfaces of WASI.
fn scored(interfaces: &[&str], functions: &str, body: &str, settings: &Settings) -> Result<Vec<f32>> {
    let bytes = from_text_beside("reranker", &PACKAGES, interfaces, &text(functions, body, "")).unwrap();
    let plugin = plugins::compile_with("hostile", &bytes, settings)?;
    WasmReranker::build(&plugin, &json!({}), &device())?.score("query", &["one", "two"])
}

/// Answers with the numbers at two places of memory as scores.
fn answer(first: &str, second: &str) -> String {
    format!(
        "i32.const 4096 {first} f32.convert_i32_u f32.store i32.const 4100 {second} f32.convert_i32_u f32.store
        i32.const 2052 i32.const 4096 i32.store i32.const 2056 i32.const 2 i32.store i32.const 2048"
    )
}

/// The place of `access-denied` among the errors of sockets.
const DENIED: f32 = 1.0;

#[test]
fn sockets_are_never_opened() {
    for protocol in ["tcp", "udp"] {
        let interface = format!("wasi:sockets/{protocol}-create-socket@0.2.6");
        let create = format!(r#"(import "{interface}" "create-{protocol}-socket" (func $create (param i32 i32)))"#);
        let body = format!(
            "i32.const 0 i32.const 3000 call $create {}",
            answer("i32.const 3000 i32.load8_u", "i32.const 3004 i32.load8_u")
        );
        // Even where every host of the contract's own `http` is granted.
        let mut settings = settings();
        settings.permissions.http = vec!["*".into()];
        let scores = scored(&[&interface], &create, &body, &settings).unwrap();
        assert_eq!(scores, [1.0, DENIED], "{protocol}: an error, and which");
    }
}

#[test]
fn names_of_hosts_are_not_looked_up() {
    let functions = r#"
        (import "wasi:sockets/instance-network@0.2.6" "instance-network" (func $network (result i32)))
        (import "wasi:sockets/ip-name-lookup@0.2.6" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))"#;
    let body = format!(
        "i32.const 3100 i32.const 0x61 i32.store8 call $network i32.const 3100 i32.const 1 i32.const 3000 call $resolve {}",
        answer("i32.const 3000 i32.load8_u", "i32.const 3004 i32.load8_u")
    );
    let interfaces = ["wasi:sockets/instance-network@0.2.6", "wasi:sockets/ip-name-lookup@0.2.6"];
    let scores = scored(&interfaces, functions, &body, &settings()).unwrap();
    // It may be refused by another name than `access-denied`, as long as it is refused.
    assert_eq!(scores[0], 1.0, "{scores:?}");
}

#[test]
fn files_variables_and_the_time_are_denied() {
    let functions = r#"
        (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
        (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
        (import "wasi:clocks/wall-clock@0.2.6" "now" (func $now (param i32)))"#;
    let interfaces = ["wasi:filesystem/preopens@0.2.6", "wasi:cli/environment@0.2.6", "wasi:clocks/wall-clock@0.2.6"];
    let body = format!(
        "i32.const 3000 call $directories i32.const 3008 call $environment i32.const 3016 call $now
        i32.const 3016 i64.load i64.eqz i32.eqz (if (then unreachable)) {}",
        answer("i32.const 3004 i32.load", "i32.const 3012 i32.load")
    );
    let granted = |grants: bool| {
        let mut settings = settings();
        if grants {
            settings.permissions.read = vec![std::env::temp_dir()];
            settings.permissions.env = vec!["PATH".into()];
        }
        scored(&interfaces, functions, &body, &settings).unwrap()
    };
    assert_eq!(granted(false), [0.0, 0.0], "no directory and no variable");
    assert_eq!(granted(true), [1.0, 1.0], "those that are granted");
}

#[test]
fn a_wait_ends_with_its_call() {
    let functions = r#"
        (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $duration (param i64) (result i32)))
        (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-instant" (func $instant (param i64) (result i32)))
        (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))"#;
    let interfaces = ["wasi:clocks/monotonic-clock@0.2.6", "wasi:io/poll@0.2.6"];
    let hour = "i64.const 3600000000000";
    for wait in [
        format!("{hour} call $duration call $block"),
        format!("{hour} call $instant call $block"),
        format!("i32.const 3000 {hour} call $duration i32.store i32.const 3000 i32.const 1 i32.const 3008 call $poll"),
        // Many short waits do not add up to more than a long one.
        "(loop i64.const 1000000 call $duration call $block br 0)".to_owned(),
    ] {
        let began = Instant::now();
        let limits = Limits { handles: 100_000, ..settings().limits };
        // It does not notice that its wait was cut short.
        let body = format!("{wait} (loop br 0) i32.const 2048");
        let ended = scored(&interfaces, functions, &body, &Settings { limits, ..settings() });
        refused(ended, &["hostile", "took more than 3 s", "call_seconds"]);
        assert!(began.elapsed() < Duration::from_secs(20), "{wait}");
    }
}

#[test]
fn other_packages_are_refused_before_anything_runs() {
    let package = "package wasi:http@0.2.6; interface outgoing-handler { handle: func() -> u32; }";
    let functions = r#"(import "wasi:http/outgoing-handler@0.2.6" "handle" (func $handle (result i32)))"#;
    let text = text(functions, "call $handle drop unreachable", "(func $f unreachable) (start $f)");
    let bytes = from_text_beside("reranker", &[package], &["wasi:http/outgoing-handler@0.2.6"], &text).unwrap();
    let Err(error) = plugins::compile_with("hostile", &bytes, &settings()) else { panic!("it was compiled") };
    assert!(matches!(error, Error::Plugin { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("it imports wasi:http/outgoing-handler@0.2.6, which this host does not have"), "{message}");
}
