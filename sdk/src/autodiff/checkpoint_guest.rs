//! Gradient checkpointing in a WASM guest: the host keeps a segment's inputs and asks for its
//! second run; the segment itself stays here, under a number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::guest::bindings::scaledown::plugin::tensor as host;
use crate::guest::error::from_host;
use crate::tensor::{Tensor, TensorSpec, no_grad, recording};
use crate::{Error, Result};

type Segment = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync;

static SEGMENTS: Mutex<Option<HashMap<u64, Arc<Segment>>>> = Mutex::new(None);
static NEXT: AtomicU64 = AtomicU64::new(1);

fn segments<T>(f: impl FnOnce(&mut HashMap<u64, Arc<Segment>>) -> T) -> T {
    f(SEGMENTS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Runs `segment` on `inputs` and stores only the inputs for the backward pass, which recomputes
/// the segment.
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
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    segments(|segments| segments.insert(id, Arc::new(segment)));
    let specs: Vec<TensorSpec> = outputs.iter().map(|output| output.spec().clone()).collect();
    let handles: Vec<&host::Tensor> = inputs.iter().map(|input| input.handle()).collect();
    let outputs = host::checkpoint(id, &handles, outputs.into_iter().map(Tensor::into_handle).collect());
    let outputs = outputs.map_err(|error| from_host("checkpoint", error))?;
    Ok(outputs.into_iter().zip(specs).map(|(handle, spec)| Tensor::new(handle, spec)).collect())
}

/// Runs a segment again, for the backward sweep of the host.
///
/// # Errors
/// Those of the segment; or if there is none of this number.
pub(crate) fn recompute(id: u64, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let segment = segments(|segments| segments.get(&id).cloned());
    segment.ok_or_else(|| Error::Autodiff(format!("the component has no checkpointed segment {id}")))?(inputs)
}

/// Drops segments that will not run again.
pub(crate) fn forget(ids: &[u64]) {
    let dropped: Vec<_> = segments(|segments| ids.iter().filter_map(|id| segments.remove(id)).collect());
    // Tensors that the segments hold go outside of the lock.
    drop(dropped);
}
