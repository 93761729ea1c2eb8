//! What a value was made from.

use crate::backend::Backend;
use crate::node::{Node, Source};
use crate::scalar::Scalar;
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet};
use triomphe::Arc;

/// What is known to be made from some leaves alone.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    /// The numbers of nodes.
    nodes: FxHashSet<u64>,
    /// Whether a rule among them holds functions of users, in which derivatives may come to depend on other values.
    pub has_functions: bool,
}

impl Alone {
    /// Whether `root` was made from other leaves than those with the numbers `own`, which rise and are larger than those of all that
    /// was recorded before. If it was not, that is known then.
    pub fn lacks<T: Scalar, B: Backend<T>>(&mut self, root: &Arc<Node<T, B>>, own: &[u64]) -> bool {
        let Some(&first) = own.first() else { return true };
        let (mut seen, mut stack) = (FxHashSet::default(), vec![root]);
        let mut has_functions = false;
        // Each path ends at a leaf: depth first, one of others is soon found where there are many.
        while let Some(node) = stack.pop() {
            match &node.source {
                _ if node.id < first => return true,
                Source::Operation(_) if self.nodes.contains(&node.id) || !seen.insert(node.id) => {}
                Source::Operation(operation) => {
                    has_functions |= operation.rule().has_functions();
                    stack.extend(operation.all_tracked());
                }
                _ if own.binary_search(&node.id).is_err() => return true,
                _ => {}
            }
        }
        if self.nodes.is_empty() {
            self.nodes = seen;
        } else {
            self.nodes.extend(seen);
        }
        self.has_functions |= has_functions;
        false
    }
}

/// The values with numbers below `boundary` that what `root` was made from, above it, was made from.
pub(crate) fn captured<T: Scalar, B: Backend<T>>(
    root: &Arc<Node<T, B>>,
    boundary: u64,
) -> Vec<Arc<Node<T, B>>> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if node.id < boundary {
            found.insert(node.id, node.clone());
        } else if seen.insert(node.id)
            && let Source::Operation(operation) = &node.source
        {
            stack.extend(operation.all_tracked());
        }
    }
    found.into_values().collect()
}
