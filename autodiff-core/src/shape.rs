//! Shapes and axes: broadcasting, axis numbers from either end, reshapes, slices.

use crate::error::Error;
use ndarray::{Axis, SliceInfoElem};
use smallvec::SmallVec;
use std::borrow::Borrow;

/// Lengths of the axes of an array.
pub(crate) type Shape = SmallVec<[usize; 4]>;

/// Axes as a user names them: one or several, counted from the front (0, 1, ...) or, negative, from the
/// back (-1 is the last).
///
/// Made from integers, arrays and slices of them, and [`ndarray::Axis`]:
///
/// ```
/// use autodiff_core::native::Value;
/// let x = Value::new(ndarray::Array::<f64, _>::ones((2, 3, 4)));
/// assert_eq!(x.sum_axis(1).shape(), [2, 4]);
/// assert_eq!(x.sum_axis([0, -1]).shape(), [3]);
/// assert_eq!(x.sum_axis(ndarray::Axis(2)).shape(), [2, 3]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(SmallVec<[isize; 4]>);

/// A number as a signed one. One that is too large, as the difference of two lengths can become by mistake, stays large: it does not
/// count from the back.
fn signed(n: impl TryInto<isize>) -> isize {
    n.try_into().unwrap_or(isize::MAX)
}

macro_rules! axes_from {
    ($($int:ty),*) => { $(
        impl From<$int> for Axes {
            fn from(axis: $int) -> Self { Axes(SmallVec::from_slice(&[signed(axis)])) }
        }
        impl<const N: usize> From<[$int; N]> for Axes {
            fn from(axes: [$int; N]) -> Self { Axes(axes.iter().copied().map(signed).collect()) }
        }
        impl From<&[$int]> for Axes {
            fn from(axes: &[$int]) -> Self { Axes(axes.iter().copied().map(signed).collect()) }
        }
    )* };
}
axes_from!(i32, isize, usize);

impl From<Axis> for Axes {
    fn from(axis: Axis) -> Self {
        axis.index().into()
    }
}

impl Axes {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The axes counted from the front, in the order given, each at most once.
    pub(crate) fn resolve(&self, op: &'static str, shape: &[usize]) -> Result<Shape, Error> {
        let mut out = Shape::new();
        for &axis in &self.0 {
            let axis = resolve_axis(op, axis, shape)?;
            if out.contains(&axis) {
                return Err(Error::RepeatedAxis { op, axis, axes: self.0.to_vec() });
            }
            out.push(axis);
        }
        Ok(out)
    }

    /// The axes as a permutation of all axes of `shape`.
    pub(crate) fn resolve_permutation(&self, shape: &[usize]) -> Result<Shape, Error> {
        let axes = self.resolve("permute", shape)?;
        match axes.len() == shape.len() {
            true => Ok(axes),
            false => Err(Error::Permutation { axes: self.0.to_vec(), shape: shape.to_vec() }),
        }
    }
}

/// Whether two shapes are the same, without a call of `memcmp`: where the C library reads with AVX-512 masks, a comparison of
/// nothing at an address that is not mapped, as that of an empty slice, takes 50 nanoseconds and more.
#[inline]
pub(crate) fn same(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

/// A copy of a shape, without a call of `memcpy` for a few numbers.
#[inline]
pub(crate) fn copied(shape: &[usize]) -> Shape {
    let mut lengths = [0; 4];
    if shape.len() > lengths.len() {
        return Shape::from_slice(shape);
    }
    for (to, &n) in lengths.iter_mut().zip(shape) {
        *to = n;
    }
    Shape::from_buf_and_len(lengths, shape.len())
}

/// The permutation that undoes `order`.
pub(crate) fn inverse(order: &[usize]) -> Shape {
    let mut back = Shape::from_slice(order);
    order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
    back
}

/// The lengths that are not 1.
pub(crate) fn long_lengths(shape: &[usize]) -> Shape {
    shape.iter().copied().filter(|&n| n != 1).collect()
}

/// Indices that are all there along an axis of `shape`.
pub(crate) fn resolve_indices(
    op: &'static str,
    axis: usize,
    shape: &[usize],
    indices: impl IntoIterator<Item: Borrow<usize>>,
) -> Result<Vec<usize>, Error> {
    let indices: Vec<usize> = indices.into_iter().map(|i| *i.borrow()).collect();
    match indices.iter().enumerate().find(|&(_, &i)| i >= shape[axis]) {
        Some((position, &index)) => Err(Error::Index { op, index, position, axis, shape: shape.to_vec() }),
        None => Ok(indices),
    }
}

/// An axis of `shape` counted from the front.
pub(crate) fn resolve_axis(op: &'static str, axis: isize, shape: &[usize]) -> Result<usize, Error> {
    let from_front = if axis < 0 { axis + shape.len() as isize } else { axis };
    match usize::try_from(from_front) {
        Ok(a) if a < shape.len() => Ok(a),
        _ => Err(Error::Axis { op, axis, shape: shape.to_vec() }),
    }
}

/// A shape as a user asks for it: lengths, of which one may be -1, "as many as there are left"; `()` for that of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lengths(SmallVec<[isize; 4]>);

macro_rules! lengths_from {
    ($($int:ty),*) => { $(
        impl From<$int> for Lengths {
            fn from(length: $int) -> Self { [length].into() }
        }
        impl<const N: usize> From<[$int; N]> for Lengths {
            fn from(lengths: [$int; N]) -> Self { lengths.as_slice().into() }
        }
        impl From<&[$int]> for Lengths {
            fn from(lengths: &[$int]) -> Self { Lengths(lengths.iter().copied().map(signed).collect()) }
        }
        impl From<Vec<$int>> for Lengths {
            fn from(lengths: Vec<$int>) -> Self { lengths.as_slice().into() }
        }
    )* };
}
lengths_from!(i32, isize, usize);

macro_rules! lengths_from_tuple {
    ($($name:ident),*) => {
        impl<$($name: LengthLiteral),*> From<($($name,)*)> for Lengths {
            #[allow(non_snake_case)]
            fn from(($($name,)*): ($($name,)*)) -> Self { Lengths(SmallVec::from_slice(&[$($name.length()),*])) }
        }
    };
}
/// Integers that may stand in a tuple of lengths.
pub trait LengthLiteral {
    /// The length as a signed number.
    fn length(self) -> isize;
}
macro_rules! length_literal {
    ($($int:ty),*) => { $(impl LengthLiteral for $int { fn length(self) -> isize { signed(self) } })* };
}
length_literal!(i32, isize, usize);
lengths_from_tuple!();
lengths_from_tuple!(A, B);
lengths_from_tuple!(A, B, C);
lengths_from_tuple!(A, B, C, D);

impl Lengths {
    /// The shape that holds the elements of `from`.
    pub(crate) fn resolve(&self, op: &'static str, from: &[usize]) -> Result<Shape, Error> {
        let fail = || Error::Reshape { op, from: from.to_vec(), to: self.0.to_vec() };
        let size: usize = from.iter().product();
        let mut known = 1usize;
        let mut unknown = None;
        for (i, &n) in self.0.iter().enumerate() {
            match n {
                -1 if unknown.is_none() => unknown = Some(i),
                n => known = known.checked_mul(usize::try_from(n).map_err(|_| fail())?).ok_or_else(fail)?,
            }
        }
        let mut out: Shape = self.0.iter().map(|&n| n as usize).collect();
        match unknown {
            Some(i) if known != 0 && size.is_multiple_of(known) => out[i] = size / known,
            None if known == size => {}
            _ => return Err(fail()),
        }
        checked_size(op, &out)?;
        Ok(out)
    }

    /// The shape itself, where there is nothing to infer a length from.
    pub(crate) fn exact(&self, op: &'static str) -> Result<Shape, Error> {
        let fail = || Error::Lengths { op, got: self.0.to_vec() };
        self.0.iter().map(|&n| usize::try_from(n).map_err(|_| fail())).collect()
    }
}

/// The number of elements of `shape`, or an error where memory cannot hold them.
pub(crate) fn checked_size(op: &'static str, shape: &[usize]) -> Result<usize, Error> {
    // ndarray bounds the product of the lengths other than 0, and by isize::MAX, not usize::MAX.
    let nonzero = shape.iter().filter(|&&n| n != 0).try_fold(1usize, |p, &n| p.checked_mul(n));
    match nonzero {
        Some(n) if isize::try_from(n.saturating_mul(size_of::<f64>())).is_ok() => Ok(shape.iter().product()),
        _ => Err(Error::TooLarge { op, shape: shape.to_vec() }),
    }
}

/// The common shape of two operands under NumPy's broadcasting.
pub(crate) fn broadcast(op: &'static str, left: &[usize], right: &[usize]) -> Result<Shape, Error> {
    if same(left, right) {
        return Ok(Shape::from_slice(left));
    }
    let ndim = left.len().max(right.len());
    let length = |shape: &[usize], i: usize| match (i + shape.len()).checked_sub(ndim) {
        Some(j) => shape[j],
        None => 1,
    };
    let mut shape = Shape::new();
    for i in 0..ndim {
        shape.push(match (length(left, i), length(right, i)) {
            (l, r) if l == r => l,
            (1, n) | (n, 1) => n,
            _ => return Err(Error::Broadcast { op, left: left.to_vec(), right: right.to_vec() }),
        });
    }
    checked_size(op, &shape)?;
    Ok(shape)
}

/// The shape that arrays of two shapes broadcast to, as NumPy's `broadcast_shapes` gives it.
///
/// ```
/// use autodiff_core::broadcast_shapes;
/// assert_eq!(broadcast_shapes(&[2, 1, 4], &[3, 1]).unwrap(), [2, 3, 4]);
/// assert!(broadcast_shapes(&[2], &[3]).is_err());
/// ```
///
/// # Errors
///
/// Where they do not broadcast, or to more elements than memory can address.
pub fn broadcast_shapes(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Error> {
    Ok(broadcast("broadcast_shapes", left, right)?.to_vec())
}

/// Whether an array of shape `other` broadcasts to `shape`.
#[inline]
pub(crate) fn covers(shape: &[usize], other: &[usize]) -> bool {
    other.len() <= shape.len()
        && other.iter().rev().zip(shape.iter().rev()).all(|(&n, &to)| n == to || n == 1)
}

/// The shape of arrays that are known to broadcast together, when they do.
pub(crate) fn common_shape<'a>(mut shapes: impl Iterator<Item = &'a [usize]>) -> Shape {
    let first = Shape::from_slice(shapes.next().unwrap_or(&[]));
    shapes.fold(first, |wide, shape| match same(&wide, shape) {
        true => wide,
        false => broadcast("elementwise", &wide, shape).expect("shapes are checked by the caller"),
    })
}

/// Checks that `from` broadcasts to `to`.
pub(crate) fn check_broadcast_to(op: &'static str, from: &[usize], to: &[usize]) -> Result<(), Error> {
    checked_size(op, to)?;
    match covers(to, from) {
        true => Ok(()),
        false => Err(Error::BroadcastTo { op, from: from.to_vec(), to: to.to_vec() }),
    }
}

/// The axes along which `from` is repeated to make `to`, both counted in `to`.
pub(crate) fn broadcast_axes(from: &[usize], to: &[usize]) -> Shape {
    let added = to.len() - from.len();
    (0..to.len()).filter(|&i| i < added || (from[i - added] == 1 && to[i] != 1)).collect()
}

/// `shape` with the given axes of length one, or without them.
pub(crate) fn reduced(shape: &[usize], axes: &[usize], keepdims: bool) -> Shape {
    let kept = shape.iter().enumerate().filter_map(|(i, &n)| match axes.contains(&i) {
        true if keepdims => Some(1),
        true => None,
        false => Some(n),
    });
    kept.collect()
}

/// Checks a slice against a shape, so that what `ndarray` would panic about is reported in our words.
pub(crate) fn check_slice(op: &'static str, info: &[SliceInfoElem], shape: &[usize]) -> Result<(), Error> {
    let fail = |problem: String| Err(Error::Slice { op, problem, shape: shape.to_vec() });
    let axes = info.iter().filter(|e| !matches!(e, SliceInfoElem::NewAxis)).count();
    if axes != shape.len() {
        let expected = shape.len();
        return fail(format!(
            "got {axes} ranges or indices, expected {expected}, one for each axis (.. is all of one)"
        ));
    }
    let taking = info.iter().filter(|e| !matches!(e, SliceInfoElem::NewAxis)).zip(shape).enumerate();
    for (axis, (elem, &n)) in taking {
        let from_front = |i: isize| if i < 0 { i + n as isize } else { i };
        match *elem {
            SliceInfoElem::Index(i) => {
                if !(0..n as isize).contains(&from_front(i)) {
                    return fail(format!("index {i} is out of range for axis {axis} of length {n}"));
                }
            }
            SliceInfoElem::Slice { start, end, step } => {
                let (s, e) = (from_front(start), end.map_or(n as isize, from_front));
                if step == 0 {
                    return fail(format!("the step along axis {axis} is 0, expected another number"));
                }
                if !(0..=n as isize).contains(&s) || !(0..=n as isize).contains(&e) {
                    let end = end.map_or(String::new(), |e| e.to_string());
                    return fail(format!("range {start}..{end} exceeds axis {axis} of length {n}"));
                }
            }
            SliceInfoElem::NewAxis => unreachable!("new axes are filtered out"),
        }
    }
    Ok(())
}
