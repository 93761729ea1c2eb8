//! Elements by their indices: read, added to, replaced.

use crate::backend::Backend;
use crate::error::{Error, twins};
use crate::rules::{IndexAdd, Put, Select, Slice, Take, Unslice};
use crate::scalar::Scalar;
use crate::shape::{
    Shape, broadcast, check_broadcast_to, check_slice, checked_size, resolve_axis, resolve_indices,
};
use crate::tensor::Tensor;
use crate::value::{Operand, Value};
use ndarray::{ArrayBase, ArrayD, ArrayViewD, Data, Dimension, IxDyn, SliceInfoElem};
use std::borrow::Borrow;

/// How far apart in memory neighbours along each axis of a row-major array are.
fn strides(shape: &[usize]) -> Shape {
    let mut strides = Shape::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The places, in row-major order of `shape`, of the elements whose index along `axis` is given, and along other axes the
/// index of that index.
pub(super) fn places_along(
    op: &'static str,
    shape: &[usize],
    axis: usize,
    indices: ArrayViewD<'_, usize>,
) -> Result<Vec<usize>, Error> {
    let strides = strides(shape);
    let mut at = Shape::from_elem(0, shape.len());
    let mut base = 0;
    let mut places = Vec::with_capacity(indices.len());
    for (position, &index) in indices.iter().enumerate() {
        if index >= shape[axis] {
            return Err(Error::Index { op, index, position, axis, shape: shape.to_vec() });
        }
        places.push(base + index * strides[axis]);
        for a in (0..shape.len()).rev() {
            let stride = if a == axis { 0 } else { strides[a] };
            at[a] += 1;
            base += stride;
            if at[a] < indices.shape()[a] {
                break;
            }
            base -= stride * at[a];
            at[a] = 0;
        }
    }
    Ok(places)
}

/// Elements by their indices: which are read, added to, or replaced. Nothing changes in place: what replaces is a new
/// value, differentiable in what was there and in what is put there.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// The elements at the given indices along an axis, like NumPy's `take_along_axis`: `y[i][j] = x[i][indices[i][j]]`
        /// for axis 1. Along other axes `self` and `indices` broadcast together.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// let y = x.take_along_axis(&array![[0], [1]], 1);
        /// assert_eq!(y.data(), array![[1.0], [4.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the numbers of axes differ, or an axis or an index is not there.
        fn take_along_axis, try_take_along_axis(&self, indices: &ArrayBase<impl Data<Elem = usize>, impl Dimension>, axis: isize) -> Self {
            let op = "take_along_axis";
            let axis = self.check_indices(op, indices.shape(), axis)?;
            let without = |shape: &[usize]| {
                let mut shape = Shape::from_slice(shape);
                shape[axis] = 1;
                shape
            };
            let wide = broadcast(op, &without(self.shape()), &without(indices.shape()))?;
            let with = |length: usize| {
                let mut shape = wide.clone();
                shape[axis] = length;
                shape
            };
            let (from, to) = (with(self.shape()[axis]), with(indices.shape()[axis]));
            checked_size(op, &from)?;
            checked_size(op, &to)?;
            let indices = indices.view().into_dyn();
            let indices = indices.broadcast(IxDyn(&to)).expect("indices broadcast to their common shape");
            let places = places_along(op, &from, axis, indices)?.into();
            Ok(Self::apply(Take { op, places, from: from.clone(), to }, &[&self.spread_to(&from)]))
        }

        /// The elements at the given indices along an axis, like PyTorch's `gather`: `y[i][j] = x[indices[i][j]][j]` for
        /// axis 0. Along other axes `indices` may be shorter than `self`, whose first elements it stands for.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// let y = x.gather(0, &array![[1, 0]]);
        /// assert_eq!(y.data(), array![[3.0, 2.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the numbers of axes differ, an axis or an index is not there, or there are more indices than elements along
        /// another axis.
        fn gather, try_gather(&self, axis: isize, indices: &ArrayBase<impl Data<Elem = usize>, impl Dimension>) -> Self {
            let op = "gather";
            let axis = self.check_indices(op, indices.shape(), axis)?;
            self.check_inside(op, indices.shape(), axis)?;
            let places = places_along(op, self.shape(), axis, indices.view().into_dyn())?.into();
            let (from, to) = (Shape::from_slice(self.shape()), Shape::from_slice(indices.shape()));
            Ok(Self::apply(Take { op, places, from, to }, &[self]))
        }

        /// `self` with the elements of `source` added at the given indices along an axis, like PyTorch's `scatter_add`:
        /// `y[indices[i][j]][j] += source[i][j]` for axis 0. It is the transpose of [`gather`](Value::gather); `source`
        /// broadcasts to the shape of `indices`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::new(array![1.0, 2.0]).scatter_add(0, &array![0, 0, 1], array![10.0, 20.0, 30.0]);
        /// assert_eq!(y.data(), array![31.0, 32.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// As for [`gather`](Value::gather), and where `source` does not broadcast to the shape of `indices`.
        fn scatter_add, try_scatter_add(&self, axis: isize, indices: &ArrayBase<impl Data<Elem = usize>, impl Dimension>, source: impl Operand<T, B>) -> Self {
            let op = "scatter_add";
            let axis = self.check_indices(op, indices.shape(), axis)?;
            self.check_inside(op, indices.shape(), axis)?;
            let places = places_along(op, self.shape(), axis, indices.view().into_dyn())?;
            let source = source.operand().spread_checked(op, indices.shape())?;
            Ok(self + self.put(places, &source))
        }

        /// `self` with the elements of `values` in place of those at the given indices along an axis, like NumPy's
        /// `put_along_axis`, but as a new value. `values` broadcasts to the shape of `indices`; of several for one place,
        /// the last counts.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// let y = x.put_along_axis(&array![[0], [1]], 0.0, 1);
        /// assert_eq!(y.data(), array![[0.0, 2.0], [3.0, 0.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// As for [`scatter_add`](Value::scatter_add).
        fn put_along_axis, try_put_along_axis(&self, indices: &ArrayBase<impl Data<Elem = usize>, impl Dimension>, values: impl Operand<T, B>, axis: isize) -> Self {
            let op = "put_along_axis";
            let axis = self.check_indices(op, indices.shape(), axis)?;
            self.check_inside(op, indices.shape(), axis)?;
            let places = places_along(op, self.shape(), axis, indices.view().into_dyn())?;
            let values = values.operand().spread_checked(op, indices.shape())?;
            Ok(self.replace(places, &values))
        }

        /// The elements, or parts along the later axes, at a list of indices for each of the first axes, like NumPy's
        /// `x[rows, columns]`: of shape (n, ...) for lists of n.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// assert_eq!(x.index(&[[0, 1], [1, 1]]).data(), array![2.0, 4.0].into_dyn());
        /// assert_eq!(x.index(&[[1]]).data(), array![[3.0, 4.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are more lists than axes, or none, their lengths differ, or an index is not there.
        fn index, try_index(&self, indices: &[impl AsRef<[usize]>]) -> Self {
            let op = "index";
            let (places, to) = self.places_at(op, indices)?;
            let from = Shape::from_slice(self.shape());
            Ok(Self::apply(Take { op, places: places.into(), from, to }, &[self]))
        }

        /// `self` with `values` in place of what [`index`](Value::index) reads, like NumPy's `x[rows, columns] = values`,
        /// but as a new value (PyTorch's `index_put`). `values` broadcasts; of several for one place, the last counts.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// let y = x.index_put(&[[0, 1], [1, 1]], 0.0);
        /// assert_eq!(y.data(), array![[1.0, 0.0], [3.0, 0.0]].into_dyn());
        /// y.backward();
        /// assert_eq!(x.grad().data(), array![[1.0, 0.0], [1.0, 0.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// As for [`index`](Value::index), and where `values` does not broadcast to what it reads.
        fn index_put, try_index_put(&self, indices: &[impl AsRef<[usize]>], values: impl Operand<T, B>) -> Self {
            let op = "index_put";
            let (places, to) = self.places_at(op, indices)?;
            let values = values.operand().spread_checked(op, &to)?;
            Ok(self.replace(places, &values))
        }

        /// `self` with the parts of `source` along an axis added to those at the given indices (PyTorch's name).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::new(array![1.0, 2.0]).index_add(0, [0, 0], array![10.0, 20.0]);
        /// assert_eq!(y.data(), array![31.0, 2.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where an axis or an index is not there, or `source` does not broadcast to the shape of `self` with one part for
        /// each index.
        fn index_add, try_index_add(&self, axis: isize, indices: impl IntoIterator<Item: Borrow<usize>>, source: impl Operand<T, B>) -> Self {
            let op = "index_add";
            let axis = resolve_axis(op, axis, self.shape())?;
            let length = self.shape()[axis];
            let indices = resolve_indices(op, axis, self.shape(), indices)?;
            let mut shape = Shape::from_slice(self.shape());
            shape[axis] = indices.len();
            let source = source.operand().spread_checked(op, &shape)?;
            Ok(self + Self::apply(IndexAdd { axis, indices: indices.into(), length }, &[&source]))
        }

        /// `self` with `values`, which broadcast, in place of the elements of a slice: `ndarray`'s
        /// `x.slice_mut(s![..]).assign(&values)`, as a new value.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::{array, s};
        /// let (x, v) = (Value::new(array![1.0, 2.0, 3.0]), Value::new(array![7.0, 8.0]));
        /// let y = x.set_slice(s![1..], &v);
        /// assert_eq!(y.data(), array![1.0, 7.0, 8.0].into_dyn());
        /// y.backward();
        /// assert_eq!(x.grad().data(), array![1.0, 0.0, 0.0].into_dyn());
        /// assert_eq!(v.grad().data(), array![1.0, 1.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the slice does not fit, or `values` does not broadcast to its shape.
        fn set_slice, try_set_slice(&self, info: impl AsRef<[SliceInfoElem]>, values: impl Operand<T, B>) -> Self {
            let op = "set_slice";
            check_slice(op, info.as_ref(), self.shape())?;
            let info: std::sync::Arc<[SliceInfoElem]> = info.as_ref().into();
            let shape = Shape::from_slice(self.shape());
            let ones = Self::from_parts(Tensor::full(T::one(), &shape), None);
            let part = Self::apply(Slice { info: info.clone(), from: shape.clone() }, &[&ones]);
            let values = values.operand().spread_checked(op, part.shape())?;
            let placed = |x: &Self| Self::apply(Unslice { info: info.clone(), shape: shape.clone() }, &[x]);
            Ok(Self::apply(Select, &[&placed(&part), &placed(&values), self]))
        }

        /// The elements where the mask holds, in row-major order: NumPy's `x[mask]`. The mask broadcasts to the shape of
        /// `self`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![[1.0, -2.0], [3.0, -4.0]]);
        /// assert_eq!(x.masked_select(&x.gt(0.0)).data(), array![1.0, 3.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the mask does not broadcast to the shape of `self`.
        fn masked_select, try_masked_select(&self, mask: &ArrayBase<impl Data<Elem = bool>, impl Dimension>) -> Self {
            let op = "masked_select";
            check_broadcast_to(op, mask.shape(), self.shape())?;
            let mask = mask.broadcast(IxDyn(self.shape())).expect("the mask broadcasts");
            let places: Vec<usize> = mask.iter().enumerate().filter(|(_, m)| **m).map(|(i, _)| i).collect();
            let (from, to) = (Shape::from_slice(self.shape()), Shape::from_slice(&[places.len()]));
            Ok(Self::apply(Take { op, places: places.into(), from, to }, &[self]))
        }

        /// `value` where the mask holds, and `self` elsewhere, all three broadcast together (PyTorch's name; see
        /// [`where_`](crate::where_)).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, f64::NAN]);
        /// let is_nan = x.data().mapv(f64::is_nan);
        /// assert_eq!(x.masked_fill(&is_nan, 0.0).data(), array![1.0, 0.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the shapes do not broadcast together.
        fn masked_fill, try_masked_fill(&self, mask: &ArrayBase<impl Data<Elem = bool>, impl Dimension>, value: impl Operand<T, B>) -> Self {
            let value = value.operand();
            let branches = broadcast("masked_fill", value.shape(), self.shape())?;
            broadcast("masked_fill", mask.shape(), &branches)?;
            super::try_where(mask, value, self)
        }
    }

    twins! {
        /// For each index, 1 at its place among `classes`, and 0 elsewhere: a constant of shape (..., classes).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::<f64>::one_hot(&array![2, 0], 3);
        /// assert_eq!(y.data(), array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where an index is not below `classes`.
        fn one_hot, try_one_hot(indices: &ArrayBase<impl Data<Elem = usize>, impl Dimension>, classes: usize) -> Self {
            let op = "one_hot";
            let shape: Shape = indices.shape().iter().copied().chain([classes]).collect();
            let mut all = vec![T::zero(); checked_size(op, &shape)?];
            for (position, &label) in indices.iter().enumerate() {
                if label >= classes {
                    return Err(Error::Label { op, label, position, classes });
                }
                all[position * classes + label] = T::one();
            }
            Ok(Value::constant(ArrayD::from_shape_vec(IxDyn(&shape), all).expect("as many elements")))
        }
    }

    /// The axis counted from the front, where indices have as many axes as `self`.
    fn check_indices(&self, op: &'static str, indices: &[usize], axis: isize) -> Result<usize, Error> {
        let axis = resolve_axis(op, axis, self.shape())?;
        match indices.len() == self.ndim() {
            true => Ok(axis),
            false => Err(Error::Rank { op, shape: indices.to_vec(), expected: "as many as the array has" }),
        }
    }

    /// Checks that along the other axes there are at most as many indices as elements.
    fn check_inside(&self, op: &'static str, indices: &[usize], axis: usize) -> Result<(), Error> {
        let mut expected = self.shape().to_vec();
        expected[axis] = indices[axis];
        match indices.iter().zip(&expected).all(|(got, most)| got <= most) {
            true => Ok(()),
            false => Err(Error::Shape { op, got: indices.to_vec(), expected }),
        }
    }

    /// The places at a list of indices for each of the first axes, and the shape of what is there.
    fn places_at(
        &self,
        op: &'static str,
        indices: &[impl AsRef<[usize]>],
    ) -> Result<(Vec<usize>, Shape), Error> {
        let shape = self.shape();
        let lists: Vec<&[usize]> = indices.iter().map(|list| list.as_ref()).collect();
        if lists.is_empty() || lists.len() > shape.len() {
            return Err(Error::Count {
                op,
                what: "lists of indices",
                got: lists.len(),
                expected: shape.len(),
            });
        }
        let (strides, rest) = (strides(shape), &shape[lists.len()..]);
        let (length, inner) = (lists[0].len(), rest.iter().product::<usize>());
        let mut starts = vec![0; length];
        for (axis, list) in lists.iter().enumerate() {
            if list.len() != length {
                return Err(Error::Count {
                    op,
                    what: "indices in a list",
                    got: list.len(),
                    expected: length,
                });
            }
            for (position, (&index, start)) in list.iter().zip(&mut starts).enumerate() {
                if index >= shape[axis] {
                    return Err(Error::Index { op, index, position, axis, shape: shape.to_vec() });
                }
                *start += index * strides[axis];
            }
        }
        let to: Shape = [length].into_iter().chain(rest.iter().copied()).collect();
        checked_size(op, &to)?;
        Ok((starts.into_iter().flat_map(|start| start..start + inner).collect(), to))
    }

    fn spread_checked(&self, op: &'static str, shape: &[usize]) -> Result<Self, Error> {
        check_broadcast_to(op, self.shape(), shape)?;
        Ok(self.spread_to(shape))
    }

    /// Zeros of the shape of `self` to which `values` are added at `places`.
    fn put(&self, places: Vec<usize>, values: &Self) -> Self {
        let (from, to) = (Shape::from_slice(values.shape()), Shape::from_slice(self.shape()));
        Self::apply(Put { places: places.into(), from, to }, &[values])
    }

    /// `self` with the last of `values` for each of `places` there.
    fn replace(&self, places: Vec<usize>, values: &Self) -> Self {
        let mut last = vec![usize::MAX; self.len()];
        places.iter().enumerate().for_each(|(i, &place)| last[place] = i);
        let mask = last.iter().map(|&i| if i == usize::MAX { T::zero() } else { T::one() }).collect();
        let mask = ArrayD::from_shape_vec(IxDyn(self.shape()), mask).expect("as many elements");
        let counts: Vec<usize> = (0..places.len()).filter(|&i| last[places[i]] == i).collect();
        let put = match counts.len() == places.len() {
            true => self.put(places, values),
            false => {
                let from = Shape::from_slice(values.shape());
                let to = Shape::from_slice(&[counts.len()]);
                let places = counts.iter().map(|&i| places[i]).collect();
                self.put(
                    places,
                    &Self::apply(Take { op: "take", places: counts.into(), from, to }, &[values]),
                )
            }
        };
        Self::apply(Select, &[&Value::constant(mask), &put, self])
    }
}
