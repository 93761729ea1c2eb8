//! `Value`: the handle that users hold.

use crate::backend::{Backend, Binary, Reduction};
use crate::error::{Error, or_panic, twins};
use crate::graph;
use crate::native::Native;
use crate::node::Node;
use crate::rules::{Alias, Along, BroadcastTo, Listed, Reshape, Sum};
use crate::scalar::Scalar;
use crate::shape::{Lengths, Shape, broadcast_axes, checked_size, copied, same};
use crate::tensor::Tensor;
use ndarray::{ArcArray, Array, ArrayBase, ArrayView, Data, Dimension, IxDyn};
use std::fmt;
use triomphe::Arc;

/// A number or an n-dimensional array, and how it was computed.
///
/// Operations on values make values, and record themselves where an input is, or was made from, a *leaf*
/// ([`Value::new`]). [`backward`](Value::backward) then adds the derivatives of a result to the
/// [`grad`](Value::grad) of every leaf it depends on.
///
/// A value does not change, and is cheap to clone: clones share its data, its record and its gradient. It can be
/// sent to, and shared with, other threads.
///
/// ```
/// use autodiff_core::native::Value;
/// let x = Value::new(3.0);
/// let y = &x * &x + &x;
/// y.backward();
/// assert_eq!(y.item(), 12.0);
/// assert_eq!(x.grad().item(), 7.0);
/// ```
pub struct Value<T: Scalar = f64, B: Backend<T> = Native> {
    data: Tensor<T>,
    node: Option<Arc<Node<T, B>>>,
}

impl<T: Scalar, B: Backend<T>> Clone for Value<T, B> {
    fn clone(&self) -> Self {
        Value { data: self.data.clone(), node: self.node.clone() }
    }
}

/// What a value can be made from: a number, or an `ndarray` array or view of any dimension, owned, shared or
/// borrowed. An owned or shared array is not copied.
#[diagnostic::on_unimplemented(
    message = "a Value<{T}> cannot be made from `{Self}`",
    note = "it takes f64 or f32 numbers and ndarray arrays of them; for a Vec see Value::from_shape_vec, \
            and for integers convert first, as in `n as f64` or `array.mapv(|n| n as f64)`"
)]
pub trait IntoValue<T: Scalar> {
    /// The value, with no record.
    fn into_value<B: Backend<T>>(self) -> Value<T, B>;
}

/// The other operand of a method: a value, or anything a constant can be made from.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an operand beside a Value<{T}>",
    note = "operands are Values of the same element type and backend, numbers of that type (`2.0`, not `2`), and ndarray arrays of it"
)]
pub trait Operand<T: Scalar, B: Backend<T>> {
    /// The operand as a value.
    fn operand(self) -> Value<T, B>;
}

impl<T: Scalar, B: Backend<T>> Operand<T, B> for Value<T, B> {
    fn operand(self) -> Value<T, B> {
        self
    }
}

impl<T: Scalar, B: Backend<T>> Operand<T, B> for &Value<T, B> {
    fn operand(self) -> Value<T, B> {
        self.clone()
    }
}

/// Writes both what a leaf or a constant, and what an operand, can be made from.
macro_rules! from_data {
    ($([$($generics:tt)*] $from:ty; |$x:ident| $tensor:expr;)*) => { $(
        impl<T: Scalar, $($generics)*> IntoValue<T> for $from {
            fn into_value<B: Backend<T>>(self) -> Value<T, B> {
                let $x = self;
                Value { data: $tensor, node: None }
            }
        }
        impl<T: Scalar, B: Backend<T>, $($generics)*> Operand<T, B> for $from {
            fn operand(self) -> Value<T, B> {
                self.into_value()
            }
        }
    )* };
}
from_data! {
    [] T; |x| Tensor::Scalar(x);
    [D: Dimension] Array<T, D>; |x| Tensor::given(x.into_shared().into_dyn());
    [D: Dimension] ArcArray<T, D>; |x| Tensor::given(x.into_dyn());
    [D: Dimension] ArrayView<'_, T, D>; |x| Tensor::given(x.to_shared().into_dyn());
    [S: Data<Elem = T>, D: Dimension] &ArrayBase<S, D>; |x| Tensor::given(x.to_shared().into_dyn());
}

/// What is inside, for the other modules.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    pub(crate) fn from_parts(data: Tensor<T>, node: Option<Arc<Node<T, B>>>) -> Self {
        Value { data, node }
    }

    /// A constant without axes, and without an array.
    pub(crate) fn number(x: T) -> Self {
        Value { data: Tensor::Scalar(x), node: None }
    }

    pub(crate) fn tensor(&self) -> &Tensor<T> {
        &self.data
    }

    pub(crate) fn into_tensor(self) -> Tensor<T> {
        self.data
    }

    pub(crate) fn into_node(self) -> Option<Arc<Node<T, B>>> {
        self.node
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node<T, B>>> {
        self.node.as_ref()
    }

    /// The node that cotangents flow to.
    pub(crate) fn tracked(&self) -> Option<&Arc<Node<T, B>>> {
        self.node.as_ref().filter(|node| !node.is_constant())
    }

    pub(crate) fn apply<R: Listed<T, B>>(rule: R, inputs: &[&Self]) -> Self {
        graph::apply(rule, inputs)
    }

    /// An elementwise operation on operands that are known to broadcast together.
    pub(crate) fn zip(&self, op: Binary, other: &Self) -> Self {
        match (&self.data, &other.data) {
            (&Tensor::Scalar(a), &Tensor::Scalar(b)) => {
                graph::apply_to_numbers(op, (a, self.node.clone()), (b, other.node.clone()))
            }
            _ => Self::apply(op, &[self, other]),
        }
    }

    pub(crate) fn alias(&self) -> Self {
        Self::apply(Alias, &[self])
    }

    pub(crate) fn with_shape(&self, op: &'static str, to: Shape) -> Self {
        if same(self.shape(), &to) {
            return self.clone();
        }
        Self::apply(Reshape { op, from: Shape::from_slice(self.shape()), to }, &[self])
    }

    pub(crate) fn spread_to(&self, shape: &[usize]) -> Self {
        if same(self.shape(), shape) {
            return self.clone();
        }
        Self::apply(BroadcastTo { shape: copied(shape) }, &[self])
    }

    /// The sum over the axes along which `shape` was broadcast to this value's.
    #[inline]
    pub(crate) fn sum_to(self, shape: &[usize]) -> Self {
        match same(self.shape(), shape) {
            true => self,
            false => self.sum_to_aligned(shape, false),
        }
    }

    /// The same; in a `batch`, the first axes of both belong together, whatever the number of the others.
    pub(crate) fn sum_to_aligned(self, shape: &[usize], batch: bool) -> Self {
        if same(self.shape(), shape) {
            return self;
        }
        let from = copied(self.shape());
        let fixed = usize::from(batch);
        let axes: Shape =
            broadcast_axes(&shape[fixed..], &from[fixed..]).iter().map(|axis| axis + fixed).collect();
        if self.node.is_none() {
            return Value { data: self.data.reduce_to::<B>(Reduction::Sum, &axes, shape), node: None };
        }
        let along = Along { axes, keepdims: true, from };
        Self::apply(Sum(along), &[&self]).with_shape("reshape", Shape::from_slice(shape))
    }

    /// The same with axes of length 1 after the first, so that there are `ndim`.
    pub(crate) fn align(&self, ndim: usize) -> Self {
        let (first, rest) = self.shape().split_at(1);
        let ones = std::iter::repeat_n(1, ndim.saturating_sub(self.ndim()));
        self.with_shape("reshape", first.iter().copied().chain(ones).chain(rest.iter().copied()).collect())
    }

    /// The sum with `other`, of the same shape, in place where neither is to be differentiated.
    pub(crate) fn accumulate(self, other: Self) -> Self {
        match (&self.node, &other.node) {
            (None, None) => Value { data: self.data.accumulate::<B>(&other.data), node: None },
            _ => self + other,
        }
    }
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// A leaf: an input to differentiate with respect to.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::{array, ArrayView2};
    /// let number = Value::new(3.0);
    /// let single = Value::new(3.0_f32);
    /// let vector = Value::new(array![1.0, 2.0]);
    /// let matrix = Value::new(ArrayView2::from_shape((2, 2), &[1.0, 2.0, 3.0, 4.0]).unwrap());
    /// assert_eq!(matrix.shape(), [2, 2]);
    /// ```
    pub fn new(data: impl IntoValue<T>) -> Self {
        let Value { data, .. } = data.into_value::<B>();
        let node = Node::leaf(data.shape());
        Value { data, node: Some(node) }
    }

    /// A value without a record: an input that is not differentiated with respect to.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let c = Value::constant(3.0);
    /// assert_eq!((&c * &c).op(), "constant");
    /// ```
    pub fn constant(data: impl IntoValue<T>) -> Self {
        data.into_value()
    }

    /// A leaf of the given shape, from its elements in row-major order.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::from_shape_vec([2, 2], vec![1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(x.data(), ndarray::array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
    /// ```
    #[track_caller]
    pub fn from_shape_vec(shape: impl Into<Lengths>, data: Vec<T>) -> Self {
        or_panic(Self::try_from_shape_vec(shape, data))
    }

    /// Like [`from_shape_vec`](Self::from_shape_vec), but returns an error instead of panicking.
    pub fn try_from_shape_vec(shape: impl Into<Lengths>, data: Vec<T>) -> Result<Self, Error> {
        let shape = shape.into().resolve("from_shape_vec", &[data.len()])?;
        checked_size("from_shape_vec", &shape)?;
        let array = Array::from_shape_vec(IxDyn(&shape), data).expect("the lengths agree");
        Ok(Self::new(array))
    }

    /// The data, as an `ndarray` array that shares memory with this value where it can. What is written into it, as by
    /// `x.data()[0] = 1.0`, changes a copy: values do not change.
    pub fn data(&self) -> ArcArray<T, IxDyn> {
        self.data.to_array()
    }

    /// The lengths of the axes; empty for a number.
    pub fn shape(&self) -> &[usize] {
        self.data.shape()
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same value with a label, for errors and prints. It names the value in all clones; a constant, in those
    /// made from then on.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let w = Value::new(2.0).with_label("w");
    /// assert_eq!(w.label().as_deref(), Some("w"));
    /// ```
    #[must_use]
    pub fn with_label(mut self, label: impl AsRef<str>) -> Self {
        let node = self.node.get_or_insert_with(|| Node::constant(self.data.shape()));
        node.meta().set_label(label.as_ref());
        self
    }

    /// The label, if there is one.
    pub fn label(&self) -> Option<std::sync::Arc<str>> {
        self.node.as_ref()?.existing_meta()?.label()
    }

    /// The operation that made this value, as in `"mul"`; `"leaf"` or `"constant"` where none did. Of one that is composed of
    /// others, as `std` is, it is the last of those.
    pub fn op(&self) -> &'static str {
        self.node.as_ref().map_or("constant", |node| node.op())
    }

    /// The number of this value's record, which clones share and no other value has; none for a constant.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(1.0);
    /// assert_eq!(x.id(), x.clone().id());
    /// assert_ne!(x.id(), Value::new(1.0).id());
    /// ```
    pub fn id(&self) -> Option<u64> {
        self.tracked().map(|node| node.id)
    }

    /// The same data without its record: gradients do not flow through it.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(3.0);
    /// (&x * x.detach()).backward();
    /// assert_eq!(x.grad().item(), 3.0);
    /// ```
    #[must_use]
    pub fn detach(&self) -> Self {
        Value { data: self.data.clone(), node: None }
    }

    /// Forgets the gradient that `backward` has added up.
    pub fn zero_grad(&self) {
        if let Some(meta) = self.node.as_ref().and_then(|node| node.existing_meta()) {
            meta.grad.forget();
        }
    }

    twins! {
        /// The element of a value that has exactly one.
        ///
        /// # Panics
        ///
        /// Where it has more, or none.
        fn item, try_item(&self) -> T {
            self.data.item().ok_or_else(|| Error::Item { shape: self.shape().to_vec() })
        }

        /// Keeps the gradient of this intermediate value in every later `backward`, as leaves do.
        ///
        /// What an earlier `backward` gave it is lost.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(3.0);
        /// let h = &x * &x;
        /// h.retain_grad();
        /// (2.0 * &h).backward();
        /// assert_eq!(h.grad().item(), 2.0);
        /// ```
        ///
        /// # Panics
        ///
        /// For a constant, which has no gradient.
        fn retain_grad, try_retain_grad(&self) -> () {
            self.require_tracked("retain_grad")?.meta().set_retains();
            Ok(())
        }

        /// What `backward` has added up, as a constant of this value's shape; zeros for a leaf to which nothing has flowed,
        /// and for a constant.
        ///
        /// # Panics
        ///
        /// For an intermediate value whose gradient is not kept, and for one that no `backward` has reached since it is: see
        /// [`retain_grad`](Value::retain_grad). What depends on a value through functions such as `floor` alone, whose derivative
        /// is 0, does not reach it.
        fn grad, try_grad(&self) -> Self {
            let zeros = || Tensor::full(T::zero(), self.shape());
            let Some(node) = self.tracked() else { return Ok(Self::from_parts(zeros(), None)) };
            let sum = node.existing_meta().map(|meta| &meta.grad);
            if !node.is_leaf() {
                let (op, shape) = (node.op(), self.shape().to_vec());
                if !node.keeps_grad() {
                    return Err(Error::NotRetained { op, shape });
                }
                if !sum.is_some_and(|sum| sum.is_reached()) {
                    return Err(Error::NotReached { op, shape });
                }
            }
            let grad = sum.and_then(|sum| sum.get::<B>()).unwrap_or_else(zeros);
            Ok(Self::from_parts(grad, None))
        }

        /// Adds the derivatives of this value to the `grad` of every leaf that it depends on.
        ///
        /// Of an array, it is the sum of the elements that is differentiated. Calling it again adds again.
        ///
        /// # Panics
        ///
        /// Where the value depends on no leaf.
        fn backward, try_backward(&self) -> () {
            self.sweep("backward", Value::from_parts(Tensor::full(T::one(), self.shape()), None))
        }

        /// Like [`backward`](Value::backward), for the sum of the elements weighted with `seed`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, 2.0, 3.0]);
        /// x.square().backward_with(array![1.0, 0.0, 10.0]);
        /// assert_eq!(x.grad().data(), array![2.0, 0.0, 60.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the value depends on no leaf, or `seed` has another shape.
        fn backward_with, try_backward_with(&self, seed: impl Operand<T, B>) -> () {
            self.sweep("backward_with", seed.operand())
        }
    }

    fn sweep(&self, op: &'static str, seed: Self) -> Result<(), Error> {
        let node = self.require_tracked(op)?;
        if !same(seed.shape(), self.shape()) {
            let (got, expected) = (seed.shape().to_vec(), self.shape().to_vec());
            return Err(Error::Direction { op, what: "a seed", got, of: "a value", expected });
        }
        graph::backward(node, &self.data, seed.detach());
        Ok(())
    }

    pub(crate) fn require_tracked(&self, op: &'static str) -> Result<&Arc<Node<T, B>>, Error> {
        self.tracked().ok_or_else(|| Error::NotTracked { op, shape: self.shape().to_vec() })
    }
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", shape={:?}, op={}", self.shape(), self.op())?;
        match self.label() {
            Some(label) => write!(f, ", label={label:?}"),
            None => Ok(()),
        }
    }
}

/// The elements, as `ndarray` prints them, then shape, operation and label. The record is not walked.
impl<T: Scalar, B: Backend<T>> fmt::Display for Value<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.data.view(), f)?;
        self.describe(f)
    }
}

/// Like `Display`, with the elements in scientific notation.
impl<T: Scalar + fmt::LowerExp, B: Backend<T>> fmt::LowerExp for Value<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerExp::fmt(&self.data.view(), f)?;
        self.describe(f)
    }
}

/// Like `Display`, with the elements in their `Debug` form.
impl<T: Scalar, B: Backend<T>> fmt::Debug for Value<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ndarray's own Debug goes on to strides and layout, which are not the user's here.
        let elements = self.data.view();
        fmt::Display::fmt(&elements.mapv(DebugElement), f)?;
        self.describe(f)
    }
}

#[derive(Clone)]
struct DebugElement<T>(T);

impl<T: fmt::Debug> fmt::Display for DebugElement<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
