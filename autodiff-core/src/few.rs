//! Arrays of a few elements: shape and elements in one allocation, worked on without `ndarray` and the backend, whose care
//! for large arrays takes longer than the work on a few numbers.
//!
//! Elementwise operations and reductions make short arrays, of some hundred elements, in the same way.

use crate::backend::Reduction;
use crate::lazy;
use crate::native::reduce_packed;
use crate::scalar::Scalar;
use ndarray::{ArcArray, ArrayViewD, ArrayViewMutD, IxDyn};
use std::sync::Arc;

/// The most elements of an array of a few.
pub(crate) const MOST: usize = 16;

/// The most elements of a short array.
const SHORT: usize = 512;

/// The most axes of such an array.
const AXES: usize = 4;

/// The elements of such an array, or of one that becomes one; what follows them is not read.
pub(crate) type Elements<T> = [T; MOST];

/// The shape of such an array: of at least one element and at most [`SHORT`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dims {
    lengths: [usize; AXES],
    ndim: u8,
    len: u16,
}

impl Dims {
    /// The shape, if it is that of a few elements, and these are worked on here.
    #[inline]
    pub fn of(shape: &[usize]) -> Option<Self> {
        Self::up_to(MOST, shape)
    }

    /// The shape, if it is that of a short array, and these are worked on here.
    #[inline]
    pub fn short(shape: &[usize]) -> Option<Self> {
        Self::up_to(SHORT, shape)
    }

    #[inline]
    fn up_to(most: usize, shape: &[usize]) -> Option<Self> {
        if shape.len() > AXES {
            return None;
        }
        let (mut lengths, mut len) = ([1; AXES], 1usize);
        for (to, &n) in lengths.iter_mut().zip(shape) {
            *to = n;
            len = len.saturating_mul(n);
        }
        let dims = Dims { lengths, ndim: shape.len() as u8, len: len as u16 };
        ((1..=most).contains(&len) && lazy::are_few_apart()).then_some(dims)
    }

    /// Whether there are no more than a few elements.
    #[inline]
    pub fn is_few(&self) -> bool {
        self.len() <= MOST
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

/// A short array. Its memory is of one of a few sizes, so that what one leaves serves the next.
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
            9..=MOST => of::<T, MOST>(dims, fill),
            _ => {
                let mut block = Self::zeros(dims);
                fill(Arc::get_mut(&mut block).expect("a block of its own").elements_mut());
                block
            }
        }
    }

    /// Zeros, of which there are more than a few.
    #[inline(never)] // once for all that fills them
    fn zeros(dims: Dims) -> Arc<Self> {
        fn of<T: Scalar, const N: usize>(dims: Dims) -> Arc<Few<T>> {
            Arc::new(Block { dims, elements: [T::zero(); N] })
        }
        macro_rules! of_least {
            ($($n:literal)*) => {
                match dims.len() {
                    $(0..=$n => of::<T, $n>(dims),)*
                    _ => of::<T, SHORT>(dims),
                }
            };
        }
        // (The common allocators keep what is shorter than 1 KiB at hand: 120 numbers of eight bytes.)
        of_least!(24 32 40 48 56 64 80 96 120 160 192 224 256 320 384 448)
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

/// Writes arrays that are joined along an axis, before which there are `outer` places.
pub(crate) fn concat<T: Scalar>(outer: usize, parts: &[&[T]], y: &mut [T]) {
    let mut rest = y;
    for i in 0..outer {
        for part in parts {
            let length = part.len() / outer;
            let (to, others) = rest.split_at_mut(length);
            to.copy_from_slice(&part[i * length..(i + 1) * length]);
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
    let Some((&n, outer)) = dims.shape().split_last() else { return y.copy_from_slice(x) };
    let (mut index, mut start) = ([0; AXES], 0);
    for row in y.chunks_exact_mut(n) {
        row.iter_mut().zip(x[start..].iter().step_by(strides[outer.len()])).for_each(|(to, &x)| *to = x);
        for (axis, &n) in outer.iter().enumerate().rev() {
            index[axis] += 1;
            start += strides[axis];
            if index[axis] < n {
                break;
            }
            start -= std::mem::take(&mut index[axis]) * strides[axis];
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
    if reduce_packed(op, x, from, axes, y).is_none() {
        let array = ArrayViewD::from_shape(IxDyn(from), x).expect("an element for each place");
        fill(y, &T::reduce(op, array, axes));
    }
}

#[cfg(test)]
mod tests;
