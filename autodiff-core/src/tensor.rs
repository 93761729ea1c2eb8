//! The data behind a `Value`: immutable, cheap to clone, a plain number where there are no axes.

mod elementwise;
mod index;
mod matmul;
mod reduce;

use crate::copies;
use crate::few::{self, Dims, Elements, Few};
use crate::lazy::{self, Lazy};
use crate::memory;
use crate::native::simd::Lanes;
use crate::scalar::Scalar;
use crate::shape::{Shape, long_lengths, same};
use ndarray::{ArcArray, ArrayBase, ArrayViewD, ArrayViewMutD, Axis, Dimension, IxDyn, RawData};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) enum Tensor<T> {
    /// No axes: no array either.
    Scalar(T),
    /// What operations make of a few elements, or some hundred.
    Few(Arc<Few<T>>),
    /// Any other array, and one of a few elements that was given, whose memory is shared with the giver.
    Array(Arc<Spread<T>>),
    /// Computed when it is looked at.
    Lazy(Lazy<T>),
}

/// `base`, repeated along its axes of length 1 to make `shape`.
///
/// Elementwise results of repeated operands are repeated too, and a cotangent of ones costs one element.
#[derive(Debug)]
pub(crate) struct Spread<T> {
    base: ArcArray<T, IxDyn>,
    shape: IxDyn,
    /// [`memory::recycle`], in which `T` is a [`Scalar`].
    recycle: fn(&mut ArcArray<T, IxDyn>),
}

impl<T> Drop for Spread<T> {
    fn drop(&mut self) {
        (self.recycle)(&mut self.base);
    }
}

impl<T: Scalar> Tensor<T> {
    /// An array that an operation has made.
    pub fn new(base: ArcArray<T, IxDyn>) -> Self {
        match Dims::of(base.shape()) {
            Some(dims) => Self::few(dims, |y| match base.as_slice() {
                Some(elements) => few::fill(y, elements),
                None => few::fill(y, &base),
            }),
            None => Self::given(base),
        }
    }

    /// What `fill` makes of a few zeros.
    #[inline]
    pub fn few(dims: Dims, fill: impl FnOnce(&mut [T])) -> Self {
        match dims.shape() {
            [] => {
                let mut number = T::zero();
                fill(std::slice::from_mut(&mut number));
                Tensor::Scalar(number)
            }
            _ => Tensor::Few(Few::new(dims, fill)),
        }
    }

    /// An array whose memory stays where it is.
    pub fn given(base: ArcArray<T, IxDyn>) -> Self {
        match base.ndim() {
            0 => Tensor::Scalar(*base.first().expect("one element")),
            _ => {
                let shape = base.raw_dim();
                Self::array_of(base, shape)
            }
        }
    }

    fn array_of(base: ArcArray<T, IxDyn>, shape: IxDyn) -> Self {
        Tensor::Array(Arc::new(Spread { base, shape, recycle: memory::recycle::<T> }))
    }

    /// `base`, repeated to make `shape`, of as many axes.
    fn spread(base: ArcArray<T, IxDyn>, shape: IxDyn) -> Self {
        match Dims::of(shape.slice()) {
            Some(dims) => {
                let base = Self::array_of(base, shape);
                let mut place = None;
                let (from, elements) = base.packed(&mut place);
                Self::few(dims, |y| copies::spread(from, elements, dims.shape(), y))
            }
            None => Self::array_of(base, shape),
        }
    }

    /// `value` everywhere.
    pub fn full(value: T, shape: &[usize]) -> Self {
        match Dims::of(shape) {
            Some(dims) => Self::few(dims, |y| y.fill(value)),
            None => {
                let mut ones = IxDyn::zeros(shape.len());
                ones.slice_mut().fill(1);
                Self::array_of(ArcArray::from_elem(ones, value), IxDyn(shape))
            }
        }
    }

    pub fn shape(&self) -> &[usize] {
        match self {
            Tensor::Scalar(_) => &[],
            Tensor::Few(few) => few.shape(),
            Tensor::Array(a) => a.shape.slice(),
            Tensor::Lazy(lazy) => lazy.shape(),
        }
    }

    /// The expression, if it has not been computed.
    pub fn pending(&self) -> Option<&Lazy<T>> {
        match self {
            Tensor::Lazy(lazy) if !lazy.is_done() => Some(lazy),
            _ => None,
        }
    }

    /// The elements, computed now if they were not.
    pub fn ready(&self) -> &Tensor<T> {
        match self {
            Tensor::Lazy(lazy) => lazy.ready(),
            _ => self,
        }
    }

    /// The same, which holds on to no expression.
    pub fn into_ready(self) -> Self {
        match self {
            Tensor::Lazy(lazy) => lazy.ready().clone(),
            other => other,
        }
    }

    /// The array, where there is one.
    fn array(&self) -> Option<&Arc<Spread<T>>> {
        match self.ready() {
            Tensor::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Computes those of several tensors that have not been, together.
    pub fn evaluate<'a>(tensors: impl IntoIterator<Item = &'a Tensor<T>>) {
        lazy::evaluate(tensors.into_iter().filter_map(|x| Some(x.pending()?.expr().clone())));
    }

    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    pub fn view(&self) -> ArrayViewD<'_, T> {
        match self {
            Tensor::Scalar(x) => ndarray::aview0(x).into_dyn(),
            Tensor::Few(few) => few.view(),
            Tensor::Array(a) => a.base.broadcast(a.shape.clone()).expect("base broadcasts to shape"),
            Tensor::Lazy(lazy) => lazy.ready().view(),
        }
    }

    /// The elements that are there, without their repetitions.
    pub fn base(&self) -> ArrayViewD<'_, T> {
        match self {
            Tensor::Scalar(x) => ndarray::aview0(x).into_dyn(),
            Tensor::Few(few) => few.view(),
            Tensor::Array(a) => a.base.view(),
            Tensor::Lazy(lazy) => lazy.ready().base(),
        }
    }

    /// Whether the elements of both are the same memory, read the same way.
    pub fn is_same_memory(&self, other: &Tensor<T>) -> bool {
        match (self.ready(), other.ready()) {
            (Tensor::Few(a), Tensor::Few(b)) => Arc::ptr_eq(a, b),
            (Tensor::Array(a), Tensor::Array(b)) => {
                Arc::ptr_eq(a, b)
                    || (a.base.as_ptr() == b.base.as_ptr()
                        && a.base.shape() == b.base.shape()
                        && a.base.strides() == b.base.strides())
            }
            _ => false,
        }
    }

    /// The same without its repetitions: axes along which elements are repeated have length 1.
    fn compact(&self) -> Self {
        match self {
            Tensor::Lazy(lazy) if lazy.is_done() => lazy.ready().compact(),
            Tensor::Lazy(lazy) => Tensor::Lazy(lazy.compact()),
            Tensor::Array(a) if a.base.shape() != a.shape.slice() => {
                Self::array_of(a.base.clone(), a.base.raw_dim())
            }
            _ => self.clone(),
        }
    }

    /// The base as an array that shares its memory.
    fn shared(&self) -> ArcArray<T, IxDyn> {
        match self {
            Tensor::Scalar(x) => ArcArray::from_elem(IxDyn(&[]), *x),
            Tensor::Few(few) => few.to_array(),
            Tensor::Array(a) => a.base.clone(),
            Tensor::Lazy(lazy) => lazy.ready().shared(),
        }
    }

    fn is_spread(&self) -> bool {
        self.array().is_some_and(|a| a.base.shape() != a.shape.slice())
    }

    /// Whether there is one element for several along an axis.
    fn is_repeated_along(&self, axis: usize) -> bool {
        self.shape()[axis] > 1 && self.array().is_some_and(|a| a.base.shape()[axis] == 1)
    }

    /// An `ndarray` array: it shares memory, unless elements are repeated.
    pub fn to_array(&self) -> ArcArray<T, IxDyn> {
        match self.is_spread() {
            true => self.view().to_owned().into_shared(),
            false => self.shared(),
        }
    }

    /// The element, where there is exactly one.
    pub fn item(&self) -> Option<T> {
        match self {
            Tensor::Scalar(x) => Some(*x),
            _ if self.len() != 1 => None,
            Tensor::Few(few) => Some(few.elements()[0]),
            _ => self.base().first().copied(),
        }
    }

    /// The elements that are there, in row-major order, of an array that is short, or in that order.
    pub fn packed_base(&self) -> Option<Self> {
        match self.ready() {
            Tensor::Array(a) if a.base.as_slice().is_none() => {
                let dims = Dims::short(a.base.shape())?;
                Some(Self::few(dims, |y| {
                    let to = ArrayViewMutD::from_shape(a.base.raw_dim(), y);
                    copies::assign(to.expect("an element for each place"), a.base.view());
                }))
            }
            other => Some(other.clone()),
        }
    }

    /// The shape without repetitions, and the elements, where these are an array in row-major order.
    pub fn packed_elements(&self) -> Option<(&[usize], &[T])> {
        match self.ready() {
            Tensor::Few(few) => Some((few.shape(), few.elements())),
            Tensor::Array(a) => Some((a.base.shape(), a.base.as_slice()?)),
            _ => None,
        }
    }

    /// The elements, repeated to make `dims`, if they lie in memory so.
    #[inline]
    pub fn lanes(&self, dims: &Dims) -> Option<Lanes<'_, T>> {
        let elements = match self {
            Tensor::Scalar(x) => return Some(Lanes::Same(x)),
            Tensor::Few(few) => few.elements(),
            Tensor::Array(a) => a.base.as_slice()?,
            Tensor::Lazy(lazy) => return lazy.ready().lanes(dims),
        };
        match elements {
            [x] => Some(Lanes::Same(x)),
            all => (all.len() == dims.len()).then_some(Lanes::Each(all)),
        }
    }

    /// The shape, without repetitions, and the elements in row-major order of an array of a few that is computed; in `place`,
    /// where they lie nowhere else.
    fn packed<'a>(&'a self, place: &'a mut Option<Elements<T>>) -> (&'a [usize], &'a [T]) {
        match self.ready() {
            Tensor::Scalar(x) => (&[], std::slice::from_ref(x)),
            Tensor::Few(few) => (few.shape(), few.elements()),
            Tensor::Array(a) => match a.base.as_slice() {
                Some(elements) => (a.base.shape(), elements),
                None => {
                    let elements = &mut place.insert([T::zero(); few::MOST])[..a.base.len()];
                    few::fill(elements, &a.base);
                    (a.base.shape(), elements)
                }
            },
            Tensor::Lazy(_) => unreachable!("what is ready"),
        }
    }

    /// The number, where there are no axes and it is computed.
    pub fn number(&self) -> Option<T> {
        match self {
            Tensor::Scalar(x) => Some(*x),
            Tensor::Lazy(lazy) if lazy.is_done() && lazy.shape().is_empty() => self.item(),
            _ => None,
        }
    }

    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        match self {
            _ if same(self.shape(), shape) => self.clone(),
            Tensor::Scalar(x) => Self::full(*x, shape),
            Tensor::Few(few) => match (Dims::of(shape), few.same()) {
                (Some(dims), _) => Self::few(dims, |y| copies::spread(few.shape(), few.elements(), shape, y)),
                (None, Some(x)) => Self::full(x, shape),
                (None, None) => Self::array_of(with_ndim(few.to_array(), shape.len()), IxDyn(shape)),
            },
            Tensor::Array(a) => Self::spread(with_ndim(a.base.clone(), shape.len()), IxDyn(shape)),
            Tensor::Lazy(lazy) if lazy.is_done() => lazy.ready().broadcast_to(shape),
            Tensor::Lazy(lazy) => Tensor::Lazy(lazy.broadcast_to(shape)),
        }
    }

    pub fn reshape(&self, shape: &[usize]) -> Self {
        match self {
            _ if same(self.shape(), shape) => self.clone(),
            Tensor::Scalar(x) => Self::full(*x, shape),
            Tensor::Few(few) => match Dims::short(shape) {
                Some(dims) => Self::few(dims, |y| few::fill(y, few.elements())),
                None => {
                    Self::given(few.to_array().into_shape_with_order(IxDyn(shape)).expect("as many elements"))
                }
            },
            Tensor::Array(a) if a.base.len() == 1 => Self::full(*a.base.first().expect("one element"), shape),
            Tensor::Lazy(lazy) => match lazy.reshape(shape).filter(|_| !lazy.is_done()) {
                Some(placed) => Tensor::Lazy(placed),
                None => lazy.ready().reshape(shape),
            },
            _ => {
                let whole = self.to_array();
                let same = "the same number of elements";
                Self::new(match () {
                    () if whole.is_standard_layout() => {
                        whole.into_shape_with_order(IxDyn(shape)).expect(same)
                    }
                    // In whatever order memory has them.
                    () if long_lengths(whole.shape()) == long_lengths(shape) => fit(whole, shape),
                    () => {
                        let dense = copies::row_major(whole.view());
                        dense.into_shared().into_shape_with_order(IxDyn(shape)).expect(same)
                    }
                })
            }
        }
    }

    pub fn permute(&self, axes: &[usize]) -> Self {
        match self.ready() {
            Tensor::Few(few) => Tensor::Few(few::permute(few, axes)),
            Tensor::Array(a) => {
                let shape: Shape = axes.iter().map(|&i| a.shape[i]).collect();
                Self::spread(a.base.clone().permuted_axes(IxDyn(axes)), IxDyn(&shape))
            }
            _ => self.clone(),
        }
    }

    /// The elements, where nothing else refers to them and none is repeated.
    fn own_mut(&mut self) -> Option<ArrayViewMutD<'_, T>> {
        match self {
            Tensor::Few(few) => Some(Arc::get_mut(few)?.view_mut()),
            Tensor::Array(a) => {
                let a = Arc::get_mut(a)?;
                (a.base.shape() == a.shape.slice() && a.base.is_unique()).then(|| a.base.view_mut())
            }
            _ => None,
        }
    }
}

/// `array` under a shape that differs in axes of length 1 alone.
pub(crate) fn fit<S: RawData>(mut array: ArrayBase<S, IxDyn>, shape: &[usize]) -> ArrayBase<S, IxDyn> {
    if array.shape() == shape {
        return array;
    }
    for axis in (0..array.ndim()).rev() {
        if array.len_of(Axis(axis)) == 1 {
            array = array.index_axis_move(Axis(axis), 0);
        }
    }
    for (axis, _) in shape.iter().enumerate().filter(|&(_, &n)| n == 1) {
        array.insert_axis_inplace(Axis(axis));
    }
    debug_assert_eq!(array.shape(), shape);
    array
}

/// `array` with leading axes of length 1.
fn with_ndim<T: Clone>(mut array: ArcArray<T, IxDyn>, ndim: usize) -> ArcArray<T, IxDyn> {
    while array.ndim() < ndim {
        array.insert_axis_inplace(Axis(0));
    }
    array
}
