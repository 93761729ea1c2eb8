//! One pass over the operands for each operation, block by block.
//!
//! Loops run over packed blocks in the first-level cache: an operand that is packed already is read where it is,
//! any other is gathered a block at a time. Each operation then has one short loop, which vectorises.

use super::simd::Lanes;
use crate::backend::Elementwise;
use crate::copies;
use crate::scalar::Scalar;
use crate::shape::common_shape;
use ndarray::iter::{Iter, LanesIter};
use ndarray::{ArrayD, ArrayView1, ArrayViewD, Axis, IxDyn};
use smallvec::SmallVec;

/// Elements in a block: with three operands of `f64`, three quarters of the smallest first-level cache.
const BLOCK: usize = 1024;

/// Rows with fewer elements are read element by element.
const SHORT: usize = 4;

pub(super) fn elementwise<T: Scalar>(op: Elementwise<T>, operands: &[ArrayViewD<'_, T>]) -> ArrayD<T> {
    let shape = common_shape(operands.iter().map(|x| x.shape()));
    if let Some(result) = in_place(op, operands, &shape) {
        return result;
    }
    let wide: SmallVec<[ArrayViewD<'_, T>; 3]> = (operands.iter())
        .map(|x| x.broadcast(IxDyn(&shape)).expect("operands broadcast to their common shape"))
        .collect();
    // Column-major operands are row-major ones with their axes in reverse, and so is the result.
    let column_major = wide.iter().all(|x| !x.is_standard_layout() && x.t().is_standard_layout());
    match column_major {
        true => packed(op, &wide.iter().map(|x| x.t()).collect::<SmallVec<[_; 3]>>()).reversed_axes(),
        false => packed(op, &wide),
    }
}

/// The result, where it is no longer than a block and each operand is packed: with little to do beside the operation.
fn in_place<T: Scalar>(
    op: Elementwise<T>,
    operands: &[ArrayViewD<'_, T>],
    shape: &[usize],
) -> Option<ArrayD<T>> {
    let n = shape.iter().product();
    if !(1..=BLOCK).contains(&n) {
        return None;
    }
    let mut wide = SmallVec::<[Vec<T>; 3]>::new();
    for x in operands {
        let packed = x.as_slice()?;
        let mut place = Vec::new();
        if packed.len() != 1 && packed.len() != n {
            place.resize(n, T::zero());
            copies::spread(x.shape(), packed, shape, &mut place);
        }
        wide.push(place);
    }
    let lanes = operands.iter().zip(&wide).map(|(x, wide)| match x.as_slice() {
        Some([x]) => Lanes::Same(x),
        Some(all) if wide.is_empty() => Lanes::Each(all),
        _ => Lanes::Each(wide),
    });
    let mut result = vec![T::zero(); n];
    op.apply(&lanes.collect::<SmallVec<[_; 3]>>(), &mut result);
    Some(ArrayD::from_shape_vec(IxDyn(shape), result).expect("one result for each place"))
}

/// The result in row-major order, of operands that have one shape.
fn packed<T: Scalar>(op: Elementwise<T>, operands: &[ArrayViewD<'_, T>]) -> ArrayD<T> {
    let n = operands[0].len();
    let mut result = Vec::with_capacity(n);
    let mut sources: SmallVec<[Source<'_, T>; 3]> = operands.iter().map(|x| Source::new(x, n)).collect();
    for start in (0..n).step_by(BLOCK) {
        let block = start..(start + BLOCK).min(n);
        // Zeros in the first-level cache, where they are overwritten: memory sees the results alone.
        result.resize(block.end, T::zero());
        let y = &mut result[start..];
        let lanes: SmallVec<[Lanes<'_, T>; 3]> = sources.iter_mut().map(|x| x.block(block.clone())).collect();
        op.apply(&lanes, y);
    }
    ArrayD::from_shape_vec(operands[0].raw_dim(), result).expect("one result for each place")
}

/// An operand that gives its elements in row-major order, a block at a time.
enum Source<'a, T> {
    /// Packed: read where it is.
    Slice(&'a [T]),
    /// One element everywhere.
    Constant(T),
    /// Rows, one after the other; the rest of the current one; the gathered block.
    Rows(LanesIter<'a, T, IxDyn>, ArrayView1<'a, T>, Vec<T>),
    /// Anything else, and the gathered block.
    Elements(Iter<'a, T, IxDyn>, Vec<T>),
}

impl<'a, T: Scalar> Source<'a, T> {
    fn new(x: &'a ArrayViewD<'_, T>, n: usize) -> Self {
        let last = x.ndim().wrapping_sub(1);
        if let Some(slice) = x.as_slice() {
            return Source::Slice(slice);
        }
        match x.first() {
            Some(&first) if x.strides().iter().all(|&s| s == 0) => Source::Constant(first),
            Some(_) if x.len_of(Axis(last)) >= SHORT => Source::Rows(
                x.lanes(Axis(last)).into_iter(),
                ArrayView1::from(&[]),
                Vec::with_capacity(n.min(BLOCK)),
            ),
            _ => Source::Elements(x.iter(), Vec::with_capacity(n.min(BLOCK))),
        }
    }

    /// The elements of the next block, which are those of the given range.
    fn block(&mut self, range: std::ops::Range<usize>) -> Lanes<'_, T> {
        let n = range.len();
        match self {
            Source::Slice(all) => Lanes::Each(&all[range]),
            Source::Constant(x) => Lanes::Same(x),
            Source::Rows(rows, rest, block) => {
                block.clear();
                while block.len() < n {
                    if rest.is_empty() {
                        *rest = rows.next().expect("as many rows as the shape has");
                    }
                    let (now, later) = rest.split_at(Axis(0), rest.len().min(n - block.len()));
                    match (now.to_slice(), now.strides()) {
                        (Some(packed), _) => block.extend_from_slice(packed),
                        (None, [0]) => block.resize(block.len() + now.len(), now[0]),
                        _ => block.extend(now),
                    }
                    *rest = later;
                }
                Lanes::Each(block)
            }
            Source::Elements(all, block) => {
                block.clear();
                block.extend(all.take(n));
                Lanes::Each(block)
            }
        }
    }
}
