//! NVIDIA's own libraries, which need no card to compile and to describe. `.ci/cuda` fetches them
//! and runs this.

use scaledown_cuda::driver::{Matrix, ProductShape};
use scaledown_cuda::kernels::Module;
use scaledown_cuda::libraries::cublaslt::{CublasLt, Heuristic};
use scaledown_cuda::libraries::nvrtc::Nvrtc;
use scaledown_cuda::libraries::search;
use scaledown_sdk::DType;

/// The architectures that every kernel is compiled for: Ampere, Hopper, Blackwell.
const ARCHITECTURES: [&str; 3] = ["sm_80", "sm_90", "sm_100"];
/// The newest version of the libraries.
const NEWEST: i32 = 13;

#[test]
#[ignore = "needs NVRTC from PyPI"]
fn every_kernel_compiles_without_a_spill() {
    let nvrtc = Nvrtc::open(NEWEST, &search::directories()).unwrap();
    let (mut problems, mut kernels) = (Vec::new(), 0);
    for architecture in ARCHITECTURES {
        for &module in Module::ALL {
            let compiled = nvrtc.compile(module, architecture, &["--ptxas-options=-v"]).unwrap();
            let name = module.name();
            let mut kernel = String::new();
            for line in compiled.log.lines() {
                if let Some((_, after)) = line.split_once("Compiling entry function '") {
                    kernel = after.split('\'').next().unwrap_or_default().to_owned();
                    kernels += 1;
                }
                if line.contains("spill stores") && !line.contains(" 0 bytes spill stores, 0 bytes spill loads") {
                    problems.push(format!("{name} for {architecture}: {kernel}: {}", line.trim()));
                }
                if line.contains("warning") {
                    problems.push(format!("{name} for {architecture}: {line}"));
                }
            }
        }
    }
    println!("NVRTC {:?} compiled {kernels} kernels", nvrtc.version());
    assert!(kernels > 100 * ARCHITECTURES.len(), "only {kernels} kernels were seen in the compiler's log");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
#[ignore = "needs NVRTC from PyPI"]
fn a_module_that_does_not_compile_is_reported_with_the_compilers_words() {
    let nvrtc = Nvrtc::open(NEWEST, &search::directories()).unwrap();
    let error = nvrtc.compile(Module::Copy, "sm_80", &["-DLayout=int"]).err().unwrap().to_string();
    assert!(["copy", "sm_80", "error:", "layout.h"].iter().all(|part| error.contains(part)), "{error}");
    let error = nvrtc.compile(Module::Copy, "sm_7", &[]).err().unwrap().to_string();
    assert!(error.contains("sm_7"), "{error}");
}

#[test]
#[ignore = "needs cuBLASLt from PyPI"]
fn products_are_described_as_the_library_knows_them() {
    let blas = CublasLt::open(NEWEST, &search::directories()).unwrap();
    assert_eq!(size_of::<Heuristic>(), 96, "cublasLtMatmulHeuristicResult_t");
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
            for (batch, bias, accumulate) in [(1, false, true), (1, true, false), (6, false, false)] {
                let matrix = |transposed, batch_stride| Matrix { dtype, transposed, batch_stride };
                let shape = ProductShape {
                    m: 3,
                    n: 5,
                    k: 7,
                    batch,
                    a: matrix(transpose_a, 21),
                    b: matrix(transpose_b, 35),
                    d: matrix(false, 15),
                    bias,
                    accumulate,
                };
                scaledown_cuda::card::check_description(&blas, &shape).unwrap();
            }
        }
    }
}
