//! Programs in one pass: rows of the index space, block by block through all steps, while they are in the first-level cache.
//!
//! [`space`] orders and merges the axes, so that memory is read as it lies. [`code`] turns the steps into instructions on
//! registers, which hold one block each. [`run`] interprets them, while [`ahead`] has memory bring the next block. [`sums`]
//! adds up reductions in a tree that depends on the shape alone, not on the number of threads.

mod ahead;
mod code;
mod run;
mod space;
mod sums;

use crate::memory::Buffer;
use crate::program::{AxisSet, Program};
use crate::scalar::Scalar;
use code::{Code, Sink};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
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
    let mut arrays: Vec<Option<Buffer<T>>> = arrays.into_iter().map(Some).collect();
    let mut array = |i: usize, varies: AxisSet| {
        let elements = arrays[i].take().expect("each is one output");
        space.array(varies, |shape| elements.into_array(shape))
    };
    let varies = program.varies();
    let result = |(&output, sink): (&usize, &Sink)| match *sink {
        Sink::Full(i) => array(i, all(program)),
        Sink::Row(i) => array(i, space.outer_axes()),
        Sink::Accumulator(i) => {
            let total = space.array(varies[output], |shape| {
                ArrayD::from_shape_vec(IxDyn(shape), std::mem::take(&mut sums[i]))
                    .expect("one for each place")
            });
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
