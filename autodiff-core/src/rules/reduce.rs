//! Reductions along axes.

use super::linear::Linear;
use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::{Backend, Binary, Elementwise, Reduction, Unary};
use crate::compose::Pool;
use crate::ops::Mask;
use crate::primal::{Primal, with_leading};
use crate::scalar::Scalar;
use crate::shape::{Shape, reduced};
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::Axis;

/// The axes of a reduction, and the shape they are axes of.
#[derive(Clone, Debug)]
pub(crate) struct Along {
    pub axes: Shape,
    pub keepdims: bool,
    pub from: Shape,
}

impl Along {
    fn reduce<T: Scalar, B: Backend<T>>(&self, op: Reduction, x: &Tensor<T>) -> Tensor<T> {
        x.reduce_to::<B>(op, &self.axes, &reduced(&self.from, &self.axes, self.keepdims))
    }

    /// The same of each part along a leading axis of length `n`.
    pub fn batched(&self, n: usize) -> Self {
        Along { axes: after(&self.axes), keepdims: self.keepdims, from: with_leading(n, &self.from) }
    }

    /// A value of the result's axes, with the reduced axes kept at length 1.
    pub fn keep<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        if self.keepdims {
            return g.clone();
        }
        let mut lengths = g.shape().iter().copied();
        let mut length = |axis| if self.axes.contains(&axis) { Some(1) } else { lengths.next() };
        g.with_shape("reshape", (0..self.from.len()).map_while(&mut length).collect())
    }

    /// A value of the result's shape, repeated to the input's.
    fn spread<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        match g.ndim() {
            0 => g.spread_to(&self.from),
            _ => self.keep(g).spread_to(&self.from),
        }
    }

    fn count(&self) -> usize {
        self.axes.iter().map(|&a| self.from[a]).product()
    }
}

/// Axes as they count after a leading one.
fn after(axes: &[usize]) -> Shape {
    axes.iter().map(|axis| axis + 1).collect()
}

/// Uses of a reduction over all, one and several axes, with and without `keepdims`.
fn cases<T: Scalar, B: Backend<T>>(
    name: &'static str,
    empty: bool,
    f: fn(&Value<T, B>, &[isize], bool) -> Value<T, B>,
) -> Vec<Case<T, B>> {
    let uses: [(&[usize], &[isize], bool); 6] = [
        (&[2, 3], &[0, 1], false),
        (&[2, 3, 2], &[1], false),
        (&[2, 3, 2], &[-1, 0], true),
        (&[4, 1], &[1], true),
        (&[3], &[], false),
        (&[0, 3], &[1], false),
    ];
    let mut all: Vec<_> = uses
        .into_iter()
        .map(|(shape, axes, keep)| Case::new(name, &[(shape, -2.0..2.0)], move |x| f(&x[0], axes, keep)))
        .collect();
    if empty {
        all.push(Case::new(name, &[(&[0, 3], -2.0..2.0)], move |x| f(&x[0], &[0], false)));
    }
    all
}

/// The sum along axes.
#[derive(Clone, Debug)]
pub(crate) struct Sum(pub Along);

impl Linear for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        self.0.reduce::<T, B>(Reduction::Sum, x)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Sum(self.0.batched(n)))
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        self.0.spread(g)
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Sum {
    fn cases() -> Vec<Case<T, B>> {
        cases("sum", true, |x, axes, keep| if keep { x.sum_keepdims(axes) } else { x.sum_axis(axes) })
    }
}

/// The mean along axes.
#[derive(Clone, Debug)]
pub(crate) struct Mean(pub Along);

impl Linear for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        self.0.reduce::<T, B>(Reduction::Mean, x)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Mean(self.0.batched(n)))
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        self.0.spread(&(g / T::of(self.0.count() as f64)))
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Mean {
    fn cases() -> Vec<Case<T, B>> {
        cases("mean", false, |x, axes, keep| if keep { x.mean_keepdims(axes) } else { x.mean_axis(axes) })
    }
}

/// The largest or smallest element along axes. Equal ones share the gradient equally.
#[derive(Clone, Debug)]
pub(crate) struct Extremum {
    pub op: Reduction,
    pub along: Along,
    /// Which elements have a share, if not all; it broadcasts to the array's shape.
    pub inside: Option<Mask>,
}

impl Extremum {
    /// The share of each element in the extremum, which does not change with it.
    fn shares<T: Scalar, B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> Value<T, B> {
        let (x, y) = (at.x(0).detach(), self.along.keep(&at.y().detach()));
        let mut ties = x.zip(Binary::same, &y);
        if let Some(inside) = &self.inside {
            ties *= Value::constant(inside.mapv(|inside| if inside { T::one() } else { T::zero() }));
        }
        let axes: Vec<isize> = self.along.axes.iter().map(|&a| a as isize).collect();
        &ties / ties.sum_keepdims(axes.as_slice())
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Extremum {
    fn name(&self) -> &'static str {
        if self.op == Reduction::Max { "max" } else { "min" }
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: true }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        self.along.reduce::<T, B>(self.op, x[0])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.along.keep(g).zip(Binary::chain, &self.shares(at)))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(Value::apply(Sum(self.along.clone()), &[&t.zip(Binary::chain, &self.shares(at))]))
    }
    fn batched(&self, n: usize) -> Option<Recorded<T, B>> {
        let inside = self.inside.clone().map(|inside| inside.insert_axis(Axis(0)));
        Some(Extremum { op: self.op, along: self.along.batched(n), inside }.recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Extremum {
    fn cases() -> Vec<Case<T, B>> {
        let mut all =
            cases("max", false, |x, axes, keep| if keep { x.max_keepdims(axes) } else { x.max_axis(axes) });
        all.extend(cases(
            "min",
            false,
            |x, axes, keep| {
                if keep { x.min_keepdims(axes) } else { x.min_axis(axes) }
            },
        ));
        // An empty axis has no extremum.
        all.retain(|case| case.inputs[0].shape[0] != 0);
        all.push(Case::new("max_pool1d", &[(&[2, 1, 4], -2.0..2.0)], |x| {
            x[0].max_pool1d(Pool { padding: [1], ..Pool::new([3]) })
        }));
        all
    }
}

/// `ln(sum(exp(x)))` along axes.
#[derive(Clone, Debug)]
pub(crate) struct LogSumExp(pub Along);

impl LogSumExp {
    /// The derivative: a softmax, or nothing where all elements are -inf and the softmax has no value.
    fn weights<T: Scalar, B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> Value<T, B> {
        Value::apply(Softmax { axes: self.0.axes.clone(), zero_at_bottom: true }, &[&at.x(0)])
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        self.0.reduce::<T, B>(Reduction::LogSumExp, x[0])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.0.keep(g).zip(Binary::chain, &self.weights(at)))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(Value::apply(Sum(self.0.clone()), &[&t.zip(Binary::chain, &self.weights(at))]))
    }
    fn batched(&self, n: usize) -> Option<Recorded<T, B>> {
        Some(LogSumExp(self.0.batched(n)).recorded())
    }
    fn is_followed(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for LogSumExp {
    fn cases() -> Vec<Case<T, B>> {
        cases(
            "logsumexp",
            true,
            |x, axes, keep| {
                if keep { x.logsumexp_keepdims(axes) } else { x.logsumexp_axis(axes) }
            },
        )
    }
}

/// `exp(x) / sum(exp(x))` along axes.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    pub axes: Shape,
    /// Whether it is 0, rather than NaN, where all elements are -inf and it has no value.
    pub zero_at_bottom: bool,
}

impl Softmax {
    /// The derivative is symmetric: `y (g - sum(g y))`, of tangents and cotangents alike.
    fn derivative<T: Scalar, B: Backend<T>>(&self, at: &Primal<'_, T, B>, g: &Value<T, B>) -> Value<T, B> {
        let y = at.y();
        let from = Shape::from_slice(g.shape());
        let along = Along { axes: self.axes.clone(), keepdims: true, from };
        let mean = Value::apply(Sum(along), &[&g.zip(Binary::chain, &y)]);
        (g - mean).zip(Binary::chain, &y)
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0, output: true }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        if x[0].len() == 0 {
            return x[0].clone();
        }
        let (most, terms) = x[0].exp_below_max::<B>(&self.axes);
        // One division for many elements; the sum is at least 1.
        let scale = Tensor::unary::<B>(Unary::recip, &terms.reduce::<B>(Reduction::Sum, &self.axes));
        if !self.zero_at_bottom {
            return Tensor::binary::<B>(Binary::mul, &scale, &terms);
        }
        let (zero, bottom) = (Tensor::Scalar(T::zero()), Tensor::Scalar(T::neg_infinity()));
        let is_bottom = Tensor::binary::<B>(Binary::same, &most, &bottom);
        let scale = Tensor::elementwise::<B, 3>(Elementwise::Select, [&is_bottom, &zero, &scale]);
        Tensor::binary::<B>(Binary::chain, &scale, &terms)
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.derivative(at, g))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.derivative(at, t))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(Softmax { axes: after(&self.axes), ..*self }.recorded())
    }
    fn is_followed(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Softmax {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("softmax", &[(&[2, 3], -2.0..2.0)], |x| x[0].softmax(1)),
            Case::new("softmax", &[(&[2, 3, 2], -2.0..2.0)], |x| x[0].softmax([0, -1])),
            Case::new("softmax", &[(&[0, 3], -2.0..2.0)], |x| x[0].softmax(0)),
        ]
    }
}
