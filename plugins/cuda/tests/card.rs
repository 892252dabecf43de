//! The driver of real cards, on libraries that are made here: a driver whose card is the host's
//! memory, a compiler that takes everything, and a library of products in plain loops. What it does
//! with them is what it does with NVIDIA's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use scaledown_cuda::card::{Cache, Card};
use scaledown_cuda::driver::Driver;
use scaledown_cuda::{CudaBackend, CudaError};
use scaledown_sdk::tensor::{Op, Tensor};
use scaledown_sdk::{DType, Device, Error};
use tempfile::TempDir;

/// Bytes of the fake card's memory.
const MEMORY: usize = 256 << 20;

struct Fake {
    directory: TempDir,
}

impl Fake {
    fn new(capability: u32) -> Self {
        let fake = Fake { directory: tempfile::tempdir().unwrap() };
        for (source, library) in [("cuda", "libcuda.so.1"), ("nvrtc", "libnvrtc.so.13"), ("cublaslt", "libcublasLt.so.13")] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake").join(format!("{source}.c"));
            let log = format!("-DLOG=\"{}\"", fake.log_file().display());
            let constants = [log, format!("-DMEMORY={MEMORY}"), format!("-DCAPABILITY={capability}")];
            let mut command = Command::new("cc");
            command.args(["-shared", "-fPIC", "-w", "-O1", "-o"]).arg(fake.path().join(library)).args(constants).arg(file);
            assert!(command.status().unwrap().success(), "{source} compiles");
        }
        fake
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn log_file(&self) -> PathBuf {
        self.path().join("log")
    }

    /// What the libraries noted since the last time.
    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let _ = std::fs::remove_file(self.log_file());
        text.lines().map(str::to_owned).collect()
    }

    fn open(&self, index: usize) -> Result<Card, CudaError> {
        Card::open(index, &[self.path().to_owned()], Cache::at(self.path().join("kernels")))
    }

    fn device(&self) -> Device {
        Device::new(CudaBackend::new(Arc::new(self.open(0).unwrap())).unwrap())
    }
}

#[test]
fn bytes_go_to_the_card_and_back() {
    let fake = Fake::new(9);
    let card = fake.open(0).unwrap();
    assert_eq!(card.properties().processors, 7);
    assert_eq!(card.properties().description, "Fake Card (compute capability 9.0, CUDA 13.0, NVRTC 13.0)");
    // More than all small slots, a small one and large ones that are used in turn, of odd sizes.
    for bytes in [1, 100, 65_536, 65_537, 100_000_001] {
        let data: Vec<u8> = (0..bytes).map(|i| (i * 31 % 251) as u8).collect();
        let address = card.allocate(bytes).unwrap();
        card.upload(address, &data).unwrap();
        let mut back = vec![0; bytes];
        card.download(&mut [(address, &mut back)]).unwrap();
        assert!(back == data, "{bytes} bytes");
        card.free(address);
    }
    let addresses: Vec<u64> = (0..600).map(|_| card.allocate(8).unwrap()).collect();
    for (i, &address) in addresses.iter().enumerate() {
        card.upload(address, &(i as u64).to_le_bytes()).unwrap();
    }
    let mut back = vec![[0; 8]; addresses.len()];
    let mut parts: Vec<(u64, &mut [u8])> = addresses.iter().zip(&mut back).map(|(&address, to)| (address, &mut to[..])).collect();
    card.download(&mut parts).unwrap();
    assert!(back.iter().enumerate().all(|(i, back)| u64::from_le_bytes(*back) == i as u64));
    card.copy(addresses[7], addresses[0], 8).unwrap();
    card.clear(addresses[1], 4).unwrap();
    let (mut copied, mut cleared) = ([1; 8], [1; 8]);
    card.download(&mut [(addresses[0], &mut copied), (addresses[1], &mut cleared)]).unwrap();
    assert_eq!((u64::from_le_bytes(copied), u64::from_le_bytes(cleared)), (7, 0));
}

#[test]
fn kernels_are_compiled_once_and_kept() {
    let fake = Fake::new(9);
    let fill = |device: &Device| device.full(DType::F32, [5], 2.5).unwrap().to_vec::<f32>().unwrap();
    let device = fake.device();
    assert_eq!(fill(&device), [2.5; 5]);
    assert_eq!(fill(&device), [2.5; 5]);
    let log = fake.log();
    assert_eq!(log, ["compile create.cu --gpu-architecture=sm_90", "launch fill_4 1", "launch fill_4 1"]);
    drop(device);
    assert_eq!(fake.log(), ["release 0"], "all memory is released");
    assert_eq!(fill(&fake.device()), [2.5; 5]);
    assert_eq!(fake.log(), ["launch fill_4 1", "release 0"], "the next process does not compile");
    assert_eq!(std::fs::read_dir(fake.path().join("kernels")).unwrap().count(), 1);
}

#[test]
fn a_kernel_with_much_shared_memory_may_have_it() {
    let fake = Fake::new(9);
    let device = fake.device();
    let q = device.full(DType::BF16, [1, 3, 2, 128], 0.0).unwrap();
    let spec = scaledown_sdk::tensor::AttentionSpec { scale: 1.0, causal: true, window: None, spans: false, positions: false };
    for _ in 0..2 {
        Tensor::apply(Op::Attention(spec), &[&q, &q, &q]).unwrap();
    }
    let log = fake.log();
    let asked: Vec<&String> = log.iter().filter(|line| line.contains("may have")).collect();
    assert_eq!(asked, ["attention_bf16_128 may have 82432"], "once, before the first launch");
}

#[test]
fn products_are_those_of_rows() {
    let fake = Fake::new(8);
    let device = fake.device();
    let numbers = |count: usize| (0..count).map(|i| ((i * 7 % 11) as f32) - 5.0).collect::<Vec<_>>();
    let (batch, m, k, n) = (2, 4, 5, 6);
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        let (a, b) = (numbers(batch * m * k), numbers(batch * k * n));
        let a_dims = if transpose_a { [batch, k, m] } else { [batch, m, k] };
        let b_dims = if transpose_b { [batch, n, k] } else { [batch, k, n] };
        let (x, y) = (device.from_slice(&a, a_dims).unwrap(), device.from_slice(&b, b_dims).unwrap());
        let found = x.matmul_transposed(&y, transpose_a, transpose_b).unwrap().to_vec::<f32>().unwrap();
        for (at, found) in found.iter().enumerate() {
            let (z, i, j) = (at / (m * n), at / n % m, at % n);
            let left = |l: usize| a[z * m * k + if transpose_a { l * m + i } else { i * k + l }];
            let right = |l: usize| b[z * k * n + if transpose_b { j * k + l } else { l * n + j }];
            assert_eq!(*found, (0..k).map(|l| left(l) * right(l)).sum::<f32>(), "element {at}, {transpose_a} {transpose_b}");
        }
    }
    let (x, weight, bias) = (numbers(8 * k), numbers(n * k), numbers(n));
    let tensors = [device.from_slice(&x, [8, k]).unwrap(), device.from_slice(&weight, [n, k]).unwrap()];
    let found = tensors[0].linear(&tensors[1], Some(&device.from_slice(&bias, [n]).unwrap())).unwrap().to_vec::<f32>().unwrap();
    for (at, found) in found.iter().enumerate() {
        let expected = (0..k).map(|l| x[at / n * k + l] * weight[at % n * k + l]).sum::<f32>() + bias[at % n];
        assert_eq!(*found, expected);
    }
    fake.log();
    // The library has no algorithm for three rows: a kernel of ours is launched.
    let x = device.from_slice(&numbers(3 * k), [3, k]).unwrap();
    x.matmul(&device.from_slice(&numbers(k * n), [k, n]).unwrap()).unwrap();
    assert!(fake.log().contains(&"launch product_f32 1".to_owned()));
}

#[test]
fn what_is_wrong_is_reported() {
    let fake = Fake::new(9);
    assert_eq!(fake.open(3).err().unwrap().to_string(), "there is no card 3: the driver knows 1");
    let old = Fake::new(7).open(0).err().unwrap().to_string();
    assert_eq!(old, "Fake Card has compute capability 7.0; 8.0 (Ampere) or later is needed");
    let device = fake.device();
    match device.zeros(DType::F32, [MEMORY]) {
        Err(Error::OutOfMemory { bytes, .. }) => assert_eq!(bytes, 4 * MEMORY as u64),
        other => panic!("{other:?}"),
    }
    let error = device.arange(0, 5).unwrap_err().to_string();
    assert_eq!(error, "cuda cannot run arange: arange: a fake error (CUDA_ERROR_FAKE) (code 700)");
    let memory = device.free_memory().unwrap();
    assert!(memory.total == MEMORY as u64 && memory.free > 200 << 20, "{memory:?}");
}
