//! Programs in one pass: rows of the index space, block by block through all steps, while they are in the first-level cache.
//!
//! [`space`] orders and merges the axes, so that memory is read as it lies. [`code`] turns the steps into instructions on
//! registers, which hold one block each. [`run`] interprets them, while [`ahead`] has memory bring the next block. [`sums`]
//! adds up reductions in a tree that depends on the shape alone, not on the number of threads.

mod ahead;
mod code;
mod register;
mod run;
mod space;
mod sums;

use crate::program::{AxisSet, Program};
use crate::scalar::Scalar;
use code::{Code, Sink};
use ndarray::{ArrayD, ArrayViewD};
use space::Space;

pub(super) fn evaluate<T: Scalar>(program: &Program<T>, operands: &[ArrayViewD<'_, T>]) -> Vec<ArrayD<T>> {
    let copies: Vec<Option<ArrayD<T>>> =
        operands.iter().map(|x| space::with_whole_rows(program, x)).collect();
    let operands: Vec<ArrayViewD<'_, T>> = operands
        .iter()
        .zip(&copies)
        .map(|(x, copy)| copy.as_ref().map_or(x.view(), |copy| copy.view()))
        .collect();
    let space = Space::new(program, &operands);
    let code = Code::new(program, &space);
    let (arrays, mut sums) = run::run(&space, &code);
    let mut arrays: Vec<Option<Vec<T>>> = arrays.into_iter().map(Some).collect();
    let varies = program.varies();
    let result = |(&output, sink): (&usize, &Sink)| match *sink {
        Sink::Full(i) => space.array(arrays[i].take().expect("each is one output"), all(program)),
        Sink::Row(i) => space.array(arrays[i].take().expect("each is one output"), space.outer_axes()),
        Sink::Accumulator(i) => {
            let total = space.array(std::mem::take(&mut sums[i]), varies[output]);
            code.accumulators[i].finish(program, &operands, output, total)
        }
    };
    program.outputs().iter().zip(&code.sinks).map(result).collect()
}

/// All axes that are not of length 1.
fn all<T: Scalar>(program: &Program<T>) -> AxisSet {
    let long = program.shape().iter().enumerate().filter(|&(_, &n)| n != 1);
    long.fold(0, |set, (axis, _)| set | (1 << axis))
}
