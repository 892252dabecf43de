//! Boundaries between the layers of a model: where a device that compiles whole programs had better
//! end one.

use crate::Result;
use crate::tensor::{Edge, Node, NodeKind, Tensor, recording};

/// `x` itself, as what one layer hands to the next: a hint to the device that what came before and
/// what follows had better be [compiled apart](crate::DeviceBackend::cut), now, and again when a
/// backward sweep comes back to this place.
///
/// So equal layers are one program, however many there are. A device that runs instructions one by
/// one does nothing.
///
/// # Errors
/// If the device fails.
pub fn boundary(x: &Tensor) -> Result<Tensor> {
    x.device().cut()?;
    let Some(edge) = x.edge().filter(|_| recording()).cloned() else { return Ok(x.clone()) };
    let device = x.device().clone();
    let node = Node::new(NodeKind::Boundary(device), vec![Some(edge)]);
    Ok(x.detach().with_edge(Edge { node, output: 0 }))
}
