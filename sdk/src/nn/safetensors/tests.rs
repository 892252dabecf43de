//! Malformed files: each is an error that names the file, and nothing panics.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DirectoryWeights, SafetensorsFile};
use crate::nn::WeightSource;

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    std::fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn with_header(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![7; data]].concat()
}

fn one(dtype: &str, shape: Value, offsets: [u64; 2]) -> String {
    json!({"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).to_string()
}

fn error(bytes: &[u8]) -> String {
    let (_directory, path) = file(bytes);
    let error = SafetensorsFile::open(&path).unwrap_err().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
    error
}

#[test]
fn a_good_file_is_read() {
    let (_directory, path) = file(&with_header(&one("U32", json!([2, 1]), [0, 8]), 8));
    let file = SafetensorsFile::open(&path).unwrap();
    assert_eq!(file.names(), ["x"]);
    assert_eq!(file.spec("x").unwrap().to_string(), "u32[2, 1]");
    assert_eq!(file.read("x").unwrap().to_vec::<u32>().unwrap(), [0x0707_0707; 2]);
    assert!(file.read("y").unwrap_err().to_string().contains("no tensor y"));
}

#[test]
fn every_malformation_is_reported() {
    let cases = [
        (vec![1, 2, 3], "3 bytes"),
        (u64::MAX.to_le_bytes().to_vec(), "expected at most 100000000"),
        (with_header("{}", 0)[..9].to_vec(), "claims 2 bytes, but the file has 9"),
        (with_header("{nonsense", 0), "invalid header"),
        (with_header("\u{fffd}", 0), "invalid header"),
        (with_header("[]", 0), "invalid header"),
        (with_header(&one("F32", json!([2]), [0, 8]), 7), "the file may be truncated"),
        (with_header(&one("F32", json!([2]), [0, 8]), 9), "1 more than its tensors need"),
        (with_header(&one("F32", json!([2]), [0, 4]), 4), "invalid header"),
        (with_header(&one("F32", json!([2]), [8, 0]), 8), "invalid header"),
        (with_header(&one("F32", json!([1]), [4, 8]), 8), "x"),
        (with_header(&one("F32", json!([u64::MAX, 2]), [0, 8]), 8), "invalid header"),
        (with_header(&one("F31", json!([2]), [0, 8]), 8), "invalid header"),
        (with_header(&one("I8", json!([2]), [0, 2]), 2), "tensor x has elements of type I8"),
        (with_header(&one("F32", json!([-1]), [0, 4]), 4), "invalid header"),
    ];
    for (bytes, expected) in cases {
        let error = error(&bytes);
        assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
    }
}

#[test]
fn a_directory_without_weights_says_what_was_looked_for() {
    let directory = tempfile::tempdir().unwrap();
    let error = DirectoryWeights::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains("model.safetensors.index.json"), "{error}");
    std::fs::write(directory.path().join("model.safetensors.index.json"), "{}").unwrap();
    let error = DirectoryWeights::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains("weight_map"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_header_makes_it_panic(
        flips in proptest::collection::vec((0_usize..160, any::<u8>()), 0..6),
        cut in 0_usize..200,
    ) {
        let header = json!({
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
            "b": {"dtype": "F32", "shape": [], "data_offsets": [12, 16]},
        });
        let mut bytes = with_header(&header.to_string(), 16);
        for (at, byte) in flips {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut % 3 * (cut / 3)));
        let (_directory, path) = file(&bytes);
        if let Ok(file) = SafetensorsFile::open(&path) {
            for name in file.names() {
                let data = file.read(&name).unwrap();
                prop_assert_eq!(data.spec(), &file.spec(&name).unwrap());
            }
        }
    }
}
