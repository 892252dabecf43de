//! Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): a segment's intermediate tensors
//! are dropped after the forward pass and computed again in the backward sweep.

use std::sync::Arc;

use crate::tensor::{Edge, Node, NodeKind, Tensor, no_grad, recording, with_recording};
use crate::{Error, Result};

/// A segment of a model: a function of tensors that gives the same result each time.
pub(crate) type SegmentFn = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync;

/// Runs `segment` on `inputs` and stores only the inputs for the backward pass, which recomputes
/// the segment.
///
/// The segment must be a pure function of its inputs and of parameters that do not change before
/// the sweep; dropout inside it takes explicit seeds, so that both runs drop the same elements.
/// Leaves that the segment captures get their gradients as well.
///
/// # Errors
/// Those of the segment.
pub fn checkpoint(
    segment: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    inputs: &[&Tensor],
) -> Result<Vec<Tensor>> {
    let kept: Vec<Tensor> = inputs.iter().map(|input| input.detach()).collect();
    if !recording() {
        return segment(&kept);
    }
    let outputs = no_grad(|| segment(&kept))?;
    Ok(checkpoint_computed(segment, inputs, outputs))
}

/// As [`checkpoint`], of a segment whose `outputs` have been computed already, without recording.
/// Where nothing is recorded now, they are returned as they are, and the segment is dropped.
pub fn checkpoint_computed(
    segment: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    inputs: &[&Tensor],
    outputs: Vec<Tensor>,
) -> Vec<Tensor> {
    if !recording() {
        return outputs;
    }
    let kept: Vec<Tensor> = inputs.iter().map(|input| input.detach()).collect();
    let edges = inputs.iter().map(|input| input.edge().cloned()).collect();
    let node = Node::new(NodeKind::Checkpoint { segment: Arc::new(segment), inputs: kept }, edges);
    let attach = |(output, tensor): (usize, Tensor)| {
        if tensor.dtype().is_float() { tensor.detach().with_edge(Edge { node: Arc::clone(&node), output }) } else { tensor }
    };
    outputs.into_iter().enumerate().map(attach).collect()
}

/// Recomputes a segment with recording, on inputs with their history, so that the backward pass
/// continues through it. Returns the outputs with the gradients that arrived.
pub(super) fn rerun(
    segment: &Arc<SegmentFn>,
    inputs: &[Tensor],
    edges: &[Option<Edge>],
    output_gradients: Vec<Option<Tensor>>,
) -> Result<Vec<(Tensor, Tensor)>> {
    let join = |(input, edge): (&Tensor, &Option<Edge>)| match edge {
        Some(edge) => input.clone().with_edge(edge.clone()),
        None => input.clone(),
    };
    let inputs: Vec<Tensor> = inputs.iter().zip(edges).map(join).collect();
    let outputs = with_recording(true, || segment(&inputs))?;
    if outputs.len() < output_gradients.len() {
        return Err(Error::Autodiff("a checkpointed segment gave fewer outputs the second time".into()));
    }
    Ok(outputs.into_iter().zip(output_gradients).filter_map(|(output, gradient)| Some((output, gradient?))).collect())
}
