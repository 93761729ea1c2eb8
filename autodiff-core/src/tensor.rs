//! The data behind a `Value`: immutable, cheap to clone, a plain number where there are no axes.

use crate::backend::{Backend, Elementwise, Reduction};
use crate::scalar::Scalar;
use crate::shape::{Shape, broadcast};
use ndarray::{ArcArray, ArrayD, ArrayViewD, Axis, Dimension, IxDyn, SliceInfoElem};
use smallvec::SmallVec;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) enum Tensor<T> {
    /// No axes: no array either.
    Scalar(T),
    Array(Arc<Spread<T>>),
}

/// `base`, repeated along its axes of length 1 to make `shape`.
///
/// Elementwise results of repeated operands are repeated too, and a cotangent of ones costs one element.
#[derive(Debug)]
pub(crate) struct Spread<T> {
    base: ArcArray<T, IxDyn>,
    shape: IxDyn,
}

impl<T: Scalar> Tensor<T> {
    pub fn new(base: ArcArray<T, IxDyn>) -> Self {
        match base.ndim() {
            0 => Tensor::Scalar(*base.first().expect("one element")),
            _ => {
                let shape = base.raw_dim();
                Tensor::Array(Arc::new(Spread { base, shape }))
            }
        }
    }

    fn spread(base: ArcArray<T, IxDyn>, shape: IxDyn) -> Self {
        Tensor::Array(Arc::new(Spread { base, shape }))
    }

    /// `value` everywhere.
    pub fn full(value: T, shape: &[usize]) -> Self {
        match shape {
            [] => Tensor::Scalar(value),
            _ => Self::spread(ArcArray::from_elem(IxDyn(&vec![1; shape.len()]), value), IxDyn(shape)),
        }
    }

    pub fn shape(&self) -> &[usize] {
        match self {
            Tensor::Scalar(_) => &[],
            Tensor::Array(a) => a.shape.slice(),
        }
    }

    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    pub fn view(&self) -> ArrayViewD<'_, T> {
        match self {
            Tensor::Scalar(x) => ndarray::aview0(x).into_dyn(),
            Tensor::Array(a) => a.base.broadcast(a.shape.clone()).expect("base broadcasts to shape"),
        }
    }

    /// The elements that are there, without their repetitions.
    fn base(&self) -> ArrayViewD<'_, T> {
        match self {
            Tensor::Scalar(x) => ndarray::aview0(x).into_dyn(),
            Tensor::Array(a) => a.base.view(),
        }
    }

    /// The base as an array that shares its memory.
    fn shared(&self) -> ArcArray<T, IxDyn> {
        match self {
            Tensor::Scalar(x) => ArcArray::from_elem(IxDyn(&[]), *x),
            Tensor::Array(a) => a.base.clone(),
        }
    }

    fn is_spread(&self) -> bool {
        matches!(self, Tensor::Array(a) if a.base.shape() != a.shape.slice())
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
        match (self, self.len()) {
            (Tensor::Scalar(x), _) => Some(*x),
            (Tensor::Array(a), 1) => a.base.first().copied(),
            _ => None,
        }
    }

    pub fn elementwise<B: Backend<T>>(op: Elementwise<T>, operands: &[&Tensor<T>]) -> Self {
        let wide = operands.iter().fold(Shape::new(), |wide, x| {
            broadcast("elementwise", &wide, x.shape()).expect("shapes are checked by the caller")
        });
        let bases: SmallVec<[ArrayViewD<'_, T>; 3]> = operands.iter().map(|x| x.base()).collect();
        let result = B::elementwise(op, &bases).into_shared();
        match result.shape() == wide.as_slice() {
            true => Self::new(result),
            false => Self::spread(with_ndim(result, wide.len()), IxDyn(&wide)),
        }
    }

    pub fn unary<B: Backend<T>>(op: crate::backend::Unary<T>, x: &Tensor<T>) -> Self {
        match x {
            Tensor::Scalar(x) => Tensor::Scalar(op.call(*x)),
            _ => Self::elementwise::<B>(Elementwise::Unary(op), &[x]),
        }
    }

    pub fn binary<B: Backend<T>>(op: crate::backend::Binary, a: &Tensor<T>, b: &Tensor<T>) -> Self {
        match (a, b) {
            (Tensor::Scalar(a), Tensor::Scalar(b)) => Tensor::Scalar(op.call(*a, *b)),
            _ => Self::elementwise::<B>(Elementwise::Binary(op), &[a, b]),
        }
    }

    /// Adds `other`, of the same shape, in place where this is the only holder of its memory.
    pub fn accumulate<B: Backend<T>>(mut self, other: &Tensor<T>) -> Self {
        if let Tensor::Array(a) = &mut self
            && let Some(a) = Arc::get_mut(a)
            && a.base.shape() == a.shape.slice()
        {
            a.base += &other.view();
            return self;
        }
        Self::binary::<B>(crate::backend::Binary::add, &self, other)
    }

    /// Reduces along `axes`, which keep length 1.
    pub fn reduce<B: Backend<T>>(&self, op: Reduction, axes: &[usize]) -> Self {
        let Tensor::Array(a) = self else {
            return Self::new(B::reduce(op, self.view(), axes).into_shared());
        };
        let repeated = |axis: usize| a.base.shape()[axis] != a.shape[axis];
        let whole = (0..self.shape().len()).all(|axis| !repeated(axis) || axes.contains(&axis));
        if op == Reduction::Sum && whole && self.is_spread() && self.len() != 0 {
            // n equal terms are n times one of them.
            let times: usize =
                axes.iter().filter(|&&axis| repeated(axis)).map(|&axis| a.shape[axis]).product();
            let sum = B::reduce(op, a.base.view(), axes);
            return Self::new(sum.mapv_into(|s| s * T::of(times as f64)).into_shared());
        }
        Self::new(B::reduce(op, self.view(), axes).into_shared())
    }

    pub fn matmul<B: Backend<T>>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Self {
        Self::new(B::matmul(a.view(), b.view(), batch).into_shared())
    }

    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        match self {
            _ if self.shape() == shape => self.clone(),
            Tensor::Scalar(x) => Self::full(*x, shape),
            Tensor::Array(a) => Self::spread(with_ndim(a.base.clone(), shape.len()), IxDyn(shape)),
        }
    }

    pub fn reshape(&self, shape: &[usize]) -> Self {
        match self {
            _ if self.shape() == shape => self.clone(),
            Tensor::Array(a) if a.base.len() == 1 => Self::full(*a.base.first().expect("one element"), shape),
            _ => {
                let whole = self.to_array();
                let array = match whole.is_standard_layout() {
                    true => whole.into_shape_with_order(IxDyn(shape)).expect("the same number of elements"),
                    false => whole.to_shape(IxDyn(shape)).expect("the same number of elements").to_shared(),
                };
                Self::new(array)
            }
        }
    }

    pub fn permute(&self, axes: &[usize]) -> Self {
        match self {
            Tensor::Scalar(_) => self.clone(),
            Tensor::Array(a) => {
                let shape: Shape = axes.iter().map(|&i| a.shape[i]).collect();
                Self::spread(a.base.clone().permuted_axes(IxDyn(axes)), IxDyn(&shape))
            }
        }
    }

    pub fn slice(&self, info: &[SliceInfoElem]) -> Self {
        let Tensor::Array(a) = self else {
            return Self::new(self.shared().slice_move(info));
        };
        let shape = self.view().slice(info).raw_dim();
        let mut axis = 0..;
        let on_base: SmallVec<[SliceInfoElem; 4]> = info
            .iter()
            .map(|&elem| match elem {
                SliceInfoElem::NewAxis => elem,
                _ => match (axis.next().is_some_and(|i| a.base.shape()[i] != a.shape[i]), elem) {
                    // Along a repeated axis there is one element to take.
                    (true, SliceInfoElem::Index(_)) => SliceInfoElem::Index(0),
                    (true, _) => SliceInfoElem::from(..),
                    (false, _) => elem,
                },
            })
            .collect();
        let base = a.base.clone().slice_move(on_base.as_slice());
        match shape.ndim() {
            0 => Self::new(base),
            _ => Self::spread(base, shape),
        }
    }

    /// Zeros of `shape` with `self` in the place of a slice.
    pub fn unslice(&self, info: &[SliceInfoElem], shape: &[usize]) -> Self {
        let mut whole = ArrayD::zeros(IxDyn(shape));
        whole.slice_mut(info).assign(&self.view());
        Self::new(whole.into_shared())
    }

    pub fn index_select(&self, axis: usize, indices: &[usize]) -> Self {
        Self::new(self.view().select(Axis(axis), indices).into_shared())
    }

    /// Zeros with `length` places along `axis`, to which the slices of `self` are added at `indices`.
    pub fn index_add(&self, axis: usize, indices: &[usize], length: usize) -> Self {
        let mut shape: Shape = Shape::from_slice(self.shape());
        shape[axis] = length;
        let mut whole = ArrayD::zeros(IxDyn(&shape));
        for (part, &i) in self.view().axis_iter(Axis(axis)).zip(indices) {
            let mut place = whole.index_axis_mut(Axis(axis), i);
            place += &part;
        }
        Self::new(whole.into_shared())
    }

    pub fn concat(axis: usize, parts: &[&Tensor<T>]) -> Self {
        let views: Vec<ArrayViewD<'_, T>> = parts.iter().map(|p| p.view()).collect();
        let whole = ndarray::concatenate(Axis(axis), &views).expect("shapes are checked by the caller");
        Self::new(whole.into_shared())
    }
}

/// `array` with leading axes of length 1.
fn with_ndim<T: Clone>(mut array: ArcArray<T, IxDyn>, ndim: usize) -> ArcArray<T, IxDyn> {
    while array.ndim() < ndim {
        array.insert_axis_inplace(Axis(0));
    }
    array
}
