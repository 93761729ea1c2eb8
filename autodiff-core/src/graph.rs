//! Recording, and the reverse and the forward sweep through what was recorded.

use crate::backend::{Backend, Binary};
use crate::few::Dims;
use crate::follow::{self, Tangents};
use crate::frontier::Frontier;
use crate::native::simd::Lanes;
use crate::node::{Edge, Node, Operation, Source};
use crate::rules::elementwise::{AtFew, AtNumbers, Partial};
use crate::rules::{Listed, Recorded, Rule};
use crate::scalar::Scalar;
use crate::shape::{Shape, same};
use crate::tensor::Tensor;
use crate::threads;
use crate::value::Value;
use ndarray::SliceInfoElem;
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use triomphe::Arc;

/// What a rule's derivative reads: the inputs and the output of one application of it.
pub(crate) struct Primal<'a, T: Scalar, B: Backend<T>> {
    node: &'a Arc<Node<T, B>>,
    operation: &'a Operation<T, B>,
    /// Whether the derivative is to be differentiated again.
    attached: bool,
    /// How many cotangents or tangents go through the derivative at once, side by side along a leading axis.
    batch: Option<usize>,
}

impl<'a, T: Scalar, B: Backend<T>> Primal<'a, T, B> {
    fn value(&self, data: Option<Tensor<T>>, node: Option<&Arc<Node<T, B>>>) -> Value<T, B> {
        let data =
            data.unwrap_or_else(|| panic!("{}: a derivative reads what it does not keep", self.node.op()));
        let value = Value::from_parts(data, node.filter(|_| self.attached).cloned());
        match self.batch {
            None => value,
            // The same for the whole batch.
            Some(_) => {
                let shape = with_leading(1, value.shape());
                value.with_shape("reshape", shape)
            }
        }
    }

    /// Input `i`; in a batch, with a leading axis of length 1.
    pub fn x(&self, i: usize) -> Value<T, B> {
        self.value(self.operation.input(i), self.operation.tracked(i))
    }

    /// The output; in a batch, with a leading axis of length 1.
    pub fn y(&self) -> Value<T, B> {
        self.value(self.operation.output(), Some(self.node))
    }

    /// The shape of the cotangent, or the tangent, of input `i`, which is not a constant.
    pub fn shape(&self, i: usize) -> Shape {
        let shape = self.input_shape(i);
        self.batch.map_or_else(|| Shape::from_slice(shape), |n| with_leading(n, shape))
    }

    /// The shape of input `i`, which is not a constant.
    fn input_shape(&self, i: usize) -> &[usize] {
        self.operation.tracked(i).expect("a tracked input").shape()
    }

    /// Whether the derivative is to be differentiated again.
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// How many cotangents or tangents there are at once.
    pub fn batch(&self) -> Option<usize> {
        self.batch
    }

    /// The same without the leading axes of a batch.
    pub fn single(&self) -> Self {
        Primal { batch: None, ..*self }
    }

    /// Where the cotangent of input `i` goes.
    pub fn node(&self, i: usize) -> Option<&Arc<Node<T, B>>> {
        self.operation.tracked(i)
    }

    /// The number of inputs.
    pub fn count(&self) -> usize {
        self.operation.count()
    }

    /// For one derivative; `attached` where that is to be differentiated again.
    pub fn new(node: &'a Arc<Node<T, B>>, operation: &'a Operation<T, B>, attached: bool) -> Self {
        Primal { node, operation, attached, batch: None }
    }

    /// What is of the output's shape, summed over the axes along which input `i` was broadcast.
    pub fn undone(&self, part: Value<T, B>, i: usize) -> Value<T, B> {
        match self.batch {
            None => part.sum_to(self.input_shape(i)),
            Some(_) => part.sum_to_aligned(&self.shape(i), true),
        }
    }

    /// The cotangent of input `i`, of its shape.
    fn cotangent(&self, rule: &dyn Rule<T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let undone = |part| self.undone(part, i);
        match self.batch {
            None => rule.vjp(self, g, i).map(undone),
            Some(n) => match rule.batched(n) {
                Some(rule) => rule.vjp(self, g, i).map(undone),
                None => {
                    let at = self.single();
                    one_by_one(n, g, |g| at.cotangent(rule, g, i))
                }
            },
        }
    }

    /// The sum of the cotangent of input `i` and what others have brought.
    fn add_cotangent(
        &self,
        rule: &dyn Rule<T, B>,
        g: &Value<T, B>,
        i: usize,
        sum: Option<Value<T, B>>,
    ) -> Option<Value<T, B>> {
        let sum = match sum {
            Some(sum) if !self.attached && self.batch.is_none() => {
                match rule.add_vjp(g.tensor(), i, sum.into_tensor()) {
                    Ok(total) => return Some(Value::from_parts(total, None)),
                    Err(sum) => Some(Value::from_parts(sum, None)),
                }
            }
            sum => sum,
        };
        accumulated(sum, self.cotangent(rule, g, i))
    }

    /// The tangent of the output, of its shape, given those of inputs. `None` is zero.
    pub fn whole_tangent<'t>(
        &self,
        rule: &dyn Rule<T, B>,
        tangents: impl Iterator<Item = (usize, &'t Value<T, B>)>,
    ) -> Option<Value<T, B>> {
        let tangents: SmallVec<[_; 2]> = tangents.collect();
        if tangents.is_empty() {
            return None;
        }
        if !self.attached
            && self.batch.is_none()
            && let Some(tangent) = self.number_tangent(&tangents)
        {
            return Some(tangent);
        }
        let one_by_one = || {
            let each = tangents.iter().filter_map(|&(i, t)| self.tangent(rule, t, i));
            each.reduce(|sum, part| sum + part)
        };
        let sum = rule.jvp_all(self, &tangents).unwrap_or_else(one_by_one)?;
        Some(match self.batch {
            None => sum.spread_to(self.node.shape()),
            Some(n) => sum.spread_to(&with_leading(n, self.node.shape())),
        })
    }

    /// The same of an operation on numbers, without a value for each step of the derivative. `None` where it is no such operation.
    fn number_tangent(&self, tangents: &[(usize, &Value<T, B>)]) -> Option<Value<T, B>> {
        let Operation::Numbers { rule, at, .. } = self.operation else { return None };
        let mut sum = None;
        for &(i, t) in tangents {
            // The derivative by a number is its own transpose.
            if let Some(part) = rule.number_vjp(at, t.tensor().number()?, i) {
                sum = Some(sum.map_or(part, |sum| sum + part));
            }
        }
        Some(Value::number(sum.unwrap_or_else(T::zero)))
    }

    /// The tangent of the output due to that of input `i`, of a shape that broadcasts to the output's.
    fn tangent(&self, rule: &dyn Rule<T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let Some(n) = self.batch else { return rule.jvp(self, t, i) };
        match rule.batched(n) {
            Some(batched) if rule.broadcasts() => batched.jvp(self, &t.align(self.node.shape().len() + 1), i),
            Some(batched) => batched.jvp(self, t, i),
            None => {
                let at = self.single();
                one_by_one(n, t, |t| Some(rule.jvp(&at, t, i)?.spread_to(self.node.shape())))
            }
        }
    }
}

fn accumulated<T: Scalar, B: Backend<T>>(
    sum: Option<Value<T, B>>,
    part: Option<Value<T, B>>,
) -> Option<Value<T, B>> {
    match (sum, part) {
        (Some(sum), Some(part)) => Some(sum.accumulate(part)),
        (sum, part) => sum.or(part),
    }
}

/// `shape` after an axis of length `n`.
pub(crate) fn with_leading(n: usize, shape: &[usize]) -> Shape {
    std::iter::once(n).chain(shape.iter().copied()).collect()
}

/// What `f` gives for each part of `x` along the first axis, side by side again.
fn one_by_one<T: Scalar, B: Backend<T>>(
    n: usize,
    x: &Value<T, B>,
    f: impl Fn(&Value<T, B>) -> Option<Value<T, B>>,
) -> Option<Value<T, B>> {
    let part = |b: usize| {
        let mut info = vec![SliceInfoElem::from(..); x.ndim()];
        info[0] = SliceInfoElem::Index(b as isize);
        f(&x.slice(info))
    };
    let parts: Option<Vec<_>> = (0..n).map(part).collect();
    Some(Value::stack(&parts?, 0))
}

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
                    let at = Primal { node, operation, attached, batch };
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
    let (operation, rule) = (at.operation, at.operation.rule());
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
        let at = Primal { node, operation, attached, batch };
        let rule = operation.rule();
        let tangents =
            (0..operation.count()).filter_map(|i| Some((i, known.get(&operation.tracked(i)?.id)?.as_ref()?)));
        if let Some(whole) = at.whole_tangent(&**rule, tangents) {
            known.insert(id, Some(whole));
        }
    }
    roots.iter().map(|root| known.get(&root.id).cloned().flatten()).collect()
}
