//! The weighted cross-entropy of a batch's targets.

use scaledown_sdk::component::Generator;
use scaledown_sdk::error::ResultExt;
use scaledown_sdk::nn::ForwardMode;
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Result, Tensor};

use super::{PadSide, SequenceBatch};

/// The loss of a batch, and how well its targets were predicted.
pub struct TokenLoss {
    /// The weighted sum over targets, divided by the given total; a scalar.
    pub loss: Tensor,
    /// The number of targets of full weight (answers) whose most likely token is right: a scalar on
    /// the device.
    pub correct: Tensor,
    /// The number of targets of full weight.
    pub counted: usize,
}

/// Runs the generator on right-padded sequences and computes `sum(weight * cross-entropy) / total`
/// over their targets.
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
    forward: &mut ForwardMode,
) -> Result<TokenLoss> {
    let input = batch.embed(generator, vectors, PadSide::Right)?;
    let device = generator.device();
    let hidden = generator.forward(&input, forward).at("generator")?;
    let width = batch.width();
    let targets = || batch.sequences.iter().enumerate().flat_map(|(i, s)| s.targets.iter().map(move |target| (i, target)));
    let mut positions: Vec<i64> = targets().map(|(i, target)| (i * width + target.0) as i64).collect();
    let mut ids: Vec<i64> = targets().map(|(_, target)| i64::from(target.1)).collect();
    let mut weights: Vec<f32> = targets().map(|(_, target)| target.2).collect();
    // Padding has no target, and so no loss and no gradient.
    let count = batch.widths.width(positions.len());
    positions.resize(count, 0);
    ids.resize(count, -1);
    weights.resize(count, 0.0);
    let rows = hidden.reshape([hidden.shape().rows(), hidden.shape().last()])?;
    let logits = generator.logits(&rows.embedding(&device.from_slice(&positions, [count])?)?).at("generator")?;
    let targets = device.from_slice(&ids, [count])?;
    let answers: Vec<f32> = weights.iter().map(|&weight| f32::from(u8::from(weight >= 1.0))).collect();
    let counted = answers.iter().filter(|&&answer| answer > 0.0).count();
    let losses = logits.cross_entropy(&targets)?;
    // Uploaded with the total in them: the instructions are the same, however many targets a step
    // has.
    let shares: Vec<f32> = weights.iter().map(|&weight| (f64::from(weight) / total) as f32).collect();
    let shares = device.from_slice(&shares, [count])?.cast(losses.dtype())?;
    let loss = losses.mul(&shares)?.sum_all()?;
    let right = no_grad(|| {
        let hits = logits.detach().arg_max()?.eq(&targets)?.cast(DType::F32)?;
        hits.mul(&device.from_slice(&answers, [count])?)?.sum_all()
    })?;
    Ok(TokenLoss { loss, correct: right, counted })
}
