//! The same elements in other shapes, orders and numbers: cut, repeated, turned, padded.

use crate::backend::Backend;
use crate::error::{Error, twins};
use crate::rules::{IndexSelect, Permute, Slice};
use crate::scalar::Scalar;
use crate::shape::{Axes, Lengths, Shape, checked_size, resolve_axis};
use crate::tensor::Tensor;
use crate::value::{Operand, Value};
use ndarray::SliceInfoElem;
use std::borrow::Borrow;
use std::ops::Range;

/// What [`pad`](Value::pad) puts around an array: NumPy's `mode`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pad<T> {
    /// A number.
    Constant(T),
    /// The element at the edge.
    Edge,
    /// The elements mirrored at the edge, which is not repeated: `3 2 | 1 2 3 | 2 1`.
    Reflect,
    /// The elements mirrored behind the edge, which is repeated: `2 1 | 1 2 3 | 3 2`.
    Symmetric,
    /// The elements of the other end: `2 3 | 1 2 3 | 1 2`.
    Wrap,
}

impl<T> Pad<T> {
    /// The index inside an axis of `n` elements that an index outside it stands for.
    fn inside(&self, i: isize, n: isize) -> isize {
        let mirrored = |period: isize| {
            let i = i.rem_euclid(period);
            i.min(period - 1 - i)
        };
        match self {
            Pad::Constant(_) | Pad::Edge => i.clamp(0, n - 1),
            Pad::Reflect if n == 1 => 0,
            Pad::Reflect => {
                let i = i.rem_euclid(2 * n - 2);
                i.min(2 * n - 2 - i)
            }
            Pad::Symmetric => mirrored(2 * n),
            Pad::Wrap => i.rem_euclid(n),
        }
    }
}

/// Which axes of a [`meshgrid`](Value::meshgrid) its first two arrays lie along: NumPy's `indexing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// Like the coordinates of a picture, NumPy's default: the first array along axis 1, the second along axis 0.
    Xy,
    /// Like the indices of a matrix: each array along the axis of its number.
    Ij,
}

/// Cut, repeated, turned, padded.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The elements in row-major order, with one axis.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.flatten().data(), ndarray::array![1.0, 2.0, 3.0, 4.0].into_dyn());
    /// ```
    #[must_use]
    #[doc(alias = "ravel")]
    pub fn flatten(&self) -> Self {
        self.with_shape("flatten", Shape::from_slice(&[self.len()]))
    }

    twins! {
        /// Equal parts along an axis.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![1.0, 2.0, 3.0, 4.0]);
        /// let parts = x.split(2, 0);
        /// assert_eq!(parts[1].data(), ndarray::array![3.0, 4.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the axis is not there, or its length is no multiple of `sections`.
        fn split, try_split(&self, sections: usize, axis: isize) -> Vec<Self> {
            let op = "split";
            let axis = resolve_axis(op, axis, self.shape())?;
            let length = self.shape()[axis];
            if sections == 0 || !length.is_multiple_of(sections) {
                let expected = format!("a divisor of {length}, the length of axis {axis} of shape {:?}", self.shape());
                return Err(Error::Argument { op, what: "the number of sections", got: sections.to_string(), expected });
            }
            let part = length / sections;
            Ok((0..sections).map(|i| self.part(axis, i * part..(i + 1) * part)).collect())
        }

        /// Parts along an axis that are as equal as can be: the first are one longer than the last where the length is no
        /// multiple of `sections`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let parts = Value::new(ndarray::array![1.0, 2.0, 3.0]).array_split(2, 0);
        /// assert_eq!(parts[0].data(), ndarray::array![1.0, 2.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the axis is not there, or `sections` is 0.
        #[doc(alias = "chunk")]
        fn array_split, try_array_split(&self, sections: usize, axis: isize) -> Vec<Self> {
            let op = "array_split";
            let axis = resolve_axis(op, axis, self.shape())?;
            if sections == 0 {
                let (got, expected) = (sections.to_string(), "at least 1".to_string());
                return Err(Error::Argument { op, what: "the number of sections", got, expected });
            }
            let (short, longer) = (self.shape()[axis] / sections, self.shape()[axis] % sections);
            let start = |i: usize| i * short + i.min(longer);
            Ok((0..sections).map(|i| self.part(axis, start(i)..start(i + 1))).collect())
        }

        /// The parts between the given indices along an axis, one more than there are indices: NumPy's `split` with a
        /// list.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let parts = Value::new(ndarray::array![1.0, 2.0, 3.0]).split_at([1], 0);
        /// assert_eq!(parts[1].data(), ndarray::array![2.0, 3.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the axis is not there, or the indices do not ascend, or exceed its length.
        fn split_at, try_split_at(&self, indices: impl IntoIterator<Item: Borrow<usize>>, axis: isize) -> Vec<Self> {
            let op = "split_at";
            let axis = resolve_axis(op, axis, self.shape())?;
            let length = self.shape()[axis];
            let ends = indices.into_iter().map(|i| *i.borrow()).chain([length]);
            let mut start = 0;
            let part = |end: usize| {
                if end < start || end > length {
                    let expected = format!("{start} to {length}, ascending along axis {axis} of shape {:?}", self.shape());
                    return Err(Error::Argument { op, what: "an index", got: end.to_string(), expected });
                }
                Ok(self.part(axis, std::mem::replace(&mut start, end)..end))
            };
            ends.map(part).collect()
        }

        /// Each element `repeats` times, one after the other, along an axis.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![1.0, 2.0]);
        /// assert_eq!(x.repeat(2, 0).data(), ndarray::array![1.0, 1.0, 2.0, 2.0].into_dyn());
        /// ```
        #[doc(alias = "repeat_interleave")]
        fn repeat, try_repeat(&self, repeats: usize, axis: isize) -> Self {
            let op = "repeat";
            let axis = resolve_axis(op, axis, self.shape())?;
            let mut wide = Shape::from_slice(self.shape());
            wide.insert(axis + 1, repeats);
            checked_size(op, &wide)?;
            let mut long = Shape::from_slice(self.shape());
            long[axis] *= repeats;
            Ok(self.try_unsqueeze(axis + 1)?.spread_to(&wide).with_shape(op, long))
        }

        /// The whole array repeated along each axis as often as `repeats` says for it; an axis more in either of the two
        /// is a new one in front of the other's.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![1.0, 2.0]);
        /// assert_eq!(x.tile(2).data(), ndarray::array![1.0, 2.0, 1.0, 2.0].into_dyn());
        /// assert_eq!(x.tile([2, 1]).shape(), [2, 2]);
        /// ```
        fn tile, try_tile(&self, repeats: impl Into<Lengths>) -> Self {
            let op = "tile";
            let repeats = repeats.into().exact(op)?;
            let ndim = repeats.len().max(self.ndim());
            let padded = |list: &[usize]| -> Shape {
                std::iter::repeat_n(1, ndim - list.len()).chain(list.iter().copied()).collect()
            };
            let (repeats, lengths) = (padded(&repeats), padded(self.shape()));
            let pairs = |f: fn(usize, usize) -> [usize; 2]| -> Shape {
                repeats.iter().zip(&lengths).flat_map(|(&r, &n)| f(r, n)).collect()
            };
            let wide = pairs(|r, n| [r, n]);
            checked_size(op, &wide)?;
            let long = repeats.iter().zip(&lengths).map(|(r, n)| r * n).collect();
            Ok(self.with_shape(op, pairs(|_, n| [1, n])).spread_to(&wide).with_shape(op, long))
        }

        /// The elements moved by `shift` places along an axis; those that leave at one end come in at the other.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![1.0, 2.0, 3.0]);
        /// assert_eq!(x.roll(1, 0).data(), ndarray::array![3.0, 1.0, 2.0].into_dyn());
        /// ```
        fn roll, try_roll(&self, shift: isize, axis: isize) -> Self {
            let axis = resolve_axis("roll", axis, self.shape())?;
            let n = self.shape()[axis];
            if n == 0 {
                return Ok(self.clone());
            }
            let first = (-(shift % n as isize)).rem_euclid(n as isize) as usize;
            Ok(self.select(axis, (first..n).chain(0..first).collect()))
        }

        /// The elements in reverse order along the given axes: a view.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
        /// assert_eq!(x.flip(1).data(), ndarray::array![[2.0, 1.0], [4.0, 3.0]].into_dyn());
        /// ```
        fn flip, try_flip(&self, axes: impl Into<Axes>) -> Self {
            let axes = axes.into().resolve("flip", self.shape())?;
            let elem = |axis: usize| SliceInfoElem::Slice {
                start: 0,
                end: None,
                step: if axes.contains(&axis) { -1 } else { 1 },
            };
            let info: Vec<SliceInfoElem> = (0..self.ndim()).map(elem).collect();
            Ok(Self::apply(Slice { info: info.into(), from: Shape::from_slice(self.shape()) }, &[self]))
        }

        /// The array with more elements around it: `widths` has how many before and after, for each axis, or one pair for
        /// all.
        ///
        /// ```
        /// use autodiff_core::{Pad, native::Value};
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, 2.0, 3.0]);
        /// assert_eq!(x.pad([(1, 2)], Pad::Constant(0.0)).data(), array![0.0, 1.0, 2.0, 3.0, 0.0, 0.0].into_dyn());
        /// assert_eq!(x.pad([(2, 1)], Pad::Reflect).data(), array![3.0, 2.0, 1.0, 2.0, 3.0, 2.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there is not one pair for each axis, or an axis without elements is to be padded with them.
        fn pad, try_pad(&self, widths: impl AsRef<[(usize, usize)]>, mode: Pad<T>) -> Self {
            let op = "pad";
            let widths = match *widths.as_ref() {
                [all] => vec![all; self.ndim()],
                ref each => each.to_vec(),
            };
            if widths.len() != self.ndim() {
                return Err(Error::Count { op, what: "pairs of widths", got: widths.len(), expected: self.ndim() });
            }
            let wide = |(&n, &(before, after)): (&usize, &(usize, usize))| n.saturating_add(before).saturating_add(after);
            let shape: Shape = self.shape().iter().zip(&widths).map(wide).collect();
            checked_size(op, &shape)?;
            if let Pad::Constant(value) = mode {
                let info: Vec<SliceInfoElem> = (self.shape().iter().zip(&widths))
                    .map(|(&n, &(before, _))| SliceInfoElem::from(before..before + n))
                    .collect();
                return Self::from_parts(Tensor::full(value, &shape), None).try_set_slice(info, self);
            }
            let mut padded = self.clone();
            for (axis, &(before, after)) in widths.iter().enumerate() {
                let n = self.shape()[axis] as isize;
                if (before, after) == (0, 0) {
                    continue;
                }
                if n == 0 {
                    return Err(Error::Argument {
                        op,
                        what: "the length of a padded axis",
                        got: format!("0, for axis {axis} of shape {:?}", self.shape()),
                        expected: "at least 1, as it is padded with its own elements".to_string(),
                    });
                }
                let places = -(before as isize)..n + after as isize;
                padded = padded.select(axis, places.map(|i| mode.inside(i, n) as usize).collect());
            }
            Ok(padded)
        }

        /// The products of all pairs of elements, (m, n) for operands of m and n elements, whatever their shapes.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::new(array![1.0, 2.0]).outer(array![3.0, 4.0]);
        /// assert_eq!(y.data(), array![[3.0, 4.0], [6.0, 8.0]].into_dyn());
        /// ```
        fn outer, try_outer(&self, other: impl Operand<T, B>) -> Self {
            let (rows, columns) = (self.flatten(), other.operand().flatten());
            checked_size("outer", &[rows.len(), columns.len()])?;
            rows.try_unsqueeze(1)?.try_mul(columns)
        }

        /// The axes of `source` moved to the places of `destination` in the result; the others keep their order.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::Array::<f64, _>::ones((2, 3, 4)));
        /// assert_eq!(x.moveaxis(0, -1).shape(), [3, 4, 2]);
        /// ```
        ///
        /// # Panics
        ///
        /// Where an axis is not there, or the numbers of axes differ.
        #[doc(alias = "movedim")]
        fn moveaxis, try_moveaxis(&self, source: impl Into<Axes>, destination: impl Into<Axes>) -> Self {
            let op = "moveaxis";
            let source = source.into().resolve(op, self.shape())?;
            let destination = destination.into().resolve(op, self.shape())?;
            if source.len() != destination.len() {
                let (got, expected) = (destination.len(), source.len());
                return Err(Error::Count { op, what: "destinations", got, expected });
            }
            let mut others = (0..self.ndim()).filter(|axis| !source.contains(axis));
            let axis = |to: usize| match destination.iter().position(|&d| d == to) {
                Some(i) => source[i],
                None => others.next().expect("another axis"),
            };
            let axes = (0..self.ndim()).map(axis).collect();
            Ok(Self::apply(Permute { op, axes }, &[self]))
        }

        /// Windows of `size` elements along an axis, each `step` further than the one before, in a new last axis: NumPy's
        /// `sliding_window_view`, with a step (PyTorch's `unfold`).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, 2.0, 3.0, 4.0]);
        /// assert_eq!(x.unfold(0, 2, 1).data(), array![[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the axis is not there or shorter than a window, or `size` or `step` is 0.
        #[doc(alias = "sliding_window_view")]
        #[doc(alias = "windows")]
        fn unfold, try_unfold(&self, axis: isize, size: usize, step: usize) -> Self {
            let op = "unfold";
            let axis = resolve_axis(op, axis, self.shape())?;
            let n = self.shape()[axis];
            let fail = |what, got: usize, expected: String| {
                Err(Error::Argument { op, what, got: got.to_string(), expected })
            };
            if size == 0 || size > n {
                return fail("size", size, format!("1 to {n}, the length of axis {axis} of shape {:?}", self.shape()));
            }
            if step == 0 {
                return fail("step", step, "at least 1".to_string());
            }
            let windows = (n - size) / step + 1;
            let mut shape = Shape::from_slice(self.shape());
            shape[axis] = windows;
            shape.insert(axis + 1, size);
            checked_size(op, &shape)?;
            let places = (0..windows).flat_map(|i| i * step..i * step + size).collect();
            self.select(axis, places).with_shape(op, shape).try_moveaxis(axis + 1, -1)
        }
    }

    twins! {
        /// Arrays, of one axis each or flattened, repeated along each other's axes: all coordinates of a grid.
        ///
        /// ```
        /// use autodiff_core::{Indexing, native::Value};
        /// use ndarray::array;
        /// let (x, y) = (Value::new(array![1.0, 2.0, 3.0]), Value::new(array![4.0, 5.0]));
        /// let grid = Value::meshgrid(&[&x, &y], Indexing::Xy);
        /// assert_eq!(grid[0].data(), array![[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]].into_dyn());
        /// assert_eq!(grid[1].data(), array![[4.0, 4.0, 4.0], [5.0, 5.0, 5.0]].into_dyn());
        /// ```
        fn meshgrid, try_meshgrid(parts: &[impl Borrow<Self>], indexing: Indexing) -> Vec<Self> {
            let shape: Shape = parts.iter().map(|part| part.borrow().len()).collect();
            checked_size("meshgrid", &shape)?;
            let along = |(axis, part): (usize, &_)| {
                let part: &Self = Borrow::borrow(part);
                let mut own = Shape::from_elem(1, shape.len());
                own[axis] = part.len();
                let grid = part.with_shape("meshgrid", own).spread_to(&shape);
                match indexing {
                    Indexing::Xy if shape.len() >= 2 => grid.try_swap_axes(0, 1),
                    _ => Ok(grid),
                }
            };
            parts.iter().enumerate().map(along).collect()
        }

        /// Arrays joined one below the other: along axis 0, after those with one axis have become rows.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let (a, b) = (Value::new(array![1.0, 2.0]), Value::new(array![3.0, 4.0]));
        /// assert_eq!(Value::vstack(&[&a, &b]).data(), array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
        /// assert_eq!(Value::hstack(&[&a, &b]).data(), array![1.0, 2.0, 3.0, 4.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// As for [`concat`](Value::concat).
        fn vstack, try_vstack(parts: &[impl Borrow<Self>]) -> Self {
            let row = |part: &Self| match *part.shape() {
                [] => part.with_shape("vstack", Shape::from_slice(&[1, 1])),
                [n] => part.with_shape("vstack", Shape::from_slice(&[1, n])),
                _ => part.clone(),
            };
            let rows: Vec<Self> = parts.iter().map(|part| row(part.borrow())).collect();
            Self::join("vstack", &rows, 0)
        }

        /// Arrays joined side by side: along axis 1, or along the only one where they have one.
        ///
        /// # Panics
        ///
        /// As for [`concat`](Value::concat).
        fn hstack, try_hstack(parts: &[impl Borrow<Self>]) -> Self {
            let some = |part: &Self| match part.ndim() {
                0 => part.with_shape("hstack", Shape::from_slice(&[1])),
                _ => part.clone(),
            };
            let parts: Vec<Self> = parts.iter().map(|part| some(part.borrow())).collect();
            Self::join("hstack", &parts, if parts.first().is_some_and(|part| part.ndim() > 1) { 1 } else { 0 })
        }
    }

    /// The elements at a range of indices along an axis that has them: a view.
    pub(crate) fn part(&self, axis: usize, range: Range<usize>) -> Self {
        let elem = |a: usize| match a == axis {
            true => SliceInfoElem::from(range.clone()),
            false => SliceInfoElem::from(..),
        };
        let info: Vec<SliceInfoElem> = (0..self.ndim()).map(elem).collect();
        Self::apply(Slice { info: info.into(), from: Shape::from_slice(self.shape()) }, &[self])
    }

    /// The parts at indices along an axis that has them.
    fn select(&self, axis: usize, indices: Vec<usize>) -> Self {
        Self::apply(IndexSelect { axis, indices: indices.into(), length: self.shape()[axis] }, &[self])
    }
}
