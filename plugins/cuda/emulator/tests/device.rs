//! What the device does beside instructions: memory, bad values, blocks, threads.

use std::sync::Arc;

use scaledown_cuda::CudaBackend;
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_sdk::tensor::{BlockFormat, Op, Q4_0, Q8_0};
use scaledown_sdk::{DType, Device, Error, Tensor, TensorSpec};

fn device() -> Device {
    Emulator::device(Options::default()).unwrap()
}

fn late() -> Device {
    Emulator::device(Options { late: true, keeps_memory: true, ..Options::default() }).unwrap()
}

#[test]
fn what_does_not_fit_is_reported_with_its_size_and_leaves_the_device_usable() {
    for keeps_memory in [false, true] {
        let options = Options { memory: 1 << 20, keeps_memory, ..Options::default() };
        let device = Emulator::device(options).unwrap();
        let held = device.zeros(DType::F32, [150_000]).unwrap();
        match device.zeros(DType::F32, [200_000]) {
            Err(Error::OutOfMemory { device, bytes }) => assert_eq!((device.as_str(), bytes), ("cuda", 800_000)),
            other => panic!("{other:?}"),
        }
        drop(held);
        assert!(device.free_memory().unwrap().free > 1_000_000);
        // Memory kept for tensors of another size is released first.
        assert_eq!(device.zeros(DType::F32, [200_000]).unwrap().sum_all().unwrap().scalar().unwrap(), 0.0);
    }
}

#[test]
fn memory_is_used_again() {
    let emulator = Arc::new(Emulator::new(Options { keeps_memory: true, ..Options::default() }));
    let device = Device::new(CudaBackend::new(emulator.clone()).unwrap());
    let mut x = device.full(DType::F32, [10_000], 1.0).unwrap();
    for _ in 0..50 {
        x = x.affine(1.0, 1.0).unwrap();
    }
    assert_eq!(x.to_vec::<f32>().unwrap(), [51.0; 10_000]);
    let (launches, peak) = emulator.statistics();
    assert_eq!(launches, 51);
    assert!(peak < 3 * 45_000, "{peak} bytes for two tensors of 40,000");
}

#[test]
fn bad_values_that_are_computed_are_reported_when_somebody_reads() {
    for device in [device(), late()] {
        let ids = device.from_slice(&[0_i64, 1, 7], [3]).unwrap().add(&device.from_slice(&[0_i64], [1]).unwrap()).unwrap();
        let rows = device.zeros(DType::F32, [3, 2]).unwrap().embedding(&ids).unwrap();
        let error = rows.to_vec::<f32>().expect_err("7 is no row").to_string();
        assert!(error.contains("id 7 at place 2"), "{error}");
        // It is reported once.
        assert_eq!(device.zeros(DType::F32, [2]).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0]);
        let loss = device.zeros(DType::F32, [3, 5]).unwrap().cross_entropy(&ids).unwrap();
        drop(loss);
        let error = device.synchronize().expect_err("7 is no column").to_string();
        assert!(error.contains("target 7"), "{error}");
    }
}

/// Numbers whose blocks have scales of their own, among them one of zeroes and one with a NaN.
fn numbers(count: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 7919 % 1000) as f32 / 500.0 - 1.0) * (1 << (i / 32 % 5)) as f32;
    (0..count).map(|i| if (32..64).contains(&i) { 0.0 } else { number(i) }).collect()
}

fn blocks<F: BlockFormat>(numbers: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; numbers.len() / 32 * F::DTYPE.size()];
    for (numbers, block) in numbers.chunks_exact(32).zip(bytes.chunks_exact_mut(F::DTYPE.size())) {
        F::encode(numbers.try_into().unwrap(), block);
    }
    bytes
}

#[test]
fn weights_in_blocks_are_made_read_and_multiplied() {
    let device = device();
    let (n, k) = (6, 96);
    let mut values = numbers(n * k);
    for (dtype, bytes) in [(DType::Q8_0, blocks::<Q8_0>(&values)), (DType::Q4_0, blocks::<Q4_0>(&values))] {
        let spec = TensorSpec::new(dtype, [n, k]);
        let weight = device.upload_bytes(spec, &bytes).unwrap();
        assert_eq!(weight.to_data().unwrap().bytes(), bytes, "what goes up comes down");
        let made = device.from_slice(&values, [n, k]).unwrap().cast(dtype).unwrap();
        assert_eq!(made.to_data().unwrap().bytes(), bytes, "{dtype} is rounded as GGML does");
        let exact = weight.to_data().unwrap().to_f64();
        let wide: Vec<f64> = weight.cast(DType::F32).unwrap().to_data().unwrap().to_f64();
        assert_eq!(wide, exact);
        for (rows, x_type) in [(1, DType::F32), (3, DType::BF16), (9, DType::F32), (9, DType::F16)] {
            let x = device.from_slice(&numbers(rows * k), [rows, k]).unwrap().cast(x_type).unwrap();
            let bias = device.from_slice(&numbers(n), [n]).unwrap().cast(x_type).unwrap();
            let found = x.linear(&weight, Some(&bias)).unwrap().to_data().unwrap().to_f64();
            let (x, bias) = (x.to_data().unwrap().to_f64(), bias.to_data().unwrap().to_f64());
            let tolerance = if x_type == DType::F32 { 1e-5 } else { 2e-2 };
            for (at, found) in found.iter().enumerate() {
                let terms = (0..k).map(|i| x[at / n * k + i] * exact[at % n * k + i]);
                let expected = terms.sum::<f64>() + bias[at % n];
                assert!(
                    (found - expected).abs() <= tolerance * expected.abs().max(100.0),
                    "{dtype}, {rows} rows: {found}, expected {expected}"
                );
            }
        }
        let ids = device.from_slice(&[5_u32, 0], [2]).unwrap();
        let rows = weight.embedding(&ids).unwrap().to_data().unwrap().to_f64();
        assert_eq!(rows, [&exact[5 * k..], &exact[..k]].concat());
    }
    values[70] = f32::INFINITY;
    for dtype in [DType::Q8_0, DType::Q4_0] {
        let made = device.from_slice(&values, [n, k]).unwrap().cast(dtype).unwrap().cast(DType::F32).unwrap();
        let nan: Vec<bool> = made.to_vec::<f32>().unwrap().iter().map(|x| x.is_nan()).collect();
        assert!((0..n * k).all(|i| nan[i] == (64..96).contains(&i)), "the block of an infinity, and no other, is NaN");
    }
}

#[test]
fn linear_maps_with_narrower_weights_are_what_their_casts_are() {
    let device = device();
    let (n, k) = (5, 40);
    let weight = device.from_slice(&numbers(n * k), [n, k]).unwrap();
    for narrow in [DType::BF16, DType::F16] {
        let narrow = weight.cast(narrow).unwrap();
        let wide = narrow.cast(DType::F32).unwrap();
        for rows in [1, 4, 9] {
            let x = device.from_slice(&numbers(rows * k), [rows, k]).unwrap();
            let found = x.linear(&narrow, None).unwrap().to_data().unwrap().to_f64();
            let expected = x.linear(&wide, None).unwrap().to_data().unwrap().to_f64();
            // Products of few rows add up in the order of what a thread loads at once.
            let near = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(10.0));
            assert!(near, "{rows} rows: {found:?}, expected {expected:?}");
        }
    }
}

#[test]
fn many_tensors_are_stepped_in_several_launches() {
    let device = device();
    let settings = Op::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, masters: false, lr: 0.1, step: 1 };
    let scale = device.full(DType::F32, [], 1.0).unwrap();
    let mut inputs = vec![scale];
    for i in 0..130_usize {
        let count = [3, 0, 20_000][i % 3];
        inputs.push(device.full(DType::F32, [count], i as f64).unwrap());
        inputs.push(device.full(DType::F32, [count], 2.0).unwrap());
        inputs.extend([device.zeros(DType::F32, [count]).unwrap(), device.zeros(DType::F32, [count]).unwrap()]);
    }
    let gradients: Vec<&Tensor> = inputs.iter().skip(2).step_by(4).collect();
    let squares = Tensor::sum_squares(&gradients).unwrap().scalar().unwrap();
    assert_eq!(squares, 4.0 * (44.0 * 3.0 + 43.0 * 20_000.0));
    let outputs = Tensor::apply_owned(settings, inputs).unwrap();
    for (i, parameter) in outputs.iter().step_by(3).enumerate() {
        let expected = i as f32 - 0.1;
        let values = parameter.to_vec::<f32>().unwrap();
        assert!(values.iter().all(|x| (x - expected).abs() < 1e-4), "parameter {i}: {:?}", values.first());
    }
}

#[test]
fn threads_share_a_device() {
    for device in [device(), late()] {
        let shared = device.from_slice(&[1.0_f32, 2.0, 3.0], [3]).unwrap();
        std::thread::scope(|scope| {
            for n in 0..4_u32 {
                let shared = shared.clone();
                scope.spawn(move || {
                    let mut x = shared.affine(f64::from(n), 0.0).unwrap();
                    for _ in 0..50 {
                        x = x.add(&shared).unwrap();
                    }
                    assert_eq!(x.sum_all().unwrap().scalar().unwrap(), 6.0 * f64::from(n + 50));
                });
            }
        });
    }
}
