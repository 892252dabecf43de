use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use super::*;

const FILES: [(&str, &str); 4] = [
    ("config.json", "{\"model_type\": \"llama\"}"),
    ("model.safetensors", "weights"),
    ("pytorch_model.bin", "a pickle"),
    ("tokenizer.json", "{}"),
];

/// The content of every table.
const TABLE: &str = "a table of ten rows";

/// The tables of the dataset `owner/set`, and the checksum that the hub gives.
const TABLES: [(&str, &str); 3] = [
    ("default/train-0.parquet", "0ccb11fe780ffd0dbd59bd5b92152ffa958fce057107d78d0f452128a6ff6f86"),
    ("default/broken.parquet", "0ccb11fe780ffd0dbd59bd5b92152ffa958fce057107d78d0f452128a6ff6f86"),
    ("default/wrong.parquet", "0000000000000000000000000000000000000000000000000000000000000000"),
];

fn settings(cache: &Path, endpoint: &str, offline: bool) -> HubSettings {
    HubSettings { cache: cache.to_owned(), endpoint: endpoint.to_owned(), offline, token: None, problem: None, progress: false }
}

/// A hub of one model, `owner/tiny`. It lives as long as the process.
fn hub() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    format!("http://{address}")
}

fn serve(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut request = String::new();
    reader.read_line(&mut request).unwrap();
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() <= 2 {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("range: bytes=") {
            range = value
                .trim()
                .split_once('-')
                .and_then(|(first, last)| Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok())));
        }
    }
    let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let file = FILES.iter().find(|(name, _)| path == format!("/owner/tiny/resolve/main/{name}"));
    let table = TABLES.iter().find(|(name, ..)| path == format!("/datasets/owner/set/resolve/main/{name}"));
    let siblings: Vec<String> = FILES.iter().map(|(name, _)| format!("{{\"rfilename\": \"{name}\"}}")).collect();
    let index = format!("{{\"sha\": \"abc\", \"siblings\": [{}]}}", siblings.join(", "));
    let (status, body) = match (path.as_str(), file) {
        ("/api/models/owner/tiny/revision/main", _) => ("200 OK", index),
        ("/api/datasets/owner/set/revision/main", _) => {
            let siblings: Vec<String> = TABLES.iter().map(|(name, ..)| format!("{{\"rfilename\": \"{name}\"}}")).collect();
            ("200 OK", format!("{{\"sha\": \"abc\", \"siblings\": [{}]}}", siblings.join(", ")))
        }
        (_, Some((_, text))) => ("206 Partial Content", (*text).to_owned()),
        _ if table.is_some() => ("206 Partial Content", TABLE.to_owned()),
        _ => ("404 Not Found", String::new()),
    };
    let (first, last) = range.map_or((0, body.len()), |(first, last)| (first, last.map_or(body.len(), |last| last + 1)));
    let part = body.get(first..last.min(body.len())).unwrap_or_default();
    let etag = table.map_or_else(|| path.replace('/', "-"), |(_, sha256)| (*sha256).to_owned());
    let headers = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{}\r\nETag: \"{}\"\r\nX-Repo-Commit: abc\r\nConnection: close\r\n\r\n",
        part.len(),
        last.saturating_sub(1),
        body.len(),
        etag,
    );
    // A connection that breaks off in the middle, if it is asked for a whole file of that name.
    let sent = if path.ends_with("broken.parquet") && first == 0 && last > 1 { &part[..5] } else { part };
    stream.write_all((headers + sent).as_bytes()).unwrap();
}

#[test]
fn a_path_is_used_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let settings = settings(Path::new("/nowhere"), "http://127.0.0.1:9", true);
    assert_eq!(settings.resolve(path, None).unwrap(), directory.path());
}

#[test]
fn a_missing_path_is_reported_apart_from_a_missing_model() {
    let settings = settings(Path::new("/nowhere"), "http://127.0.0.1:9", true);
    let message = settings.resolve("./not/there", None).unwrap_err().to_string();
    assert_eq!(message, "model `./not/there`: no such directory, and it is not a hub id such as `owner/name`");
    let message = settings.resolve("owner/tiny", Some("v1")).unwrap_err().to_string();
    assert!(
        message.contains("`owner/tiny` (revision v1) is not in the cache /nowhere") && message.contains("HF_HUB_OFFLINE"),
        "{message}"
    );
}

#[test]
fn a_model_is_downloaded_once_and_then_found_offline() {
    let cache = tempfile::tempdir().unwrap();
    let directory = settings(cache.path(), &hub(), false).resolve("owner/tiny", None).unwrap();
    assert_eq!(std::fs::read_to_string(directory.join("model.safetensors")).unwrap(), "weights");
    assert!(directory.join("config.json").exists() && directory.join("tokenizer.json").exists());
    assert!(!directory.join("pytorch_model.bin").exists(), "a pickle must never be fetched");

    let offline = settings(cache.path(), "http://127.0.0.1:9", true);
    assert_eq!(offline.resolve("owner/tiny", None).unwrap(), directory);
    assert_eq!(offline.resolve("owner/tiny", Some("abc")).unwrap(), directory, "by its commit");
    let unreachable = settings(cache.path(), "http://127.0.0.1:9", false);
    assert_eq!(unreachable.resolve("owner/tiny", None).unwrap(), directory, "the cached copy");
}

#[test]
fn an_unknown_model_and_an_unreachable_hub_are_reported_apart() {
    let cache = tempfile::tempdir().unwrap();
    let endpoint = hub();
    let message = settings(cache.path(), &endpoint, false).resolve("owner/none", None).unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "model `owner/none` (revision main): {endpoint} has no such model or revision, or you may not read it (HF_TOKEN)"
        )
    );
    let error = settings(cache.path(), "http://127.0.0.1:9", false).resolve("owner/tiny", None).unwrap_err();
    assert!(matches!(&error, HubError::Download { what, .. } if &**what == "its index"), "{error}");
}

#[test]
fn a_data_sets_files_are_listed_downloaded_once_and_then_found_offline() {
    let cache = tempfile::tempdir().unwrap();
    let hub = hub();
    let online = settings(cache.path(), &hub, false);
    assert_eq!(online.dataset_files("owner/set").unwrap().len(), 3);
    let path = online.dataset_file("owner/set", "default/train-0.parquet").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), TABLE);
    for settings in [settings(cache.path(), "http://127.0.0.1:9", true), settings(cache.path(), "http://127.0.0.1:9", false)] {
        assert_eq!(settings.dataset_files("owner/set").unwrap(), ["default/train-0.parquet"]);
        assert_eq!(settings.dataset_file("owner/set", "default/train-0.parquet").unwrap(), path);
    }
    let offline = settings(cache.path(), &hub, true);
    let reported = offline.dataset_file("owner/set", "default/broken.parquet").unwrap_err().to_string();
    assert!(reported.starts_with("dataset `owner/set` (revision main) is not in the cache"), "{reported}");
    assert!(reported.ends_with("give a local copy (--from)"), "{reported}");
    let reported = online.dataset_files("owner/none").unwrap_err().to_string();
    assert!(reported.contains("has no such dataset or revision"), "{reported}");
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_was() {
    let cache = tempfile::tempdir().unwrap();
    let online = settings(cache.path(), &hub(), false);
    let reported = online.dataset_file("owner/set", "default/broken.parquet").unwrap_err();
    assert!(matches!(&reported, HubError::Download { what, .. } if &**what == "default/broken.parquet"), "{reported}");
    // The server breaks off whenever it is asked from the beginning on.
    let path = online.dataset_file("owner/set", "default/broken.parquet").unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), TABLE);
}

#[test]
fn a_file_of_another_checksum_is_refused_and_not_kept() {
    let cache = tempfile::tempdir().unwrap();
    let online = settings(cache.path(), &hub(), false);
    for _ in 0..2 {
        let reported = online.dataset_file("owner/set", "default/wrong.parquet").unwrap_err().to_string();
        assert!(reported.contains("SHA-256 ") && reported.contains(", expected 0000"), "{reported}");
    }
    assert!(settings(cache.path(), "http://127.0.0.1:9", true).dataset_file("owner/set", "default/wrong.parquet").is_err());
}

#[test]
fn only_the_models_own_files_are_wanted() {
    let names = [
        "config.json",
        "consolidated.safetensors",
        "model-00001-of-00002.safetensors",
        "onnx/model.onnx",
        "a.bin",
        "tokenizer.model",
    ];
    let wanted = wanted(names.iter().map(ToString::to_string).collect());
    assert_eq!(wanted, ["model-00001-of-00002.safetensors", "tokenizer.model", "config.json"]);
    assert_eq!(super::wanted(vec!["weights.safetensors".into()]), ["weights.safetensors"]);
}
