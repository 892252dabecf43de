//! What instructions mean at the edges, on every device: NaN, division, conversion, empty tensors,
//! aliases, threads, bad values.

use scaledown_sdk::tensor::{BinaryOp, Op, TensorSpec};
use scaledown_sdk::{DType, Device, Error, Result, Tensor};
use scaledown_tests::lazy::Lazy;
use scaledown_tests::parity;

fn devices() -> Vec<Device> {
    let mut devices = parity::devices();
    devices.push(Device::new(Lazy::default()));
    devices
}

fn floats(device: &Device, values: &[f32]) -> Result<Tensor> {
    device.from_slice(values, [values.len()])
}

fn same(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

#[test]
fn nan_wins() -> Result<()> {
    for device in devices() {
        let name = device.name().to_owned();
        let (a, b) = (floats(&device, &[f32::NAN, 1.0, 2.0])?, floats(&device, &[1.0, f32::NAN, 3.0])?);
        assert!(same(&a.maximum(&b)?.to_vec()?, &[f32::NAN, f32::NAN, 3.0]), "maximum on {name}");
        assert!(same(&a.minimum(&b)?.to_vec()?, &[f32::NAN, f32::NAN, 2.0]), "minimum on {name}");
        assert!(same(&a.relu()?.to_vec()?, &[f32::NAN, 1.0, 2.0]), "relu on {name}");
        for values in [&[1.0, f32::NAN, 3.0][..], &[f32::NAN, 1.0], &[5.0, 2.0, f32::NAN]] {
            let x = floats(&device, values)?;
            assert!(x.max([0], false)?.to_vec::<f32>()?[0].is_nan(), "max of {values:?} on {name}");
            let at = values.iter().position(|x| x.is_nan()).unwrap_or(0) as i64;
            assert_eq!(x.arg_max()?.to_vec::<i64>()?, [at], "arg_max of {values:?} on {name}");
        }
        let (values, indices) = floats(&device, &[1.0, f32::NAN, 3.0, f32::NAN])?.top_k(3)?;
        assert!(same(&values.to_vec()?, &[f32::NAN, f32::NAN, 3.0]), "top_k on {name}");
        assert_eq!(indices.to_vec::<i64>()?, [1, 3, 2], "top_k on {name}");
        let nan = floats(&device, &[f32::NAN])?;
        assert_eq!(nan.eq(&nan)?.to_vec::<u8>()?, [0], "eq on {name}");
        assert_eq!(nan.ne(&nan)?.to_vec::<u8>()?, [1], "ne on {name}");
        assert_eq!(nan.lt(&nan)?.to_vec::<u8>()?, [0], "lt on {name}");
    }
    Ok(())
}

#[test]
fn integers_divide_towards_zero_and_by_zero_to_zero() -> Result<()> {
    for device in devices() {
        let (a, b) = (device.from_slice(&[7_i64, -7, 5, 0], [4])?, device.from_slice(&[2_i64, 2, 0, 0], [4])?);
        assert_eq!(a.div(&b)?.to_vec::<i64>()?, [3, -3, 0, 0], "{}", device.name());
        let (a, b) = (device.from_slice(&[7_u32, 5], [2])?, device.from_slice(&[2_u32, 0], [2])?);
        assert_eq!(a.div(&b)?.to_vec::<u32>()?, [3, 0], "{}", device.name());
    }
    Ok(())
}

#[test]
fn conversions_stop_at_the_ends_of_the_range() -> Result<()> {
    for device in devices() {
        let x = floats(&device, &[-1.7, 1.7, 1e20, -1e20, f32::NAN, f32::INFINITY])?;
        let expected = [-1, 1, i64::MAX, i64::MIN, 0, i64::MAX];
        assert_eq!(x.cast(DType::I64)?.to_vec::<i64>()?, expected, "{}", device.name());
        assert_eq!(x.cast(DType::U32)?.to_vec::<u32>()?, [0, 1, u32::MAX, 0, 0, u32::MAX], "{}", device.name());
        assert_eq!(x.cast(DType::Bool)?.to_vec::<u8>()?, [1; 6], "{}", device.name());
        let wide = device.from_slice(&[-1_i64, (1 << 32) + 5], [2])?;
        assert_eq!(wide.cast(DType::U32)?.to_vec::<u32>()?, [u32::MAX, 5], "{}", device.name());
    }
    Ok(())
}

#[test]
fn tensors_of_nothing_and_of_one_are_tensors() -> Result<()> {
    for device in devices() {
        let empty = device.zeros(DType::F32, [2, 0])?;
        assert_eq!(empty.sum([1], false)?.to_vec::<f32>()?, [0.0, 0.0]);
        assert!(empty.mean([1], false)?.to_vec::<f32>()?.iter().all(|x| x.is_nan()));
        assert!(matches!(empty.max([1], false), Err(Error::Invalid { .. })));
        assert!(matches!(empty.arg_max(), Err(Error::Invalid { .. })));
        assert_eq!(empty.add(&empty)?.to_vec::<f32>()?, [0.0; 0]);
        let scalar = device.full(DType::F32, [], 3.0)?;
        assert_eq!((scalar.shape().rank(), scalar.square()?.scalar()?), (0, 9.0), "{}", device.name());
        assert_eq!(Tensor::sum_squares(&[&scalar, &empty])?.scalar()?, 9.0);
        assert_eq!(device.read(&[])?.len(), 0);
    }
    Ok(())
}

#[test]
fn one_tensor_may_be_several_inputs() -> Result<()> {
    for device in devices() {
        let x = floats(&device, &[1.0, 2.0])?;
        assert_eq!(Tensor::apply_owned(Op::Binary(BinaryOp::Add), vec![x.clone(), x.clone()])?[0].to_vec::<f32>()?, [2.0, 4.0]);
        assert_eq!(x.to_vec::<f32>()?, [1.0, 2.0], "{}", device.name());
        let m = x.reshape([1, 2])?;
        assert_eq!(m.matmul_transposed(&m, false, true)?.to_vec::<f32>()?, [5.0]);
        let base = floats(&device, &[0.0; 4])?;
        let written = base.clone().write_slice(&x, 0, 1)?;
        assert_eq!((base.to_vec::<f32>()?, written.to_vec::<f32>()?), (vec![0.0; 4], vec![0.0, 1.0, 2.0, 0.0]));
    }
    Ok(())
}

#[test]
fn threads_share_a_device() -> Result<()> {
    for device in devices() {
        let shared = floats(&device, &[1.0, 2.0, 3.0])?;
        let sums: Vec<f64> = std::thread::scope(|scope| {
            let run = |n: u32| {
                let shared = shared.clone();
                scope.spawn(move || -> Result<f64> {
                    let mut x = shared.affine(f64::from(n), 0.0)?;
                    for _ in 0..50 {
                        x = x.add(&shared)?;
                    }
                    x.sum_all()?.scalar()
                })
            };
            let threads: Vec<_> = (0..4).map(run).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread").expect("a sum")).collect()
        });
        assert_eq!(sums, [0, 1, 2, 3].map(|n| 6.0 * f64::from(n + 50)), "{}", device.name());
        let x = shared.affine(2.0, 0.0)?;
        std::thread::spawn(move || drop(x)).join().expect("a thread");
        assert_eq!(shared.sum([0], false)?.scalar()?, 6.0);
    }
    Ok(())
}

#[test]
fn bad_values_from_the_host_fail_at_the_call_and_others_by_the_next_read() -> Result<()> {
    for device in devices() {
        let table = device.zeros(DType::F32, [3, 2])?;
        let ids = device.from_slice(&[0_i64, 1, 7], [3])?;
        let error = table.embedding(&ids).expect_err("7 is no row").to_string();
        assert!(error.contains("expected ids below 3, found 7 at place 2"), "{error} on {}", device.name());
        let targets = device.from_slice(&[1_i64, -1, 2], [3])?;
        let error = device.zeros(DType::F32, [3, 2])?.cross_entropy(&targets).expect_err("2 is no column").to_string();
        assert!(error.contains("expected targets below 2, found 2 at place 2"), "{error}");
        // The same id, computed: the device may notice when it runs the instruction.
        let computed = ids.add(&device.from_slice(&[0_i64], [1])?)?;
        let late = table.embedding(&computed).and_then(|rows| rows.to_vec::<f32>());
        assert!(late.is_err(), "an id that does not exist gave rows on {}", device.name());
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_reported_with_its_size() {
    let error = Error::OutOfMemory { device: "cuda".into(), bytes: 3 << 30 };
    assert_eq!(error.to_string(), "cuda is out of memory: needs 3.0 GiB more");
}

#[test]
fn several_tensors_are_read_at_once() -> Result<()> {
    for device in devices() {
        let (a, b) = (floats(&device, &[1.0])?, device.arange(3, 2)?);
        let before = device.usage();
        let read = device.read(&[&a, &b, &a])?;
        assert_eq!((device.usage() - before).reads, 1);
        assert_eq!(read[1].spec(), &TensorSpec::new(DType::I64, [2]));
        assert_eq!((read[0].to_f64(), read[1].to_f64()), (vec![1.0], vec![3.0, 4.0]));
    }
    Ok(())
}
