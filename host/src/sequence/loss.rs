//! The weighted cross-entropy of a batch's targets.

use scaledown_sdk::component::Generator;
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::Forward;
use scaledown_sdk::{Result, Tensor};

use super::{PadSide, SequenceBatch};

/// The loss of a batch, and how well its targets were predicted.
pub struct TokenLoss {
    /// The weighted sum over targets, divided by the given total; a scalar.
    pub loss: Tensor,
    /// The number of targets of full weight (answers) whose most likely token is right.
    pub correct: usize,
    /// The number of targets of full weight.
    pub counted: usize,
}

/// Runs the generator on right-padded sequences and computes `sum(weight * cross-entropy) / total` over their targets.
///
/// Only the positions with a target are projected on the vocabulary.
///
/// # Errors
/// If the input does not fit the model, or the device fails.
pub fn token_loss(
    generator: &dyn Generator,
    batch: &SequenceBatch,
    vectors: Option<&Tensor>,
    total: f64,
    forward: &mut Forward,
) -> Result<TokenLoss> {
    let input = batch.embed(generator, vectors, PadSide::Right)?;
    let device = generator.device();
    let hidden = generator.forward(&input, forward).at("generator")?;
    let width = batch.width();
    let targets = || batch.sequences.iter().enumerate().flat_map(|(i, s)| s.targets.iter().map(move |target| (i, target)));
    let positions: Vec<i64> = targets().map(|(i, target)| (i * width + target.0) as i64).collect();
    let ids: Vec<i64> = targets().map(|(_, target)| i64::from(target.1)).collect();
    let weights: Vec<f32> = targets().map(|(_, target)| target.2).collect();
    let count = positions.len();
    let rows = hidden.reshape([hidden.shape().rows(), hidden.shape().last()])?;
    let logits = generator.logits(&rows.embedding(&device.from_slice(&positions, [count])?)?).at("generator")?;
    let predicted = logits.detach().arg_max()?.to_vec::<i64>()?;
    let right = |i: &usize| weights[*i] >= 1.0 && predicted[*i] == ids[*i];
    let correct = (0..count).filter(right).count();
    let counted = weights.iter().filter(|&&weight| weight >= 1.0).count();
    let losses = logits.cross_entropy(&device.from_slice(&ids, [count])?)?;
    let weights = device.from_slice(&weights, [count])?.cast(losses.dtype())?;
    let loss = losses.mul(&weights)?.sum_all()?.affine(1.0 / total, 0.0)?;
    Ok(TokenLoss { loss, correct, counted })
}
