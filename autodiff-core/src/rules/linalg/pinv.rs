//! The pseudoinverse.

use super::{Failure, each, split, spread, transposed};
use crate::backend::Backend;
use crate::primal::Primal;
use crate::rules::{Case, Listed, Needs, Recorded, Rule};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::Array2;

/// The pseudoinverse Y of its input A, which is known.
///
/// `dY = -Y dA Y + Y Y^T dA^T (I - A Y) + (I - Y A) dA^T Y^T Y`, as long as the rank stays: G. Golub and V. Pereyra, The
/// differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate, SIAM J. Numer.
/// Anal. 10, 1973.
#[derive(Clone, Debug)]
pub(crate) struct Pinv<T>(Tensor<T>);

/// The pseudoinverse, from singular values above `max(m, n) * epsilon` times the largest.
pub(crate) fn pinv<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Result<Value<T, B>, Failure> {
    let (batch, m, n) = split(x.shape());
    let [y] = each(batch, [x.tensor()], [&[n, m]], |_, [x]| {
        let (mut u, s, vt) = B::svd(x)?;
        let least = s.first().map_or(T::zero(), |&s| s * T::epsilon() * T::of(m.max(n) as f64));
        for (mut column, &s) in u.columns_mut().into_iter().zip(&s) {
            // A vector that does not count is not to be divided by zero.
            let counts = s > least;
            column.mapv_inplace(|u| if counts { u / s } else { T::zero() });
        }
        let mut y = Array2::zeros((n, m));
        B::gemm(T::one(), vt.t(), u.t(), T::zero(), &mut y.view_mut());
        Ok([y.into_dyn()])
    })?;
    Ok(Value::apply(Pinv(y), &[x]))
}

/// `X (I - C D)`: what of the rows of X is outside the space on which `C D` projects.
fn outside<T: Scalar, B: Backend<T>>(x: &Value<T, B>, c: &Value<T, B>, d: &Value<T, B>) -> Value<T, B> {
    x - x.matmul(c).matmul(d)
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Pinv<T> {
    fn name(&self) -> &'static str {
        "pinv"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: true }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.0.clone()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (a, y) = (at.x(0), at.y());
        let (yt, gt) = (transposed(&y), transposed(g));
        let inside = yt.matmul(g).matmul(&yt);
        // (I - A Y) G^T Y Y^T and Y^T Y G^T (I - Y A); A Y and Y A are symmetric.
        let left = outside(&transposed(&gt.matmul(&y)), &a, &y);
        let left = transposed(&left).matmul(&yt);
        let right = yt.matmul(outside(&y.matmul(&gt), &y, &a));
        Some(left + right - inside)
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (a, y) = (at.x(0), at.y());
        let (yt, tt) = (transposed(&y), transposed(t));
        let inside = y.matmul(t).matmul(&y);
        let right = y.matmul(outside(&yt.matmul(&tt), &a, &y));
        let left = outside(&transposed(&tt.matmul(&yt)), &y, &a);
        Some(transposed(&left).matmul(&y) + right - inside)
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Pinv<T> {
    fn cases() -> Vec<Case<T, B>> {
        let shapes: [&[usize]; 8] =
            [&[3, 3], &[4, 2], &[2, 4], &[2, 3, 2], &[1, 1], &[0, 0], &[3, 0], &[0, 2, 3]];
        let case =
            |shape| Case::new("pinv", &[(shape, -1.0..1.0)], |x| spread(&x[0]).pinv().expect("finite"));
        let mut all: Vec<_> = shapes.map(case).into();
        all.push(Case::new("pinv", &[(&[3, 2], -1.0..1.0), (&[2, 4], -1.0..1.0)], |x| {
            // Of rank 2.
            spread(&x[0]).matmul(spread(&x[1])).pinv().expect("finite")
        }));
        all
    }
}
