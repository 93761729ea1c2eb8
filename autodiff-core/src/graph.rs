//! Recording, and the reverse and the forward sweep through what was recorded.

use crate::backend::{Backend, Binary};
use crate::few::Dims;
use crate::follow::{self, Tangents};
use crate::frontier::Frontier;
use crate::native::simd::Lanes;
use crate::node::{Edge, Node, Operation, Source};
use crate::primal::{Primal, accumulated};
use crate::rules::elementwise::{AtFew, AtNumbers, Partial};
use crate::rules::{Listed, Recorded};
use crate::scalar::Scalar;
use crate::shape::same;
use crate::tensor::Tensor;
use crate::threads;
use crate::value::Value;
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::BTreeMap;
use triomphe::Arc;

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Runs `f` without recording: what it computes is constant, and keeps no inputs alive.
///
/// It holds for this thread, and not for others that `f` has run something.
///
/// ```
/// use autodiff_core::{native::Value, no_grad};
/// let w = Value::new(2.0);
/// let updated = no_grad(|| &w - 0.1 * &w);
/// assert_eq!(updated.op(), "constant");
/// ```
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    threads::with(&RECORDING, false, f)
}

/// Runs `f` with recording on, wherever it is called: a derivative taken inside `no_grad` is a derivative.
pub(crate) fn recorded<R>(f: impl FnOnce() -> R) -> R {
    threads::with(&RECORDING, true, f)
}

pub(crate) fn is_recording() -> bool {
    RECORDING.get()
}

/// Applies a rule, and records that it was where an input is to be differentiated with respect to.
pub(crate) fn apply<T: Scalar, B: Backend<T>, R: Listed<T, B>>(
    rule: R,
    inputs: &[&Value<T, B>],
) -> Value<T, B> {
    if follow::is_following() && rule.reads_elements() {
        follow::compute_together(inputs);
    }
    let data = match inputs {
        [x] => rule.eval(&[x.tensor()]),
        [a, b] => rule.eval(&[a.tensor(), b.tensor()]),
        _ => rule.eval(&inputs.iter().map(|x| x.tensor()).collect::<SmallVec<[_; 3]>>()),
    };
    if !RECORDING.get() || inputs.iter().all(|x| x.tracked().is_none()) {
        return Value::from_parts(data, None);
    }
    let operation = Operation::new(rule.recorded(), inputs, &data);
    recorded_value(data, operation)
}

fn recorded_value<T: Scalar, B: Backend<T>>(data: Tensor<T>, operation: Operation<T, B>) -> Value<T, B> {
    let value = Value::from_parts(data, Some(Node::new(Source::Operation(operation))));
    if follow::is_following() {
        follow::follow(&value);
    }
    value
}

/// The same of an operation on two numbers, each with its node.
pub(crate) fn apply_to_numbers<T: Scalar, B: Backend<T>>(
    op: Binary,
    (a, left): (T, Option<Arc<Node<T, B>>>),
    (b, right): (T, Option<Arc<Node<T, B>>>),
) -> Value<T, B> {
    let output = op.call(a, b);
    let data = Tensor::Scalar(output);
    if !RECORDING.get() || [&left, &right].into_iter().flatten().all(|node| node.is_constant()) {
        return Value::from_parts(data, None);
    }
    let at = AtNumbers { inputs: [a, b], output };
    recorded_value(data, Operation::Numbers { rule: Recorded::Binary(op), nodes: [left, right], at })
}

/// What a reverse sweep goes through, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    /// Nodes with smaller numbers are left out.
    pub oldest: u64,
    /// Nodes with smaller numbers have their cotangents, and pass nothing on.
    pub boundary: u64,
    /// Whether the cotangents can be differentiated again.
    pub attached: bool,
    /// How many seeds there are, side by side along a leading axis, as the cotangents then are.
    pub batch: Option<usize>,
}

/// Carries cotangents from `root` back to what it was made from, and gives each node's to `visit`.
///
/// Nodes go by falling number, so that each has all of its cotangent when its turn comes. The cotangents of this sweep
/// live in it alone.
pub(crate) fn reverse<'a, T: Scalar, B: Backend<T>>(
    root: &'a Arc<Node<T, B>>,
    seed: Value<T, B>,
    sweep: Sweep,
    mut visit: impl FnMut(&'a Node<T, B>, Value<T, B>),
) {
    let Sweep { oldest, boundary, attached, batch } = sweep;
    let plain = !attached && batch.is_none();
    let mut pending = Pending::default();
    if let Err(place) = pending.find(root.id) {
        pending.insert(place, root.id, (root, seed));
    }
    while let Some((node, cotangent)) = pending.pop_last() {
        if let Source::Operation(operation) = &node.source
            && node.id >= boundary
        {
            let number = if plain { cotangent.tensor().number() } else { None };
            match (operation, number) {
                (Operation::Numbers { at, .. }, Some(g)) => {
                    pass_number(&mut pending, operation, at, g, oldest);
                }
                _ if plain && pass_few(&mut pending, operation, cotangent.tensor(), oldest).is_some() => {}
                _ => {
                    let at = Primal::new(node, operation, attached, batch);
                    pass(&mut pending, &at, &cotangent, oldest);
                }
            }
        }
        visit(node, cotangent);
    }
}

/// The nodes that a sweep has reached, each with what it has of its cotangent.
type Pending<'a, T, B> = Frontier<(&'a Arc<Node<T, B>>, Value<T, B>)>;

/// Passes a cotangent on to the inputs of an operation.
#[inline(never)]
fn pass<'a, T: Scalar, B: Backend<T>>(
    pending: &mut Pending<'a, T, B>,
    at: &Primal<'a, T, B>,
    g: &Value<T, B>,
    oldest: u64,
) {
    let (operation, rule) = (at.operation(), at.operation().rule());
    let mut all = rule.vjp_all(at, g);
    for i in 0..operation.count() {
        let Some(input) = operation.tracked(i).filter(|n| n.id >= oldest) else { continue };
        let mut add = |known| match &mut all {
            Some(all) => accumulated(known, all[i].take()),
            None => at.add_cotangent(&**rule, g, i, known),
        };
        match pending.find(input.id) {
            Ok((_, sum)) => {
                let known = std::mem::replace(sum, Value::number(T::zero()));
                *sum = add(Some(known)).expect("a sum with what is known");
            }
            Err(place) => {
                if let Some(first) = add(None) {
                    pending.insert(place, input.id, (input, first));
                }
            }
        }
    }
}

/// The same of numbers, without a value for each.
#[inline(always)] // else a cotangent is made apart and copied to its place
fn pass_number<'a, T: Scalar, B: Backend<T>>(
    pending: &mut Pending<'a, T, B>,
    operation: &'a Operation<T, B>,
    at: &AtNumbers<T>,
    g: T,
    oldest: u64,
) {
    for i in 0..operation.count() {
        let Some(input) = operation.tracked(i).filter(|n| n.id >= oldest) else { continue };
        let Some(part) = operation.rule().number_vjp(at, g, i) else { continue };
        match pending.find(input.id) {
            Err(place) => pending.insert(place, input.id, (input, Value::number(part))),
            Ok((_, sum)) => match sum.tensor().number() {
                Some(known) => *sum = Value::number(known + part),
                // An expression, which an operation on arrays has brought.
                None => *sum = sum.clone().accumulate(Value::number(part)),
            },
        }
    }
}

/// The same of an elementwise operation on arrays of a few elements, without an array for each step of a derivative. `None`
/// where it is no such operation, or something is left for later.
#[inline(never)]
fn pass_few<'a, T: Scalar, B: Backend<T>>(
    pending: &mut Pending<'a, T, B>,
    operation: &'a Operation<T, B>,
    g: &Tensor<T>,
    oldest: u64,
) -> Option<()> {
    let Operation::Arrays(arrays) = operation else { return None };
    if !arrays.rule.is_elementwise() {
        return None;
    }
    let (dims, edges) = (Dims::of(&arrays.shape)?, &*arrays.edges);
    let lanes = |x: &'a Option<Tensor<T>>| match x {
        Some(x) if x.pending().is_some() => None,
        Some(x) => x.lanes(&dims),
        None => Some(Lanes::NONE),
    };
    let input = |i: usize| edges.get(i).map_or(Some(Lanes::NONE), |edge| lanes(&edge.value));
    let at = AtFew { len: dims.len(), inputs: [input(0)?, input(1)?], output: lanes(&arrays.output)? };
    let cotangent = g.pending().is_none().then(|| g.lanes(&dims))??;
    // A factor of a sum is of another shape than all else here.
    let has_factor = |i: usize, edge: &Edge<T, B>| {
        let narrow = edge.tracked().is_some_and(|input| !same(input.shape(), dims.shape()));
        narrow && matches!(arrays.rule.slopes(&at, i), Partial::Factored(..))
    };
    if edges.iter().enumerate().any(|(i, edge)| has_factor(i, edge)) {
        return None;
    }
    for (i, edge) in edges.iter().enumerate() {
        let Some(input) = edge.tracked().filter(|n| n.id >= oldest) else { continue };
        let part = match arrays.rule.slopes(&at, i) {
            Partial::Constant(0.0) => continue,
            Partial::Constant(1.0) => g.clone(),
            slopes => Tensor::few(dims, |y| slopes.times(cotangent, y)),
        };
        let part = Value::from_parts(part, None).sum_to(input.shape());
        match pending.find(input.id) {
            Err(place) => pending.insert(place, input.id, (input, part)),
            Ok((_, sum)) => {
                let known = std::mem::replace(sum, Value::number(T::zero()));
                *sum = known.accumulate(part);
            }
        }
    }
    Some(())
}

/// Adds the gradients of `root` to those of the leaves, and of the intermediates that keep theirs.
///
/// `data` is the root's own: it is computed together with them.
pub(crate) fn backward<T: Scalar, B: Backend<T>>(
    root: &Arc<Node<T, B>>,
    data: &Tensor<T>,
    seed: Value<T, B>,
) {
    let mut found = SmallVec::<[_; 4]>::new();
    reverse(root, seed, Sweep { oldest: 0, boundary: 0, attached: false, batch: None }, |node, cotangent| {
        if node.keeps_grad() {
            found.push((node, cotangent.into_tensor()));
        }
    });
    Tensor::evaluate(found.iter().map(|(_, part)| part).chain([data]));
    // Only now that all has succeeded is anything changed.
    for (node, part) in found {
        node.meta().grad.add::<B>(part.into_ready());
    }
}

/// The gradients of `root` with respect to `wrt`, as expressions where they are `attached`; with `batch`, for as many seeds at once.
/// `None` where it does not depend on one.
pub(crate) fn gradients<T: Scalar, B: Backend<T>>(
    root: &Arc<Node<T, B>>,
    seed: Value<T, B>,
    attached: bool,
    batch: Option<usize>,
    wrt: &[&Arc<Node<T, B>>],
) -> Vec<Option<Value<T, B>>> {
    let oldest = wrt.iter().map(|node| node.id).min().unwrap_or(u64::MAX);
    collected(root, seed, Sweep { oldest, boundary: oldest, attached, batch }, wrt)
}

/// The cotangents of `wrt` in a sweep from `root`.
pub(crate) fn collected<T: Scalar, B: Backend<T>>(
    root: &Arc<Node<T, B>>,
    seed: Value<T, B>,
    sweep: Sweep,
    wrt: &[&Arc<Node<T, B>>],
) -> Vec<Option<Value<T, B>>> {
    let mut numbers: Vec<u64> = wrt.iter().map(|node| node.id).collect();
    numbers.sort_unstable();
    let mut found = vec![None; wrt.len()];
    reverse(root, seed, sweep, |node, cotangent| {
        if let Ok(i) = numbers.binary_search(&node.id) {
            found[i] = Some(cotangent);
        }
    });
    let of = |node: &&Arc<Node<T, B>>| found[numbers.binary_search(&node.id).expect("one of them")].clone();
    wrt.iter().map(of).collect()
}

/// The tangents of `roots`, given those of some values they were made from, as expressions where they are `attached`; with `batch`, as
/// many at once. `None` is zero. Nodes with smaller numbers than `oldest` have no tangents but those given.
pub(crate) fn forward<T: Scalar, B: Backend<T>>(
    roots: &[&Arc<Node<T, B>>],
    mut known: Tangents<T, B>,
    oldest: u64,
    attached: bool,
    batch: Option<usize>,
) -> Vec<Option<Value<T, B>>> {
    let mut nodes = BTreeMap::new();
    let mut stack = roots.to_vec();
    while let Some(node) = stack.pop() {
        if node.id < oldest || known.contains_key(&node.id) || nodes.insert(node.id, node).is_some() {
            continue;
        }
        if let Source::Operation(operation) = &node.source {
            stack.extend(operation.all_tracked());
        }
    }
    for (id, node) in nodes {
        let Source::Operation(operation) = &node.source else { continue };
        let at = Primal::new(node, operation, attached, batch);
        let rule = operation.rule();
        let tangents =
            (0..operation.count()).filter_map(|i| Some((i, known.get(&operation.tracked(i)?.id)?.as_ref()?)));
        if let Some(whole) = at.whole_tangent(&**rule, tangents) {
            known.insert(id, Some(whole));
        }
    }
    roots.iter().map(|root| known.get(&root.id).cloned().flatten()).collect()
}
