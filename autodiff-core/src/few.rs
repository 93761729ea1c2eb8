//! Arrays of a few elements: shape and elements in one allocation, worked on without `ndarray` and the backend, whose care
//! for large arrays takes longer than the work on a few numbers.

use crate::backend::Reduction;
use crate::native::{fold_slice, sum_slice};
use crate::scalar::Scalar;
use ndarray::{ArcArray, ArrayBase, ArrayViewD, ArrayViewMutD, Data, IxDyn};

/// The most elements of such an array.
pub(crate) const MOST: usize = 16;

/// The most axes of such an array.
const AXES: usize = 4;

/// At least one element and at most [`MOST`], in row-major order.
#[derive(Clone, Debug)]
pub(crate) struct Few<T> {
    shape: [usize; AXES],
    ndim: u8,
    len: u8,
    elements: [T; MOST],
}

/// The number of elements of `shape`, where it is that of a few.
#[inline]
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    if shape.len() > AXES {
        return None;
    }
    let len = shape.iter().fold(1usize, |len, &n| len.saturating_mul(n));
    (1..=MOST).contains(&len).then_some(len)
}

impl<T: Scalar> Few<T> {
    /// Zeros, if `shape` is that of a few elements.
    #[inline]
    pub fn zeros(shape: &[usize]) -> Option<Self> {
        let len = count(shape)?;
        let mut lengths = [0; AXES];
        for (to, &from) in lengths.iter_mut().zip(shape) {
            *to = from;
        }
        Some(Few { shape: lengths, ndim: shape.len() as u8, len: len as u8, elements: [T::zero(); MOST] })
    }

    /// `value` everywhere, if `shape` is that of a few elements.
    pub fn full(value: T, shape: &[usize]) -> Option<Self> {
        Self::zeros(shape).map(|few| Few { elements: [value; MOST], ..few })
    }

    /// The elements in row-major order, if `shape` is that of a few.
    pub fn new<'a>(shape: &[usize], elements: impl IntoIterator<Item = &'a T>) -> Option<Self> {
        let mut few = Self::zeros(shape)?;
        few.elements_mut().iter_mut().zip(elements).for_each(|(to, &from)| *to = from);
        Some(few)
    }

    /// The elements of an array, if they are a few.
    pub fn of<S: Data<Elem = T>>(array: &ArrayBase<S, IxDyn>) -> Option<Self> {
        count(array.shape())?;
        match array.as_slice() {
            Some(elements) => Self::new(array.shape(), elements),
            None => Self::new(array.shape(), array),
        }
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.shape[..usize::from(self.ndim)]
    }

    #[inline]
    pub fn elements(&self) -> &[T] {
        &self.elements[..usize::from(self.len)]
    }

    #[inline]
    pub fn elements_mut(&mut self) -> &mut [T] {
        &mut self.elements[..usize::from(self.len)]
    }

    pub fn view(&self) -> ArrayViewD<'_, T> {
        ArrayViewD::from_shape(IxDyn(self.shape()), self.elements()).expect("an element for each place")
    }

    pub fn view_mut(&mut self) -> ArrayViewMutD<'_, T> {
        let shape = IxDyn(self.shape());
        ArrayViewMutD::from_shape(shape, self.elements_mut()).expect("an element for each place")
    }

    pub fn to_array(&self) -> ArcArray<T, IxDyn> {
        ArcArray::from_shape_vec(IxDyn(self.shape()), self.elements().to_vec()).expect("an element for each place")
    }

    /// The number that all elements are, to the bit, if they are.
    pub fn same(&self) -> Option<T> {
        let first = self.elements[0];
        let is_first = |x: &T| *x == first && x.is_sign_negative() == first.is_sign_negative();
        self.elements().iter().all(is_first).then_some(first)
    }

    /// Elements `x` of an array of shape `from`, repeated to make `to`, if that is a few.
    pub fn spread(from: &[usize], x: &[T], to: &[usize]) -> Option<Self> {
        let mut few = Self::zeros(to)?;
        let own = strides(from);
        let mut strides = [0; AXES];
        // The axes are aligned at the end.
        let added = to.len() - from.len();
        for axis in (0..from.len()).filter(|&axis| from[axis] != 1) {
            strides[added + axis] = own[axis];
        }
        few.gather(x, strides);
        Some(few)
    }

    /// Elements `x` of an array of shape `from`, with its axes in another order, if they are a few.
    pub fn permute(from: &[usize], x: &[T], axes: &[usize]) -> Option<Self> {
        count(from)?;
        let own = strides(from);
        let (mut lengths, mut strides) = ([0; AXES], [0; AXES]);
        for (to, &axis) in axes.iter().enumerate() {
            (lengths[to], strides[to]) = (from[axis], own[axis]);
        }
        let mut few = Self::zeros(&lengths[..axes.len()])?;
        few.gather(x, strides);
        Some(few)
    }

    /// Fills the places with elements of `x` that lie at these strides along the axes.
    fn gather(&mut self, x: &[T], strides: [usize; AXES]) {
        let ndim = usize::from(self.ndim);
        let (mut lengths, mut steps) = ([1; AXES], [0; AXES]);
        lengths[AXES - ndim..].copy_from_slice(self.shape());
        steps[AXES - ndim..].copy_from_slice(&strides[..ndim]);
        let mut places = self.elements_mut().iter_mut();
        for i in 0..lengths[0] {
            for j in 0..lengths[1] {
                for k in 0..lengths[2] {
                    let start = i * steps[0] + j * steps[1] + k * steps[2];
                    for (l, place) in (0..lengths[3]).zip(&mut places) {
                        *place = x[start + l * steps[3]];
                    }
                }
            }
        }
    }

    /// The elements under another shape, which has as many.
    pub fn with_shape(&self, shape: &[usize]) -> Option<Self> {
        let few = Self::zeros(shape)?;
        Some(Few { elements: self.elements, ..few })
    }

    /// The reduction along axes of the elements `x` of an array of a few of shape `from`. Where `shape` leaves out axes of
    /// length 1, so does the result.
    ///
    /// It has the bits that the native kernel gives for the array in row-major order.
    pub fn reduce(op: Reduction, from: &[usize], x: &[T], axes: &[usize], shape: &[usize]) -> Option<Self> {
        let mut few = Self::zeros(shape)?;
        let y = few.elements_mut();
        match op {
            Reduction::Sum => sum(from, x, axes, y),
            Reduction::Mean => {
                sum(from, x, axes, y);
                let divisor = T::of((x.len() / y.len()) as f64);
                y.iter_mut().for_each(|y| *y = *y / divisor);
                if y.iter().any(|y| !y.is_finite()) {
                    return Self::reduce_array(op, from, x, axes, shape);
                }
            }
            // The last axes, in their order: what is reduced lies in one place.
            _ if axes.iter().copied().eq(from.len() - axes.len()..from.len()) => {
                let together = x.len() / y.len();
                y.iter_mut().zip(x.chunks_exact(together)).for_each(|(y, x)| *y = fold_slice(op, x));
            }
            _ => return Self::reduce_array(op, from, x, axes, shape),
        }
        Some(few)
    }

    #[cold]
    fn reduce_array(op: Reduction, from: &[usize], x: &[T], axes: &[usize], shape: &[usize]) -> Option<Self> {
        let array = ArrayViewD::from_shape(IxDyn(from), x).expect("an element for each place");
        Self::of(&T::reduce(op, array, axes))?.with_shape(shape)
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

/// Writes to `y` the sums along axes of the elements `x` of an array of a few, added up in the order in which the native kernel does.
fn sum<T: Scalar>(from: &[usize], x: &[T], axes: &[usize], y: &mut [T]) {
    if axes.len() == from.len() && !axes.is_empty() {
        y[0] = sum_slice(x);
        return;
    }
    let mut terms = [T::zero(); MOST];
    let mut len = x.len();
    terms[..len].copy_from_slice(x);
    // The axis of the largest stride first.
    for axis in (0..from.len()).filter(|axis| axes.contains(axis)) {
        let n = from[axis];
        let inner: usize = from[axis + 1..].iter().product();
        len /= n;
        for i in 0..len {
            // A sum goes to a place before all terms of those after it.
            terms[i] = match inner {
                1 => sum_slice(&terms[i * n..(i + 1) * n]),
                _ => {
                    let start = i / inner * n * inner + i % inner;
                    (1..n).fold(terms[start], |sum, k| sum + terms[start + k * inner])
                }
            };
        }
    }
    y.copy_from_slice(&terms[..len]);
}
