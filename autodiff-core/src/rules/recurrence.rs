//! Products and linear recurrences along an axis, step by step.

use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::{Backend, Binary};
use crate::copies;
use crate::memory;
use crate::native::{self, Steps};
use crate::primal::Primal;
use crate::scalar::Scalar;
use crate::shape::common_shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{ArcArray, IxDyn};
use smallvec::SmallVec;

/// `y = s` before each step `s = a s + b` along an axis; without `b`, which starts from 1 and not from 0, the products of all
/// elements before each place.
///
/// Its derivatives are recurrences again, with the same `a`: in `b` the same, or from the other end for cotangents; in `a`
/// that of `b`, times `y`. So products of any magnitude on the way are those of the steps alone, and nothing is divided by.
#[derive(Clone, Debug)]
pub(crate) struct Recurrence {
    pub axis: usize,
    /// From the end.
    pub reverse: bool,
    /// Whether there is a `b`, the second input.
    pub driven: bool,
}

impl Recurrence {
    /// The products of all elements before each place along an axis.
    pub fn products(axis: usize) -> Self {
        Recurrence { axis, reverse: false, driven: false }
    }

    /// What `b`, a tangent or a cotangent, adds up to before each place along an axis.
    pub fn driven<T: Scalar, B: Backend<T>>(
        axis: usize,
        a: &Value<T, B>,
        b: &Value<T, B>,
        reverse: bool,
    ) -> Value<T, B> {
        Value::apply(Recurrence { axis, reverse, driven: true }, &[a, b])
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Recurrence {
    fn name(&self) -> &'static str {
        if self.driven { "recurrence" } else { "cumprod" }
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: 0b01, output: i == 0 }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let shape = common_shape(x.iter().map(|x| x.shape()));
        let operands: SmallVec<[ArcArray<T, IxDyn>; 2]> = x.iter().map(|x| packed(x, &shape)).collect();
        let each = |i: usize| operands[i].as_slice().expect("row-major order");
        let mut y = memory::array(&shape);
        native::recurrence(
            Steps {
                n: shape[self.axis],
                inner: shape[self.axis + 1..].iter().product(),
                reverse: self.reverse,
            },
            each(0),
            self.driven.then(|| each(1)),
            y.as_slice_mut().expect("row-major order"),
        );
        Tensor::new(y.into_shared())
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let sums = Self::driven(self.axis, &at.x(0), g, !self.reverse);
        Some(if i == 0 { sums.zip(Binary::chain, &at.y()) } else { sums })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let first = if i == 0 { t.zip(Binary::chain, &at.y()) } else { t.clone() };
        Some(Self::driven(self.axis, &at.x(0), &first, self.reverse))
    }
    fn reads_elements(&self) -> bool {
        true
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(Recurrence { axis: self.axis + 1, ..*self }.recorded())
    }
}

/// The elements of `x`, repeated to make `shape`, in row-major order.
fn packed<T: Scalar>(x: &Tensor<T>, shape: &[usize]) -> ArcArray<T, IxDyn> {
    let all = x.broadcast_to(shape).to_array();
    if all.is_standard_layout() { all } else { copies::row_major(all.view()).into_shared() }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Recurrence {
    fn cases() -> Vec<Case<T, B>> {
        let driven = |axis, reverse| Recurrence { axis, reverse, driven: true };
        let both = |a: &[usize], b: &[usize], rule: Recurrence| {
            Case::new("recurrence", &[(a, -2.0..2.0), (b, -2.0..2.0)], move |x| {
                Value::apply(rule.clone(), &[&x[0], &x[1]])
            })
        };
        let mut all = super::scan::cases("cumprod", Value::cumprod);
        all.extend([
            both(&[4], &[4], driven(0, false)),
            both(&[1, 3], &[2, 3], driven(1, true)),
            both(&[3, 2], &[3, 2], driven(0, true)),
            both(&[2, 9], &[2, 9], driven(0, false)),
            both(&[9, 2], &[9, 2], driven(1, false)),
            Case::new("prod", &[(&[2, 3], -2.0..2.0)], |x| x[0].prod()),
            Case::new("prod", &[(&[2, 3, 2], -2.0..2.0)], |x| x[0].prod_keepdims([-1, 0])),
            Case::new("prod", &[(&[2, 3, 2], -2.0..2.0)], |x| x[0].prod_axis([2, 1])),
            Case::new("prod", &[(&[0, 2], -2.0..2.0)], |x| x[0].prod_axis(0)),
        ]);
        all
    }
}
