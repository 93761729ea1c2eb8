//! The data behind a `Value`: immutable, cheap to clone, a plain number where there are no axes.

mod matmul;
mod reduce;

use crate::backend::{Backend, Binary, Elementwise, Unary};
use crate::copies;
use crate::few::{self, Dims, Elements, Few};
use crate::lazy::{self, Lazy};
use crate::memory;
use crate::native::simd::Lanes;
use crate::program::MAX_AXES;
use crate::scalar::Scalar;
use crate::shape::{Shape, common_shape, covers, inverse, long_lengths, same};
use ndarray::{
    ArcArray, ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Axis, Dimension, IxDyn, RawData, SliceInfoElem,
};
use smallvec::SmallVec;
use std::cmp::Reverse;
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
                Self::few(dims, |y| few::spread(from, elements, dims.shape(), y))
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

    #[inline(never)] // numbers, which come past it, are to have little to save
    pub fn elementwise<B: Backend<T>, const N: usize>(op: Elementwise<T>, operands: [&Tensor<T>; N]) -> Self {
        if let Some(few) = Self::elementwise_few(op, operands) {
            return few;
        }
        let wide = common_shape(operands.iter().map(|x| x.shape()));
        let pending = operands.iter().any(|x| x.pending().is_some());
        if !pending && lazy::is_immediate(wide.iter().product()) || wide.len() > MAX_AXES {
            let bases: SmallVec<[ArrayViewD<'_, T>; 3]> = operands.iter().map(|x| x.base()).collect();
            return Self::repeated(B::elementwise(op, &bases), &wide);
        }
        if wide.contains(&0) {
            return Self::new(ArrayD::zeros(IxDyn(&wide)).into_shared());
        }
        let compact: SmallVec<[Tensor<T>; 2]> = operands.iter().map(|x| x.compact()).collect();
        let shape = common_shape(compact.iter().map(|x| x.shape()));
        Tensor::Lazy(Lazy::map::<B>(op, shape, compact)).broadcast_to(&wide)
    }

    /// The operation without the backend, where its result is short, and is not left for later.
    #[inline]
    fn elementwise_few<const N: usize>(op: Elementwise<T>, operands: [&Tensor<T>; N]) -> Option<Self> {
        let shapes = operands.map(|x| x.shape());
        let covers_all = |i: &usize| (0..N).all(|j| j == *i || covers(shapes[*i], shapes[j]));
        let dims = match (0..N).find(covers_all) {
            Some(i) => Dims::short(shapes[i]),
            None => Dims::short(&common_shape(shapes.into_iter())),
        }?;
        if operands.iter().any(|x| x.pending().is_some()) {
            return None;
        }
        let mut lanes = [Lanes::NONE; N];
        for (x, lanes) in operands.iter().zip(&mut lanes) {
            match x.lanes(&dims) {
                Some(there) => *lanes = there,
                None if dims.is_few() => return Some(Self::elementwise_gathered(op, operands, dims)),
                None => return Self::elementwise_spread(op, operands, dims),
            }
        }
        if !dims.is_few() && lanes.iter().all(|lanes| matches!(lanes, Lanes::Same(_))) {
            // One element that stands for many does so in the result.
            let mut one = [T::zero()];
            op.apply(&lanes, &mut one);
            return Some(Self::full(one[0], dims.shape()));
        }
        Some(Self::few(dims, |y| op.apply(&lanes, y)))
    }

    /// The same for operands of which some do not lie in memory as the result does.
    fn elementwise_gathered<const N: usize>(
        op: Elementwise<T>,
        operands: [&Tensor<T>; N],
        dims: Dims,
    ) -> Self {
        let mut wide = [[T::zero(); few::MOST]; N];
        let mut lanes = [Lanes::NONE; N];
        for ((x, wide), lanes) in operands.iter().zip(&mut wide).zip(&mut lanes) {
            *lanes = x.lanes(&dims).unwrap_or_else(|| {
                let mut place = None;
                let (from, elements) = x.packed(&mut place);
                let wide = &mut wide[..dims.len()];
                few::spread(from, elements, dims.shape(), wide);
                Lanes::Each(wide)
            });
        }
        Self::few(dims, |y| op.apply(&lanes, y))
    }

    /// The same for a result of more than a few elements.
    fn elementwise_spread<const N: usize>(
        op: Elementwise<T>,
        operands: [&Tensor<T>; N],
        dims: Dims,
    ) -> Option<Self> {
        let mut wide = [const { None }; N];
        for (x, wide) in operands.iter().zip(&mut wide) {
            if x.lanes(&dims).is_none() {
                *wide = Some(x.wide(dims)?);
            }
        }
        let mut lanes = [Lanes::NONE; N];
        for ((x, wide), lanes) in operands.iter().zip(&wide).zip(&mut lanes) {
            *lanes = wide.as_ref().unwrap_or(x).lanes(&dims)?;
        }
        Some(Self::few(dims, |y| op.apply(&lanes, y)))
    }

    /// A copy of a short array, repeated to make `dims`, with each element in its place.
    fn wide(&self, dims: Dims) -> Option<Self> {
        let base = self.packed_base()?;
        let (from, elements) = base.packed_elements()?;
        Some(match elements.len() == dims.len() {
            true => base.reshape(dims.shape()),
            false => Self::few(dims, |y| few::spread(from, elements, dims.shape(), y)),
        })
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

    /// `array`, repeated to make `shape`.
    fn repeated(array: ArrayD<T>, shape: &[usize]) -> Self {
        let array = array.into_shared();
        match array.shape() == shape {
            true => Self::new(array),
            false => Self::spread(with_ndim(array, shape.len()), IxDyn(shape)),
        }
    }

    pub fn unary<B: Backend<T>>(op: Unary<T>, x: &Tensor<T>) -> Self {
        match x.number() {
            Some(x) => Tensor::Scalar(op.call(x)),
            None => Self::elementwise::<B, 1>(Elementwise::Unary(op), [x]),
        }
    }

    pub fn binary<B: Backend<T>>(op: Binary, a: &Tensor<T>, b: &Tensor<T>) -> Self {
        match (a.number(), b.number()) {
            (Some(a), Some(b)) => Tensor::Scalar(op.call(a, b)),
            // What a cotangent of ones is multiplied with is the product.
            _ if matches!(op, Binary::mul | Binary::chain | Binary::absorb)
                && a.is_ones()
                && covers(b.shape(), a.shape()) =>
            {
                b.clone()
            }
            _ => Self::elementwise::<B, 2>(Elementwise::Binary(op), [a, b]),
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

    /// Whether it is 1, everywhere, and known to be without looking at many elements.
    fn is_ones(&self) -> bool {
        match self {
            Tensor::Scalar(x) => *x == T::one(),
            Tensor::Few(few) => few.elements().iter().all(|&x| x == T::one()),
            Tensor::Array(a) => a.base.len() == 1 && a.base.first() == Some(&T::one()),
            Tensor::Lazy(_) => false,
        }
    }

    /// Adds `other`, of the same shape, in place where this is the only holder of its memory.
    pub fn accumulate<B: Backend<T>>(self, other: &Tensor<T>) -> Self {
        let mut sum = match self.pending() {
            Some(_) => self,
            None => self.into_ready(),
        };
        match (&mut sum, other) {
            (Tensor::Scalar(a), Tensor::Scalar(b)) => return Tensor::Scalar(*a + *b),
            (Tensor::Few(a), Tensor::Few(b)) => {
                if let Some(own) = Arc::get_mut(a) {
                    own.elements_mut().iter_mut().zip(b.elements()).for_each(|(sum, &x)| *sum += x);
                    return sum;
                }
            }
            _ => {}
        }
        if other.pending().is_none()
            && let Some(mut own) = sum.own_mut()
        {
            match (own.as_slice_mut(), other.base().to_slice()) {
                // Without what ndarray does beside adding, which is most of the work for some tens of numbers.
                (Some(own), Some(other)) if own.len() == other.len() => {
                    own.iter_mut().zip(other).for_each(|(sum, &x)| *sum += x);
                }
                _ => copies::add_assign(own, other.view()),
            }
            return sum;
        }
        Self::binary::<B>(Binary::add, &sum, other)
    }

    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        match self {
            _ if same(self.shape(), shape) => self.clone(),
            Tensor::Scalar(x) => Self::full(*x, shape),
            Tensor::Few(few) => match (Dims::of(shape), few.same()) {
                (Some(dims), _) => Self::few(dims, |y| few::spread(few.shape(), few.elements(), shape, y)),
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

    pub fn slice(&self, info: &[SliceInfoElem]) -> Self {
        let a = match self.ready() {
            Tensor::Array(a) => a,
            other => {
                let whole = other.view();
                let part = whole.slice(info);
                return match Dims::of(part.shape()) {
                    Some(dims) => Self::few(dims, |y| few::fill(y, &part)),
                    None => Self::new(part.to_shared()),
                };
            }
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
        if let Some(dims) = Dims::of(shape) {
            return Self::few(dims, |y| {
                let mut whole =
                    ArrayViewMutD::from_shape(IxDyn(shape), y).expect("an element for each place");
                // As many elements: to compare the shapes would take longer than to copy them.
                whole.slice_mut(info).iter_mut().zip(&self.view()).for_each(|(to, &x)| *to = x);
            });
        }
        let mut whole = memory::zeros(shape);
        copies::assign(whole.slice_mut(info), self.view());
        Self::new(whole.into_shared())
    }

    /// Adds `part` to a slice, in place; gives `self` back where it is not the only holder of its memory.
    pub fn add_to_slice(mut self, info: &[SliceInfoElem], part: &Tensor<T>) -> Result<Self, Self> {
        let is_few = matches!(self, Tensor::Few(_));
        let Some(mut whole) = self.own_mut() else { return Err(self) };
        let mut place = whole.slice_mut(info);
        match is_few {
            true => place.iter_mut().zip(&part.view()).for_each(|(sum, &x)| *sum += x),
            false => copies::add_assign(place, part.view()),
        }
        Ok(self)
    }

    pub fn index_select(&self, axis: usize, indices: &[usize]) -> Self {
        let view = self.view();
        let Some(elements) = view.as_slice().filter(|all| !all.is_empty() && !indices.is_empty()) else {
            return Self::new(view.select(Axis(axis), indices).into_shared());
        };
        let mut shape = Shape::from_slice(self.shape());
        let (n, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        shape[axis] = indices.len();
        let mut whole = memory::array(&shape);
        let to = whole.as_slice_mut().expect("a new array");
        for (from, to) in elements.chunks_exact(n * inner).zip(to.chunks_exact_mut(indices.len() * inner)) {
            for (&i, to) in indices.iter().zip(to.chunks_exact_mut(inner)) {
                copies::short(to, &from[i * inner..(i + 1) * inner]);
            }
        }
        Self::new(whole.into_shared())
    }

    /// Zeros with `length` places along `axis`, to which the slices of `self` are added at `indices`.
    pub fn index_add(&self, axis: usize, indices: &[usize], length: usize) -> Self {
        let mut shape: Shape = Shape::from_slice(self.shape());
        shape[axis] = length;
        let mut whole = memory::zeros(&shape);
        add_at(whole.view_mut(), axis, indices, self);
        Self::new(whole.into_shared())
    }

    /// Adds the slices of `part` at `indices`, in place; gives `self` back where it is not the only holder of its memory.
    pub fn add_at_indices(mut self, axis: usize, indices: &[usize], part: &Tensor<T>) -> Result<Self, Self> {
        let Some(whole) = self.own_mut() else { return Err(self) };
        add_at(whole, axis, indices, part);
        Ok(self)
    }

    /// The parts one after the other along `axis`, in the order of memory that the first has.
    pub fn concat(axis: usize, parts: &[&Tensor<T>]) -> Self {
        if let Some(few) = Self::concat_few(axis, parts) {
            return few;
        }
        let views: SmallVec<[ArrayViewD<'_, T>; 4]> = parts.iter().map(|p| p.view()).collect();
        let mut shape = Shape::from_slice(views[0].shape());
        shape[axis] = views.iter().map(|view| view.len_of(Axis(axis))).sum();
        let order = memory_order(&views[0]);
        let mut whole = memory::array(&order.iter().map(|&axis| shape[axis]).collect::<Shape>());
        whole = whole.permuted_axes(IxDyn(&inverse(&order)));
        let mut rest = whole.view_mut();
        for view in &views {
            let (place, others) = rest.split_at(Axis(axis), view.len_of(Axis(axis)));
            copies::assign(place, view.view());
            rest = others;
        }
        Self::new(whole.into_shared())
    }

    /// The same where all parts together are a few elements.
    fn concat_few(axis: usize, parts: &[&Tensor<T>]) -> Option<Self> {
        let mut all = SmallVec::<[&Few<T>; 4]>::new();
        for part in parts {
            match part.ready() {
                Tensor::Few(few) => all.push(few),
                _ => return None,
            }
        }
        let mut shape = Shape::from_slice(all.first()?.shape());
        shape[axis] = all.iter().map(|few| few.shape()[axis]).sum();
        Some(Self::few(Dims::short(&shape)?, |y| few::concat(axis, &all, y)))
    }

    /// The elements at `places`, counted in row-major order, under `shape`.
    pub fn take(&self, places: &[usize], shape: &[usize]) -> Self {
        let view = self.view();
        let packed = view.as_standard_layout();
        let all = packed.as_slice().expect("the standard layout");
        let elements = places.iter().map(|&i| all[i]).collect();
        Self::new(ArcArray::from_shape_vec(IxDyn(shape), elements).expect("a place for each element"))
    }

    /// Zeros of `shape` to which the elements of `self` are added at `places`, counted in row-major order.
    pub fn put(&self, places: &[usize], shape: &[usize]) -> Self {
        let mut whole = ArrayD::zeros(IxDyn(&[shape.iter().product()]));
        let mut elements = self.view().into_iter();
        in_chains(whole.view_mut(), Axis(0), places, |sums, places| {
            let sums = sums.into_slice().expect("one axis");
            places.iter().zip(&mut elements).for_each(|(&i, &x)| sums[i] += x);
        });
        Self::new(whole.into_shape_with_order(IxDyn(shape)).expect("as many elements").into_shared())
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

/// Adds the slices of `part` along `axis` to those of `whole` at `indices`.
fn add_at<T: Scalar>(whole: ArrayViewMutD<'_, T>, axis: usize, indices: &[usize], part: &Tensor<T>) {
    /// Elements of a slice that are added in less time than it takes to find them in a view.
    const SHORT: usize = 64;
    let (places, inner) = (Axis(axis), whole.shape()[axis + 1..].iter().product::<usize>());
    let (view, packed) = (part.view(), part.shape().contains(&0) || inner >= SHORT);
    let copy = (!packed && view.as_slice().is_none()).then(|| copies::row_major(view.view()));
    let part = copy.as_ref().map_or(view, |copy| copy.view());
    let mut start = 0;
    in_chains(whole, places, indices, |mut sums, indices| {
        let range = start..start + indices.len();
        start = range.end;
        let part = part.slice_axis(places, range.into());
        let n = sums.len_of(places) * inner;
        match (sums.as_slice_mut(), part.as_slice()) {
            (Some(sums), Some(part)) if !part.is_empty() => {
                let blocks = sums.chunks_exact_mut(n).zip(part.chunks_exact(indices.len() * inner));
                for (sums, part) in blocks {
                    for (&i, slice) in indices.iter().zip(part.chunks_exact(inner)) {
                        let sums = &mut sums[i * inner..(i + 1) * inner];
                        sums.iter_mut().zip(slice).for_each(|(sum, &x)| *sum += x);
                    }
                }
            }
            _ => {
                for (&i, slice) in indices.iter().zip(part.axis_iter(places)) {
                    let mut place = sums.index_axis_mut(places, i);
                    place += &slice;
                }
            }
        }
    });
}

/// Has terms added at `indices` along an axis of `whole`: where there are many, some at a time to zeros, whose sums are added then.
/// All may go to one place, and errors of rounding grow with the length of a chain of additions.
fn in_chains<T: Scalar>(
    mut whole: ArrayViewMutD<'_, T>,
    axis: Axis,
    indices: &[usize],
    mut add: impl FnMut(ArrayViewMutD<'_, T>, &[usize]),
) {
    const CHAIN: usize = 4096;
    // No fewer than there are places, which are all looked at once for each chain.
    let chain = CHAIN.max(whole.len_of(axis));
    if indices.len() <= chain {
        return add(whole, indices);
    }
    let mut sums = memory::zeros(whole.shape());
    for indices in indices.chunks(chain) {
        add(sums.view_mut(), indices);
        copies::add_assign(whole.view_mut(), sums.view());
        sums.fill(T::zero());
    }
}

/// The axes from that of the largest stride to that of the smallest; row-major order where elements are repeated.
fn memory_order<T>(view: &ArrayViewD<'_, T>) -> Shape {
    let mut order: Shape = (0..view.ndim()).collect();
    if view.axes().all(|axis| axis.stride != 0 || axis.len <= 1) {
        order.sort_by_key(|&axis| Reverse(view.stride_of(Axis(axis)).unsigned_abs()));
    }
    order
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
