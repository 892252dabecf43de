//! The token at redirects.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use scaledown_remote::Secret;

use super::HubSettings;

const TOKEN: &str = "hf_secret";
const CONTENT: &str = "{\"model_type\": \"llama\"}";

/// How the hub says where its files are.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    /// At another host.
    Elsewhere,
    /// At another path, absolute.
    Absolute,
    /// At another path, relative.
    Relative,
    /// There; but ranges are not known.
    WithoutRanges,
    /// At another host, which sends back.
    ThereAndBack,
}

/// A server that answers as `answer` says, given a request's path; and whether each request came
/// with the token.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Server {
    fn start(answer: impl Fn(&str, Option<usize>) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (path, authorized, range) = request(&stream);
                noted.lock().unwrap().push((path.clone(), authorized));
                stream.write_all(answer(&path, range).as_bytes()).unwrap();
            }
        });
        Server { address, seen }
    }
}

/// The path of a request, whether it has an authorization, and where the bytes begin that it asks
/// for.
fn request(stream: &TcpStream) -> (String, bool, Option<usize>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        head.push(std::mem::take(&mut line));
    }
    let path = head[0].split_whitespace().nth(1).unwrap().to_owned();
    let value =
        |name: &str| head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(|value| value.trim().to_owned()));
    let range = value("range: bytes=").and_then(|range| range.split('-').next()?.parse().ok());
    (path, value("authorization:").is_some(), range)
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

fn file(range: Option<usize>, known: &str) -> String {
    match range {
        Some(first) => {
            let part = &CONTENT[first..];
            let range = format!("Content-Range: bytes {first}-{}/{}\r\n{known}", CONTENT.len() - 1, CONTENT.len());
            reply("206 Partial Content", &range, part)
        }
        None => reply("200 OK", known, CONTENT),
    }
}

const KNOWN: &str = "X-Repo-Commit: abc\r\nETag: \"tag\"\r\n";

/// A hub of `owner/tiny` with one file, and the other host.
fn hub(mode: Mode) -> (Server, Server) {
    let back: Arc<Mutex<String>> = Arc::default();
    let hubs_address = Arc::clone(&back);
    let other = Server::start(move |path, range| match mode {
        Mode::ThereAndBack => {
            let place = format!("Location: {}/mirrored{path}\r\n", hubs_address.lock().unwrap());
            reply("302 Found", &place, "")
        }
        _ => file(range, ""),
    });
    let elsewhere = other.address.clone();
    let own = Arc::clone(&back);
    let hub = Server::start(move |path, range| {
        let place = |place: String, known: &str| reply("302 Found", &format!("Location: {place}\r\n{known}"), "");
        let signed = format!("{elsewhere}/cdn{path}?signature=hidden");
        match mode {
            _ if path.starts_with("/api/models/owner/tiny/revision/main") => {
                reply("200 OK", "", "{\"siblings\": [{\"rfilename\": \"config.json\"}]}")
            }
            _ if path.starts_with("/mirrored/") => file(range, KNOWN),
            Mode::Elsewhere | Mode::ThereAndBack => place(signed, KNOWN),
            Mode::Absolute => place(format!("{}/mirrored{path}", own.lock().unwrap()), ""),
            Mode::Relative => place(format!("/mirrored{path}"), ""),
            Mode::WithoutRanges => file(None, KNOWN),
        }
    });
    back.lock().unwrap().clone_from(&hub.address);
    (hub, other)
}

fn settings(cache: &Path, endpoint: String) -> HubSettings {
    let token = Secret::read("HF_TOKEN", None, "HF_TOKEN", |_| Some(TOKEN.into())).unwrap();
    HubSettings { cache: cache.to_owned(), endpoint, offline: false, token, problem: None, progress: false }
}

#[test]
fn a_file_arrives_however_the_hub_redirects_and_the_token_stays_with_it() {
    for mode in [Mode::Elsewhere, Mode::Absolute, Mode::Relative, Mode::WithoutRanges, Mode::ThereAndBack] {
        let cache = tempfile::tempdir().unwrap();
        let (hub, other) = hub(mode);
        let directory = settings(cache.path(), hub.address.clone()).resolve("owner/tiny", None).unwrap();
        assert_eq!(std::fs::read_to_string(directory.join("config.json")).unwrap(), CONTENT, "{mode:?}");
        let (at_hub, elsewhere) = (hub.seen.lock().unwrap(), other.seen.lock().unwrap());
        assert!(elsewhere.iter().all(|(_, authorized)| !authorized), "{mode:?}: {elsewhere:?}");
        assert_eq!(elsewhere.is_empty(), !matches!(mode, Mode::Elsewhere | Mode::ThereAndBack), "{mode:?}");
        for (path, authorized) in at_hub.iter() {
            // Requests to other hosts have no token.
            assert_eq!(*authorized, !(mode == Mode::ThereAndBack && path.starts_with("/mirrored")), "{mode:?}: {path}");
        }
    }
}

#[test]
fn a_name_and_password_of_the_address_are_sent_and_not_shown() {
    let cache = tempfile::tempdir().unwrap();
    let (hub, _) = hub(Mode::Elsewhere);
    let endpoint = hub.address.replace("http://", "http://me:hid%40den@");
    settings(cache.path(), endpoint.clone()).resolve("owner/tiny", None).unwrap();
    assert!(hub.seen.lock().unwrap().iter().all(|(_, authorized)| *authorized));
    for model in ["owner/none", "owner/tiny"] {
        let other = tempfile::tempdir().unwrap();
        let endpoint = if model == "owner/tiny" { "http://me:hid%40den@127.0.0.1:9".to_owned() } else { endpoint.clone() };
        let message = settings(other.path(), endpoint).resolve(model, None).err().map(|error| format!("{error} {error:?}"));
        assert!(message.as_ref().is_none_or(|message| !message.contains("hid") && !message.contains(TOKEN)), "{message:?}");
    }
}

#[test]
fn what_a_hub_says_leads_to_no_other_place() {
    for known in [
        "X-Repo-Commit: ../../x\r\nETag: \"a\"\r\n",
        "X-Repo-Commit: abc\r\nETag: \"../a\"\r\n",
        "X-Repo-Commit: ..\r\nETag: \"a\"\r\n",
    ] {
        let server = Server::start(move |path, range| match path.starts_with("/api") {
            true => reply("200 OK", "", "{\"siblings\": [{\"rfilename\": \"config.json\"}]}"),
            false => file(range, known),
        });
        let cache = tempfile::tempdir().unwrap();
        let message = settings(cache.path(), server.address.clone()).resolve("owner/tiny", None).unwrap_err().to_string();
        assert!(message.contains("invalid response header"), "{message}");
    }
    let endless = Server::start(|path, _| reply("302 Found", &format!("Location: {path}x\r\n"), ""));
    let cache = tempfile::tempdir().unwrap();
    let message = settings(cache.path(), endless.address.clone()).resolve("owner/tiny", None).unwrap_err().to_string();
    assert!(message.contains("redirected more than 10 times"), "{message}");
}
