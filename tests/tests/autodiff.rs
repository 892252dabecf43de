//! The tape: which gradients are computed, how they add up, when memory goes, and gradient
//! checkpointing.

use scaledown_conformance::device::reference::Reference;
use scaledown_sdk::autodiff::{Gradients, checkpoint};
use scaledown_sdk::nn::{Init, Optimizer, OptimizerConfig, ParamGroup, ParamOptions, Params};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Device, Error, Result, Tensor};

fn device() -> Device {
    Device::new(Reference)
}

fn random(device: &Device, shape: &[usize], seed: u64) -> Result<Tensor> {
    device.uniform(shape, seed)?.affine(2.0, -1.0)
}

/// The instructions that the backward sweep of `loss` executes.
fn sweep(loss: Tensor) -> Result<u64> {
    let device = loss.device().clone();
    let before = device.usage();
    loss.backward()?;
    Ok((device.usage() - before).instructions)
}

#[test]
fn a_frozen_weight_gets_no_gradient_and_costs_no_instruction() -> Result<()> {
    let device = device();
    let (x, weight) = (random(&device, &[3, 4], 1)?, random(&device, &[2, 4], 2)?);
    // The seed of ones, the spread of the sum, and one product for each gradient; reshapes are
    // free.
    let (leaf_x, leaf_weight) = (x.leaf()?, weight.leaf()?);
    assert_eq!(sweep(leaf_x.linear(&leaf_weight, None)?.sum_all()?)?, 4);
    assert_eq!(sweep(leaf_x.linear(&weight, None)?.sum_all()?)?, 3);
    assert_eq!(sweep(x.linear(&leaf_weight, None)?.sum_all()?)?, 3);

    let gradients = leaf_x.linear(&weight, None)?.sum_all()?.backward()?;
    assert_eq!(gradients.len(), 1);
    assert!(gradients.get(&weight).is_none());
    assert_eq!(gradients.get(&leaf_x).map(Tensor::dims), Some(&[3, 4][..]));
    Ok(())
}

#[test]
fn a_graph_without_leaves_records_nothing() -> Result<()> {
    let device = device();
    let x = random(&device, &[8], 1)?;
    assert!(!x.exp()?.has_gradient());
    let leaf = x.leaf()?;
    assert!(!no_grad(|| leaf.exp())?.has_gradient());
    assert!(!leaf.detach().exp()?.has_gradient());
    assert!(leaf.exp()?.has_gradient());
    let message = x.sum_all()?.backward().map(drop).map_err(|error| error.to_string());
    assert_eq!(message, Err("autodiff: f32[] has no history to differentiate".into()));
    assert!(matches!(device.arange(0, 2)?.leaf(), Err(Error::Autodiff(_))));
    Ok(())
}

#[test]
fn gradients_add_up_over_every_path() -> Result<()> {
    let device = device();
    let x = device.from_slice(&[0.5, -1.0, 2.0], [3])?.leaf()?;
    // y = x^2 is used three times: (y + y * x).sum() has the derivative 2 x + 3 x^2.
    let y = x.square()?;
    let gradients = y.add(&y.mul(&x)?)?.sum_all()?.backward()?;
    let found = gradients.get(&x).map(|gradient| gradient.to_vec::<f64>()).transpose()?;
    assert_eq!(found, Some(vec![1.75, 1.0, 16.0]));
    // The same tensor on both sides.
    let gradients = x.add(&x)?.sum_all()?.backward()?;
    assert_eq!(gradients.get(&x).map(|gradient| gradient.to_vec::<f64>()).transpose()?, Some(vec![2.0; 3]));
    Ok(())
}

#[test]
fn accumulated_sweeps_equal_one_sweep_of_the_sum() -> Result<()> {
    let device = device();
    let (x, unused) = (device.from_slice(&[0.5, -1.0], [2])?.leaf()?, device.zeros(DType::F64, [1])?.leaf()?);
    let mut first = x.square()?.sum_all()?.backward()?;
    first.accumulate(x.exp()?.sum_all()?.backward()?)?;
    let both = x.square()?.add(&x.exp()?)?.sum_all()?.backward()?;
    assert_eq!(first.get(&x).map(Tensor::to_data).transpose()?, both.get(&x).map(Tensor::to_data).transpose()?);
    assert!(first.get(&unused).is_none());
    Ok(())
}

/// Attention, dropout, a captured leaf and a shared input: what a checkpointed layer holds.
fn layer(x: &Tensor, weight: &Tensor, seed: u64) -> Result<Tensor> {
    let normal = x.rms_norm(&weight.slice(0, 0, 1)?.reshape([4])?, 1e-6)?;
    let mixed = normal.linear(weight, None)?.gelu()?.dropout(0.3, seed)?;
    mixed.softmax()?.add(x)
}

#[test]
fn a_checkpointed_segment_gives_the_same_gradients_bit_for_bit() -> Result<()> {
    let device = device();
    let (x, weight) = (random(&device, &[3, 4], 1)?.leaf()?, random(&device, &[4, 4], 2)?.leaf()?);
    let run = |checkpointed: bool| {
        let mut hidden = x.mul(&x)?;
        for seed in 0..3 {
            let weight = weight.clone();
            let segment = move |inputs: &[Tensor]| Ok(vec![layer(&inputs[0], &weight, seed)?]);
            hidden = if checkpointed { checkpoint(segment, &[&hidden])? } else { segment(&[hidden])? }.remove(0);
        }
        let value = hidden.to_data()?;
        let gradients = hidden.square()?.sum_all()?.backward()?;
        let of = |leaf| gradients.get(leaf).map(Tensor::to_data).transpose();
        Ok::<_, Error>((value, of(&x)?, of(&weight)?))
    };
    let (plain, checkpointed) = (run(false)?, run(true)?);
    assert!(plain.1.is_some() && plain.2.is_some());
    assert_eq!(plain, checkpointed);
    Ok(())
}

#[test]
fn a_checkpointed_segment_keeps_only_its_inputs() -> Result<()> {
    let device = device();
    let x = device.zeros(DType::F32, [1000])?.leaf()?;
    let wave = |inputs: &[Tensor]| Ok(vec![(0..20).try_fold(inputs[0].clone(), |x, _| x.sin()?.exp())?]);
    let before = device.memory().live;
    let plain = wave(std::slice::from_ref(&x))?;
    // An exponential keeps its output, which is what the next sine keeps.
    assert_eq!(device.memory().live - before, 20 * 4000);
    drop(plain);
    let outputs = checkpoint(wave, &[&x])?;
    assert_eq!(device.memory().live - before, 4000);
    drop(outputs);
    assert_eq!(device.memory().live, before);
    Ok(())
}

#[test]
fn a_segment_with_several_outputs_takes_the_gradients_that_arrive() -> Result<()> {
    let device = device();
    let (x, factor) = (device.from_slice(&[2.0, 3.0], [2])?.leaf()?, device.from_slice(&[5.0], [1])?);
    let segment = |inputs: &[Tensor]| Ok(vec![inputs[0].square()?, inputs[0].mul(&inputs[1])?, inputs[0].exp()?]);
    let outputs = checkpoint(segment, &[&x, &factor])?;
    let gradients = outputs[1].sum_all()?.backward()?;
    assert_eq!(gradients.get(&x).map(|gradient| gradient.to_vec::<f64>()).transpose()?, Some(vec![5.0, 5.0]));
    assert_eq!(gradients.len(), 1);
    Ok(())
}

#[test]
fn memory_is_freed_while_the_sweep_passes() -> Result<()> {
    let device = device();
    let x = device.zeros(DType::F32, [1000])?.leaf()?;
    let steps = 30;
    let loss = (0..steps).try_fold(x.clone(), |x, _| x.sin())?.sum_all()?;
    let recorded = device.memory().live;
    device.reset_peak_memory();
    let gradients = loss.backward()?;
    // A rule holds a few tensors of its own, never the whole history twice.
    assert!(device.memory().peak < recorded + 6 * 4000, "{} over {recorded}", device.memory().peak);
    drop(gradients);
    assert_eq!(device.memory().live, 4000);
    Ok(())
}

#[test]
fn only_what_the_wanted_gradients_read_is_kept() -> Result<()> {
    let device = device();
    let (a, b) = (device.zeros(DType::F32, [1000])?, device.zeros(DType::F32, [1000])?);
    let leaf = a.leaf()?;
    let held = |f: &dyn Fn(Tensor) -> Result<Tensor>| {
        let fresh = b.affine(1.0, 1.0)?;
        let before = device.memory().live;
        let kept = f(fresh)?;
        let live = device.memory().live;
        drop(kept);
        Ok::<_, Error>(live as i64 - before as i64)
    };
    // `fresh` is freed by a sum, and kept by a product, whose derivative it is; the output takes
    // its place or comes on top.
    assert_eq!(held(&|fresh| leaf.add(&fresh))?, 0);
    assert_eq!(held(&|fresh| leaf.mul(&fresh))?, 4000);
    // A frozen tensor's partner need not stay: the derivative with respect to the leaf reads the
    // other factor alone.
    assert_eq!(held(&|fresh| fresh.mul(&leaf)?.affine(2.0, 0.0))?, 4000);
    Ok(())
}

#[test]
fn a_long_history_neither_sweeps_nor_drops_recursively() -> Result<()> {
    let device = device();
    let x = device.from_slice(&[1.0], [1])?.leaf()?;
    let chain = || (0..100_000).try_fold(x.clone(), |x, _| x.affine(1.0, 0.0));
    drop(chain()?);
    let gradients = chain()?.backward()?;
    assert_eq!(gradients.get(&x).map(|gradient| gradient.to_vec::<f64>()).transpose()?, Some(vec![1.0]));
    Ok(())
}

#[test]
fn the_second_output_of_an_instruction_has_no_gradient_and_says_so() -> Result<()> {
    let device = device();
    let logits = random(&device, &[2, 3], 1)?.leaf()?;
    let targets = device.from_slice(&[0i64, 2], [2])?;
    let outputs = Tensor::apply(scaledown_sdk::Op::CrossEntropy, &[&logits, &targets])?;
    let message = outputs[1].sum_all()?.backward().map(drop).map_err(|error| error.to_string());
    assert_eq!(message, Err("autodiff: only the first output of cross_entropy has a derivative".into()));
    Ok(())
}

/// The gradient of one micro-batch, `x * value` summed: `value` for each element of `x`.
fn micro_gradient(x: &Tensor, value: f64) -> Result<Gradients> {
    x.affine(value, 0.0)?.sum_all()?.backward()
}

#[test]
fn gradients_of_sixteen_bits_accumulate_in_thirty_two() -> Result<()> {
    let device = device();
    for (dtype, summed) in [(DType::BF16, DType::F32), (DType::F32, DType::F32), (DType::F64, DType::F64)] {
        let x = device.zeros(dtype, [2])?.leaf()?;
        let mut gradients = Gradients::default();
        gradients.accumulate(micro_gradient(&x, 1.0)?)?;
        // One micro-batch alone is what it was.
        assert_eq!(gradients.get(&x).map(Tensor::dtype), Some(dtype));
        // In bf16, 1 + 2^-9 is 1 again however often it is added.
        for _ in 0..64 {
            gradients.accumulate(micro_gradient(&x, 1.0 / 512.0)?)?;
        }
        let sum = gradients.get(&x).expect("a gradient");
        assert_eq!((sum.dtype(), sum.to_data()?.to_f64()), (summed, vec![1.125; 2]), "{dtype}");
    }
    Ok(())
}

#[test]
fn the_optimizer_takes_sums_that_are_more_precise_than_their_parameter() -> Result<()> {
    for device in scaledown_tests::parity::devices() {
        let options =
            ParamOptions { device: device.clone(), dtype: DType::BF16, trainable: true, seed: 1, lora: None, quantization: None };
        // From the same parameter and gradient: as a sum of two in f32, and as one in bf16.
        let stepped = |parts: &[f64]| -> Result<(Vec<f64>, Vec<f64>)> {
            let params = Params::random(options.clone());
            let param = params.get("x", [3], Init::Constant(0.5))?;
            let group = ParamGroup { name: "all".into(), params: params.trainable(), lr: 1e-2 };
            let mut optimizer = Optimizer::new(vec![group], OptimizerConfig::default())?;
            let mut gradients = Gradients::default();
            parts.iter().try_for_each(|&part| gradients.accumulate(micro_gradient(&param.tensor(), part)?))?;
            let scale = device.full(DType::F32, [], 1.0)?;
            optimizer.step(gradients, 1.0, &scale)?;
            let first = optimizer.state().into_iter().find(|(name, _)| name == "first.x").expect("a moment").1;
            Ok((param.tensor().to_data()?.to_f64(), first.to_data()?.to_f64()))
        };
        assert_eq!(stepped(&[0.25, 0.5])?, stepped(&[0.75])?);
        // The moment is a tenth of 1 + 2^-9, which no gradient in bf16 could have been.
        let moment = stepped(&[1.0, 1.0 / 512.0])?.1[0];
        assert!((moment - 0.1 * (1.0 + 1.0 / 512.0)).abs() < 1e-6, "{moment} on {}", device.name());
    }
    Ok(())
}
