//! Arrays of a few elements: shape and elements in one allocation, worked on without `ndarray` and the backend, whose care
//! for large arrays takes longer than the work on a few numbers.

use crate::backend::Reduction;
use crate::lazy;
use crate::native::{fold_slice, sum_slice};
use crate::scalar::Scalar;
use ndarray::{ArcArray, ArrayViewD, ArrayViewMutD, IxDyn};
use std::sync::Arc;

/// The most elements of such an array.
pub(crate) const MOST: usize = 16;

/// The most axes of such an array.
const AXES: usize = 4;

/// The elements of such an array, or of one that becomes one; what follows them is not read.
pub(crate) type Elements<T> = [T; MOST];

/// The shape of such an array: of at least one element and at most [`MOST`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dims {
    lengths: [usize; AXES],
    ndim: u8,
    len: u8,
}

impl Dims {
    /// The shape, if it is that of a few elements, and these are worked on here.
    #[inline]
    pub fn of(shape: &[usize]) -> Option<Self> {
        if shape.len() > AXES {
            return None;
        }
        let (mut lengths, mut len) = ([1; AXES], 1usize);
        for (to, &n) in lengths.iter_mut().zip(shape) {
            *to = n;
            len = len.saturating_mul(n);
        }
        let dims = Dims { lengths, ndim: shape.len() as u8, len: len as u8 };
        ((1..=MOST).contains(&len) && lazy::are_few_apart()).then_some(dims)
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.lengths[..usize::from(self.ndim)]
    }

    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }
}

/// A few elements, in row-major order.
pub(crate) type Few<T> = Block<[T]>;

/// The array, in memory for a few more elements than it may have: there are three sizes.
#[derive(Debug)]
pub(crate) struct Block<E: ?Sized> {
    dims: Dims,
    elements: E,
}

impl<T: Scalar> Few<T> {
    /// What `fill` makes of zeros.
    #[inline]
    pub fn new(dims: Dims, fill: impl FnOnce(&mut [T])) -> Arc<Self> {
        #[inline]
        fn of<T: Scalar, const N: usize>(dims: Dims, fill: impl FnOnce(&mut [T])) -> Arc<Few<T>> {
            let mut elements = [T::zero(); N];
            fill(&mut elements[..dims.len()]);
            Arc::new(Block { dims, elements })
        }
        match dims.len() {
            0..=4 => of::<T, 4>(dims, fill),
            5..=8 => of::<T, 8>(dims, fill),
            _ => of::<T, MOST>(dims, fill),
        }
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.dims.shape()
    }

    #[inline]
    pub fn elements(&self) -> &[T] {
        &self.elements[..self.dims.len()]
    }

    #[inline]
    pub fn elements_mut(&mut self) -> &mut [T] {
        &mut self.elements[..self.dims.len()]
    }

    pub fn view(&self) -> ArrayViewD<'_, T> {
        ArrayViewD::from_shape(IxDyn(self.shape()), self.elements()).expect("an element for each place")
    }

    pub fn view_mut(&mut self) -> ArrayViewMutD<'_, T> {
        let shape = IxDyn(self.shape());
        ArrayViewMutD::from_shape(shape, self.elements_mut()).expect("an element for each place")
    }

    pub fn to_array(&self) -> ArcArray<T, IxDyn> {
        ArcArray::from_shape_vec(IxDyn(self.shape()), self.elements().to_vec())
            .expect("an element for each place")
    }

    /// The number that all elements are, to the sign of zeros, if they are.
    pub fn same(&self) -> Option<T> {
        let first = self.elements[0];
        let is_first = |x: &T| *x == first && x.is_sign_negative() == first.is_sign_negative();
        self.elements().iter().all(is_first).then_some(first)
    }
}

/// Copies elements, in row-major order.
pub(crate) fn fill<'a, T: Scalar>(to: &mut [T], from: impl IntoIterator<Item = &'a T>) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
}

/// Writes the elements `x` of an array of shape `from`, repeated to make `to`.
pub(crate) fn spread<T: Scalar>(from: &[usize], x: &[T], to: &Dims, y: &mut [T]) {
    let own = strides(from);
    let mut strides = [0; AXES];
    // The axes are aligned at the end.
    let added = to.shape().len() - from.len();
    for axis in (0..from.len()).filter(|&axis| from[axis] != 1) {
        strides[added + axis] = own[axis];
    }
    gather(x, to, strides, y);
}

/// An array with its axes in another order.
pub(crate) fn permute<T: Scalar>(x: &Few<T>, axes: &[usize]) -> Arc<Few<T>> {
    let from = x.shape();
    let own = strides(from);
    let (mut to, mut strides) = (x.dims, [0; AXES]);
    for (i, &axis) in axes.iter().enumerate() {
        (to.lengths[i], strides[i]) = (from[axis], own[axis]);
    }
    Few::new(to, |y| gather(x.elements(), &to, strides, y))
}

/// Writes arrays of a few elements that are joined along an axis.
pub(crate) fn concat<T: Scalar>(axis: usize, parts: &[&Few<T>], y: &mut [T]) {
    let outer: usize = parts[0].shape()[..axis].iter().product();
    let mut rest = y;
    for i in 0..outer {
        for part in parts {
            let length = part.elements().len() / outer;
            let (to, others) = rest.split_at_mut(length);
            to.copy_from_slice(&part.elements()[i * length..(i + 1) * length]);
            rest = others;
        }
    }
}

/// Adds the product of matrices, (m, k) and (k, n), to zeros: each sum of products in the order of the inner axis.
pub(crate) fn matmul<T: Scalar>([k, n]: [usize; 2], a: &[T], b: &[T], y: &mut [T]) {
    for (row, y) in a.chunks_exact(k).zip(y.chunks_exact_mut(n)) {
        for (&a, b) in row.iter().zip(b.chunks_exact(n)) {
            y.iter_mut().zip(b).for_each(|(y, &b)| *y += a * b);
        }
    }
}

/// Writes the elements of `x` that lie at these strides along the axes.
fn gather<T: Scalar>(x: &[T], dims: &Dims, strides: [usize; AXES], y: &mut [T]) {
    let mut places = y.iter_mut();
    // Axes that are not there have length 1.
    let n = dims.lengths;
    for i in 0..n[0] {
        for j in 0..n[1] {
            for k in 0..n[2] {
                let start = i * strides[0] + j * strides[1] + k * strides[2];
                for (l, place) in (0..n[3]).zip(&mut places) {
                    *place = x[start + l * strides[3]];
                }
            }
        }
    }
}

/// The strides of an array in row-major order.
fn strides(shape: &[usize]) -> [usize; AXES] {
    let mut strides = [0; AXES];
    let mut stride = 1;
    for axis in (0..shape.len()).rev() {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    strides
}

/// Writes the reduction along axes of the elements `x` of an array of shape `from`.
///
/// It has the bits that the native kernel gives for the array in row-major order.
pub(crate) fn reduce<T: Scalar>(op: Reduction, from: &[usize], x: &[T], axes: &[usize], y: &mut [T]) {
    let together = x.len() / y.len();
    match op {
        Reduction::Sum => sum(from, x, axes, y),
        Reduction::Mean => {
            sum(from, x, axes, y);
            y.iter_mut().for_each(|y| *y = *y / T::of(together as f64));
            if !y.iter().all(|y| y.is_finite()) {
                reduce_array(op, from, x, axes, y);
            }
        }
        // The last axes, in their order: what is reduced lies in one place.
        _ if axes.iter().copied().eq(from.len() - axes.len()..from.len()) => {
            y.iter_mut().zip(x.chunks_exact(together)).for_each(|(y, x)| *y = fold_slice(op, x));
        }
        _ => reduce_array(op, from, x, axes, y),
    }
}

#[cold]
fn reduce_array<T: Scalar>(op: Reduction, from: &[usize], x: &[T], axes: &[usize], y: &mut [T]) {
    let array = ArrayViewD::from_shape(IxDyn(from), x).expect("an element for each place");
    fill(y, &T::reduce(op, array, axes));
}

/// Writes the sums along axes, added up in the order in which the native kernel does.
fn sum<T: Scalar>(from: &[usize], x: &[T], axes: &[usize], y: &mut [T]) {
    if axes.len() == from.len() && !axes.is_empty() {
        y[0] = sum_slice(x);
        return;
    }
    let mut terms = [T::zero(); MOST];
    fill(&mut terms, x);
    let mut len = x.len();
    // The axis of the largest stride first.
    for axis in (0..from.len()).filter(|axis| axes.contains(axis)) {
        let n = from[axis];
        let inner: usize = from[axis + 1..].iter().product();
        len /= n;
        for i in 0..len {
            // A sum goes to a place that none of those after it reads.
            terms[i] = match inner {
                1 => sum_slice(&terms[i * n..(i + 1) * n]),
                _ => {
                    let start = i / inner * n * inner + i % inner;
                    (1..n).fold(terms[start], |sum, k| sum + terms[start + k * inner])
                }
            };
        }
    }
    fill(y, &terms);
}

#[cfg(test)]
mod tests;
