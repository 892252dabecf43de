//! What is run as one module: the nodes that belong together, in the order in which modules depend
//! on each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::cell::{Cell, Node};

/// Nodes that are compiled together, oldest first.
pub(super) struct Group {
    pub(super) nodes: Vec<Arc<Node>>,
}

/// The plan of everything that some cells need.
pub(super) struct Plan {
    /// In an order in which each finds what it reads.
    pub(super) groups: Vec<Group>,
    /// Cells that one group makes and another reads.
    shared: HashSet<*const Cell>,
    /// How many inputs of the planned nodes each cell is.
    uses: HashMap<*const Cell, usize>,
}

impl Plan {
    /// Whether a cell that is made has to be kept: for a tensor, for a later group, or for what
    /// another thread has noted.
    pub(super) fn keeps(&self, cell: &Arc<Cell>) -> bool {
        let own = Arc::as_ptr(cell);
        cell.held() || self.shared.contains(&own) || cell.uses() > self.uses.get(&own).copied().unwrap_or(0)
    }
}

/// Plans everything that these cells need and that has not run. Nodes that exchange nothing are in
/// different groups, so that what is alike is compiled once: the weights of a model, one by one;
/// the parameters of a step.
pub(super) fn plan(roots: &[Arc<Cell>]) -> Plan {
    let nodes: Vec<Arc<Node>> = needed(roots).into_values().collect();
    let index: HashMap<u64, usize> = nodes.iter().enumerate().map(|(index, node)| (node.id, index)).collect();
    let mut stage = vec![0_usize; nodes.len()];
    let mut joined = Joined::new(nodes.len());
    let mut reads = vec![Vec::new(); nodes.len()];
    let mut uses: HashMap<*const Cell, usize> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for input in &node.inputs {
            *uses.entry(Arc::as_ptr(&input.cell)).or_default() += 1;
            let made_by = input.cell.node().and_then(|node| index.get(&node.id).copied());
            let Some(before) = made_by else { continue };
            let later = usize::from(node.apart || nodes[before].apart);
            stage[at] = stage[at].max(stage[before] + later);
            reads[at].push((before, Arc::as_ptr(&input.cell)));
        }
    }
    let mut shared = HashSet::new();
    for (at, reads) in reads.iter().enumerate() {
        for &(before, cell) in reads {
            if stage[before] == stage[at] {
                joined.join(before, at);
            } else {
                shared.insert(cell);
            }
        }
    }
    let mut groups: BTreeMap<(usize, usize), Vec<Arc<Node>>> = BTreeMap::new();
    for (at, node) in nodes.into_iter().enumerate() {
        groups.entry((stage[at], joined.first(at))).or_default().push(node);
    }
    Plan { groups: groups.into_values().map(|nodes| Group { nodes }).collect(), shared, uses }
}

/// The nodes that cells need, by age. A history may be long, so there is no recursion.
fn needed(roots: &[Arc<Cell>]) -> BTreeMap<u64, Arc<Node>> {
    let mut found = BTreeMap::new();
    let mut open: Vec<Arc<Node>> = roots.iter().filter_map(|cell| cell.node()).collect();
    while let Some(node) = open.pop() {
        if found.contains_key(&node.id) {
            continue;
        }
        open.extend(node.inputs.iter().filter_map(|input| input.cell.node()));
        found.insert(node.id, node);
    }
    found
}

/// Sets of nodes that grow together (union-find); each is named after its first.
struct Joined(Vec<usize>);

impl Joined {
    fn new(count: usize) -> Self {
        Joined((0..count).collect())
    }

    fn first(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b);
    }
}
