//! Quantised weights on the CPU against the reference device, and where they may not stand.

use scaledown_conformance::device::reference::Reference;
use scaledown_sdk::tensor::uniform_bits;
use scaledown_sdk::{DType, Device, Error, Op, Result, Tensor};

const QUANTIZED: [DType; 2] = [DType::Q8_0, DType::Q4_0];

fn cpu() -> Device {
    scaledown_cpu::device().unwrap()
}

fn random(device: &Device, shape: [usize; 2], seed: u64) -> Result<Tensor> {
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<f32> = (0..count).map(|i| uniform_bits(seed, i) as f32 / 8_388_608.0 - 1.0).collect();
    device.from_slice(&values, shape)
}

fn distance(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (a, b) = (a.to_data()?.to_f64(), b.to_data()?.to_f64());
    assert_eq!(a.len(), b.len());
    Ok(a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
}

#[test]
fn a_linear_map_is_that_of_the_reference() -> Result<()> {
    let (cpu, reference) = (cpu(), Device::new(Reference));
    for (quantized, rows) in QUANTIZED.into_iter().flat_map(|dtype| [1, 4, 7, 30].map(|rows| (dtype, rows))) {
        let weight = random(&cpu, [19, 64], 1)?.cast(quantized)?;
        let (x, bias) = (random(&cpu, [rows, 64], 2)?, random(&cpu, [1, 19], 3)?.reshape([19])?);
        let there = |tensor: &Tensor| reference.upload(&tensor.to_data()?);
        let expected = there(&x)?.linear(&there(&weight)?, Some(&there(&bias)?))?;
        // Beside such a weight, a device may round numbers of up to 1 to multiples of 1/32767 or
        // 1/127: 64 of them by half of that, most of which cancels out.
        let rounded = if quantized == DType::Q4_0 { 0.06 } else { 1e-3 };
        for (dtype, tolerance) in [(DType::F64, 1e-5), (DType::F32, rounded), (DType::BF16, 0.1), (DType::F16, 0.02 + rounded)] {
            let found = x.cast(dtype)?.linear(&weight, Some(&bias.cast(dtype)?))?;
            assert_eq!(found.dtype(), dtype);
            let worst = distance(&found, &expected)?;
            assert!(worst < tolerance, "{quantized} {dtype} {rows}: {worst}");
        }
    }
    Ok(())
}

#[test]
fn rows_of_a_quantised_table_are_those_of_its_numbers() -> Result<()> {
    let cpu = cpu();
    let ids = cpu.from_slice(&[7_i64, 0, 18, 7], [2, 2])?;
    for quantized in QUANTIZED {
        let table = random(&cpu, [19, 64], 12)?.cast(quantized)?;
        let rows = table.embedding(&ids)?;
        assert_eq!(rows.spec().to_string(), "f32[2, 2, 64]");
        assert_eq!(rows.to_data()?, table.cast(DType::F32)?.embedding(&ids)?.to_data()?);
        let there = Device::new(Reference);
        let expected = there.upload(&table.to_data()?)?.embedding(&there.upload(&ids.to_data()?)?)?;
        assert_eq!(rows.to_data()?.to_f64(), expected.to_data()?.to_f64());
        let outside = table.embedding(&cpu.from_slice(&[19_i64], [1])?);
        assert!(outside.is_err_and(|error| error.to_string().contains("found 19")));
    }
    Ok(())
}

#[test]
fn a_weight_of_a_shorter_float_stands_for_its_numbers() -> Result<()> {
    let cpu = cpu();
    for (narrow, rows) in [DType::BF16, DType::F16].into_iter().flat_map(|dtype| [1, 3, 8, 9, 40].map(|rows| (dtype, rows))) {
        let weight = random(&cpu, [77, 1037], 13)?.cast(narrow)?;
        let (x, bias) = (random(&cpu, [rows, 1037], 14)?, random(&cpu, [1, 77], 15)?.reshape([77])?);
        let found = x.linear(&weight, Some(&bias))?;
        let expected = x.linear(&weight.cast(DType::F32)?, Some(&bias))?;
        assert!(distance(&found, &expected)? < 1e-4, "{narrow} {rows}");
        let reference = Device::new(Reference);
        let there = |tensor: &Tensor| reference.upload(&tensor.to_data()?);
        assert!(distance(&found, &there(&x)?.linear(&there(&weight)?, Some(&there(&bias)?))?)? < 1e-3);
        let x = x.leaf()?;
        let gradients = x.linear(&weight, None)?.backward()?;
        assert_eq!(gradients.get(&x).map(|gradient| gradient.dtype()), Some(DType::F32));
    }
    let (x, wide) = (random(&cpu, [2, 32], 16)?.cast(DType::BF16)?, random(&cpu, [3, 32], 17)?);
    assert!(x.linear(&wide, None).is_err());
    Ok(())
}

#[test]
fn casts_round_once_and_come_back() -> Result<()> {
    let cpu = cpu();
    let x = random(&cpu, [40, 1024], 4)?;
    for (quantized, step) in [(DType::Q8_0, 0.0045), (DType::Q4_0, 0.126)] {
        let blocks = x.cast(quantized)?;
        let back = blocks.cast(DType::F32)?;
        assert!(distance(&back, &x)? < step);
        assert_eq!(blocks.spec().bytes(), 40 * 32 * quantized.size());
        assert_eq!(blocks.to_data()?.to_f64(), back.to_data()?.to_f64());
        assert_eq!(cpu.upload(&blocks.to_data()?)?.to_data()?, blocks.to_data()?);
        let narrow = x.cast(DType::BF16)?;
        assert_eq!(narrow.cast(quantized)?.to_data()?, narrow.cast(DType::F32)?.cast(quantized)?.to_data()?);
        assert_eq!(blocks.cast(DType::BF16)?.to_data()?, back.cast(DType::BF16)?.to_data()?);
    }
    Ok(())
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() -> Result<()> {
    let product = |threads| {
        let config = scaledown_cpu::CpuConfig { threads: Some(threads) };
        let device = Device::new(scaledown_cpu::CpuBackend::new(config)?);
        let weight = random(&device, [2048, 1024], 5)?.cast(DType::Q8_0)?;
        let outputs = [3, 20].map(|rows| random(&device, [rows, 1024], 6)?.linear(&weight, None)?.to_data());
        outputs.into_iter().collect::<Result<Vec<_>>>()
    };
    assert_eq!(product(1)?, product(2)?);
    Ok(())
}

#[test]
fn the_gradient_of_the_input_passes_through() -> Result<()> {
    let cpu = cpu();
    for quantized in QUANTIZED {
        let weight = random(&cpu, [6, 32], 7)?.cast(quantized)?;
        let input = random(&cpu, [3, 32], 8)?;
        let gradient = |weight: &Tensor| {
            let x = input.leaf()?;
            let gradients = x.linear(weight, None)?.backward()?;
            Ok::<_, Error>(gradients.get(&x).map(Tensor::to_data))
        };
        let expected = gradient(&weight.cast(DType::F32)?)?.unwrap()?;
        assert_eq!(gradient(&weight)?.unwrap()?, expected);
        assert!(matches!(weight.leaf(), Err(Error::Autodiff(_))));
    }
    Ok(())
}

#[test]
fn a_quantised_tensor_stands_nowhere_else() -> Result<()> {
    let cpu = cpu();
    let (blocks, x) = (random(&cpu, [4, 32], 9)?.cast(DType::Q4_0)?, random(&cpu, [4, 32], 10)?);
    let refused = |result: Result<Tensor>| {
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::Invalid { .. }), "{error}");
        error.to_string()
    };
    assert!(refused(blocks.add(&blocks)).contains("only the weight of linear"));
    assert!(refused(blocks.reshape([128])).contains("cast it to a floating-point type first"));
    assert!(refused(blocks.linear(&x, None)).contains("input 0 is quantised (q4_0)"));
    assert!(refused(x.matmul(&blocks)).contains("only the weight of linear"));
    assert!(refused(blocks.cast(DType::Q8_0)).contains("floating-point type on the other side"));
    assert!(refused(blocks.cast(DType::I64)).contains("floating-point type on the other side"));
    let fill = Op::Fill { shape: [4, 32].into(), dtype: DType::Q8_0, value: 0.0 };
    assert!(refused(Tensor::create(fill, &cpu)).contains("by a cast alone"));
    let broken = random(&cpu, [4, 33], 11)?.cast(DType::Q8_0).unwrap_err();
    assert!(broken.to_string().contains("q8_0[4, 33] needs rows of whole blocks"), "{broken}");
    let file = tempfile::tempdir().unwrap();
    let written = scaledown_sdk::nn::safetensors::write_safetensors(file.path().join("w.safetensors"), [("w", blocks)], &[]);
    assert!(written.unwrap_err().to_string().contains("w has type q4_0, which the format does not support"));
    Ok(())
}
