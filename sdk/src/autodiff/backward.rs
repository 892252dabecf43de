//! The backward sweep.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checkpoint::rerun;
use super::{Vjp, vjp};
use crate::tensor::{BinaryOp, Edge, LeafId, Node, NodeKind, Op, Tensor, no_grad};
use crate::{Error, Result};

/// The gradients of the leaves that a result was computed from.
#[derive(Debug, Default)]
pub struct Gradients(BTreeMap<LeafId, Tensor>);

impl Gradients {
    /// The gradient of `leaf`, if it had a part in the result.
    #[must_use]
    pub fn get(&self, leaf: &Tensor) -> Option<&Tensor> {
        self.0.get(&leaf.leaf_id()?)
    }

    /// Takes the gradient of `leaf` out.
    pub fn take(&mut self, leaf: &Tensor) -> Option<Tensor> {
        self.0.remove(&leaf.leaf_id()?)
    }

    /// Adds the gradients of another sweep, for accumulation over micro-batches. Sums of 16-bit
    /// gradients are f32, so that they lose nothing that each of them had.
    ///
    /// # Errors
    /// If the device fails.
    pub fn accumulate(&mut self, other: Gradients) -> Result<()> {
        for (leaf, gradient) in other.0 {
            let sum = match self.0.remove(&leaf) {
                Some(earlier) => no_grad(|| add_owned(widened(earlier)?, widened(gradient)?))?,
                None => gradient,
            };
            self.0.insert(leaf, sum);
        }
        Ok(())
    }

    /// The number of leaves that have a gradient.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no leaf has a gradient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All gradients, in order of the leaves' creation.
    pub fn values(&self) -> impl Iterator<Item = &Tensor> {
        self.0.values()
    }

    fn add(&mut self, leaf: LeafId, gradient: Tensor) -> Result<()> {
        let sum = match self.0.remove(&leaf) {
            Some(earlier) => add_owned(earlier, gradient)?,
            None => gradient,
        };
        self.0.insert(leaf, sum);
        Ok(())
    }
}

/// A node that the sweep has yet to visit, ordered by age, with the gradients of its outputs that
/// have arrived so far.
struct Pending {
    node: Arc<Node>,
    gradients: Vec<Option<Tensor>>,
}

#[derive(Default)]
struct Queue {
    pending: BTreeMap<u64, Pending>,
}

impl Queue {
    fn add(&mut self, edge: Edge, gradient: Tensor) -> Result<()> {
        let Edge { node, output } = edge;
        let entry = self.pending.entry(node.id).or_insert_with(|| Pending { node, gradients: Vec::new() });
        if entry.gradients.len() <= output {
            entry.gradients.resize_with(output + 1, || None);
        }
        let slot = &mut entry.gradients[output];
        *slot = Some(match slot.take() {
            Some(earlier) => add_owned(earlier, gradient)?,
            None => gradient,
        });
        Ok(())
    }
}

/// Propagates the gradients of `roots` to all leaves. The roots are consumed, so that each part of
/// the history is freed as soon as the sweep is past it.
pub(crate) fn backward(roots: Vec<(Tensor, Tensor)>) -> Result<Gradients> {
    let mut queue = Queue::default();
    for (root, gradient) in roots {
        let edge = root.edge().cloned();
        let edge = edge.ok_or_else(|| Error::Autodiff(format!("{} has no history to differentiate", root.spec())))?;
        queue.add(edge, gradient)?;
    }
    let mut gradients = Gradients::default();
    no_grad(|| {
        while let Some((_, Pending { node, gradients: outputs })) = queue.pending.pop_last() {
            visit(&node, outputs, &mut queue, &mut gradients)?;
        }
        Ok(gradients)
    })
}

fn visit(node: &Arc<Node>, outputs: Vec<Option<Tensor>>, queue: &mut Queue, gradients: &mut Gradients) -> Result<()> {
    let inputs = match &node.kind {
        NodeKind::Leaf => {
            let leaf = LeafId::of(node);
            return outputs.into_iter().flatten().try_for_each(|gradient| gradients.add(leaf, gradient));
        }
        NodeKind::Op { op, input_specs, output_specs, inputs, outputs: saved } => {
            let needs: Vec<bool> = node.inputs.iter().map(Option::is_some).collect();
            vjp(op, Vjp { input_specs, output_specs, inputs, outputs: saved, gradients: &outputs, needs: &needs })?
        }
        NodeKind::Boundary(device) => {
            // All that is newer has been visited: the layer behind the boundary is done.
            device.cut()?;
            outputs
        }
        NodeKind::Checkpoint { segment, inputs } => {
            // The nodes of the second run are newer than all others and therefore next, which keeps
            // the order in which gradients add up.
            let roots = rerun(segment, inputs, &node.inputs, outputs)?;
            return roots.into_iter().try_for_each(|(root, gradient)| match root.edge() {
                Some(edge) => queue.add(edge.clone(), gradient),
                None => Ok(()),
            });
        }
    };
    for (edge, gradient) in node.inputs.iter().zip(inputs) {
        if let (Some(edge), Some(gradient)) = (edge, gradient) {
            queue.add(edge.clone(), gradient)?;
        }
    }
    Ok(())
}

/// A gradient in the type that sums are computed in; itself, and no second holder of its elements,
/// where that is its own.
fn widened(gradient: Tensor) -> Result<Tensor> {
    let precise = gradient.dtype().accumulator();
    if gradient.dtype() == precise { Ok(gradient) } else { gradient.cast(precise) }
}

/// The sum of two gradients without other owners, so that a device may add in place.
fn add_owned(a: Tensor, b: Tensor) -> Result<Tensor> {
    let op = Op::Binary(BinaryOp::Add);
    Tensor::sole(op.name(), Tensor::apply_owned(op.clone(), vec![a, b])?)
}
