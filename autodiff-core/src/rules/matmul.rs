//! The batched matrix product.

use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::Backend;
use crate::follow;
use crate::lazy::may_share;
use crate::primal::{Primal, with_leading};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;

/// `(..., m, k) @ (..., k, n)`, both with as many leading axes as `batch`, each of length 1 or a common one.
///
/// Where `batch` alone has length 1 the products are summed, so that the cotangent of an operand that was
/// broadcast is one rule of the same kind, and never has its products side by side in memory.
#[derive(Clone, Debug)]
pub(crate) struct Matmul {
    batch: Shape,
    /// Whether it may wait until it is looked at.
    later: bool,
}

impl Matmul {
    pub fn new(batch: Shape) -> Self {
        Matmul { batch, later: false }
    }

    fn transposed<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
        x.swap_axes(-2, -1)
    }

    /// The cotangent of input `i`: the product, summed to the leading axes of the input.
    ///
    /// Where it is to be differentiated, it may be that nothing else is done with it.
    fn onto<T: Scalar, B: Backend<T>>(
        at: &Primal<'_, T, B>,
        i: usize,
        a: &Value<T, B>,
        b: &Value<T, B>,
    ) -> Value<T, B> {
        let shape = at.shape(i);
        let batch = Shape::from_slice(&shape[..shape.len() - 2]);
        Value::apply(Matmul { batch, later: at.is_attached() }, &[a, b])
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: if i == 0 { 0b10 } else { 0b01 }, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        // With its tangent, which comes next, it may read an operand once.
        match self.later || (follow::is_following() && may_share(x[0], x[1], &self.batch)) {
            true => Tensor::matmul_later::<B>(x[0], x[1], &self.batch),
            false => Tensor::matmul::<B>(x[0], x[1], &self.batch),
        }
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        Some(match i {
            0 => Self::onto(at, 0, g, &Self::transposed(&at.x(1))),
            _ => Self::onto(at, 1, &Self::transposed(&at.x(0)), g),
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let product = Matmul { batch: self.batch.clone(), later: at.batch().is_none() };
        Some(match i {
            0 => Value::apply(product, &[t, &at.x(1)]),
            _ => Value::apply(product, &[&at.x(0), t]),
        })
    }
    fn reads_elements(&self) -> bool {
        true
    }
    fn is_followed(&self) -> bool {
        true
    }
    fn batched(&self, n: usize) -> Option<Recorded<T, B>> {
        Some(Matmul::new(with_leading(n, &self.batch)).recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Matmul {
    fn cases() -> Vec<Case<T, B>> {
        let shapes: [(&[usize], &[usize]); 12] = [
            (&[2, 3], &[3, 4]),
            (&[3], &[3]),
            (&[2, 3], &[3]),
            (&[3], &[3, 2]),
            (&[2, 2, 3], &[3, 2]),
            (&[2, 3], &[2, 3, 2]),
            (&[3, 1, 2, 4], &[1, 2, 4, 3]),
            (&[2, 2, 3], &[3]),
            (&[2, 0], &[0, 3]),
            (&[0, 2], &[2, 3]),
            (&[0, 2, 2], &[1, 2, 2]),
            (&[1, 1], &[1, 1]),
        ];
        let case = |(a, b)| Case::new("matmul", &[(a, -2.0..2.0), (b, -2.0..2.0)], |x| x[0].matmul(&x[1]));
        shapes.map(case).into()
    }
}
