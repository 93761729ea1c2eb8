//! Convolutions and pooling: all positions of a window as one array, and a matrix product or a reduction of it.

use crate::backend::{Backend, Reduction};
use crate::error::{Error, twins};
use crate::rules::{Along, Extremum, Slice, Unslice};
use crate::scalar::Scalar;
use crate::shape::{Shape, checked_size};
use crate::value::{Operand, Value};
use ndarray::{ArrayD, IxDyn, SliceInfoElem};

/// How a kernel of N axes is moved over an array.
///
/// ```
/// use autodiff_core::Conv;
/// let conv = Conv { stride: [2, 2], padding: [1, 1], ..Conv::default() };
/// assert_eq!((conv.dilation, conv.groups), ([1, 1], 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv<const N: usize> {
    /// The step from one place to the next; 1 by default.
    pub stride: [usize; N],
    /// The zeros added at both ends of each axis; 0 by default.
    pub padding: [usize; N],
    /// The step from one element of the kernel to the next; 1 by default.
    pub dilation: [usize; N],
    /// The number of groups that the channels form, each with kernels of its own; 1 by default.
    pub groups: usize,
}

impl<const N: usize> Default for Conv<N> {
    fn default() -> Self {
        Conv { stride: [1; N], padding: [0; N], dilation: [1; N], groups: 1 }
    }
}

/// A window that is moved over an array to reduce what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<const N: usize> {
    /// The lengths of the window.
    pub window: [usize; N],
    /// The step from one place to the next.
    pub stride: [usize; N],
    /// What is added at both ends of each axis: what no maximum takes, and zeros for means. At most half of the window.
    pub padding: [usize; N],
}

impl<const N: usize> Pool<N> {
    /// Windows side by side, without padding.
    ///
    /// ```
    /// use autodiff_core::Pool;
    /// assert_eq!(Pool::new([3, 2]), Pool { window: [3, 2], stride: [3, 2], padding: [0, 0] });
    /// ```
    #[must_use]
    pub const fn new(window: [usize; N]) -> Self {
        Pool { window, stride: window, padding: [0; N] }
    }
}

/// A window on the last axes.
struct Window<'a> {
    op: &'static str,
    lengths: &'a [usize],
    stride: &'a [usize],
    dilation: &'a [usize],
}

impl Window<'_> {
    fn fail<V>(&self, shape: &[usize], problem: String) -> Result<V, Error> {
        Err(Error::Window { op: self.op, shape: shape.to_vec(), problem })
    }

    /// Two axes before those of the window, and steps and lengths that are not 0.
    fn check(&self, shape: &[usize]) -> Result<(), Error> {
        let n = self.lengths.len();
        if shape.len() != n + 2 {
            let expected =
                if n == 1 { "3, (batch, channels, length)" } else { "4, (batch, channels, height, width)" };
            return Err(Error::Rank { op: self.op, shape: shape.to_vec(), expected });
        }
        for (what, numbers) in
            [("window", self.lengths), ("stride", self.stride), ("dilation", self.dilation)]
        {
            if numbers.contains(&0) {
                return self.fail(shape, format!("got a {what} of {numbers:?}, expected at least 1"));
            }
        }
        Ok(())
    }

    fn check_kernels(&self, shape: &[usize], expected: &str) -> Result<(), Error> {
        let n = self.stride.len();
        match shape.len() == n + 2 {
            true => Ok(()),
            false => {
                self.fail(shape, format!("kernels with {} axes, expected {}, {expected}", shape.len(), n + 2))
            }
        }
    }

    /// The number of places along each axis.
    fn places(&self, shape: &[usize]) -> Result<Shape, Error> {
        let spans =
            self.lengths.iter().zip(self.dilation).map(|(&k, &d)| d.saturating_mul(k - 1).saturating_add(1));
        let spans: Vec<usize> = spans.collect();
        let lengths = &shape[2..];
        if spans.iter().zip(lengths).any(|(span, length)| span > length) {
            let problem =
                format!("a window that spans {spans:?} does not fit the padded lengths {lengths:?}");
            return self.fail(shape, problem);
        }
        let along = spans.iter().zip(lengths).zip(self.stride);
        Ok(along.map(|((span, length), stride)| (length - span) / stride + 1).collect())
    }

    /// Where an element of the window is at each of so many places.
    fn at_places(&self, element: usize, places: &[usize]) -> Vec<SliceInfoElem> {
        let mut info = vec![SliceInfoElem::from(..); 2 + places.len()];
        let mut rest = element;
        for axis in (0..places.len()).rev() {
            let start = rest % self.lengths[axis] * self.dilation[axis];
            rest /= self.lengths[axis];
            let end = start + (places[axis] - 1) * self.stride[axis] + 1;
            info[2 + axis] = SliceInfoElem::Slice {
                start: start as isize,
                end: Some(end as isize),
                step: self.stride[axis] as isize,
            };
        }
        info
    }

    /// The number of elements of the window.
    fn count(&self) -> usize {
        self.lengths.iter().product()
    }

    /// What is in the window at each place: (batch, channels, elements of the window, places...).
    fn patches<T: Scalar, B: Backend<T>>(&self, x: &Value<T, B>) -> Result<Value<T, B>, Error> {
        let places = self.places(x.shape())?;
        let part = |element| x.try_slice(self.at_places(element, &places));
        let parts = (0..self.count()).map(part).collect::<Result<Vec<_>, _>>()?;
        Value::try_stack(&parts, 2)
    }

    /// The transpose of [`patches`](Self::patches): the sum of what all windows have at a place, of `shape`. What no window reaches
    /// is a constant 0.
    fn folded<T: Scalar, B: Backend<T>>(
        &self,
        patches: &Value<T, B>,
        shape: &Shape,
    ) -> Result<Value<T, B>, Error> {
        let places = &patches.shape()[3..];
        let part = |element: usize| {
            let mut one = vec![SliceInfoElem::from(..); patches.ndim()];
            one[2] = SliceInfoElem::Index(element as isize);
            let one = patches.try_slice(one)?;
            let info = self.at_places(element, places).into();
            Ok(Value::apply(Unslice { info, shape: shape.clone() }, &[&one]))
        };
        let first = part(0)?;
        (1..self.count()).try_fold(first, |sum, element| sum.try_add(part(element)?))
    }
}

/// With zeros before and after each of the last axes, or, where negative, without as many elements.
fn pad<T: Scalar, B: Backend<T>>(
    op: &'static str,
    x: &Value<T, B>,
    ends: &[(isize, isize)],
) -> Result<Value<T, B>, Error> {
    let first = x.ndim() - ends.len();
    let above = |end: isize| if end > 0 { end } else { 0 };
    let all = vec![SliceInfoElem::from(..); x.ndim()];
    let (mut placed, mut kept, mut shape) = (all.clone(), all, Shape::from_slice(x.shape()));
    for (i, &(before, after)) in ends.iter().enumerate() {
        let length = shape[first + i] as isize;
        let total = length.saturating_add(above(before)).saturating_add(above(after));
        placed[first + i] = SliceInfoElem::from(above(before)..above(before).saturating_add(length));
        kept[first + i] = SliceInfoElem::from(above(-before)..total - above(-after));
        shape[first + i] = total as usize;
    }
    checked_size(op, &shape)?;
    let padded = match x.shape() == &shape[..] {
        true => x.clone(),
        false => Value::apply(Unslice { info: placed.into(), shape: shape.clone() }, &[x]),
    };
    match ends.iter().any(|&(before, after)| before < 0 || after < 0) {
        true => Ok(Value::apply(Slice { info: kept.into(), from: shape }, &[&padded])),
        false => Ok(padded),
    }
}

/// A length that sums of a few do not overflow with; larger ones are too large for an array in any case.
fn signed(length: usize) -> isize {
    length.min(isize::MAX as usize / 8) as isize
}

fn both_ends(padding: &[usize]) -> Vec<(isize, isize)> {
    padding.iter().map(|&n| (signed(n), signed(n))).collect()
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// The cross-correlation of (batch, channels, length) with kernels (results, channels / groups, window), as
        /// PyTorch's `conv1d`: (batch, results, places). Both its arguments are linear in it.
        ///
        /// ```
        /// use autodiff_core::{Conv, native::Value};
        /// use ndarray::array;
        /// let x = Value::new(array![[[1.0, 2.0, 4.0, 8.0]]]);
        /// let y = x.conv1d(array![[[-1.0, 1.0]]], Conv::default());
        /// assert_eq!(y.data(), array![[[1.0, 2.0, 4.0]]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the shapes do not fit one another or the groups, a stride or dilation is 0, or the window is longer than
        /// what it is moved over.
        fn conv1d, try_conv1d(&self, kernels: impl Operand<T, B>, conv: Conv<1>) -> Self {
            self.convolve("conv1d", &kernels.operand(), &conv.stride, &both_ends(&conv.padding), &conv.dilation, conv.groups)
        }

        /// The cross-correlation of (batch, channels, height, width) with kernels (results, channels / groups, rows,
        /// columns), as PyTorch's `conv2d`: (batch, results, places down, places across).
        ///
        /// ```
        /// use autodiff_core::{Conv, native::Value};
        /// use ndarray::Array;
        /// let x = Value::new(Array::<f64, _>::ones((8, 3, 32, 32)));
        /// let kernels = Value::new(Array::<f64, _>::ones((16, 3, 3, 3)));
        /// let y = x.conv2d(&kernels, Conv { stride: [2, 2], padding: [1, 1], ..Conv::default() });
        /// assert_eq!(y.shape(), [8, 16, 16, 16]);
        /// ```
        ///
        /// # Panics
        ///
        /// As [`conv1d`](Value::conv1d).
        fn conv2d, try_conv2d(&self, kernels: impl Operand<T, B>, conv: Conv<2>) -> Self {
            self.convolve("conv2d", &kernels.operand(), &conv.stride, &both_ends(&conv.padding), &conv.dilation, conv.groups)
        }

        /// The transpose of [`conv1d`](Value::conv1d), as PyTorch's `conv_transpose1d`: (batch, channels, length) and
        /// kernels (channels, results / groups, window) give (batch, results, longer), of length
        /// `(length - 1) stride - 2 padding + dilation (window - 1) + 1`, and `more` at the end.
        ///
        /// ```
        /// use autodiff_core::{Conv, native::Value};
        /// use ndarray::array;
        /// let x = Value::new(array![[[1.0, 2.0]]]);
        /// let y = x.conv_transpose1d(array![[[1.0, 10.0, 100.0]]], Conv { stride: [2], ..Conv::default() }, [0]);
        /// assert_eq!(y.data(), array![[[1.0, 10.0, 102.0, 20.0, 200.0]]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the shapes do not fit one another or the groups, a stride or dilation is 0, or nothing is left.
        fn conv_transpose1d, try_conv_transpose1d(&self, kernels: impl Operand<T, B>, conv: Conv<1>, more: [usize; 1]) -> Self {
            self.convolve_transposed("conv_transpose1d", &kernels.operand(), conv, more)
        }

        /// The transpose of [`conv2d`](Value::conv2d), as PyTorch's `conv_transpose2d`: (batch, channels, height, width)
        /// and kernels (channels, results / groups, rows, columns) give (batch, results, higher, wider); for the lengths
        /// see [`conv_transpose1d`](Value::conv_transpose1d).
        ///
        /// # Panics
        ///
        /// As [`conv_transpose1d`](Value::conv_transpose1d).
        fn conv_transpose2d, try_conv_transpose2d(&self, kernels: impl Operand<T, B>, conv: Conv<2>, more: [usize; 2]) -> Self {
            self.convolve_transposed("conv_transpose2d", &kernels.operand(), conv, more)
        }

        /// The largest element in each window of (batch, channels, length), NaN if one is. Equal ones share the gradient.
        ///
        /// ```
        /// use autodiff_core::{Pool, native::Value};
        /// use ndarray::array;
        /// let y = Value::new(array![[[1.0, 3.0, 2.0, 0.0, 7.0]]]).max_pool1d(Pool::new([2]));
        /// assert_eq!(y.data(), array![[[3.0, 2.0]]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are other than three axes, a window or stride is 0, the window does not fit, or the padding is more
        /// than half of it.
        fn max_pool1d, try_max_pool1d(&self, pool: Pool<1>) -> Self {
            self.max_pool("max_pool1d", pool)
        }

        /// The largest element in each window of (batch, channels, height, width), NaN if one is. Equal ones share the
        /// gradient.
        ///
        /// # Panics
        ///
        /// As [`max_pool1d`](Value::max_pool1d), for four axes.
        fn max_pool2d, try_max_pool2d(&self, pool: Pool<2>) -> Self {
            self.max_pool("max_pool2d", pool)
        }

        /// The mean of each window of (batch, channels, length), with the zeros of the padding counted.
        ///
        /// # Panics
        ///
        /// As [`max_pool1d`](Value::max_pool1d).
        fn avg_pool1d, try_avg_pool1d(&self, pool: Pool<1>) -> Self {
            self.pool("avg_pool1d", pool)?.0.try_mean_axis(2)
        }

        /// The mean of each window of (batch, channels, height, width), with the zeros of the padding counted.
        ///
        /// ```
        /// use autodiff_core::{Pool, native::Value};
        /// use ndarray::array;
        /// let y = Value::new(array![[[[1.0, 3.0], [2.0, 0.0]]]]).avg_pool2d(Pool::new([2, 2]));
        /// assert_eq!(y.data(), array![[[[1.5]]]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// As [`max_pool1d`](Value::max_pool1d), for four axes.
        fn avg_pool2d, try_avg_pool2d(&self, pool: Pool<2>) -> Self {
            self.pool("avg_pool2d", pool)?.0.try_mean_axis(2)
        }
    }

    fn convolve(
        &self,
        op: &'static str,
        kernels: &Self,
        stride: &[usize],
        padding: &[(isize, isize)],
        dilation: &[usize],
        groups: usize,
    ) -> Result<Self, Error> {
        let lengths = kernels.shape().get(2..).unwrap_or_default();
        let window = Window { op, lengths, stride, dilation };
        window.check_kernels(kernels.shape(), "(results, channels / groups, ...)")?;
        window.check(self.shape())?;
        let (&[batch, channels, ..], &[results, own, ..]) = (self.shape(), kernels.shape()) else {
            unreachable!("more than two axes")
        };
        if groups == 0 || results % groups != 0 || own.checked_mul(groups) != Some(channels) {
            let problem = format!(
                "kernels of shape {:?} and {groups} groups do not fit; expected (results, channels / groups, ...), with \
                 channels and results multiples of the groups",
                kernels.shape()
            );
            return window.fail(self.shape(), problem);
        }
        let padded = pad(op, self, padding)?;
        let patches = window.patches(&padded)?;
        let (places, count) = (Shape::from_slice(&patches.shape()[3..]), lengths.iter().product::<usize>());
        let patches = patches.try_reshape([batch, groups, own * count, places.iter().product()])?;
        let kernels = kernels.try_reshape([groups, results / groups, own * count])?;
        let shape: Shape = [batch, results].into_iter().chain(places).collect();
        kernels.try_matmul(patches)?.try_reshape(&shape[..])
    }

    /// The sum of the kernels times each element, where the window is at the element's place: no other place is looked at, as those are
    /// between elements that a stride moves apart.
    fn convolve_transposed<const N: usize>(
        &self,
        op: &'static str,
        kernels: &Self,
        conv: Conv<N>,
        more: [usize; N],
    ) -> Result<Self, Error> {
        let Conv { stride, padding, dilation, groups } = conv;
        let window = Window {
            op,
            lengths: kernels.shape().get(2..).unwrap_or_default(),
            stride: &stride,
            dilation: &dilation,
        };
        window.check_kernels(kernels.shape(), "(channels, results / groups, ...)")?;
        window.check(self.shape())?;
        let &[channels, own, ..] = kernels.shape() else { unreachable!("more than two axes") };
        if groups == 0 || channels % groups != 0 || self.shape()[1] != channels {
            let problem = format!(
                "kernels of shape {:?} and {groups} groups do not fit; expected (channels, results / groups, ...), with \
                 channels a multiple of the groups",
                kernels.shape()
            );
            return window.fail(self.shape(), problem);
        }
        let (places, results) = (&self.shape()[2..], groups * own);
        let mut whole: Shape = [self.shape()[0], results].into_iter().collect();
        for (i, &length) in places.iter().enumerate() {
            if more[i] >= stride[i] && more[i] >= dilation[i] {
                let problem = format!(
                    "{} more along axis {}, expected less than the stride or dilation",
                    more[i],
                    2 + i
                );
                return window.fail(self.shape(), problem);
            }
            let span = dilation[i].saturating_mul(window.lengths[i] - 1).saturating_add(1);
            let moved = length.saturating_sub(1).saturating_mul(stride[i]);
            let total = moved.saturating_add(span).saturating_add(more[i]);
            if length == 0 || total <= padding[i].saturating_mul(2) {
                return window.fail(self.shape(), format!("nothing is left along axis {}", 2 + i));
            }
            whole.push(total);
        }
        checked_size(op, &whole)?;
        let kernels =
            kernels.try_reshape([groups, channels / groups, own * window.count()])?.try_swap_axes(1, 2)?;
        let inputs = [self.shape()[0], groups, channels / groups, places.iter().product()];
        let parts = kernels.try_matmul(self.try_reshape(inputs)?)?;
        let patches: Shape =
            [self.shape()[0], results, window.count()].into_iter().chain(places.iter().copied()).collect();
        let folded = window.folded(&parts.try_reshape(&patches[..])?, &whole)?;
        let ends: Vec<(isize, isize)> = padding.iter().map(|&n| (-signed(n), -signed(n))).collect();
        pad(op, &folded, &ends)
    }

    /// What is in each window, (batch, channels, elements, places...), and the shape of the whole with padding.
    fn pool<const N: usize>(&self, op: &'static str, pool: Pool<N>) -> Result<(Self, Shape), Error> {
        let window = Window { op, lengths: &pool.window, stride: &pool.stride, dilation: &[1; N] };
        window.check(self.shape())?;
        if pool.padding.iter().zip(&pool.window).any(|(padding, length)| padding.saturating_mul(2) > *length)
        {
            let problem =
                format!("padding {:?} is more than half of the window {:?}", pool.padding, pool.window);
            return window.fail(self.shape(), problem);
        }
        // Windows of padding alone would have no maximum, and no mean.
        if let Some(i) = self.shape()[2..].iter().position(|length| *length == 0) {
            return window.fail(self.shape(), format!("there is nothing along axis {}", 2 + i));
        }
        let padded = pad(op, self, &both_ends(&pool.padding))?;
        Ok((window.patches(&padded)?, Shape::from_slice(padded.shape())))
    }

    fn max_pool<const N: usize>(&self, op: &'static str, pool: Pool<N>) -> Result<Self, Error> {
        let (patches, padded) = self.pool(op, pool)?;
        if pool.padding == [0; N] {
            return patches.try_max_axis(2);
        }
        // What is outside is -inf, which is never larger than what is inside; where that is -inf, too, it has no share.
        let is_inside = |index: IxDyn| {
            (0..N).all(|i| (pool.padding[i]..pool.padding[i] + self.shape()[2 + i]).contains(&index[2 + i]))
        };
        let outside = |index: IxDyn| if is_inside(index) { T::zero() } else { T::neg_infinity() };
        let mut shape = padded;
        shape[..2].fill(1);
        let outside = Self::constant(ArrayD::from_shape_fn(IxDyn(&shape), outside));
        let (outside, _) = outside.pool(op, Pool { padding: [0; N], ..pool })?;
        let patches = patches.try_add(&outside)?;
        let along = Along {
            axes: [2].into_iter().collect(),
            keepdims: false,
            from: Shape::from_slice(patches.shape()),
        };
        match patches.is_empty() {
            true => patches.try_max_axis(2),
            false => {
                let inside = Some(outside.eq(T::zero()));
                Ok(Self::apply(Extremum { op: Reduction::Max, along, inside }, &[&patches]))
            }
        }
    }
}
