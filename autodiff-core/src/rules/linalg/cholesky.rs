//! Cholesky's factorisation.

use super::{Failure, Triangle, Weigh, each, mirrored, split, symmetric, transposed};
use crate::backend::Backend;
use crate::graph::Primal;
use crate::rules::{Case, Listed, Needs, Rule, SolveTriangular};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;

/// The lower triangular factor of its input, which is known.
///
/// Derivatives by products and triangular systems: I. Murray, Differentiation of the Cholesky decomposition, 2016,
/// equations 8 and 10.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky<T>(Tensor<T>);

/// The factor L, where every matrix is positive definite.
pub(crate) fn cholesky<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Result<Value<T, B>, Failure> {
    let (batch, n, _) = split(x.shape());
    let [l] = each(batch, [x.tensor()], [&[n, n]], |_, [x]| Ok([B::cholesky(x)?.into_dyn()]))?;
    Ok(Value::apply(Cholesky(l), &[x]))
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Cholesky<T> {
    fn name(&self) -> &'static str {
        "cholesky"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0, output: true }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.0.clone()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let l = at.y();
        let transposed_inverse =
            |x: &Value<T, B>| Value::apply(SolveTriangular(Triangle::LOWER.transposed()), &[&l, x]);
        let inner = mirrored(&transposed(&l).matmul(Value::apply(Weigh::tril(0), &[g])));
        let half = transposed_inverse(&(inner * T::of(0.5)));
        Some(transposed_inverse(&transposed(&half)))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let l = at.y();
        let inverse = |x: &Value<T, B>| Value::apply(SolveTriangular(Triangle::LOWER), &[&l, x]);
        let inner = inverse(&transposed(&inverse(&symmetric(t))));
        Some(l.matmul(Value::apply(Weigh::HALVED, &[&inner])))
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Cholesky<T> {
    fn cases() -> Vec<Case<T, B>> {
        let shapes: [&[usize]; 5] = [&[3, 3], &[2, 2, 2], &[1, 1], &[0, 0], &[0, 2, 2]];
        let case = |shape| {
            Case::new("cholesky", &[(shape, -1.0..1.0)], |x| {
                let n = x[0].shape()[x[0].ndim() - 1];
                let square = x[0].matmul(transposed(&x[0]));
                (square + ndarray::Array2::eye(n)).cholesky().expect("positive definite")
            })
        };
        shapes.map(case).into()
    }
}
