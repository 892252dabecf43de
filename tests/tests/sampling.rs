//! Choosing the next token, on every device.

use scaledown_sdk::nn::Sampling;
use scaledown_sdk::{Device, Result};
use scaledown_tests::lazy::Lazy;
use scaledown_tests::parity;

fn devices() -> Vec<Device> {
    let mut devices = parity::devices();
    devices.push(Device::new(Lazy::default()));
    devices
}

fn drawn(temperature: f64, top_p: f64, seed: u64) -> Sampling {
    Sampling::TopP { temperature, top_p, seed }
}

/// How often each of the tokens is chosen of `count` steps, by one row of logits.
fn counts(device: &Device, logits: &[f32], sampling: Sampling, count: usize) -> Result<Vec<usize>> {
    let mut counts = vec![0; logits.len()];
    let row = device.from_slice(logits, [1, logits.len()])?;
    for step in 0..count {
        counts[sampling.choose(&row, step)?.to_vec::<i64>()?[0] as usize] += 1;
    }
    Ok(counts)
}

#[test]
fn the_nucleus_is_the_fewest_tokens_that_reach_top_p() -> Result<()> {
    // Probabilities 0.5, 0.3, 0.2 in another order.
    let logits = [0.3_f32.ln(), 0.5_f32.ln(), 0.2_f32.ln()];
    for device in devices() {
        assert_eq!(counts(&device, &logits, drawn(1.0, 0.45, 1), 50)?, [0, 50, 0], "{}", device.name());
        let two = counts(&device, &logits, drawn(1.0, 0.7, 2), 300)?;
        assert_eq!(two[2], 0, "{}", device.name());
        assert!((two[0] as f64 / 300.0 - 0.375).abs() < 0.09, "{two:?} on {}", device.name());
        let all = counts(&device, &logits, drawn(1.0, 1.0, 3), 300)?;
        assert!((all[2] as f64 / 300.0 - 0.2).abs() < 0.08, "{all:?} on {}", device.name());
    }
    Ok(())
}

#[test]
fn many_tokens_are_drawn_by_their_probability() -> Result<()> {
    // More tokens than a block of the running sums has, the likely ones far apart.
    let mut logits = vec![-30.0_f32; 200];
    logits[7] = 0.0;
    logits[150] = 0.0;
    for device in devices() {
        let counts = counts(&device, &logits, drawn(1.0, 1.0, 5), 200)?;
        assert_eq!(counts[7] + counts[150], 200, "{}", device.name());
        assert!((60..140).contains(&counts[7]), "{} of 200 on {}", counts[7], device.name());
    }
    Ok(())
}

#[test]
fn a_low_temperature_is_greedy() -> Result<()> {
    for device in devices() {
        assert_eq!(counts(&device, &[1.0, 1.2, 1.1], drawn(1e-3, 1.0, 1), 20)?, [0, 20, 0]);
    }
    Ok(())
}

#[test]
fn a_row_chooses_as_it_would_alone() -> Result<()> {
    for device in devices() {
        let logits: Vec<f32> = (0..3 * 70).map(|i| ((i * 37) % 19) as f32 / 6.0).collect();
        let sampling = drawn(1.0, 0.9, 8);
        let together = sampling.choose(&device.from_slice(&logits, [3, 70])?, 4)?.to_vec::<i64>()?;
        for (row, logits) in logits.chunks(70).enumerate() {
            let alone = sampling.from_row(row).choose(&device.from_slice(logits, [1, 70])?, 4)?.to_vec::<i64>()?;
            assert_eq!(alone, together[row..=row], "row {row} on {}", device.name());
        }
    }
    Ok(())
}

#[test]
fn rows_that_are_not_finite_are_marked() -> Result<()> {
    for device in devices() {
        let rows = [1.0, f32::NAN, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0];
        let ids = drawn(1.0, 0.9, 1).choose(&device.from_slice(&rows, [3, 2])?, 0)?.to_vec::<i64>()?;
        assert_eq!(ids, [-1, -1, 1], "{}", device.name());
    }
    Ok(())
}
