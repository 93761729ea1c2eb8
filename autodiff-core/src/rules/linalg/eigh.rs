//! Eigenvalues and eigenvectors of symmetric matrices. Derivatives: M. Giles, Collected matrix derivative results for
//! forward and reverse mode algorithmic differentiation, 2008, section 3.1.

use super::{
    Failure, by_columns, by_rows, chain, each, known, recip_off_diagonal, split, spread, symmetric,
    transposed,
};
use crate::backend::Backend;
use crate::primal::Primal;
use crate::rules::{Case, Listed, Needs, Recorded, Rule};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;

/// Eigenvalues and eigenvectors.
pub(crate) fn eigh<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Result<(Value<T, B>, Value<T, B>), Failure> {
    let (batch, n, _) = split(x.shape());
    let [w, v] = each(batch, [x.tensor()], [&[n], &[n, n]], |_, [x]| {
        let (w, v) = B::eigh(x)?;
        Ok([w.into_dyn(), v.into_dyn()])
    })?;
    let v = Value::apply(Eigenvectors { w: w.clone(), v }, &[x]);
    let w = Value::apply(Eigenvalues(w), &[x, &v]);
    Ok((w, v))
}

/// The eigenvalues of a matrix, which are known, given the matrix and its eigenvectors.
///
/// `dw = diag(V^T dA V)`, also where eigenvalues are equal. By the eigenvectors the derivative is zero.
#[derive(Clone, Debug)]
pub(crate) struct Eigenvalues<T>(Tensor<T>);

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Eigenvalues<T> {
    fn name(&self) -> &'static str {
        "eigh"
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: if i == 0 { 0b10 } else { 0 }, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        known(&self.0, 1, x[0])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        (i == 0).then(|| {
            let v = at.x(1);
            (&v * by_columns(g)).matmul(transposed(&v))
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        (i == 0).then(|| {
            let v = at.x(1);
            (t.matmul(&v) * v).sum_axis(-2)
        })
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

/// The eigenvectors of a matrix, which are known.
///
/// `V^T dV = F o (V^T dA V)` with `F_ij = 1 / (w_j - w_i)`, and 0 on the diagonal.
#[derive(Clone, Debug)]
pub(crate) struct Eigenvectors<T> {
    w: Tensor<T>,
    v: Tensor<T>,
}

impl<T: Scalar> Eigenvectors<T> {
    /// V and F, at the point of differentiation.
    fn factors<B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> (Value<T, B>, Value<T, B>) {
        let v = at.y();
        let w = Value::apply(Eigenvalues(self.w.clone()), &[&at.x(0), &v]);
        let f = recip_off_diagonal(&(by_columns(&w) - by_rows(&w)));
        (v, f)
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Eigenvectors<T> {
    fn name(&self) -> &'static str {
        "eigh"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: true }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.v.clone()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (v, f) = self.factors(at);
        let inner = chain(&transposed(&v).matmul(g), &f);
        Some(symmetric(&v.matmul(inner).matmul(transposed(&v))))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (v, f) = self.factors(at);
        let inner = transposed(&v).matmul(symmetric(t)).matmul(&v);
        Some(v.matmul(chain(&inner, &f)))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

/// A symmetric matrix whose eigenvalues are apart.
fn sample<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    symmetric(&spread(x))
}

const SHAPES: [&[usize]; 5] = [&[3, 3], &[2, 2, 2], &[1, 1], &[0, 0], &[0, 2, 2]];

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Eigenvalues<T> {
    fn cases() -> Vec<Case<T, B>> {
        let values =
            |shape| Case::new("eigh", &[(shape, -1.0..1.0)], |x| sample(&x[0]).eigvalsh().expect("finite"));
        let mut all: Vec<_> = SHAPES.map(values).into();
        all.push(Case::new("eigh", &[(&[3, 3], -1.0..1.0)], |x| {
            // The matrix's exponential.
            let (w, v) = (sample(&x[0]) * T::of(0.25)).eigh().expect("finite");
            (&v * by_columns(&w.exp())).matmul(transposed(&v))
        }));
        all
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Eigenvectors<T> {
    fn cases() -> Vec<Case<T, B>> {
        // Signs are the backend's: squares have none.
        let vectors = |shape| {
            Case::new("eigh", &[(shape, -1.0..1.0)], |x| sample(&x[0]).eigh().expect("finite").1.square())
        };
        SHAPES.map(vectors).into()
    }
}
