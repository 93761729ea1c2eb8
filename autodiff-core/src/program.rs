//! What a backend computes in one go: elementwise operations, and the reductions among and after them.

use crate::backend::{Elementwise, Reduction};
use crate::scalar::{Scalar, is_same_number};
use crate::shape::Shape;
use smallvec::SmallVec;

/// Axes of a program's index space: bit `i` for axis `i`.
pub type AxisSet = u64;

/// The most axes that an index space can have.
pub(crate) const MAX_AXES: usize = AxisSet::BITS as usize;

/// Elementwise operations and reductions over one index space, in the order in which they can be computed.
///
/// Each step makes a value for every index along the axes that it [varies](Program::varies) along; along the others
/// its value is repeated. What a step reads comes before it.
#[derive(Clone, Debug)]
pub struct Program<T> {
    pub(crate) shape: Shape,
    pub(crate) rows: AxisSet,
    pub(crate) steps: Vec<Step<T>>,
    pub(crate) outputs: Vec<usize>,
}

/// One step of a [`Program`]. Steps are named by their places in the list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step<T> {
    /// The elements of an operand, which has as many axes as the index space, and length 1 where it is repeated.
    Operand {
        /// Which of the operands.
        operand: usize,
        /// The axes along which it is not repeated.
        varies: AxisSet,
    },
    /// A number.
    Number(T),
    /// An elementwise operation on earlier steps.
    Map {
        /// What is computed.
        op: Elementwise<T>,
        /// The steps it reads.
        args: SmallVec<[usize; 3]>,
    },
    /// The reduction of an earlier step along axes, each of which it varies along.
    Fold {
        /// What is computed.
        op: Reduction,
        /// The step it reads.
        arg: usize,
        /// The axes that are reduced.
        axes: AxisSet,
    },
}

impl<T: Scalar> Program<T> {
    /// The lengths of the axes of the index space. None is 0.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The last axes, those that the reductions that other steps read go along; empty where none is read.
    pub fn rows(&self) -> AxisSet {
        self.rows
    }

    /// The steps.
    pub fn steps(&self) -> &[Step<T>] {
        &self.steps
    }

    /// The steps whose values are asked for: as arrays with all axes, of length 1 where they do not vary.
    ///
    /// Each is a reduction, or varies along all axes, or along all but [`rows`](Program::rows).
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// The axes along which each step varies.
    pub fn varies(&self) -> Vec<AxisSet> {
        let mut varies: Vec<AxisSet> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            varies.push(match step {
                Step::Operand { varies, .. } => *varies,
                Step::Number(_) => 0,
                Step::Map { args, .. } => args.iter().fold(0, |set, &arg| set | varies[arg]),
                Step::Fold { arg, axes, .. } => varies[*arg] & !axes,
            });
        }
        varies
    }

    /// Leaves out the steps that no output depends on.
    pub(crate) fn prune(&mut self) {
        let mut needed = vec![false; self.steps.len()];
        self.outputs.iter().for_each(|&output| needed[output] = true);
        for at in (0..self.steps.len()).rev() {
            if needed[at] {
                self.steps[at].args().iter().for_each(|&arg| needed[arg] = true);
            }
        }
        let mut place = Vec::with_capacity(needed.len());
        let mut kept = 0;
        for &needed in &needed {
            place.push(kept);
            kept += usize::from(needed);
        }
        let mut at = 0;
        self.steps.retain(|_| {
            at += 1;
            needed[at - 1]
        });
        for step in &mut self.steps {
            match step {
                Step::Map { args, .. } => args.iter_mut().for_each(|arg| *arg = place[*arg]),
                Step::Fold { arg, .. } => *arg = place[*arg],
                Step::Operand { .. } | Step::Number(_) => {}
            }
        }
        self.outputs.iter_mut().for_each(|output| *output = place[*output]);
    }
}

impl<T> Step<T> {
    /// The steps that this one reads.
    pub fn args(&self) -> &[usize] {
        match self {
            Step::Map { args, .. } => args,
            Step::Fold { arg, .. } => std::slice::from_ref(arg),
            Step::Operand { .. } | Step::Number(_) => &[],
        }
    }
}

impl<T: Scalar> Step<T> {
    /// Whether both are the same bits.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Step::Number(x), Step::Number(y)) => is_same_number(*x, *y),
            (Step::Map { op, args }, Step::Map { op: op2, args: args2 }) => op.is_same(*op2) && args == args2,
            _ => self == other,
        }
    }
}
