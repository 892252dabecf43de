//! Edge cases of instructions, on XLA's plugin for the CPU. `tests/tests/meaning.rs` of the
//! workspace has them for other devices.

mod common;

use scaledown_sdk::{DType, Device, Result, Tensor};

fn device() -> Device {
    Device::new(common::backend())
}

fn same(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn nan_wins() -> Result<()> {
    let device = device();
    let floats = |values: &[f32]| device.from_slice(values, [values.len()]);
    let (a, b) = (floats(&[f32::NAN, 1.0, 2.0])?, floats(&[1.0, f32::NAN, 3.0])?);
    assert!(same(&a.maximum(&b)?.to_vec()?, &[f32::NAN, f32::NAN, 3.0]));
    assert!(same(&a.minimum(&b)?.to_vec()?, &[f32::NAN, f32::NAN, 2.0]));
    assert!(same(&a.relu()?.to_vec()?, &[f32::NAN, 1.0, 2.0]));
    assert!(a.erf()?.to_vec::<f32>()?[0].is_nan() && a.gelu()?.to_vec::<f32>()?[0].is_nan());
    for values in [&[1.0, f32::NAN, 3.0][..], &[f32::NAN, 1.0], &[5.0, 2.0, f32::NAN]] {
        let x = floats(values)?;
        assert!(x.max([0], false)?.to_vec::<f32>()?[0].is_nan());
        let at = values.iter().position(|x| x.is_nan()).unwrap_or(0) as i64;
        assert_eq!(x.arg_max()?.to_vec::<i64>()?, [at]);
    }
    let (values, indices) = floats(&[1.0, f32::NAN, 3.0, f32::NAN])?.top_k(3)?;
    assert!(same(&values.to_vec()?, &[f32::NAN, f32::NAN, 3.0]));
    assert_eq!(indices.to_vec::<i64>()?, [1, 3, 2]);
    let nan = floats(&[f32::NAN])?;
    assert_eq!((nan.eq(&nan)?.to_vec::<u8>()?, nan.ne(&nan)?.to_vec::<u8>()?), (vec![0], vec![1]));
    Ok(())
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn integers_and_conversions() -> Result<()> {
    let device = device();
    let (a, b) = (device.from_slice(&[7_i64, -7, 5, 0, i64::MIN], [5])?, device.from_slice(&[2_i64, 2, 0, 0, -1], [5])?);
    assert_eq!(a.div(&b)?.to_vec::<i64>()?, [3, -3, 0, 0, i64::MIN]);
    let (a, b) = (device.from_slice(&[7_u32, 5], [2])?, device.from_slice(&[2_u32, 0], [2])?);
    assert_eq!(a.div(&b)?.to_vec::<u32>()?, [3, 0]);
    let x = device.from_slice(&[-1.7_f32, 1.7, 1e20, -1e20, f32::NAN, f32::INFINITY], [6])?;
    assert_eq!(x.cast(DType::I64)?.to_vec::<i64>()?, [-1, 1, i64::MAX, i64::MIN, 0, i64::MAX]);
    assert_eq!(x.cast(DType::U32)?.to_vec::<u32>()?, [0, 1, u32::MAX, 0, 0, u32::MAX]);
    assert_eq!(x.cast(DType::Bool)?.to_vec::<u8>()?, [1; 6]);
    let wide = device.from_slice(&[-1_i64, (1 << 32) + 5], [2])?;
    assert_eq!(wide.cast(DType::U32)?.to_vec::<u32>()?, [u32::MAX, 5]);
    Ok(())
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn empty_tensors_are_tensors() -> Result<()> {
    let device = device();
    let empty = device.zeros(DType::F32, [2, 0])?;
    assert_eq!(empty.sum([1], false)?.to_vec::<f32>()?, [0.0, 0.0]);
    assert!(empty.mean([1], false)?.to_vec::<f32>()?.iter().all(|x| x.is_nan()));
    assert_eq!(empty.add(&empty)?.to_vec::<f32>()?, [0.0; 0]);
    let scalar = device.full(DType::F32, [], 3.0)?;
    assert_eq!(Tensor::sum_squares(&[&scalar, &empty])?.scalar()?, 9.0);
    assert_eq!(device.read(&[])?.len(), 0);
    Ok(())
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn threads_share_a_device() -> Result<()> {
    let device = device();
    let shared = device.from_slice(&[1.0_f32, 2.0, 3.0], [3])?;
    // Noted by one thread, and run by another.
    let doubled = shared.affine(2.0, 0.0)?;
    let sums: Vec<f64> = std::thread::scope(|scope| {
        let run = |n: u32| {
            let (shared, doubled) = (shared.clone(), doubled.clone());
            scope.spawn(move || -> Result<f64> {
                let mut x = shared.affine(f64::from(n), 0.0)?;
                for _ in 0..50 {
                    x = x.add(&doubled)?;
                }
                x.sum_all()?.scalar()
            })
        };
        let threads: Vec<_> = (0..4).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread").expect("a sum")).collect()
    });
    assert_eq!(sums, [0, 1, 2, 3].map(|n| 6.0 * f64::from(n + 100)));
    let x = shared.affine(2.0, 0.0)?;
    std::thread::spawn(move || drop(x)).join().expect("a thread");
    assert_eq!((shared.sum([0], false)?.scalar()?, doubled.to_vec::<f32>()?), (6.0, vec![2.0, 4.0, 6.0]));
    Ok(())
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn an_id_that_names_nothing_is_reported_by_the_next_read() -> Result<()> {
    let device = device();
    let table = device.from_slice(&[1.0_f32, 2.0, 3.0], [3, 1])?;
    let computed = |id: i64| -> Result<Tensor> {
        let factor = device.from_slice(&[id], [1])?;
        factor.mul(&device.from_slice(&[1_i64], [1])?)
    };
    assert_eq!(table.embedding(&computed(2)?)?.to_vec::<f32>()?, [3.0]);
    for id in [3, -1, i64::MAX] {
        let late = table.embedding(&computed(id)?).and_then(|rows| rows.to_vec::<f32>());
        assert!(late.expect_err("there is no such row").to_string().contains("names no row of its table"));
        assert_eq!(table.sum_all()?.scalar()?, 6.0, "the device goes on");
    }
    Ok(())
}
