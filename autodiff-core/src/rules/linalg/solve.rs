//! Systems of linear equations, and inverses. Derivatives: M. Giles, Collected matrix derivative results for forward
//! and reverse mode algorithmic differentiation, 2008, sections 2.2.3 and 2.3.1.

use super::{Factored, Failure, Weigh, each, or_nan, split, spread, transposed};
use crate::backend::{Backend, LinalgError};
use crate::primal::Primal;
use crate::rules::{Case, Listed, Needs, Recorded, Rule};
use crate::scalar::Scalar;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array2, ArrayView2};
use std::sync::Arc;

/// Which matrix of a triangular system the elements stand for: [`LOWER`](Triangle::LOWER) or
/// [`UPPER`](Triangle::UPPER), which may be [`transposed`](Triangle::transposed), and may have a
/// [`unit`](Triangle::unit) diagonal. See [`Value::solve_triangular`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangle {
    upper: bool,
    transposed: bool,
    unit: bool,
}

impl Triangle {
    /// The elements on and below the diagonal.
    pub const LOWER: Triangle = Triangle { upper: false, transposed: false, unit: false };
    /// The elements on and above the diagonal.
    pub const UPPER: Triangle = Triangle { upper: true, transposed: false, unit: false };

    /// The transpose of this: `LOWER.transposed()` solves `L^T x = b`, given L.
    #[must_use]
    pub const fn transposed(self) -> Self {
        Triangle { transposed: !self.transposed, ..self }
    }

    /// The same with ones on the diagonal, whatever stands there.
    #[must_use]
    pub const fn unit(self) -> Self {
        Triangle { unit: true, ..self }
    }

    /// The elements that are read.
    fn part(self) -> Weigh {
        let strict = isize::from(self.unit);
        if self.upper { Weigh::triu(strict) } else { Weigh::tril(-strict) }
    }
}

/// The leading axes of a solution, whose right-hand sides are `b`.
fn batch(a: &[usize], b: &[usize]) -> Shape {
    broadcast("solve", a, split(b).0).expect("shapes are checked by the caller")
}

/// `X` with `A X = B` for the triangular A, the first input, of whose elements only a triangle counts, and B.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SolveTriangular(pub Triangle);

/// The solution of a triangular system, where no diagonal has a zero.
pub(crate) fn solve_triangular<T: Scalar, B: Backend<T>>(
    a: &Value<T, B>,
    b: &Value<T, B>,
    triangle: Triangle,
) -> Result<Value<T, B>, Failure> {
    if !triangle.unit {
        each(split(a.shape()).0, [a.tensor()], [], |_, [a]| {
            match a.diag().iter().position(|&x| x == T::zero()) {
                Some(pivot) => Err(LinalgError::Singular { pivot }),
                None => Ok([]),
            }
        })?;
    }
    Ok(Value::apply(SolveTriangular(triangle), &[a, b]))
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for SolveTriangular {
    fn name(&self) -> &'static str {
        "solve_triangular"
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: 0b01, output: i == 0 }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let Triangle { upper, transposed, unit } = self.0;
        let (_, n, r) = split(x[1].shape());
        let batch = batch(split(x[0].shape()).0, x[1].shape());
        let solve = |_: &[usize], [a, b]: [ArrayView2<'_, T>; 2]| {
            let (a, upper) = if transposed { (a.reversed_axes(), !upper) } else { (a, upper) };
            Ok([or_nan(B::solve_triangular(a, b, upper, unit), (n, r))])
        };
        let [y] = each(&batch, [x[0], x[1]], [&[n, r]], solve).expect("what fails is NaN");
        y
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let gb = Value::apply(SolveTriangular(self.0.transposed()), &[&at.x(0), g]);
        Some(match i {
            0 => Value::apply(self.0.part(), &[&by_matrix(&gb, &at.y(), self.0.transposed)]),
            _ => gb,
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        Some(match i {
            0 => {
                let t = Value::apply(self.0.part(), &[t]);
                Value::apply(*self, &[&at.x(0), &-applied(&t, &at.y(), self.0.transposed)])
            }
            _ => Value::apply(*self, &[&at.x(0), t]),
        })
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.recorded())
    }
    fn broadcasts(&self) -> bool {
        true
    }
}

/// The cotangent of the matrix of a system, given that of its right-hand sides and the solution.
fn by_matrix<T: Scalar, B: Backend<T>>(gb: &Value<T, B>, y: &Value<T, B>, transpose: bool) -> Value<T, B> {
    // The sign goes to what may be a vector.
    if transpose { (-y).matmul(transposed(gb)) } else { (-gb).matmul(transposed(y)) }
}

/// The product of a matrix, or of its transpose, with a solution.
fn applied<T: Scalar, B: Backend<T>>(a: &Value<T, B>, y: &Value<T, B>, transpose: bool) -> Value<T, B> {
    if transpose { transposed(a).matmul(y) } else { a.matmul(y) }
}

/// The shapes of a system's matrices and right-hand sides that the cases use.
const SYSTEMS: [(&[usize], &[usize]); 8] = [
    (&[3, 3], &[3, 2]),
    (&[3, 3], &[3]),
    (&[2, 2, 2], &[2, 2, 2]),
    (&[2, 2], &[2, 1, 2, 2]),
    (&[2, 1, 2, 2], &[3, 2, 1]),
    (&[1, 1], &[1, 1]),
    (&[0, 0], &[0, 2]),
    (&[0, 2, 2], &[2, 1]),
];

impl<T: Scalar, B: Backend<T>> Listed<T, B> for SolveTriangular {
    fn cases() -> Vec<Case<T, B>> {
        let (lower, upper) = (Triangle::LOWER, Triangle::UPPER);
        let kinds =
            [lower, upper, lower.transposed(), upper.transposed(), lower.unit(), upper.transposed().unit()];
        let mut all = Vec::new();
        for (i, (a, b)) in SYSTEMS.into_iter().enumerate() {
            // Of the small shapes, one kind each.
            for triangle in if i < 2 { kinds.to_vec() } else { vec![kinds[i % kinds.len()]] } {
                let f = move |x: &[Value<T, B>]| {
                    spread(&x[0]).solve_triangular(&x[1], triangle).expect("not singular")
                };
                all.push(Case::new("solve_triangular", &[(a, -1.0..1.0), (b, -2.0..2.0)], f));
            }
        }
        all
    }
}

/// `X` with `A X = B`, or `A^T X = B` if `transposed`, for A, the first input, which has been factored, and B.
#[derive(Clone, Debug)]
pub(crate) struct Solve<T> {
    lu: Arc<Factored<T>>,
    transposed: bool,
}

/// The solution of a system of equations, where no matrix is singular.
pub(crate) fn solve<T: Scalar, B: Backend<T>>(
    a: &Value<T, B>,
    b: &Value<T, B>,
) -> Result<Value<T, B>, Failure> {
    let lu = Factored::new::<B>(a.tensor());
    lu.check()?;
    Ok(Value::apply(Solve { lu: Arc::new(lu), transposed: false }, &[a, b]))
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Solve<T> {
    fn name(&self) -> &'static str {
        "solve"
    }
    fn needs(&self, i: usize) -> Needs {
        Needs { inputs: 0b01, output: i == 0 }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let (_, n, r) = split(x[1].shape());
        let batch = batch(&self.lu.batch, x[1].shape());
        let solve = |index: &[usize], [b]: [ArrayView2<'_, T>; 1]| {
            let lu = self.lu.at(index);
            let x = if self.transposed { lu.solve_transposed::<B>(b) } else { lu.solve::<B>(b) };
            Ok([or_nan(x, (n, r))])
        };
        let [y] = each(&batch, [x[1]], [&[n, r]], solve).expect("what fails is NaN");
        y
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let transpose = Solve { lu: self.lu.clone(), transposed: !self.transposed };
        let gb = Value::apply(transpose, &[&at.x(0), g]);
        Some(if i == 0 { by_matrix(&gb, &at.y(), self.transposed) } else { gb })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let right = if i == 0 { -applied(t, &at.y(), self.transposed) } else { t.clone() };
        Some(Value::apply(self.clone(), &[&at.x(0), &right]))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
    fn broadcasts(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Solve<T> {
    fn cases() -> Vec<Case<T, B>> {
        // With its rows reversed a matrix needs exchanges.
        let reversed = |x: &Value<T, B>| spread(x).index_select(-2, (0..x.shape()[x.ndim() - 2]).rev());
        let case = |(a, b)| {
            Case::new("solve", &[(a, -1.0..1.0), (b, -2.0..2.0)], move |x| {
                reversed(&x[0]).solve(&x[1]).expect("not singular")
            })
        };
        SYSTEMS.map(case).into()
    }
}

/// The inverse of its input, which is known.
#[derive(Clone, Debug)]
pub(crate) struct Inverse<T>(Tensor<T>);

/// The inverse, where no matrix is singular.
pub(crate) fn inv<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Result<Value<T, B>, Failure> {
    let (batch, n, _) = split(x.shape());
    let [y] = each(batch, [x.tensor()], [&[n, n]], |_, [x]| Ok([B::inv(x)?.into_dyn()]))?;
    Ok(Value::apply(Inverse(y), &[x]))
}

impl<T: Scalar> Inverse<T> {
    /// The inverse of matrices that have been factored; NaN where one is singular.
    pub fn of<B: Backend<T>>(lu: &Factored<T>, x: &Value<T, B>) -> Value<T, B> {
        let (batch, n, _) = split(x.shape());
        let eye = Array2::eye(n);
        let invert = |index: &[usize], []: [ArrayView2<'_, T>; 0]| {
            Ok([or_nan(lu.at(index).solve::<B>(eye.view()), (n, n))])
        };
        let [y] = each(batch, [], [&[n, n]], invert).expect("what fails is NaN");
        Value::apply(Inverse(y), &[x])
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Inverse<T> {
    fn name(&self) -> &'static str {
        "inv"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0, output: true }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.0.clone()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let y = transposed(&at.y());
        Some(-y.matmul(g).matmul(&y))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(-at.y().matmul(t).matmul(at.y()))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Inverse<T> {
    fn cases() -> Vec<Case<T, B>> {
        let shapes: [&[usize]; 5] = [&[3, 3], &[2, 2, 2], &[1, 1], &[0, 0], &[0, 2, 2]];
        let case =
            |shape| Case::new("inv", &[(shape, -1.0..1.0)], |x| spread(&x[0]).inv().expect("not singular"));
        shapes.map(case).into()
    }
}
