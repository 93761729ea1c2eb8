//! The recorded computation: nodes, what they keep, and a drop without recursion.

use crate::backend::{Backend, Binary};
use crate::drops;
use crate::gradient_sum::GradientSum;
use crate::numbering;
use crate::rules::elementwise::AtNumbers;
use crate::rules::{Needs, Recorded};
use crate::scalar::Scalar;
use crate::shape::{Shape, copied};
use crate::tensor::Tensor;
use crate::value::Value;
use once_cell::race::OnceBox;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use triomphe::{Arc, UniqueArc};

/// A value that was given, or an operation that made one.
pub(crate) struct Node<T: Scalar, B: Backend<T>> {
    /// Inputs have smaller numbers than what is made from them.
    pub id: u64,
    pub source: Source<T, B>,
    meta: OnceBox<Meta<T>>,
}

pub(crate) enum Source<T: Scalar, B: Backend<T>> {
    /// An input to differentiate with respect to, of this shape.
    Leaf(Box<[usize]>),
    /// An input with a label and nothing to differentiate.
    Constant(Box<[usize]>),
    Operation(Operation<T, B>),
}

impl<T: Scalar, B: Backend<T>> Source<T, B> {
    /// One more than the largest number of the inputs.
    #[inline]
    fn least_id(&self) -> u64 {
        let after = |node: &Option<Arc<Node<T, B>>>| node.as_ref().map_or(0, |node| node.id + 1);
        match self {
            Source::Operation(Operation::Numbers { nodes: [a, b], .. }) => after(a).max(after(b)),
            Source::Operation(Operation::Arrays(arrays)) => {
                arrays.edges.iter().map(|edge| after(&edge.node)).max().unwrap_or(0)
            }
            Source::Leaf(_) | Source::Constant(_) => 0,
        }
    }
}

/// One application of a rule: to what, and what its derivative reads. Data only: a handle would be a reference cycle.
pub(crate) enum Operation<T: Scalar, B: Backend<T>> {
    /// An elementwise operation on numbers; the nodes are those that there are.
    Numbers { rule: Recorded<T, B>, nodes: [Option<Arc<Node<T, B>>>; 2], at: AtNumbers<T> },
    /// Any other. Apart, so that nodes of numbers, of which there can be millions, are small.
    Arrays(Box<Arrays<T, B>>),
}

pub(crate) struct Arrays<T: Scalar, B: Backend<T>> {
    pub rule: Recorded<T, B>,
    /// The output's.
    pub shape: Shape,
    pub edges: Edges<T, B>,
    /// The output, where the derivative reads it.
    pub output: Option<Tensor<T>>,
}

/// The inputs of an operation: mostly one or two.
pub(crate) enum Edges<T: Scalar, B: Backend<T>> {
    One([Edge<T, B>; 1]),
    Two([Edge<T, B>; 2]),
    Many(Vec<Edge<T, B>>),
}

impl<T: Scalar, B: Backend<T>> std::ops::Deref for Edges<T, B> {
    type Target = [Edge<T, B>];

    #[inline]
    fn deref(&self) -> &Self::Target {
        match self {
            Edges::One(edges) => edges,
            Edges::Two(edges) => edges,
            Edges::Many(edges) => edges,
        }
    }
}

impl<T: Scalar, B: Backend<T>> std::ops::DerefMut for Edges<T, B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Edges::One(edges) => edges,
            Edges::Two(edges) => edges,
            Edges::Many(edges) => edges,
        }
    }
}

/// An input of an operation. Of a constant that is an array, and read by no derivative, a node without data holds the shape.
pub(crate) struct Edge<T: Scalar, B: Backend<T>> {
    node: Option<Arc<Node<T, B>>>,
    /// The input, where a derivative reads it, and where it is a constant number.
    pub value: Option<Tensor<T>>,
}

impl<T: Scalar, B: Backend<T>> Edge<T, B> {
    #[inline]
    fn new(x: &Value<T, B>, kept: bool) -> Self {
        let data = x.tensor();
        let number = x.node().is_none() && matches!(data, Tensor::Scalar(_));
        let value = (kept || number).then(|| data.clone());
        let node = x.node().cloned().or_else(|| value.is_none().then(|| Node::constant(data.shape())));
        Edge { node, value }
    }

    /// Where the cotangent of the input goes; `None` for a constant.
    pub fn tracked(&self) -> Option<&Arc<Node<T, B>>> {
        self.node.as_ref().filter(|node| !node.is_constant())
    }
}

impl<T: Scalar, B: Backend<T>> Operation<T, B> {
    /// What a node keeps of one application of a rule that made `output`.
    pub fn new(rule: Recorded<T, B>, inputs: &[&Value<T, B>], output: &Tensor<T>) -> Self {
        let number = |i: usize| inputs.get(i).map_or(Some(T::zero()), |x| x.tensor().number());
        if rule.is_elementwise()
            && let (Some(a), Some(b), Some(output)) = (number(0), number(1), output.number())
        {
            let nodes = [0, 1].map(|i| inputs.get(i).and_then(|x| x.node()).cloned());
            return Operation::Numbers { rule, nodes, at: AtNumbers { inputs: [a, b], output } };
        }
        let mut needs = Needs::NOTHING;
        for (i, _) in inputs.iter().enumerate().filter(|(_, x)| x.tracked().is_some()) {
            needs = needs.and(rule.needs(i));
        }
        let kept = |i: usize| i < 8 && (needs.inputs >> i) & 1 == 1;
        Operation::Arrays(Box::new(Arrays {
            rule,
            shape: copied(output.shape()),
            edges: match inputs {
                [x] => Edges::One([Edge::new(x, kept(0))]),
                [a, b] => Edges::Two([Edge::new(a, kept(0)), Edge::new(b, kept(1))]),
                _ => Edges::Many(inputs.iter().enumerate().map(|(i, x)| Edge::new(x, kept(i))).collect()),
            },
            output: needs.output.then(|| output.clone()),
        }))
    }

    pub fn rule(&self) -> &Recorded<T, B> {
        match self {
            Operation::Numbers { rule, .. } => rule,
            Operation::Arrays(arrays) => &arrays.rule,
        }
    }

    /// The places for inputs. That of the second is empty in an operation on one number.
    pub fn count(&self) -> usize {
        match self {
            Operation::Numbers { nodes, .. } => nodes.len(),
            Operation::Arrays(arrays) => arrays.edges.len(),
        }
    }

    fn node(&self, i: usize) -> Option<&Arc<Node<T, B>>> {
        match self {
            Operation::Numbers { nodes, .. } => nodes[i].as_ref(),
            Operation::Arrays(arrays) => arrays.edges[i].node.as_ref(),
        }
    }

    /// Where the cotangent of input `i` goes; `None` for a constant.
    pub fn tracked(&self, i: usize) -> Option<&Arc<Node<T, B>>> {
        self.node(i).filter(|node| !node.is_constant())
    }

    /// Where the cotangents go.
    pub fn all_tracked(&self) -> impl Iterator<Item = &Arc<Node<T, B>>> {
        (0..self.count()).filter_map(|i| self.tracked(i))
    }

    /// Input `i`, where a derivative reads it.
    pub fn input(&self, i: usize) -> Option<Tensor<T>> {
        match self {
            Operation::Numbers { at, .. } => Some(Tensor::Scalar(at.inputs[i])),
            Operation::Arrays(arrays) => arrays.edges[i].value.clone(),
        }
    }

    /// The output, where a derivative reads it.
    pub fn output(&self) -> Option<Tensor<T>> {
        match self {
            Operation::Numbers { at, .. } => Some(Tensor::Scalar(at.output)),
            Operation::Arrays(arrays) => arrays.output.clone(),
        }
    }
}

/// What few nodes have.
pub(crate) struct Meta<T> {
    label: Mutex<Option<std::sync::Arc<str>>>,
    pub grad: GradientSum<T>,
    retain: AtomicBool,
}

impl<T> Default for Meta<T> {
    fn default() -> Self {
        Meta { label: Mutex::new(None), grad: GradientSum::default(), retain: AtomicBool::new(false) }
    }
}

impl<T> Meta<T> {
    pub fn label(&self) -> Option<std::sync::Arc<str>> {
        self.label.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_label(&self, label: &str) {
        *self.label.lock().unwrap_or_else(PoisonError::into_inner) = Some(label.into());
    }

    /// Whether an intermediate value keeps its gradient.
    pub fn retains(&self) -> bool {
        self.retain.load(Relaxed)
    }

    pub fn set_retains(&self) {
        self.retain.store(true, Relaxed);
    }
}

impl<T: Scalar, B: Backend<T>> Node<T, B> {
    pub fn new(source: Source<T, B>) -> Arc<Self> {
        let id = numbering::next(source.least_id());
        Arc::new(Node { id, source, meta: OnceBox::new() })
    }

    pub fn leaf(shape: &[usize]) -> Arc<Self> {
        Self::new(Source::Leaf(shape.into()))
    }

    pub fn constant(shape: &[usize]) -> Arc<Self> {
        Self::new(Source::Constant(shape.into()))
    }

    /// The shape of the value.
    pub fn shape(&self) -> &[usize] {
        match &self.source {
            Source::Leaf(shape) | Source::Constant(shape) => shape,
            Source::Operation(Operation::Numbers { .. }) => &[],
            Source::Operation(Operation::Arrays(arrays)) => &arrays.shape,
        }
    }

    pub fn is_leaf(&self) -> bool {
        matches!(self.source, Source::Leaf(_))
    }

    pub fn is_constant(&self) -> bool {
        matches!(self.source, Source::Constant(_))
    }

    pub fn op(&self) -> &'static str {
        match &self.source {
            Source::Leaf(_) => "leaf",
            Source::Constant(_) => "constant",
            Source::Operation(operation) => operation.rule().name(),
        }
    }

    /// Label, gradient, and whether an intermediate keeps it; made at first use.
    pub fn meta(&self) -> &Meta<T> {
        self.meta.get_or_init(Box::default)
    }

    /// The same, where it was ever used.
    pub fn existing_meta(&self) -> Option<&Meta<T>> {
        self.meta.get()
    }

    /// Of each input, its node, or its data: at least one of them.
    pub fn inputs(&self) -> impl DoubleEndedIterator<Item = (Option<&Arc<Self>>, Option<Tensor<T>>)> {
        let operation = match &self.source {
            Source::Operation(operation) => Some(operation),
            _ => None,
        };
        let count = operation.map_or(0, |operation| match operation.rule() {
            Recorded::Unary(_) => 1,
            _ => operation.count(),
        });
        (0..count).filter_map(move |i| operation.map(|operation| (operation.node(i), operation.input(i))))
    }

    pub fn keeps_grad(&self) -> bool {
        self.is_leaf() || self.existing_meta().is_some_and(Meta::retains)
    }

    fn has_operands(&self) -> bool {
        match &self.source {
            Source::Operation(operation) => (0..operation.count()).any(|i| operation.node(i).is_some()),
            Source::Leaf(_) | Source::Constant(_) => false,
        }
    }

    /// Takes the operands out of a node about to be dropped, and of those that nothing else holds gives one, and adds the others
    /// to `more`. Drops what functions of users captured, now or, from within the same, when that is done.
    fn orphans(&mut self, more: &mut SmallVec<[UniqueArc<Self>; 4]>) -> Option<UniqueArc<Self>> {
        let mut first = None;
        let mut take = |node: &mut Option<Arc<Self>>| {
            // One whose last other holder lets go of it just now is dropped here, in a loop of its own.
            if let Some(Ok(orphan)) = node.take().map(Arc::try_unique)
                && let Some(other) = first.replace(orphan)
            {
                more.push(other);
            }
        };
        match &mut self.source {
            Source::Operation(Operation::Numbers { nodes, .. }) => nodes.iter_mut().for_each(take),
            Source::Operation(Operation::Arrays(arrays)) => {
                arrays.edges.iter_mut().for_each(|edge| take(&mut edge.node));
                if arrays.rule.has_functions() {
                    drops::in_turn(Box::new(std::mem::replace(
                        &mut arrays.rule,
                        Recorded::Binary(Binary::add),
                    )));
                }
            }
            Source::Leaf(_) | Source::Constant(_) => {}
        }
        first
    }
}

/// Dropping a chain of a million nodes must not recurse a million deep, whether they are operands of each other or captured by the
/// functions of custom rules.
impl<T: Scalar, B: Backend<T>> Drop for Node<T, B> {
    #[inline]
    fn drop(&mut self) {
        if !self.has_operands() {
            return; // A leaf, or one whose operands the loop below has taken out.
        }
        let mut more = SmallVec::new();
        let mut next = self.orphans(&mut more);
        while let Some(node) = next.or_else(|| more.pop()) {
            next = UniqueArc::into_inner(node).orphans(&mut more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Native;

    /// With the count of its `Arc`, within the 88 bytes that the common allocators make of 96 with their own.
    #[test]
    fn nodes_are_small() {
        assert!(size_of::<Node<f64, Native>>() <= 80, "{}", size_of::<Node<f64, Native>>());
    }
}
