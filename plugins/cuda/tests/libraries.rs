//! Finding and opening NVIDIA's libraries: where they are looked for, and what is said of those
//! that are missing, old or broken.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use scaledown_cuda::libraries::cublaslt::CublasLt;
use scaledown_cuda::libraries::cuda::Cuda;
use scaledown_cuda::libraries::nvrtc::Nvrtc;
use scaledown_cuda::libraries::search::{SearchPlace, directories_of};
use scaledown_cuda::{CudaError, CudaExamination};
use tempfile::TempDir;

/// Makes a library of C functions that return 0.
fn library(directory: &Path, name: &str, functions: &[&str]) {
    let source = directory.join(format!("{name}.c"));
    let body: String = functions.iter().map(|function| format!("int {function}() {{ return 0; }}\n")).collect();
    std::fs::write(&source, body).unwrap();
    let status = Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).arg(directory.join(name)).arg(&source).status();
    assert!(status.unwrap().success());
}

fn directory() -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    (directory, vec![path])
}

#[test]
fn directories_are_searched_in_order() {
    let root = tempfile::tempdir().unwrap();
    let make = |path: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let expected = [
        make("own"),
        make("home/lib64"),
        make("venv/lib/python3.12/site-packages/nvidia/cu13/lib"),
        make("venv/lib/python3.12/site-packages/nvidia/cu12/lib"),
        make("venv/lib"),
        make("conda/lib/python3.11/site-packages/nvidia/cublas/lib"),
        make("conda/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib"),
        make("conda/lib"),
        make("usr/local/cuda-13.0/lib64"),
        make("usr/local/cuda-12.4/targets/x86_64-linux/lib"),
        make("usr/local/nvidia/lib64"),
        make("usr/lib/wsl/lib"),
    ];
    // On the path twice, and without a Python.
    std::fs::write(make("conda/bin").join("python3"), "").unwrap();
    make("else/bin");
    let at = |path: &str| root.path().join(path).into_os_string();
    let path = ["conda/bin", "else/bin", "conda/bin"].map(|entry| at(entry).into_string().unwrap()).join(":");
    let own = [at("own"), at("missing")].map(|entry| entry.into_string().unwrap()).join(":");
    let variables: HashMap<&str, OsString> = HashMap::from([
        ("SCALEDOWN_CUDA_LIBRARIES", own.into()),
        ("CUDA_HOME", at("home")),
        ("CUDA_PATH", "".into()),
        ("VIRTUAL_ENV", at("venv")),
        ("PATH", path.into()),
    ]);
    let found = directories_of(&SearchPlace { variable: &|name| variables.get(name).cloned(), root: root.path() });
    assert_eq!(found, expected);
}

#[test]
fn a_missing_library_is_reported_with_where_it_was_looked_for_and_what_to_do() {
    let (_kept, directories) = directory();
    for (message, parts) in [
        (Nvrtc::open(13, &directories).err(), ["libnvrtc.so.13 or libnvrtc.so.12", "pip install nvidia-cuda-nvrtc"]),
        (CublasLt::open(12, &directories).err(), ["libcublasLt.so.12", "pip install nvidia-cublas"]),
    ] {
        let Some(error @ CudaError::LibraryMissing { .. }) = message else { continue };
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(message.contains(&directories[0].display().to_string()), "{message}");
    }
}

#[test]
fn an_old_library_is_reported_with_the_function_that_it_lacks() {
    let (kept, directories) = directory();
    library(kept.path(), "libnvrtc.so.12", &["nvrtcVersion", "nvrtcCreateProgram"]);
    library(kept.path(), "libcublasLt.so.13", &["cublasLtCreate"]);
    library(kept.path(), "libcuda.so.1", &["cuInit"]);
    let missing = |error: Option<CudaError>| match error {
        Some(CudaError::FunctionMissing { path, function }) => (path.starts_with(kept.path()), function),
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(Nvrtc::open(12, &directories).err()), (true, "nvrtcCompileProgram"));
    assert_eq!(missing(CublasLt::open(13, &directories).err()), (true, "cublasLtGetVersion"));
    assert_eq!(missing(Cuda::open(&directories).err()), (true, "cuDriverGetVersion"));
}

#[test]
fn a_library_that_does_not_load_is_passed_over_and_told_if_it_is_the_last() {
    let (kept, directories) = directory();
    std::fs::write(kept.path().join("libnvrtc.so.13"), "no library").unwrap();
    library(kept.path(), "libnvrtc.so.12", Nvrtc::NAMES);
    let nvrtc = Nvrtc::open(13, &directories).unwrap();
    assert_eq!(nvrtc.path, kept.path().join("libnvrtc.so.12"));
    std::fs::write(kept.path().join("libcublasLt.so.12"), "").unwrap();
    match CublasLt::open(12, &directories).err() {
        Some(CudaError::LibraryMissing { reason, .. }) => assert!(reason.contains("libcublasLt.so.12"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_library_that_is_newer_than_the_driver_is_not_opened() {
    let (kept, directories) = directory();
    library(kept.path(), "libnvrtc.so.13", Nvrtc::NAMES);
    library(kept.path(), "libnvrtc.so.12", Nvrtc::NAMES);
    assert_eq!(Nvrtc::open(12, &directories).unwrap().path, kept.path().join("libnvrtc.so.12"));
    assert_eq!(Nvrtc::open(13, &directories).unwrap().path, kept.path().join("libnvrtc.so.13"));
}

#[test]
fn a_driver_without_a_card_is_reported_by_its_own_words() {
    let (kept, directories) = directory();
    let others: Vec<&str> = Cuda::NAMES.iter().copied().filter(|name| !["cuInit", "cuGetErrorString"].contains(name)).collect();
    library(kept.path(), "others.so", &others);
    let text = std::fs::read_to_string(kept.path().join("others.so.c")).unwrap()
        + "int cuInit() { return 100; }\n\
           int cuGetErrorString(int code, const char **text) { *text = \"no CUDA-capable device is detected\"; return 0; }\n";
    let source = kept.path().join("driver.c");
    // The name of an error stays unknown.
    std::fs::write(&source, text.replace("int cuGetErrorName() { return 0; }", "int cuGetErrorName() { return 1; }")).unwrap();
    let status =
        Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).arg(kept.path().join("libcuda.so.1")).arg(&source).status();
    assert!(status.unwrap().success());
    let error = Cuda::open(&directories).err().unwrap().to_string();
    assert_eq!(error, "cuInit failed: no CUDA-capable device is detected (code 100)");
    assert!(!CudaExamination::of(&directories).usable());
}
