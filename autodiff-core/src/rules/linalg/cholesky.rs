//! Cholesky's factorisation.

mod reverse;

use super::{Failure, Triangle, Weigh, each, mirrored, split, spread, symmetric, transposed};
use crate::backend::Backend;
use crate::primal::Primal;
use crate::rules::{Case, Listed, Needs, Recorded, Rule, SolveTriangular};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::ArrayView2;
use reverse::cotangent;

/// The lower triangular factor of its input, which is known.
///
/// Derivatives: I. Murray, Differentiation of the Cholesky decomposition, 2016, equations 8 and 10.
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
        Some(Value::apply(Cotangent, &[&at.y(), g]))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(tangent(&at.y(), &symmetric(t)))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

/// `L^-1 X L^-T` for a symmetric X.
fn within<T: Scalar, B: Backend<T>>(l: &Value<T, B>, x: &Value<T, B>) -> Value<T, B> {
    let inverse = |x: &Value<T, B>| Value::apply(SolveTriangular(Triangle::LOWER), &[l, x]);
    inverse(&transposed(&inverse(x)))
}

/// The tangent of L due to a symmetric one of `L L^T`.
fn tangent<T: Scalar, B: Backend<T>>(l: &Value<T, B>, t: &Value<T, B>) -> Value<T, B> {
    l.matmul(Value::apply(Weigh::HALVED, &[&within(l, t)]))
}

/// `S = (P + P^T) / 2` for L and G, the inputs: the symmetric cotangent of `L L^T`, given that of L. Here
/// `P = L^-T H L^-1`, and H is the lower triangle, with half of the diagonal, of `L^T tril(G)`.
///
/// It takes a fifth of the operations of that formula: see [`cotangent`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cotangent;

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Cotangent {
    fn name(&self) -> &'static str {
        "cholesky"
    }
    fn needs(&self, i: usize) -> Needs {
        if i == 0 { Needs { inputs: 0b11, output: true } } else { Needs { inputs: 0b01, output: false } }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let (batch, n, _) = split(x[1].shape());
        let one = |_: &[usize], [l, g]: [ArrayView2<'_, T>; 2]| Ok([cotangent::<T, B>(l, g).into_dyn()]);
        let [s] = each(batch, [x[0], x[1]], [&[n, n]], one).expect("it does not fail");
        s
    }
    fn vjp(&self, at: &Primal<'_, T, B>, h: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let (l, h) = (at.x(0), symmetric(h));
        if i == 1 {
            // It is linear in G, and the transpose of the map of tangents.
            return Some(tangent(&l, &h));
        }
        let halved = Value::apply(Weigh::HALVED, &[&within(&l, &h)]);
        let through_g = Value::apply(Weigh::tril(0), &[&at.x(1)]).matmul(transposed(&halved));
        let from_right =
            transposed(&Value::apply(SolveTriangular(Triangle::LOWER), &[&l, &h.matmul(at.y())]));
        Some(Value::apply(Weigh::tril(0), &[&(through_g - from_right * T::of(2.0))]))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let l = at.x(0);
        if i == 1 {
            return Some(Value::apply(Cotangent, &[&l, t]));
        }
        // dS = -X - X^T + L^-T (H' + H'^T) L^-1 / 2, where X = L^-T dL^T S and H' is H with dL in the place of L.
        let inverse = |x: &Value<T, B>| Value::apply(SolveTriangular(Triangle::LOWER.transposed()), &[&l, x]);
        let dl = transposed(&Value::apply(Weigh::tril(0), &[t]));
        let inner = mirrored(&dl.matmul(Value::apply(Weigh::tril(0), &[&at.x(1)])));
        let x = inverse(&dl.matmul(at.y()));
        let half = inverse(&(inner * T::of(0.5)));
        Some(inverse(&transposed(&half)) - &x - transposed(&x))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Cotangent {
    fn cases() -> Vec<Case<T, B>> {
        let case = |shape| {
            Case::new("cholesky", &[(shape, -1.0..1.0), (shape, -1.0..1.0)], |x: &[Value<T, B>]| {
                let l = Value::apply(Weigh::tril(0), &[&spread(&x[0])]);
                Value::apply(Cotangent, &[&l, &x[1]])
            })
        };
        SHAPES.map(case).into()
    }
}

const SHAPES: [&[usize]; 5] = [&[3, 3], &[2, 2, 2], &[1, 1], &[0, 0], &[0, 2, 2]];

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Cholesky<T> {
    fn cases() -> Vec<Case<T, B>> {
        let case = |shape| {
            Case::new("cholesky", &[(shape, -1.0..1.0)], |x| {
                let n = x[0].shape()[x[0].ndim() - 1];
                let square = x[0].matmul(transposed(&x[0]));
                (square + ndarray::Array2::eye(n)).cholesky().expect("positive definite")
            })
        };
        SHAPES.map(case).into()
    }
}
