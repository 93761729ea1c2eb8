//! Parts of tensors, and tensors of parts.

use super::Tensor;
use crate::copies;
use crate::few::{self, Dims};
use crate::memory;
use crate::scalar::Scalar;
use crate::shape::{Shape, inverse, same};
use ndarray::{ArcArray, ArrayD, ArrayViewD, ArrayViewMutD, Axis, Dimension, IxDyn, SliceInfoElem};
use smallvec::SmallVec;
use std::cmp::Reverse;

impl<T: Scalar> Tensor<T> {
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

    /// The same where all parts together are short, and each is in row-major order.
    fn concat_few(axis: usize, parts: &[&Tensor<T>]) -> Option<Self> {
        let mut shape = Shape::from_slice(parts.first()?.shape());
        shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
        let dims = Dims::short(&shape)?;
        let mut all = SmallVec::<[&[T]; 4]>::new();
        for part in parts {
            let (from, elements) = part.packed_elements()?;
            all.push(Some(elements).filter(|_| same(from, part.shape()))?);
        }
        let outer = shape[..axis].iter().product();
        Some(Self::few(dims, |y| few::concat(outer, &all, y)))
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
}

/// Adds the slices of `part` along `axis` to those of `whole` at `indices`.
fn add_at<T: Scalar>(whole: ArrayViewMutD<'_, T>, axis: usize, indices: &[usize], part: &Tensor<T>) {
    /// Elements of a slice that are added in less time than it takes to find them in a view.
    const SHORT: usize = 64;
    let (inner, axis) = (whole.shape()[axis + 1..].iter().product::<usize>(), Axis(axis));
    let part = part.view();
    if part.is_empty() {
        return;
    }
    let mut start = 0;
    in_chains(whole, axis, indices, |mut sums, indices| {
        let part = part.slice_axis(axis, (start..start + indices.len()).into());
        start += indices.len();
        let n = sums.len_of(axis) * inner;
        if inner < SHORT
            && let Some(sums) = sums.as_slice_mut()
        {
            let part = part.as_standard_layout();
            let part = part.as_slice().expect("the standard layout");
            for (sums, part) in sums.chunks_exact_mut(n).zip(part.chunks_exact(indices.len() * inner)) {
                for (&i, slice) in indices.iter().zip(part.chunks_exact(inner)) {
                    let place = &mut sums[i * inner..(i + 1) * inner];
                    place.iter_mut().zip(slice).for_each(|(sum, &x)| *sum += x);
                }
            }
            return;
        }
        for (&i, slice) in indices.iter().zip(part.axis_iter(axis)) {
            let mut place = sums.index_axis_mut(axis, i);
            place += &slice;
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
