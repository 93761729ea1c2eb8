//! Linear operations on one input that move elements about: each is its own tangent map, and states its
//! transpose.

use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::Backend;
use crate::primal::{Primal, with_leading};
use crate::scalar::Scalar;
use crate::shape::{Shape, inverse};
use crate::tensor::Tensor;
use crate::value::Value;
use std::fmt::Debug;

/// A linear operation on one input.
pub(crate) trait Linear: Debug + Clone + Send + Sync + 'static {
    /// See [`Rule::name`].
    fn name(&self) -> &'static str;

    /// See [`Rule::eval`].
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T>;

    /// See [`Rule::batched`].
    fn batched(&self, _: usize) -> Option<Self> {
        None
    }

    /// See [`Rule::broadcasts`].
    fn broadcasts(&self) -> bool {
        false
    }

    /// The transposed map, of a cotangent; see [`Rule::vjp`] for its shape.
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B>;

    /// See [`Rule::add_vjp`].
    fn add_transpose<T: Scalar>(&self, _g: &Tensor<T>, sum: Tensor<T>) -> Result<Tensor<T>, Tensor<T>> {
        Err(sum)
    }
}

impl<T: Scalar, B: Backend<T>, L: Linear + Listed<T, B>> Rule<T, B> for L {
    fn name(&self) -> &'static str {
        Linear::name(self)
    }
    fn needs(&self, _: usize) -> Needs {
        Needs::NOTHING
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        Linear::eval::<T, B>(self, x[0])
    }
    fn vjp(&self, _: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.transpose(g))
    }
    fn add_vjp(&self, g: &Tensor<T>, _: usize, sum: Tensor<T>) -> Result<Tensor<T>, Tensor<T>> {
        self.add_transpose(g, sum)
    }
    fn jvp(&self, _: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(Value::apply(self.clone(), &[t]))
    }
    fn batched(&self, n: usize) -> Option<Recorded<T, B>> {
        Linear::batched(self, n).map(Listed::recorded)
    }
    fn is_followed(&self) -> bool {
        true
    }
    fn broadcasts(&self) -> bool {
        Linear::broadcasts(self)
    }
}

/// The same value under a new identity: what `grad` differentiates with respect to.
#[derive(Clone, Debug)]
pub(crate) struct Alias;

impl Linear for Alias {
    fn name(&self) -> &'static str {
        "alias"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.clone()
    }
    fn batched(&self, _: usize) -> Option<Self> {
        Some(Alias)
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        g.clone()
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Alias {
    fn cases() -> Vec<Case<T, B>> {
        vec![Case::new("alias", &[(&[2, 3], -2.0..2.0)], |x| Value::apply(Alias, &[&x[0]]))]
    }
}

/// The same elements in row-major order under another shape.
#[derive(Clone, Debug)]
pub(crate) struct Reshape {
    pub op: &'static str,
    pub from: Shape,
    pub to: Shape,
}

impl Linear for Reshape {
    fn name(&self) -> &'static str {
        self.op
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.reshape(&self.to)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Reshape { op: self.op, from: with_leading(n, &self.from), to: with_leading(n, &self.to) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Reshape { op: "reshape", from: self.to.clone(), to: self.from.clone() }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Reshape {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("reshape", &[(&[2, 3], -2.0..2.0)], |x| x[0].reshape([3, -1])),
            Case::new("reshape", &[(&[0, 3], -2.0..2.0)], |x| x[0].reshape([3, 0, 2])),
            Case::new("squeeze", &[(&[2, 1, 3, 1], -2.0..2.0)], |x| x[0].squeeze()),
            Case::new("unsqueeze", &[(&[2, 3], -2.0..2.0)], |x| x[0].unsqueeze([0, -1])),
        ]
    }
}

/// Axes as they count after a leading one: all of them.
fn after_leading(axes: &[usize]) -> Shape {
    std::iter::once(0).chain(axes.iter().map(|axis| axis + 1)).collect()
}

/// The axes in another order.
#[derive(Clone, Debug)]
pub(crate) struct Permute {
    pub op: &'static str,
    pub axes: Shape,
}

impl Linear for Permute {
    fn name(&self) -> &'static str {
        self.op
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.permute(&self.axes)
    }
    fn batched(&self, _: usize) -> Option<Self> {
        Some(Permute { op: self.op, axes: after_leading(&self.axes) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Permute { op: "permute", axes: inverse(&self.axes) }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Permute {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("permute", &[(&[2, 3, 4], -2.0..2.0)], |x| x[0].permute([2, 0, 1])),
            Case::new("swap_axes", &[(&[2, 3, 4], -2.0..2.0)], |x| x[0].swap_axes(0, -1)),
            Case::new("t", &[(&[2, 3], -2.0..2.0)], |x| x[0].t()),
        ]
    }
}

/// The elements repeated along axes of length 1, and along new leading axes.
#[derive(Clone, Debug)]
pub(crate) struct BroadcastTo {
    pub shape: Shape,
}

// The sweep sums over the repeated axes, as it does for every operation that broadcasts.
impl Linear for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.broadcast_to(&self.shape)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(BroadcastTo { shape: with_leading(n, &self.shape) })
    }
    fn broadcasts(&self) -> bool {
        true
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        g.clone()
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for BroadcastTo {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("broadcast_to", &[(&[3, 1], -2.0..2.0)], |x| x[0].broadcast_to([2, 3, 4])),
            Case::new("broadcast_to", &[(&[], -2.0..2.0)], |x| x[0].broadcast_to([2, 2])),
            Case::new("broadcast_to", &[(&[1, 3], -2.0..2.0)], |x| x[0].broadcast_to([0, 3])),
        ]
    }
}
