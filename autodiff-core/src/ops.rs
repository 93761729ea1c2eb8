//! The methods of `Value` that operate on it; operators are in `operators`.

mod arrange;
mod create;
mod index;
mod logic;
mod reductions;
mod scans;

pub use arrange::{Indexing, Pad};
pub use logic::{
    logical_and, logical_not, logical_or, logical_xor, try_logical_and, try_logical_or, try_logical_xor,
};

use crate::backend::{Backend, Binary, Reduction};
use crate::error::{Error, or_panic, twins};
use crate::rules::{
    Along, BroadcastTo, Concat, Extremum, IndexSelect, LogSumExp, Matmul, Mean, Permute, Select, Slice,
    Softmax, Sum,
};
use crate::scalar::Scalar;
use crate::shape::{
    Axes, Lengths, Shape, broadcast, check_broadcast_to, check_slice, checked_size, copied, long_lengths,
    reduced, resolve_axis, resolve_indices, same,
};
use crate::value::{Operand, Value};
use ndarray::{ArcArray, ArrayBase, ArrayViewD, Data, Dimension, IxDyn, SliceInfoElem, Zip};
use std::borrow::Borrow;

/// A boolean array: what comparisons give, and [`where_`] takes. It carries no gradient.
///
/// Masks join by `ndarray`'s operators `&`, `|`, `^` and `!`, or by NumPy's names for them, as [`logical_and`]:
///
/// ```
/// use autodiff_core::native::Value;
/// let x = Value::new(ndarray::array![-2.0, 0.5, 3.0]);
/// let inside = &x.gt(-1.0) & &x.lt(1.0);
/// assert_eq!(inside, ndarray::array![false, true, false].into_dyn());
/// assert_eq!(!inside, ndarray::array![true, false, true].into_dyn());
/// ```
pub type Mask = ArcArray<bool, IxDyn>;

/// An array of indices: what [`argmax_axis`](Value::argmax_axis) and [`argsort`](Value::argsort) give.
pub type Indices = ArcArray<usize, IxDyn>;

/// Elementwise operations on two arrays.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// `self^exponent`, elementwise under broadcasting; `d/da = b a^(b-1)`, `d/db = a^b ln(a)`.
        ///
        /// `0^0` is 1, with gradients 0. For a constant exponent [`powi`](Value::powi) and [`powf`](Value::powf)
        /// are faster.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let (a, b) = (Value::new(2.0), Value::new(3.0));
        /// a.pow(&b).backward();
        /// assert_eq!(a.grad().item(), 12.0);
        /// assert_eq!(b.grad().item(), 8.0 * 2.0_f64.ln());
        /// ```
        fn pow, try_pow(&self, exponent: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::pow, &exponent.operand())
        }

        /// The larger of two elements, NaN if either is; equal ones share the gradient.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![-1.0, 0.5, 2.0]);
        /// x.maximum(0.5).backward();
        /// assert_eq!(x.grad().data(), ndarray::array![0.0, 0.5, 1.0].into_dyn());
        /// ```
        fn maximum, try_maximum(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::maximum, &other.operand())
        }

        /// The smaller of two elements, NaN if either is; equal ones share the gradient.
        fn minimum, try_minimum(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::minimum, &other.operand())
        }
    }

    /// Values limited to `least ..= greatest`, like NumPy's `clip`; NaN stays NaN. The gradient is 1 strictly
    /// inside and 0 elsewhere, at the bounds too. Where `least` is above `greatest`, all become `greatest`; where a bound is NaN,
    /// NaN.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(ndarray::array![-1.0, 0.5, 2.0]);
    /// assert_eq!(x.clamp(0.0, 1.0).data(), ndarray::array![0.0, 0.5, 1.0].into_dyn());
    /// ```
    #[doc(alias = "clip")]
    #[must_use]
    pub fn clamp(&self, least: T, greatest: T) -> Self {
        self.limit((least, greatest))
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])+ $name:ident, $try_name:ident, $op:tt;)*) => {
        /// Comparisons, elementwise under broadcasting. They carry no gradient.
        impl<T: Scalar, B: Backend<T>> Value<T, B> {
            twins! { $(
                $(#[$doc])+
                fn $name, $try_name(&self, other: impl Operand<T, B>) -> Mask {
                    self.compare(stringify!($name), &other.operand(), |a, b| a $op b)
                }
            )* }
        }
    };
}
comparisons! {
    /// Where `self < other`.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(ndarray::array![1.0, 2.0, 3.0]);
    /// assert_eq!(x.lt(2.0), ndarray::array![true, false, false].into_dyn());
    /// ```
    lt, try_lt, <;
    /// Where `self <= other`.
    le, try_le, <=;
    /// Where `self > other`.
    gt, try_gt, >;
    /// Where `self >= other`.
    ge, try_ge, >=;
    /// Where the elements are equal; NaN equals nothing.
    eq, try_eq, ==;
    /// Where the elements differ; NaN differs from everything.
    ne, try_ne, !=;
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    fn compare(&self, op: &'static str, other: &Self, f: impl Fn(T, T) -> bool) -> Result<Mask, Error> {
        joined(op, self.tensor().view(), other.tensor().view(), f)
    }
}

/// A mask from pairs of elements, under broadcasting.
fn joined<A: Copy>(
    op: &'static str,
    a: ArrayViewD<'_, A>,
    b: ArrayViewD<'_, A>,
    f: impl Fn(A, A) -> bool,
) -> Result<Mask, Error> {
    let shape = IxDyn(&broadcast(op, a.shape(), b.shape())?);
    let mask = match (a.as_slice(), b.as_slice()) {
        (Some(a), Some(b)) if a.len() == b.len() => a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect(),
        (Some(a), Some(&[b])) => a.iter().map(|&a| f(a, b)).collect(),
        _ => Vec::new(),
    };
    if mask.len() == shape.size() {
        return Ok(ArcArray::from_shape_vec(shape, mask).expect("one for each place"));
    }
    let wide = "operands broadcast to their common shape";
    let (a, b) = (a.broadcast(shape.clone()).expect(wide), b.broadcast(shape).expect(wide));
    Ok(Zip::from(&a).and(&b).map_collect(|&a, &b| f(a, b)).into_shared())
}

/// `a` where the mask holds and `b` elsewhere, all three broadcast together, like NumPy's `where`.
///
/// The gradient of what is not chosen is exactly 0, whatever its value: infinite and NaN branches stay out.
///
/// ```
/// use autodiff_core::{native::Value, where_};
/// let x = Value::new(ndarray::array![0.0, 4.0]);
/// let y = where_(&x.eq(0.0), 0.0, &x * x.sqrt());
/// y.backward();
/// assert_eq!(x.grad().data(), ndarray::array![0.0, 3.0].into_dyn());
/// ```
///
/// # Panics
///
/// Where the shapes do not broadcast together.
#[track_caller]
pub fn where_<T: Scalar, B: Backend<T>, S: Data<Elem = bool>, D: Dimension>(
    mask: &ArrayBase<S, D>,
    a: impl Operand<T, B>,
    b: impl Operand<T, B>,
) -> Value<T, B> {
    or_panic(try_where(mask, a, b))
}

/// Like [`where_`], but returns an error instead of panicking.
pub fn try_where<T: Scalar, B: Backend<T>, S: Data<Elem = bool>, D: Dimension>(
    mask: &ArrayBase<S, D>,
    a: impl Operand<T, B>,
    b: impl Operand<T, B>,
) -> Result<Value<T, B>, Error> {
    let (a, b) = (a.operand(), b.operand());
    let branches = broadcast("where_", a.shape(), b.shape())?;
    broadcast("where_", mask.shape(), &branches)?;
    let mask = Value::constant(mask.map(|&m| if m { T::one() } else { T::zero() }));
    Ok(Value::apply(Select, &[&mask, &a, &b]))
}

/// Writes a reduction's three forms from the function that applies its rule.
macro_rules! reductions {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident, $name_axis:ident, $name_keepdims:ident, $try_name:ident, $try_axis:ident, $try_keepdims:ident
            $(($arg:ident: $ty:ty))?: $rule:expr;
    )*) => {
        /// Reductions over all, one or several axes. Axes count from the front, or, negative, from the back.
        impl<T: Scalar, B: Backend<T>> Value<T, B> {
            twins! { $(
                $(#[doc = $doc])+
                ///
                /// Over all axes: the result has none.
                fn $name, $try_name(&self $(, $arg: $ty)?) -> Self {
                    let from = copied(self.shape());
                    ($rule)(self, Along { axes: (0..self.ndim()).collect(), keepdims: false, from })
                }

                $(#[doc = $doc])+
                ///
                /// Over the given axes, which the result does not have.
                fn $name_axis, $try_axis(&self, axes: impl Into<Axes> $(, $arg: $ty)?) -> Self {
                    self.reduction(stringify!($name_axis), axes.into(), false, $rule)
                }

                $(#[doc = $doc])+
                ///
                /// Over the given axes, which stay in the result with length 1 (NumPy's `keepdims=True`).
                fn $name_keepdims, $try_keepdims(&self, axes: impl Into<Axes> $(, $arg: $ty)?) -> Self {
                    self.reduction(stringify!($name_keepdims), axes.into(), true, $rule)
                }
            )* }
        }
    };
}
reductions! {
    /// The sum, by pairwise summation; 0 of nothing.
    sum, sum_axis, sum_keepdims, try_sum, try_sum_axis, try_sum_keepdims:
        |x, along| Ok(Value::apply(Sum(along), &[x]));
    /// The mean, right even where the sum would overflow; NaN of nothing.
    mean, mean_axis, mean_keepdims, try_mean, try_mean_axis, try_mean_keepdims:
        |x, along| Ok(Value::apply(Mean(along), &[x]));
    /// The largest element, NaN if one is; equal ones share the gradient. An error of nothing. Of two arrays: [`maximum`](Value::maximum).
    max, max_axis, max_keepdims, try_max, try_max_axis, try_max_keepdims:
        |x, along| extremum("max", Reduction::Max, x, along);
    /// The smallest element, NaN if one is; equal ones share the gradient. An error of nothing. Of two arrays: [`minimum`](Value::minimum).
    min, min_axis, min_keepdims, try_min, try_min_axis, try_min_keepdims:
        |x, along| extremum("min", Reduction::Min, x, along);
    /// `ln(sum(exp(x)))`, at any magnitude; -inf of nothing. The gradient is a softmax.
    logsumexp, logsumexp_axis, logsumexp_keepdims, try_logsumexp, try_logsumexp_axis, try_logsumexp_keepdims:
        |x, along| Ok(Value::apply(LogSumExp(along), &[x]));
    /// The product; 1 of nothing. Its derivatives, of any order, are right where elements are 0.
    prod, prod_axis, prod_keepdims, try_prod, try_prod_axis, try_prod_keepdims:
        |x, along| reductions::prod(x, &along);
    /// The variance: the sum of the squared differences from the mean, over the number of elements less `ddof`. Where
    /// `ddof` is not below that number, it is NaN or infinite, and its gradient NaN.
    var, var_axis, var_keepdims, try_var, try_var_axis, try_var_keepdims(ddof: usize):
        |x, along| reductions::spread(x, along, ddof, false);
    /// The standard deviation, the square root of the variance with `ddof`. Where all elements are equal, it is 0, and so
    /// is its gradient; there is no second derivative there, and it is NaN.
    std, std_axis, std_keepdims, try_std, try_std_axis, try_std_keepdims(ddof: usize):
        |x, along| reductions::spread(x, along, ddof, true);
    /// The vector norm of order `p`, `sum(|x|^p)^(1/p)`, at any magnitude: the largest absolute value for +inf, the
    /// smallest for -inf, the number of elements other than 0 for 0. The gradient at 0 is 0. For `p > 1`, infinite elements share
    /// the gradient. An infinite order is an error of nothing.
    norm, norm_axis, norm_keepdims, try_norm, try_norm_axis, try_norm_keepdims(p: T):
        |x, along| reductions::norm(x, along, p);
    /// The median: the element in the middle, or the mean of the two; NaN if an element is. Elements equal to it share the
    /// gradient. An error of nothing.
    median, median_axis, median_keepdims, try_median, try_median_axis, try_median_keepdims:
        |x, along| reductions::quantile("median", x, along, 0.5);
    /// The quantile `q`, from 0 to 1: the element at `q (n - 1)` in ascending order, interpolated between the two nearest
    /// (NumPy's `linear` method); NaN if an element is. Equal elements share the gradient. An error of nothing.
    quantile, quantile_axis, quantile_keepdims, try_quantile, try_quantile_axis, try_quantile_keepdims(q: f64):
        |x, along| reductions::quantile("quantile", x, along, q);
}

fn extremum<T: Scalar, B: Backend<T>>(
    name: &'static str,
    op: Reduction,
    x: &Value<T, B>,
    along: Along,
) -> Result<Value<T, B>, Error> {
    reductions::check_not_empty(name, &along)?;
    if x.is_empty() {
        // Nothing to compare, and no results: any value of the right shape will do.
        return Ok(Value::apply(Sum(along), &[x]));
    }
    Ok(Value::apply(Extremum { op, along, inside: None }, &[x]))
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    fn reduction(
        &self,
        op: &'static str,
        axes: Axes,
        keepdims: bool,
        rule: impl Fn(&Self, Along) -> Result<Self, Error>,
    ) -> Result<Self, Error> {
        let axes = axes.resolve(op, self.shape())?;
        rule(self, Along { axes, keepdims, from: Shape::from_slice(self.shape()) })
    }

    twins! {
        /// `exp(x) / sum(exp(x))` along one or several axes, at any magnitude.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![[1000.0, 1000.0], [0.0, -1000.0]]);
        /// assert_eq!(x.softmax(-1).data(), ndarray::array![[0.5, 0.5], [1.0, 0.0]].into_dyn());
        /// ```
        fn softmax, try_softmax(&self, axes: impl Into<Axes>) -> Self {
            let axes = axes.into().resolve("softmax", self.shape())?;
            Ok(Self::apply(Softmax { axes, zero_at_bottom: false }, &[self]))
        }

        /// The matrix product, with NumPy's meaning for every number of axes.
        ///
        /// Matrices are in the last two axes, `(..., m, k) @ (..., k, n)`, and the axes before them broadcast. An
        /// operand with one axis is a row on the left and a column on the right: `(k) @ (k)` is a number.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::Array;
        /// let a = Value::new(Array::<f64, _>::ones((3, 1, 2, 4)));
        /// let b = Value::new(Array::<f64, _>::ones((1, 5, 4, 6)));
        /// assert_eq!(a.matmul(&b).shape(), [3, 5, 2, 6]);
        /// assert_eq!(a.matmul(Array::ones(4)).shape(), [3, 1, 2]);
        /// ```
        fn matmul, try_matmul(&self, other: impl Operand<T, B>) -> Self {
            let other = other.operand();
            let (left, right) = (self.shape(), other.shape());
            if left.is_empty() || right.is_empty() {
                return Err(Error::Operands {
                    op: "matmul",
                    shapes: vec![("left", left.to_vec()), ("right", right.to_vec())],
                    problem: "a number has no axis to sum along".into(),
                    expected: "at least 1 axis on each side; to scale, multiply with *",
                });
            }
            let inner = (left[left.len() - 1], right[right.len().saturating_sub(2)]);
            if inner.0 != inner.1 {
                let (left, right) = (left.to_vec(), right.to_vec());
                return Err(Error::Matmul { left, right, inner_left: inner.0, inner_right: inner.1 });
            }
            let (is_row, is_column) = (left.len() == 1, right.len() == 1);
            if !is_row && !is_column {
                return matrices(self, &other);
            }
            let row = Shape::from_iter([1].into_iter().chain(left.iter().copied()));
            let column = Shape::from_iter(right.iter().copied().chain([1]));
            let a = if is_row { self.with_shape("matmul", row) } else { self.clone() };
            let b = if is_column { other.with_shape("matmul", column) } else { other.clone() };
            let product = matrices(&a, &b)?;
            let mut shape = Shape::from_slice(product.shape());
            if is_column {
                shape.pop();
            }
            if is_row {
                shape.remove(shape.len() - if is_column { 1 } else { 2 });
            }
            Ok(product.with_shape("matmul", shape))
        }
    }
}

/// The product of operands with at least two axes, whose inner lengths agree.
fn matrices<T: Scalar, B: Backend<T>>(a: &Value<T, B>, b: &Value<T, B>) -> Result<Value<T, B>, Error> {
    if let (&[m, _], &[_, n]) = (a.shape(), b.shape()) {
        checked_size("matmul", &[m, n])?;
        return Ok(Value::apply(Matmul::new(Shape::new()), &[a, b]));
    }
    let split = |x: &Value<T, B>| {
        let (batch, matrix) = x.shape().split_at(x.ndim() - 2);
        (Shape::from_slice(batch), matrix[0], matrix[1])
    };
    let ((batch_a, m, k), (batch_b, _, n)) = (split(a), split(b));
    let full =
        |batch: &[usize], rows, columns| batch.iter().copied().chain([rows, columns]).collect::<Shape>();
    let batch = broadcast("matmul", &batch_a, &batch_b)
        .map_err(|_| Error::MatmulBatch { left: a.shape().to_vec(), right: b.shape().to_vec() })?;
    let shape = full(&batch, m, n);
    checked_size("matmul", &shape)?;
    if batch_b.iter().all(|&length| length == 1) && batch_a.len() >= batch_b.len() {
        // One matrix on the right: the batch on the left is one tall matrix.
        let rows = batch.iter().product::<usize>() * m;
        let tall = a.with_shape("matmul", Shape::from_slice(&[rows, k]));
        let flat = b.with_shape("matmul", Shape::from_slice(&[k, n]));
        let product = Value::apply(Matmul::new(Shape::new()), &[&tall, &flat]);
        return Ok(product.with_shape("matmul", shape));
    }
    let align = |x: &Value<T, B>, own: &[usize], rows, columns| {
        let padded: Shape =
            std::iter::repeat_n(1, batch.len() - own.len()).chain(own.iter().copied()).collect();
        x.with_shape("matmul", full(&padded, rows, columns))
    };
    let (a, b) = (align(a, &batch_a, m, k), align(b, &batch_b, k, n));
    Ok(Value::apply(Matmul::new(batch), &[&a, &b]))
}

/// Shapes, axes and indices.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// The elements in row-major order under another shape; one length may be -1, to be inferred.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::Array::<f64, _>::ones((2, 6)));
        /// assert_eq!(x.reshape([3, -1]).shape(), [3, 4]);
        /// assert_eq!(x.reshape(-1).shape(), [12]);
        /// ```
        fn reshape, try_reshape(&self, shape: impl Into<Lengths>) -> Self {
            let to = shape.into().resolve("reshape", self.shape())?;
            Ok(self.with_shape("reshape", to))
        }

        /// The axes in the given order: axis `i` of the result is axis `axes[i]` of this value.
        fn permute, try_permute(&self, axes: impl Into<Axes>) -> Self {
            let axes = axes.into().resolve_permutation(self.shape())?;
            Ok(Self::apply(Permute { op: "permute", axes }, &[self]))
        }

        /// Two axes exchanged.
        fn swap_axes, try_swap_axes(&self, a: isize, b: isize) -> Self {
            let (a, b) = (resolve_axis("swap_axes", a, self.shape())?, resolve_axis("swap_axes", b, self.shape())?);
            let mut axes: Shape = (0..self.ndim()).collect();
            axes.swap(a, b);
            Ok(Self::apply(Permute { op: "swap_axes", axes }, &[self]))
        }

        /// The elements repeated along axes of length 1, and along new leading axes, to make `shape`.
        fn broadcast_to, try_broadcast_to(&self, shape: impl Into<Lengths>) -> Self {
            let shape = shape.into().exact("broadcast_to")?;
            check_broadcast_to("broadcast_to", self.shape(), &shape)?;
            Ok(Self::apply(BroadcastTo { shape }, &[self]))
        }

        /// Without the given axes, which must be of length 1.
        fn squeeze_axis, try_squeeze_axis(&self, axes: impl Into<Axes>) -> Self {
            let axes = axes.into().resolve("squeeze_axis", self.shape())?;
            match axes.iter().find(|&&axis| self.shape()[axis] != 1) {
                Some(&axis) => Err(Error::Squeeze { axis, shape: self.shape().to_vec() }),
                None => Ok(self.with_shape("squeeze", reduced(self.shape(), &axes, false))),
            }
        }

        /// With new axes of length 1 at the given places of the result, like NumPy's `expand_dims`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![1.0, 2.0]);
        /// assert_eq!(x.unsqueeze(0).shape(), [1, 2]);
        /// assert_eq!(x.unsqueeze([0, -1]).shape(), [1, 2, 1]);
        /// ```
        fn unsqueeze, try_unsqueeze(&self, axes: impl Into<Axes>) -> Self {
            let axes = axes.into();
            let mut old = self.shape().iter().copied();
            let ndim = self.ndim() + axes.len();
            let new = axes.resolve("unsqueeze", &vec![1; ndim])?;
            let shape = (0..ndim).map(|i| if new.contains(&i) { 1 } else { old.next().expect("an old axis") });
            Ok(self.with_shape("unsqueeze", shape.collect()))
        }

        /// Part of the elements, named with `ndarray`'s `s![]`: ranges, steps, single indices, new axes.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::s;
        /// let x = Value::new(ndarray::array![1.0, 2.0, 3.0, 4.0]);
        /// (x.slice(s![..;2]).sum() + x.slice(s![..2]).sum()).backward();
        /// assert_eq!(x.grad().data(), ndarray::array![2.0, 1.0, 1.0, 0.0].into_dyn());
        /// ```
        fn slice, try_slice(&self, info: impl AsRef<[SliceInfoElem]>) -> Self {
            check_slice("slice", info.as_ref(), self.shape())?;
            let from = Shape::from_slice(self.shape());
            Ok(Self::apply(Slice { info: info.as_ref().into(), from }, &[self]))
        }

        /// The parts at the given indices of an axis, in their order; an index may be repeated.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![10.0, 20.0, 30.0, 40.0]);
        /// let y = x.index_select(0, [0, 0, 1]);
        /// assert_eq!(y.data(), ndarray::array![10.0, 10.0, 20.0].into_dyn());
        /// y.backward();
        /// assert_eq!(x.grad().data(), ndarray::array![2.0, 1.0, 0.0, 0.0].into_dyn());
        /// ```
        fn index_select, try_index_select(&self, axis: isize, indices: impl IntoIterator<Item: Borrow<usize>>) -> Self {
            let op = "index_select";
            let axis = resolve_axis(op, axis, self.shape())?;
            let length = self.shape()[axis];
            let indices = resolve_indices(op, axis, self.shape(), indices)?;
            let mut shape = Shape::from_slice(self.shape());
            shape[axis] = indices.len();
            checked_size(op, &shape)?;
            Ok(Self::apply(IndexSelect { axis, indices: indices.into(), length }, &[self]))
        }
    }

    /// The axes in reverse order: of a matrix, its transpose.
    #[must_use]
    pub fn t(&self) -> Self {
        let axes = (0..self.ndim()).rev().collect();
        Self::apply(Permute { op: "t", axes }, &[self])
    }

    /// Without the axes of length 1.
    #[must_use]
    pub fn squeeze(&self) -> Self {
        self.with_shape("squeeze", long_lengths(self.shape()))
    }

    /// Arrays joined along an axis that they have; their other axes have equal lengths.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let (a, b) = (Value::new(ndarray::array![1.0]), Value::new(ndarray::array![2.0, 3.0]));
    /// assert_eq!(Value::concat(&[&a, &b], 0).data(), ndarray::array![1.0, 2.0, 3.0].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where there are none, or their shapes or the axis do not fit.
    #[track_caller]
    pub fn concat(parts: &[impl Borrow<Self>], axis: isize) -> Self {
        or_panic(Self::try_concat(parts, axis))
    }

    /// Like [`concat`](Value::concat), but returns an error instead of panicking.
    pub fn try_concat(parts: &[impl Borrow<Self>], axis: isize) -> Result<Self, Error> {
        Self::join("concat", parts, axis)
    }

    /// The same for the operation `op`.
    pub(crate) fn join(op: &'static str, parts: &[impl Borrow<Self>], axis: isize) -> Result<Self, Error> {
        let parts: Vec<&Self> = parts.iter().map(|part| part.borrow()).collect();
        let first = first_of(op, &parts)?;
        let axis = resolve_axis(op, axis, first.shape())?;
        let mut starts = vec![0usize];
        for (index, part) in parts.iter().enumerate() {
            let mut lengths = part.shape().iter().zip(first.shape()).enumerate();
            if part.ndim() != first.ndim() || lengths.any(|(a, (n, first))| a != axis && n != first) {
                let (got, first) = (part.shape().to_vec(), first.shape().to_vec());
                let expected = "as many axes, and equal lengths along the others";
                return Err(Error::Join { op, axis, index, got, first, expected });
            }
            starts.push(starts[starts.len() - 1].saturating_add(part.shape()[axis]));
        }
        let mut shape = Shape::from_slice(first.shape());
        shape[axis] = starts[parts.len()];
        checked_size(op, &shape)?;
        Ok(Self::apply(Concat { axis, starts: starts.into(), shape }, &parts))
    }

    /// Arrays of one shape joined along a new axis, at the given place of the result.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let (a, b) = (Value::new(1.0), Value::new(2.0));
    /// assert_eq!(Value::stack(&[&a, &b], 0).data(), ndarray::array![1.0, 2.0].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where there are none, or their shapes or the axis do not fit.
    #[track_caller]
    pub fn stack(parts: &[impl Borrow<Self>], axis: isize) -> Self {
        or_panic(Self::try_stack(parts, axis))
    }

    /// Like [`stack`](Value::stack), but returns an error instead of panicking.
    pub fn try_stack(parts: &[impl Borrow<Self>], axis: isize) -> Result<Self, Error> {
        let op = "stack";
        let first: &Self = first_of(op, parts)?.borrow();
        let axis = resolve_axis(op, axis, &vec![1; first.ndim() + 1])?;
        let mut expanded = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().map(Borrow::borrow).enumerate() {
            if !same(part.shape(), first.shape()) {
                let (got, first) = (part.shape().to_vec(), first.shape().to_vec());
                return Err(Error::Join { op, axis, index, got, first, expected: "equal shapes" });
            }
            expanded.push(part.try_unsqueeze(axis)?);
        }
        Self::join(op, &expanded, axis as isize)
    }
}

/// The first of some arrays to be joined.
fn first_of<'a, V>(op: &'static str, parts: &'a [V]) -> Result<&'a V, Error> {
    parts.first().ok_or_else(|| Error::Argument {
        op,
        what: "the number of arrays",
        got: "0".to_string(),
        expected: "at least 1".to_string(),
    })
}
