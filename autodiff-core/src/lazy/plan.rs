//! From expressions that are demanded together to the programs that compute them.

use super::{Expr, Lazy, Op, is_worth_keeping, product};
use crate::backend::Reduction;
use crate::program::{AxisSet, MAX_AXES, Program, Step};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::{Tensor, fit};
use ndarray::{ArrayViewD, Axis};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::sync::Arc;

/// Steps of a program after which no more results join it.
const LARGEST: usize = 128;

/// Elements in a row whose reduction is used in the same pass: the row and what is computed of it stay in the second-level
/// cache.
pub(super) const LONGEST_ROW: usize = 8192;

/// Computes what has not been computed yet of `roots`, in as few passes as their shapes allow.
pub(crate) fn evaluate<T: Scalar>(roots: impl IntoIterator<Item = Arc<Expr<T>>>) {
    let mut pending: Vec<Arc<Expr<T>>> = Vec::new();
    for root in roots {
        let companion = root.companion();
        for (root, companion) in [(Some(&root), companion.as_deref()), (companion.as_ref(), None)] {
            let Some(root) = root else { continue };
            if let Op::Product(..) = root.op {
                product::compute(root, companion);
            } else if !root.is_done() && !pending.iter().any(|other| Arc::ptr_eq(other, root)) {
                pending.push(root.clone());
            }
        }
    }
    compute(pending);
}

/// Computes what is no product, in as few passes as the shapes allow.
fn compute<T: Scalar>(mut pending: Vec<Arc<Expr<T>>>) {
    // The largest index space first: what is smaller may be computed on the way.
    pending.sort_by_key(|root| Reverse(root.space().iter().product::<usize>()));
    while !pending.is_empty() {
        let first = pending.remove(0);
        let mut plan = Plan::new(&first);
        for root in &pending {
            plan.join(root);
        }
        plan.run();
        pending.retain(|root| !root.is_done());
    }
}

impl<T: Scalar> Expr<T> {
    /// The shape over which it is computed: for a reduction that of its operand.
    fn space(&self) -> Shape {
        match (&self.op, self.operands().first()) {
            (Op::Fold(..), Some(x)) => Shape::from_slice(x.shape()),
            _ => self.shape.clone(),
        }
    }
}

/// For each axis of an expression or a tensor, that of the program at its place.
type Places = SmallVec<[Option<usize>; 4]>;

struct Plan<T> {
    shape: Shape,
    /// The axes of the reductions that other steps read, once there is one: the last ones.
    rows: AxisSet,
    steps: Vec<Step<T>>,
    varies: Vec<AxisSet>,
    /// What is there already: its axes' places, and its step.
    operands: Vec<(Tensor<T>, Places, usize)>,
    /// Steps of expressions, and the places of the axes of these that are not of length 1.
    known: FxHashMap<*const Expr<T>, (usize, Places)>,
    outputs: Vec<(usize, Arc<Expr<T>>)>,
    /// The axes of the reductions among them.
    folds: Vec<AxisSet>,
    evaluate: super::Evaluate<T>,
}

fn set(axes: impl IntoIterator<Item = usize>) -> AxisSet {
    axes.into_iter().fold(0, |set, axis| set | (1 << axis))
}

impl<T: Scalar> Plan<T> {
    fn new(first: &Arc<Expr<T>>) -> Self {
        let mut plan = Plan {
            shape: first.space(),
            rows: 0,
            steps: Vec::new(),
            varies: Vec::new(),
            operands: Vec::new(),
            known: FxHashMap::default(),
            outputs: Vec::new(),
            folds: Vec::new(),
            evaluate: first.evaluate,
        };
        let places = (0..plan.shape.len()).map(Some).collect();
        plan.root(first, &places);
        plan
    }

    /// Adds a result to compute if it shares work, or what it reads, with those there are.
    fn join(&mut self, root: &Arc<Expr<T>>) {
        if root.is_done() || self.steps.len() > LARGEST {
            return;
        }
        let space = root.space();
        let whole = self.shape.len();
        // The axes of its index space are the last, or the first, of the program's.
        let last = whole.checked_sub(space.len());
        let candidates = [last, last.filter(|&n| n > 0).map(|_| 0)];
        for start in candidates.into_iter().flatten() {
            let places: Places = (start..start + space.len()).map(Some).collect();
            let fits = space.iter().zip(&self.shape[start..]).all(|(&n, &m)| n == m || n == 1);
            let shares = || match self.known_at(root, &places) {
                Some((_, same)) => same,
                None => self.shares(root, &places, &mut FxHashSet::default()) == Some(true),
            };
            if fits && shares() && self.has_place_for(root, &places) {
                self.root(root, &places);
                return;
            }
        }
    }

    /// Whether an output may be what `root` is.
    fn has_place_for(&self, root: &Expr<T>, places: &Places) -> bool {
        let long = |shape: &[usize]| set(long_places(shape, places));
        // Where the operand of a reduction lies, the places of its result do not tell.
        if let Some((step, _)) = self.known.get(&std::ptr::from_ref(root))
            && let Step::Fold { arg, .. } = self.steps[*step]
        {
            return self.is_output_space(self.varies[arg]);
        }
        match &root.op {
            Op::Fold(op, axes) => {
                let folded = set(axes.iter().filter_map(|&axis| places[axis]));
                let along_rows = self.rows == 0 || folded & self.rows == 0 || self.rows & !folded == 0;
                let whole = *op != Reduction::SumBesideOne || self.can_read(folded);
                self.is_output_space(long(&root.space())) && along_rows && whole
            }
            Op::Map(_) => self.is_output_space(long(&root.shape)),
            Op::Product(..) => false,
        }
    }

    fn all(&self) -> AxisSet {
        set((0..self.shape.len()).filter(|&axis| self.shape[axis] != 1))
    }

    fn is_output_space(&self, varies: AxisSet) -> bool {
        varies == self.all() || (self.rows != 0 && varies == self.all() & !self.rows)
    }

    /// Whether an expression reads something that the program reads, or computes; `None` where it reads it along other
    /// axes, or when it is complete, which is after the pass. What has been `seen` is not looked through again.
    fn shares(
        &self,
        expr: &Arc<Expr<T>>,
        places: &Places,
        seen: &mut FxHashSet<(*const Expr<T>, Places)>,
    ) -> Option<bool> {
        if let Some((step, same)) = self.known_at(expr, places) {
            return (same && self.can_read_step(step)).then_some(true);
        }
        if !seen.insert((Arc::as_ptr(expr), places.clone())) {
            return Some(false);
        }
        if let Op::Product(..) = expr.op {
            return Some(false);
        }
        let mut shares = false;
        for x in expr.operands() {
            let at = match &expr.op {
                Op::Fold(_, axes) => match self.inside(&x, axes, places, self.rows) {
                    Some((inside, _)) => inside,
                    None => places.clone(),
                },
                _ => operand_places(&x, places),
            };
            shares |= match x.pending() {
                Some(lazy) => self.shares(lazy.expr(), &placed(lazy, &at), seen)?,
                None => self.known_leaf(&x, &at).is_some(),
            };
        }
        Some(shares)
    }

    fn root(&mut self, expr: &Arc<Expr<T>>, places: &Places) {
        let step = match &expr.op {
            Op::Fold(op, axes) => match self.known.get(&Arc::as_ptr(expr)) {
                Some((step, _)) => *step,
                None => {
                    let operands = expr.operands();
                    let Some(x) = operands.first() else { return };
                    let long = axes.iter().filter(|&&axis| x.shape()[axis] != 1);
                    let axes = set(long.filter_map(|&axis| places[axis]));
                    if *op == Reduction::SumBesideOne {
                        debug_assert!(self.can_read(axes), "it goes along rows");
                        self.rows = axes;
                    }
                    // Known before its operand is: the rows that there may be inside must not cut it.
                    self.folds.push(axes);
                    let arg = self.tensor(x, places);
                    debug_assert_eq!(self.varies[arg] & axes, axes, "operands have no repeated axes");
                    self.push(expr, places, Step::Fold { op: *op, arg, axes })
                }
            },
            Op::Map(_) | Op::Product(..) => self.expr(expr, places),
        };
        self.output(step, expr);
    }

    fn output(&mut self, step: usize, expr: &Arc<Expr<T>>) {
        if !expr.is_done() && !self.outputs.iter().any(|(_, known)| Arc::ptr_eq(known, expr)) {
            self.outputs.push((step, expr.clone()));
        }
    }

    fn push(&mut self, expr: &Arc<Expr<T>>, places: &Places, step: Step<T>) -> usize {
        let at = self.step(step);
        self.known.insert(Arc::as_ptr(expr), (at, long_only(expr, places)));
        at
    }

    /// The place of a step, which is there already if another expression says the same.
    fn step(&mut self, step: Step<T>) -> usize {
        if let Some(at) = self.steps.iter().position(|known| known.is_same(&step)) {
            return at;
        }
        self.varies.push(match &step {
            Step::Operand { varies, .. } => *varies,
            Step::Number(_) => 0,
            Step::Map { args, .. } => args.iter().fold(0, |set, &arg| set | self.varies[arg]),
            Step::Fold { arg, axes, .. } => self.varies[*arg] & !axes,
        });
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// The step of a tensor, each axis at its place.
    fn tensor(&mut self, x: &Tensor<T>, places: &Places) -> usize {
        match x.pending() {
            Some(lazy) => {
                let expr = lazy.expr().clone();
                self.expr(&expr, &placed(lazy, places))
            }
            None => self.leaf(x, places),
        }
    }

    fn leaf(&mut self, x: &Tensor<T>, places: &Places) -> usize {
        let base = x.base();
        if base.len() == 1 {
            return self.step(Step::Number(*base.first().expect("one element")));
        }
        if let Some(step) = self.known_leaf(x, places) {
            return step;
        }
        let varies = set(long_places(base.shape(), places));
        let step = self.step(Step::Operand { operand: self.operands.len(), varies });
        self.operands.push((x.clone(), places.clone(), step));
        step
    }

    fn known_leaf(&self, x: &Tensor<T>, places: &Places) -> Option<usize> {
        let known = self.operands.iter().find(|(other, at, _)| at == places && other.is_same_memory(x));
        known.map(|(.., step)| *step)
    }

    /// The step of an expression that others read.
    fn expr(&mut self, expr: &Arc<Expr<T>>, places: &Places) -> usize {
        if let Some((step, same)) = self.known_at(expr, places) {
            if !same || !self.can_read_step(step) {
                return self.apart(expr, places);
            }
            if let Step::Fold { axes, .. } = self.steps[step] {
                self.rows = axes;
            }
            return step;
        }
        let operands = expr.operands();
        if operands.is_empty() {
            // Another thread has just computed it.
            return self.leaf(expr.result(), places);
        }
        match &expr.op {
            Op::Product(..) => self.apart(expr, places),
            Op::Map(op) => {
                let args: SmallVec<[usize; 3]> =
                    operands.iter().map(|x| self.tensor(x, &operand_places(x, places))).collect();
                let varies = args.iter().fold(0, |set, &arg| set | self.varies[arg]);
                // What varies along some axes only would be computed again and again along the others. That is cheap for
                // numbers, and for what each row has one of.
                let cheap = varies == 0 || (self.rows != 0 && varies & self.rows == 0);
                if !cheap && varies != self.all() {
                    return self.apart(expr, places);
                }
                let step = self.push(expr, places, Step::Map { op: *op, args });
                if is_worth_keeping(expr) && self.is_output_space(varies) {
                    self.output(step, expr);
                }
                step
            }
            Op::Fold(op, axes) => {
                let x = &operands[0];
                let there = self.shape.len();
                let rows = if self.rows == 0 { self.add_axes(x, axes, places) } else { self.rows };
                let inside = self.inside(x, axes, places, rows);
                let Some((inside, folded)) = inside.filter(|(inside, folded)| {
                    // Else it would be computed again and again along other axes.
                    self.can_read(*folded) && set(long_places(x.shape(), inside)) == self.all()
                }) else {
                    self.shape.truncate(there);
                    return self.apart(expr, places);
                };
                self.rows = folded;
                let arg = self.tensor(x, &inside);
                debug_assert_eq!(self.varies[arg], self.all(), "operands have no repeated axes");
                let step = self.push(expr, places, Step::Fold { op: *op, arg, axes: folded });
                // Kept, since it is small: in another pass its terms may be added in another order, and what is compared with it, as a
                // maximum with the elements it is of, has to be made of the same number.
                self.output(step, expr);
                step
            }
        }
    }

    /// Adds the axes of a reduction that its result, at these places, has lost, if they come after all others, and there are not too
    /// many.
    fn add_axes(&mut self, x: &Tensor<T>, axes: &[usize], places: &Places) -> AxisSet {
        let there = self.shape.len();
        for &axis in axes.iter().filter(|&&axis| x.shape()[axis] != 1) {
            if self.shape.len() < MAX_AXES && places[axis..].iter().all(Option::is_none) {
                self.shape.push(x.shape()[axis]);
            }
        }
        set(there..self.shape.len())
    }

    /// The places of the operand of a reduction, whose result is at these, and those of the axes that are reduced: where the
    /// result has lost them, they are those of `rows`.
    fn inside(
        &self,
        x: &Tensor<T>,
        axes: &[usize],
        places: &Places,
        rows: AxisSet,
    ) -> Option<(Places, AxisSet)> {
        let (mut inside, mut folded) = (places.clone(), 0);
        let mut lost =
            (0..self.shape.len()).filter(|&row| (rows >> row) & 1 == 1 && !places.contains(&Some(row)));
        for &axis in axes.iter().filter(|&&axis| x.shape()[axis] != 1) {
            let place = places[axis].or_else(|| lost.next())?;
            if self.shape[place] != x.shape()[axis] {
                return None;
            }
            inside[axis] = Some(place);
            folded |= 1 << place;
        }
        // An operand's axes are in the order of the program's.
        let in_order = long_places(x.shape(), &inside).is_sorted_by(|a, b| a < b);
        in_order.then_some((inside, folded))
    }

    /// Whether a reduction along these axes can be read by steps of the same program.
    fn can_read(&self, folded: AxisSet) -> bool {
        if self.rows != 0 {
            return self.rows == folded;
        }
        let all = self.all();
        let first = folded.trailing_zeros();
        let suffix = folded != 0 && all & !((1 << first) - 1) == folded;
        let lengths =
            (0..self.shape.len()).filter(|axis| (folded >> axis) & 1 == 1).map(|axis| self.shape[axis]);
        if !suffix || lengths.product::<usize>() > LONGEST_ROW {
            return false;
        }
        self.folds.iter().all(|axes| axes & folded == 0 || folded & !axes == 0)
    }

    /// The step of an expression, if it has one, and whether that lies where `places` say.
    fn known_at(&self, expr: &Arc<Expr<T>>, places: &Places) -> Option<(usize, bool)> {
        let (step, known) = self.known.get(&Arc::as_ptr(expr))?;
        Some((*step, *known == long_only(expr, places)))
    }

    /// Whether others can read a step in the same pass.
    fn can_read_step(&self, step: usize) -> bool {
        match self.steps[step] {
            Step::Fold { axes, .. } => self.can_read(axes),
            Step::Operand { .. } | Step::Number(_) | Step::Map { .. } => true,
        }
    }

    /// Computes an expression on its own, and reads its result.
    fn apart(&mut self, expr: &Arc<Expr<T>>, places: &Places) -> usize {
        // Without its companion, which may be what this is for.
        if !expr.is_done() && !matches!(expr.op, Op::Product(..)) {
            compute(vec![expr.clone()]);
        }
        self.leaf(expr.result(), places)
    }

    fn run(self) {
        if self.outputs.is_empty() {
            return; // Another thread was first.
        }
        // Several expressions may be one step.
        let mut outputs: Vec<usize> = Vec::with_capacity(self.outputs.len());
        for (step, _) in &self.outputs {
            if !outputs.contains(step) {
                outputs.push(*step);
            }
        }
        let mut program =
            Program { shape: self.shape, rows: self.rows, steps: self.steps, outputs: outputs.clone() };
        if program.shape.is_empty() {
            program.shape.push(1);
        }
        program.prune();
        let axes = program.shape.len();
        let results = {
            let views: Vec<ArrayViewD<'_, T>> =
                self.operands.iter().map(|(x, places, _)| spread_axes(x.base(), places, axes)).collect();
            (self.evaluate)(&program, &views)
        };
        debug_assert_eq!(results.len(), outputs.len(), "one array for each output");
        for (output, result) in outputs.into_iter().zip(results) {
            let result = result.into_shared();
            for (_, expr) in self.outputs.iter().filter(|(step, _)| *step == output) {
                expr.set(Tensor::new(fit(result.clone(), &expr.shape)));
            }
        }
    }
}

/// The places of the axes of an operand, whose last axes are those of the result.
fn operand_places<T: Scalar>(x: &Tensor<T>, result: &Places) -> Places {
    Places::from_slice(&result[result.len() - x.shape().len()..])
}

/// The places of the axes of the expression in `lazy`, given those of its own.
fn placed<T: Scalar>(lazy: &Lazy<T>, places: &Places) -> Places {
    let mut inside: Places = smallvec::smallvec![None; lazy.expr().shape.len()];
    for (axis, &place) in lazy.places().iter().zip(places) {
        if let Some(axis) = axis {
            inside[usize::from(*axis)] = place;
        }
    }
    inside
}

/// The places that tell where an expression's value lies: none for axes of length 1, wherever they are put.
fn long_only<T>(expr: &Expr<T>, places: &Places) -> Places {
    expr.shape.iter().zip(places).map(|(&n, &place)| place.filter(|_| n != 1)).collect()
}

/// The places of the axes that are not of length 1.
fn long_places(shape: &[usize], places: &Places) -> impl Iterator<Item = usize> {
    shape.iter().zip(places).filter(|&(&n, _)| n != 1).filter_map(|(_, &place)| place)
}

/// A view with all `axes` of a program, of length 1 where it has none.
fn spread_axes<'a, T>(mut view: ArrayViewD<'a, T>, places: &Places, axes: usize) -> ArrayViewD<'a, T> {
    let long: SmallVec<[usize; 4]> = long_places(view.shape(), places).collect();
    for axis in (0..view.ndim()).rev() {
        if view.len_of(Axis(axis)) == 1 {
            view.index_axis_inplace(Axis(axis), 0);
        }
    }
    for axis in 0..axes {
        if !long.contains(&axis) {
            view = view.insert_axis(Axis(axis));
        }
    }
    view
}
