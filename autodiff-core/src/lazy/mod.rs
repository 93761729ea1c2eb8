//! Expressions that are computed when they are looked at, together with what they share work with.
//!
//! Elementwise operations and reductions of arrays extend an expression. It runs when its elements are read, when an
//! operation of another kind needs them, or at the end of a backward pass, which demands all gradients together.
//!
//! A matrix product waits only where it may never be looked at, as those of a gradient of which a derivative alone is asked,
//! or where another may come to read the same matrix.

mod plan;
mod product;

use crate::backend::{Backend, Elementwise, Reduction};
use crate::program::Program;
use crate::scalar::Scalar;
use crate::shape::{Shape, long_lengths};
use crate::tensor::Tensor;
use crate::threads;
use ndarray::{ArrayD, ArrayViewD};
use smallvec::SmallVec;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

pub(crate) use plan::evaluate;
pub(crate) use product::may_share;

/// Operations in an expression at which its operands are computed first: a long chain of updates must not grow
/// without end, nor be walked by recursion.
const LONGEST: u64 = 64;

/// Times that an intermediate result is computed on the way to others before it is kept. Most are needed twice, in
/// the forward and in the backward pass, where computing costs less than memory; what is needed again and again
/// must not cost more each time.
const KEPT_AFTER: u8 = 2;

pub(crate) type Evaluate<T> = fn(&Program<T>, &[ArrayViewD<'_, T>]) -> Vec<ArrayD<T>>;

#[derive(Clone, Debug)]
enum Op<T> {
    Map(Elementwise<T>),
    /// Along these axes of the operand, which keep length 1.
    Fold(Reduction, Shape),
    /// Under these leading axes, of operands that are computed. Nothing joins it.
    Product(product::Matmul<T>, Shape),
}

/// An operation that may not have run yet. Its operands are let go when it has.
pub(crate) struct Expr<T> {
    op: Op<T>,
    shape: Shape,
    /// How many operations had been made before the first in it.
    first: u64,
    /// A bound on the operations in it.
    size: u64,
    evaluate: Evaluate<T>,
    operands: Mutex<SmallVec<[Tensor<T>; 2]>>,
    result: OnceLock<Tensor<T>>,
    computed: AtomicU8,
    /// What is computed with it, if it is still there.
    companion: OnceLock<Weak<Expr<T>>>,
}

impl<T: fmt::Debug> fmt::Debug for Expr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expr").field("op", &self.op).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl<T: Scalar> Expr<T> {
    fn operands(&self) -> SmallVec<[Tensor<T>; 2]> {
        // Nothing that can panic runs under this lock.
        self.operands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_done(&self) -> bool {
        self.result.get().is_some()
    }

    fn companion(&self) -> Option<Arc<Self>> {
        self.companion.get()?.upgrade()
    }

    fn set(&self, result: Tensor<T>) {
        // Another thread may have computed the same.
        let _ = self.result.set(result);
        // Dropped after the lock is released.
        let operands = std::mem::take(&mut *self.operands.lock().unwrap_or_else(PoisonError::into_inner));
        drop(operands);
    }

    fn result(self: &Arc<Self>) -> &Tensor<T> {
        if !self.is_done() {
            evaluate([self.clone()]);
        }
        self.result.get().expect("an evaluated expression has a result")
    }
}

/// An expression, as it is or with other axes of length 1, or repeated along axes.
#[derive(Clone, Debug)]
pub(crate) struct Lazy<T> {
    expr: Arc<Expr<T>>,
    placement: Option<Arc<Placement<T>>>,
}

/// `expr` under another shape.
#[derive(Debug)]
struct Placement<T> {
    shape: Shape,
    /// For each axis, that of the expression which is there, or which a reduction left there with length 1.
    axes: Places,
    result: OnceLock<Tensor<T>>,
}

/// For each axis of one shape, the axis of another.
type Places = SmallVec<[Option<u8>; 4]>;

impl<T: Scalar> Lazy<T> {
    /// The operation on operands with no repeated axes, where it is to be computed later. Its result has `shape`.
    fn new<B: Backend<T>>(op: Op<T>, shape: Shape, operands: SmallVec<[Tensor<T>; 2]>) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let (mut first, mut size) = (number, 1);
        for lazy in operands.iter().filter_map(|x| x.pending()) {
            first = first.min(lazy.expr.first);
            size += lazy.expr.size;
        }
        // What several share is counted for each; no more can be there than were made since the first.
        size = size.min(number + 1 - first);
        if size > LONGEST {
            evaluate(operands.iter().filter_map(|x| Some(x.pending()?.expr.clone())));
            (first, size) = (number, 1);
        }
        let expr = Arc::new(Expr {
            op,
            shape,
            first,
            size,
            evaluate: B::evaluate,
            operands: Mutex::new(operands),
            result: OnceLock::new(),
            computed: AtomicU8::new(0),
            companion: OnceLock::new(),
        });
        if FUSING.get() == Fusing::Never {
            expr.result();
        }
        Lazy { expr, placement: None }
    }

    pub fn map<B: Backend<T>>(op: Elementwise<T>, shape: Shape, operands: SmallVec<[Tensor<T>; 2]>) -> Self {
        Self::new::<B>(Op::Map(op), shape, operands)
    }

    /// The reduction along axes, which keep length 1.
    pub fn fold<B: Backend<T>>(op: Reduction, axes: &[usize], x: Tensor<T>) -> Self {
        let mut shape = Shape::from_slice(x.shape());
        axes.iter().for_each(|&axis| shape[axis] = 1);
        Self::new::<B>(Op::Fold(op, Shape::from_slice(axes)), shape, SmallVec::from_iter([x]))
    }

    pub fn shape(&self) -> &[usize] {
        self.placement.as_ref().map_or(&self.expr.shape, |p| &p.shape)
    }

    pub fn is_done(&self) -> bool {
        self.expr.is_done()
    }

    /// Has both computed together, whichever is looked at first, as long as both are there.
    pub fn accompany(&self, other: &Self) {
        let (a, b) = (&self.expr, &other.expr);
        if !Arc::ptr_eq(a, b) {
            // One that has a companion keeps it.
            let _ = a.companion.set(Arc::downgrade(b));
            let _ = b.companion.set(Arc::downgrade(a));
        }
    }

    pub fn expr(&self) -> &Arc<Expr<T>> {
        &self.expr
    }

    /// The result, computed now if it was not.
    pub fn ready(&self) -> &Tensor<T> {
        let whole = self.expr.result();
        match &self.placement {
            None => whole,
            Some(p) => p.result.get_or_init(|| whole.reshape(&self.compact_shape()).broadcast_to(&p.shape)),
        }
    }

    fn places(&self) -> Places {
        match &self.placement {
            None => (0..self.expr.shape.len()).map(|axis| Some(axis as u8)).collect(),
            Some(p) => p.axes.clone(),
        }
    }

    fn placed(&self, shape: Shape, axes: Places) -> Self {
        let plain = shape == self.expr.shape && axes.iter().enumerate().all(|(i, &a)| a == Some(i as u8));
        let placement = (!plain).then(|| Arc::new(Placement { shape, axes, result: OnceLock::new() }));
        Lazy { expr: self.expr.clone(), placement }
    }

    /// The shape, with length 1 for axes that are repeated.
    fn compact_shape(&self) -> Shape {
        let length = |axis: &Option<u8>| axis.map_or(1, |axis| self.expr.shape[usize::from(axis)]);
        self.places().iter().map(length).collect()
    }

    /// The same without repetitions: repeated axes have length 1.
    pub fn compact(&self) -> Self {
        match &self.placement {
            None => self.clone(),
            Some(p) => self.placed(self.compact_shape(), p.axes.clone()),
        }
    }

    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        let own = self.places();
        let axes = std::iter::repeat_n(None, shape.len() - own.len()).chain(own).collect();
        self.placed(Shape::from_slice(shape), axes)
    }

    /// The same elements under a shape that differs in axes of length 1 alone, if it does.
    pub fn reshape(&self, shape: &[usize]) -> Option<Self> {
        if long_lengths(self.shape()) != long_lengths(shape) {
            return None;
        }
        let mut own = self.places().into_iter().zip(self.shape()).filter(|&(_, &n)| n != 1);
        let mut axes: Places = (shape.iter())
            .map(|&n| if n == 1 { None } else { own.next().and_then(|(axis, _)| axis) })
            .collect();
        // Where as many axes of length 1 come back between two others as the expression has there, they are those: so
        // a reduction whose axis was dropped and kept again is known to have gone along it.
        let mut start = 0;
        let mut first = 0;
        while start < axes.len() {
            let end = (start..axes.len()).find(|&i| axes[i].is_some()).unwrap_or(axes.len());
            let last = axes.get(end).copied().flatten().map_or(self.expr.shape.len(), usize::from);
            if end - start == last - first && self.expr.shape[first..last].iter().all(|&n| n == 1) {
                (start..end).zip(first..last).for_each(|(to, from)| axes[to] = Some(from as u8));
            }
            (start, first) = (end + 1, last + 1);
        }
        Some(self.placed(Shape::from_slice(shape), axes))
    }
}

/// Which operations join an expression.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusing {
    /// Those of arrays so large that it pays. Short arrays do not get to the backend.
    WhereItPays,
    /// All of arrays.
    Always,
    /// None: each is computed by the backend on its own, as soon as it is called.
    Never,
}

impl Fusing {
    /// What the environment variable `AUTODIFF_FUSING` says.
    fn of_environment() -> Self {
        match std::env::var("AUTODIFF_FUSING").as_deref() {
            Err(_) | Ok("") => Fusing::WhereItPays,
            Ok("always") => Fusing::Always,
            Ok("never") => Fusing::Never,
            Ok(other) => {
                panic!("AUTODIFF_FUSING={other}: expected \"always\" or \"never\", or no such variable")
            }
        }
    }
}

thread_local! {
    static FUSING: Cell<Fusing> = Cell::new(Fusing::of_environment());
}

/// Runs `f` with another choice of what is fused: tests compare the results.
#[doc(hidden)]
pub fn with_fusing<R>(fusing: Fusing, f: impl FnOnce() -> R) -> R {
    threads::with(&FUSING, fusing, f)
}

/// Elements up to which an operation is computed at once: what is saved later would not pay for the planning.
const SMALL: usize = 2048;

/// Whether an operation over so many elements of computed operands is itself computed at once.
pub(crate) fn is_immediate(elements: usize) -> bool {
    elements <= SMALL && FUSING.get() != Fusing::Always
}

/// Whether short arrays are worked on apart from others, without the backend.
#[inline]
pub(crate) fn are_few_apart() -> bool {
    FUSING.get() == Fusing::WhereItPays
}

/// Whether so many elements are one row of a program.
pub(crate) fn is_row(elements: usize) -> bool {
    elements <= plan::LONGEST_ROW
}

/// Whether an intermediate result has been computed often enough to be kept this time.
fn is_worth_keeping<T>(expr: &Expr<T>) -> bool {
    expr.computed.fetch_add(1, Ordering::Relaxed) >= KEPT_AFTER
}
