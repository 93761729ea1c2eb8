//! Copies and sums of arrays that lie differently in memory: along rows, in tiles, and on several threads.

use crate::memory;
use crate::scalar::Scalar;
use crate::threads;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, Zip};
use smallvec::SmallVec;

/// Elements with which a thread is worth its waking.
const TASK: usize = 64 * 1024;

/// Rows with fewer elements are not worth a loop of their own.
const SHORT: usize = 8;

/// The sides of a tile of which both the rows and the columns stay in the first-level cache.
const TILE: usize = 32;

/// Copies `from` to `to`, of the same shape.
pub(crate) fn assign<T: Scalar>(to: ArrayViewMutD<'_, T>, from: ArrayViewD<'_, T>) {
    each(to, from, |to, &from| *to = from);
}

/// Copies as many elements, which may be so few that to call for a copy would take longer.
#[inline]
pub(crate) fn short<T: Scalar>(to: &mut [T], from: &[T]) {
    match to.len() {
        0..SHORT => to.iter_mut().zip(from).for_each(|(to, &x)| *to = x),
        _ => to.copy_from_slice(from),
    }
}

/// Writes the elements `x` of an array of shape `from`, repeated to make `to`, which is not empty: each axis of `from`, counted from
/// the last, has the length of that of `to`, or 1.
pub(crate) fn spread<T: Scalar>(from: &[usize], x: &[T], to: &[usize], y: &mut [T]) {
    match x {
        [x] => return y.fill(*x),
        _ if x.len() == y.len() => return y.copy_from_slice(x),
        _ => {}
    }
    let (own, lengths, part) = (from.len() == to.len(), &to[1..], y.len() / to[0]);
    if own && from[0] == to[0] {
        let (x, y) = (x.chunks_exact(x.len() / to[0]), y.chunks_exact_mut(part));
        return x.zip(y).for_each(|(x, y)| spread(&from[1..], x, lengths, y));
    }
    spread(&from[usize::from(own)..], x, lengths, &mut y[..part]);
    let mut done = part;
    while done < y.len() {
        let more = done.min(y.len() - done);
        y.copy_within(..more, done);
        done += more;
    }
}

/// A copy in row-major order.
pub(crate) fn row_major<T: Scalar>(x: ArrayViewD<'_, T>) -> ArrayD<T> {
    let mut copy = memory::array(x.shape());
    assign(copy.view_mut(), x);
    copy
}

/// Adds `part` to `sum`, of the same shape.
pub(crate) fn add_assign<T: Scalar>(sum: ArrayViewMutD<'_, T>, part: ArrayViewD<'_, T>) {
    each(sum, part, |sum, &part| *sum += part);
}

/// Calls `f` with the elements of both at each place.
fn each<T: Scalar>(to: ArrayViewMutD<'_, T>, from: ArrayViewD<'_, T>, f: impl Fn(&mut T, &T) + Copy + Sync) {
    debug_assert_eq!(to.shape(), from.shape());
    let mut tasks = SmallVec::new();
    match rayon::current_num_threads() {
        1 => tasks.push((to, from)),
        _ => share(to, from, &mut tasks),
    }
    threads::each(tasks, |(to, from)| rows(to, from, f));
}

/// A part of both arrays.
type Task<'a, T> = (ArrayViewMutD<'a, T>, ArrayViewD<'a, T>);

/// Cuts both along the slowest axis, into parts that are worth a thread each.
fn share<'a, T: Scalar>(
    to: ArrayViewMutD<'a, T>,
    from: ArrayViewD<'a, T>,
    tasks: &mut SmallVec<[Task<'a, T>; 1]>,
) {
    let slowest = to.axes().filter(|axis| axis.len > 1).max_by_key(|axis| axis.stride.unsigned_abs());
    match slowest {
        Some(axis) if to.len() >= 2 * TASK => {
            let (at, axis) = (axis.len / 2, axis.axis);
            let ((to, to_rest), (from, from_rest)) = (to.split_at(axis, at), from.split_at(axis, at));
            share(to, from, tasks);
            share(to_rest, from_rest, tasks);
        }
        _ => tasks.push((to, from)),
    }
}

fn rows<T: Scalar>(
    mut to: ArrayViewMutD<'_, T>,
    from: ArrayViewD<'_, T>,
    f: impl Fn(&mut T, &T) + Copy + Sync,
) {
    let long = || (0..to.ndim()).map(Axis).filter(|&axis| to.len_of(axis) > 1);
    let along = long().min_by_key(|&axis| to.stride_of(axis).unsigned_abs());
    let across = long().min_by_key(|&axis| from.stride_of(axis).unsigned_abs());
    let (Some(along), Some(across)) = (along, across) else {
        return to.zip_mut_with(&from, f);
    };
    if along == across && to.len_of(along) < SHORT || to.strides() == from.strides() {
        return to.zip_mut_with(&from, f);
    }
    // Where the rows of one are the columns of the other, each line of the cache is read for several of them.
    let longer = if to.len_of(along) >= to.len_of(across) { along } else { across };
    if along != across && to.len_of(longer) > TILE {
        let at = (to.len_of(longer) / 2).next_multiple_of(SHORT);
        let ((to, to_rest), (from, from_rest)) = (to.split_at(longer, at), from.split_at(longer, at));
        rows(to, from, f);
        return rows(to_rest, from_rest, f);
    }
    Zip::from(to.lanes_mut(along)).and(from.lanes(along)).for_each(|mut to, from| {
        match (to.as_slice_mut(), from.to_slice()) {
            (Some(to), Some(from)) => to.iter_mut().zip(from).for_each(|(to, from)| f(to, from)),
            _ => to.zip_mut_with(&from, f),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn, Slice};

    fn numbers(shape: &[usize]) -> ArrayD<f64> {
        let mut k = 0.0;
        ArrayD::from_shape_simple_fn(IxDyn(shape), || {
            k += 1.0;
            k
        })
    }

    /// All orders of three axes.
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

    #[test]
    fn every_layout_is_copied_and_added_as_ndarray_does() {
        for shape in [[2, 3, 4], [70, 1, 90], [40, 65, 33], [1, 1, 1], [0, 5, 2], [3, 200, 300]] {
            let whole = numbers(&shape.map(|n| 2 * n));
            for order in ORDERS {
                for step in [1_isize, 2, -1, -2] {
                    let part = whole.slice_each_axis(|axis| {
                        let n = axis.len as isize / 2;
                        let end = if step.abs() == 1 { n } else { 2 * n };
                        Slice::new(0, Some(end), step)
                    });
                    let from = part.permuted_axes(IxDyn(&order));
                    for to_order in ORDERS {
                        let lengths = |i: usize| from.shape()[i];
                        let laid = to_order.map(lengths);
                        let mut places = [0; 3];
                        to_order.iter().enumerate().for_each(|(at, &axis)| places[axis] = at);
                        let mut to = numbers(&laid).permuted_axes(IxDyn(&places));
                        let want = &to + &from;
                        add_assign(to.view_mut(), from.view());
                        assert_eq!(to, want, "{shape:?} {order:?} {step} {to_order:?}");
                        assign(to.view_mut(), from.view());
                        assert_eq!(to, from, "{shape:?} {order:?} {step} {to_order:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_repeated_and_what_has_no_axes() {
        let row = numbers(&[500]);
        let mut to = numbers(&[400, 500]);
        assign(to.view_mut(), row.broadcast(IxDyn(&[400, 500])).unwrap());
        assert!(
            to.rows().into_iter().all(|r| r == row.view().into_dimensionality::<ndarray::Ix1>().unwrap())
        );
        let mut number = numbers(&[]);
        add_assign(number.view_mut(), numbers(&[]).view());
        assert_eq!(number.first(), Some(&2.0));
    }
}
