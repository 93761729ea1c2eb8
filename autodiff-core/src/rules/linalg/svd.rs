//! The singular value decomposition. Derivatives: J. Townsend, Differentiating the singular value decomposition, 2016,
//! written with the symmetric and the skew part of `U^T dA V`, so that squares of singular values do not occur.

use super::{
    Failure, by_columns, by_rows, chain, columns, each, known, recip_off_diagonal, split, spread, symmetric,
    transposed,
};
use crate::backend::{Backend, LinalgError};
use crate::primal::Primal;
use crate::rules::{Case, Listed, Needs, Recorded, Rule};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};

/// The decompositions of matrices.
#[derive(Clone, Debug)]
pub(super) struct Svd<T> {
    pub s: Tensor<T>,
    /// `[U^T V^T]`.
    pub pairs: Tensor<T>,
    rows: usize,
}

impl<T: Scalar> Svd<T> {
    pub fn new(
        x: &Tensor<T>,
        svd: impl Fn(ArrayView2<'_, T>) -> Result<(Array2<T>, Array1<T>, Array2<T>), LinalgError>,
    ) -> Result<Self, Failure> {
        let (batch, m, n) = split(x.shape());
        let k = m.min(n);
        let [s, pairs] = each(batch, [x], [&[k], &[k, m + n]], |_, [x]| {
            let (u, s, vt) = svd(x)?;
            let pairs = concatenate(Axis(1), &[u.t(), vt.view()]).expect("as many left as right vectors");
            Ok([s.into_dyn(), pairs.into_dyn()])
        })?;
        Ok(Svd { s, pairs, rows: m })
    }

    /// U^T, the singular values, and V^T, as functions of the matrices.
    ///
    /// As functions that can be differentiated, singular values pass through zero: their absolute values are what
    /// users know.
    pub fn of<B: Backend<T>>(&self, x: &Value<T, B>) -> (Value<T, B>, Value<T, B>, Value<T, B>) {
        let pairs = Value::apply(SingularVectors(self.clone()), &[x]);
        let s = Value::apply(SingularValues { s: self.s.clone(), rows: self.rows }, &[x, &pairs]);
        let (ut, vt) = halves(&pairs, self.rows);
        (ut, s, vt)
    }
}

/// U, the singular values, and V^T.
///
/// At 0 the derivative of a singular value is 0, as that of an absolute value.
pub(crate) fn svd<T: Scalar, B: Backend<T>>(
    x: &Value<T, B>,
) -> Result<(Value<T, B>, Value<T, B>, Value<T, B>), Failure> {
    let (ut, s, vt) = Svd::new(x.tensor(), B::svd)?.of(x);
    Ok((transposed(&ut), s.abs(), vt))
}

/// U^T and V^T: the columns before and from `m` on.
fn halves<T: Scalar, B: Backend<T>>(pairs: &Value<T, B>, m: usize) -> (Value<T, B>, Value<T, B>) {
    (columns(pairs, ..m), columns(pairs, m..))
}

/// The singular values of a matrix, which are known, given the matrix and its singular vectors.
///
/// `ds = diag(U^T dA V)`, also where singular values are equal. By the vectors the derivative is zero.
#[derive(Clone, Debug)]
pub(crate) struct SingularValues<T> {
    s: Tensor<T>,
    rows: usize,
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for SingularValues<T> {
    fn name(&self) -> &'static str {
        "svd"
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: if i == 0 { 0b10 } else { 0 }, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        known(&self.s, 1, x[0])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        (i == 0).then(|| {
            let (ut, vt) = halves(&at.x(1), self.rows);
            transposed(&ut).matmul(vt * by_rows(g))
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        (i == 0).then(|| {
            let (ut, vt) = halves(&at.x(1), self.rows);
            (ut.matmul(t) * vt).sum_axis(-1)
        })
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

/// The singular vectors of a matrix (m, n), which are known: `[U^T V^T]`.
///
/// With P the matrix `U^T dA V`, `U^T dU = E o symm(P) + G o skew(P)` and `V^T dV = E o symm(P) - G o skew(P)`, where
/// `E_ij = 1 / (s_j - s_i)` and `G_ij = 1 / (s_j + s_i)`, with zeros on the diagonals. To this come, in the complements
/// of U and V, `(I - U U^T) dA V S^-1` and `(I - V V^T) dA^T U S^-1`.
#[derive(Clone, Debug)]
pub(crate) struct SingularVectors<T>(Svd<T>);

/// What the derivatives of the vectors are made of.
struct Factors<T: Scalar, B: Backend<T>> {
    ut: Value<T, B>,
    vt: Value<T, B>,
    e: Value<T, B>,
    g: Value<T, B>,
    /// `1 / s`, a factor of rows.
    recip: Value<T, B>,
}

impl<T: Scalar> SingularVectors<T> {
    fn factors<B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> Factors<T, B> {
        let pairs = at.y();
        let Svd { s, rows, .. } = &self.0;
        let (ut, vt) = halves(&pairs, *rows);
        let s = Value::apply(SingularValues { s: s.clone(), rows: *rows }, &[&at.x(0), &pairs]);
        let (row, column) = (by_rows(&s), by_columns(&s));
        Factors {
            ut,
            vt,
            e: recip_off_diagonal(&(&column - &row)),
            g: recip_off_diagonal(&(column + &row)),
            recip: row.recip(),
        }
    }
}

/// `(X - X^T) / 2`.
fn skew<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    (x - transposed(x)) * T::of(0.5)
}

/// The part of the rows of `x` that is orthogonal to the orthonormal rows of `basis`; none if these are a whole basis.
fn complement<T: Scalar, B: Backend<T>>(x: &Value<T, B>, basis: &Value<T, B>) -> Option<Value<T, B>> {
    let (_, k, n) = split(basis.shape());
    (k < n).then(|| x - x.matmul(transposed(basis)).matmul(basis))
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for SingularVectors<T> {
    fn name(&self) -> &'static str {
        "svd"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: true }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        known(&self.0.pairs, 2, x[0])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, cotangent: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let Factors { ut, vt, e, g, recip } = self.factors(at);
        let (gu, gv) = halves(cotangent, self.0.rows);
        let (a, b) = (ut.matmul(transposed(&gu)), vt.matmul(transposed(&gv)));
        let inner = symmetric(&chain(&(&a + &b), &e)) + skew(&chain(&(a - b), &g));
        // Rows of U^T and of V^T stand for what they are multiplied with from the left and from the right.
        let mut right = inner.matmul(&vt);
        if let Some(rest) = complement(&gv, &vt) {
            right += chain(&rest, &recip);
        }
        let whole = transposed(&ut).matmul(right);
        Some(match complement(&gu, &ut) {
            Some(rest) => whole + transposed(&chain(&rest, &recip)).matmul(vt),
            None => whole,
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let Factors { ut, vt, e, g, recip } = self.factors(at);
        let (from_left, from_right) = (ut.matmul(t), vt.matmul(transposed(t)));
        let p = from_left.matmul(transposed(&vt));
        let (even, odd) = (chain(&symmetric(&p), &e), chain(&skew(&p), &g));
        // dU^T = (U X)^T = -X U^T, as X is skew.
        let along = |x: Value<T, B>, basis: &Value<T, B>, rest: &Value<T, B>| {
            let inside = -x.matmul(basis);
            match complement(rest, basis) {
                Some(rest) => inside + chain(&rest, &recip),
                None => inside,
            }
        };
        let du = along(&even + &odd, &ut, &from_right);
        let dv = along(even - odd, &vt, &from_left);
        Some(Value::concat(&[du, dv], -1))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

const SHAPES: [&[usize]; 9] =
    [&[3, 3], &[4, 2], &[2, 4], &[2, 3, 2], &[2, 2, 3], &[1, 1], &[0, 0], &[3, 0], &[0, 2, 3]];

impl<T: Scalar, B: Backend<T>> Listed<T, B> for SingularValues<T> {
    fn cases() -> Vec<Case<T, B>> {
        let values =
            |shape| Case::new("svd", &[(shape, -1.0..1.0)], |x| spread(&x[0]).svdvals().expect("finite"));
        let mut all: Vec<_> = SHAPES.map(values).into();
        for shape in [&[3, 3][..], &[3, 2], &[2, 3]] {
            all.push(Case::new("svd", &[(shape, -1.0..1.0)], |x| {
                let (u, s, vt) = spread(&x[0]).svd().expect("finite");
                (u * by_columns(&s.square())).matmul(vt)
            }));
        }
        all
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for SingularVectors<T> {
    fn cases() -> Vec<Case<T, B>> {
        // Signs are the backend's: squares have none.
        let vectors = |shape| {
            Case::new("svd", &[(shape, -1.0..1.0)], |x| {
                let (u, _, vt) = spread(&x[0]).svd().expect("finite");
                Value::concat(&[transposed(&u), vt], -1).square()
            })
        };
        SHAPES.map(vectors).into()
    }
}
