//! The QR factorisation.

use super::{Triangle, Weigh, columns, each, known, split, spread, transposed};
use crate::backend::Backend;
use crate::primal::Primal;
use crate::rules::{Case, Listed, Needs, Recorded, Rule, SolveTriangular};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;

/// Q and R of the reduced factorisation.
pub(crate) fn qr<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> (Value<T, B>, Value<T, B>) {
    let (batch, m, n) = split(x.shape());
    let k = m.min(n);
    let [q, r] = each(batch, [x.tensor()], [&[m, k], &[k, n]], |_, [x]| {
        let (q, r) = B::qr(x);
        Ok([q.into_dyn(), r.into_dyn()])
    })
    .expect("every matrix has a QR factorisation");
    // Of a wide matrix, Q is that of the first columns.
    let head = if k < n { columns(x, ..k) } else { x.clone() };
    let square = columns(&Value::<T, B>::from_parts(r.clone(), None), ..k).into_tensor();
    let q = Value::apply(Orthogonal { q, r: square }, &[&head]);
    let r = Value::apply(Upper(r), &[x, &q]);
    (q, r)
}

/// The factor Q of its input (m, n), m >= n, which is known.
///
/// With `C = Q^T dA R^-1`, `Q^T dQ = tril(C, -1) - tril(C, -1)^T`: S. Walter and L. Lehmann, Algorithmic
/// differentiation of linear algebra functions, 2018, section 3.3.
#[derive(Clone, Debug)]
pub(crate) struct Orthogonal<T> {
    q: Tensor<T>,
    r: Tensor<T>,
}

impl<T: Scalar> Orthogonal<T> {
    /// Q and R, at the point of differentiation.
    fn factors<B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> (Value<T, B>, Value<T, B>) {
        let q = at.y();
        let r = Value::apply(Upper(self.r.clone()), &[&at.x(0), &q]);
        (q, r)
    }
}

/// The lower triangle of `x`, without the diagonal.
fn below<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    Value::apply(Weigh::tril(-1), &[x])
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Orthogonal<T> {
    fn name(&self) -> &'static str {
        "qr"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: true }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.q.clone()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (q, r) = self.factors(at);
        let m = transposed(&q).matmul(g);
        let along = q.matmul(below(&(&m - transposed(&m))) - m);
        let y = transposed(&(g + along));
        Some(transposed(&Value::apply(SolveTriangular(Triangle::UPPER), &[&r, &y])))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (q, r) = self.factors(at);
        let solve = SolveTriangular(Triangle::UPPER.transposed());
        let y = transposed(&Value::apply(solve, &[&r, &transposed(t)]));
        let c = transposed(&q).matmul(&y);
        let lower = below(&c);
        Some(y + q.matmul(&lower - transposed(&lower) - c))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

fn tall<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    spread(x).qr().0
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Orthogonal<T> {
    fn cases() -> Vec<Case<T, B>> {
        // Signs are the backend's: squares have none.
        let case = |shape| Case::new("qr", &[(shape, -1.0..1.0)], |x| tall(&x[0]).square());
        SHAPES.map(case).into()
    }
}

const SHAPES: [&[usize]; 8] = [&[3, 3], &[4, 2], &[2, 4], &[2, 3, 2], &[1, 1], &[0, 0], &[3, 0], &[0, 2, 3]];

/// `R = Q^T A`, which is known, for A and Q.
#[derive(Clone, Debug)]
pub(crate) struct Upper<T>(Tensor<T>);

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Upper<T> {
    fn name(&self) -> &'static str {
        "qr"
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: if i == 0 { 0b10 } else { 0b01 }, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        known(&self.0, 2, x[0])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let g = Value::apply(Weigh::triu(0), &[g]);
        Some(if i == 0 { at.x(1).matmul(g) } else { at.x(0).matmul(transposed(&g)) })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let (q, a) = if i == 0 { (at.x(1), t.clone()) } else { (t.clone(), at.x(0)) };
        Some(Value::apply(Weigh::triu(0), &[&transposed(&q).matmul(a)]))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Upper<T> {
    fn cases() -> Vec<Case<T, B>> {
        let case = |shape| Case::new("qr", &[(shape, -1.0..1.0)], |x| spread(&x[0]).qr().1.square());
        let mut all: Vec<_> = SHAPES.map(case).into();
        all.push(Case::new("qr", &[(&[3, 2], -1.0..1.0)], |x| {
            let (q, r) = spread(&x[0]).qr();
            q.matmul(r.square()).square()
        }));
        all
    }
}
