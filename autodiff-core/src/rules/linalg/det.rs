//! Determinants.

use super::svd::Svd;
use super::{Factored, Inverse, by_all, chain, each, split, spread, transposed};
use crate::backend::Backend;
use crate::graph::Primal;
use crate::rules::{Case, Diagonal, Embed, Listed, Needs, Recorded, Rule};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn};
use std::sync::Arc;

/// The determinant of its input, which has been factored.
///
/// The gradient is the matrix of cofactors, `det(A) A^-T` (M. Giles, Collected matrix derivative results for forward and
/// reverse mode algorithmic differentiation, 2008, section 2.2.4). The product is accurate also where A is nearly
/// singular (G. W. Stewart, On the adjugate matrix, Linear Algebra Appl. 283, 1998), but its derivative is not, and where
/// A is singular there is no inverse: then [`Cofactor`] takes over.
#[derive(Clone, Debug)]
pub(crate) struct Det<T>(Arc<Factored<T>>);

/// The determinants.
pub(crate) fn det<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    Value::apply(Det(Arc::new(Factored::new::<B>(x.tensor()))), &[x])
}

/// Signs, which are constants, and the logarithms of absolute values.
pub(crate) fn slogdet<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> (Value<T, B>, Value<T, B>) {
    let lu = Arc::new(Factored::new::<B>(x.tensor()));
    let sign = lu.numbers(|lu| lu.sign_and_ln_det().0);
    (Value::from_parts(sign, None), Value::apply(LnDet(lu), &[x]))
}

impl<T: Scalar> Factored<T> {
    /// A number for each matrix.
    fn numbers(&self, f: impl Fn(&crate::backend::Lu<T>) -> T) -> Tensor<T> {
        let numbers = self.each.iter().map(f).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&self.batch), numbers).expect("one for each matrix");
        Tensor::new(array.into_shared())
    }

    /// Whether every determinant is a normal number, and every pivot at least so large beside the largest.
    fn is_regular(&self, ratio: T) -> bool {
        self.each.iter().all(|lu| {
            let pivots = || lu.factors.diag().into_iter().map(|u| u.abs());
            let largest = pivots().fold(T::zero(), |most, u| if u > most { u } else { most });
            let least = largest * ratio;
            pivots().all(|u| u > least) && (lu.pivots.is_empty() || lu.det().is_normal())
        })
    }
}

impl<T: Scalar> Det<T> {
    /// The gradient.
    fn slope<B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> Value<T, B> {
        let x = at.x(0);
        // A second derivative loses as many digits as the inverse has lost, a first one none.
        let ratio = match at.is_attached() {
            true => T::epsilon().sqrt().sqrt(),
            false => T::epsilon() * T::of(16.0 * x.shape()[x.ndim() - 1] as f64),
        };
        match self.0.is_regular(ratio) {
            true => by_all(&at.y()) * transposed(&Inverse::of(&self.0, &x)),
            false => cofactor(&x),
        }
    }
}

/// The product of a cotangent for each matrix and a gradient.
fn vjp<T: Scalar, B: Backend<T>>(g: &Value<T, B>, slope: &Value<T, B>) -> Value<T, B> {
    chain(&by_all(g), slope)
}

/// The sum of the products of a tangent and a gradient, for each matrix.
fn jvp<T: Scalar, B: Backend<T>>(t: &Value<T, B>, slope: &Value<T, B>) -> Value<T, B> {
    chain(t, slope).sum_axis([-2, -1])
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Det<T> {
    fn name(&self) -> &'static str {
        "det"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: true }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.0.numbers(crate::backend::Lu::det)
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(vjp(g, &self.slope(at)))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(jvp(t, &self.slope(at)))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

const SHAPES: [&[usize]; 5] = [&[3, 3], &[2, 2, 2], &[1, 1], &[0, 0], &[0, 2, 2]];

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Det<T> {
    fn cases() -> Vec<Case<T, B>> {
        SHAPES.map(|shape| Case::new("det", &[(shape, -1.0..1.0)], |x| spread(&x[0]).det())).into()
    }
}

/// The logarithm of the absolute value of the determinant of its input, which has been factored.
///
/// The gradient is `A^-T`: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
/// differentiation, 2008, section 2.2.4. Of a singular matrix it is NaN.
#[derive(Clone, Debug)]
pub(crate) struct LnDet<T>(Arc<Factored<T>>);

impl<T: Scalar> LnDet<T> {
    fn slope<B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> Value<T, B> {
        transposed(&Inverse::of(&self.0, &at.x(0)))
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for LnDet<T> {
    fn name(&self) -> &'static str {
        "slogdet"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: false }
    }
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.0.numbers(|lu| lu.sign_and_ln_det().1)
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(vjp(g, &self.slope(at)))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(jvp(t, &self.slope(at)))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for LnDet<T> {
    fn cases() -> Vec<Case<T, B>> {
        let case = |shape| Case::new("slogdet", &[(shape, -1.0..1.0)], |x| spread(&x[0]).slogdet().1);
        let mut all: Vec<_> = SHAPES.map(case).into();
        // A negative determinant.
        all.push(Case::new("slogdet", &[(&[2, 2], -1.0..1.0)], |x| {
            spread(&x[0]).index_select(0, [1, 0]).slogdet().1
        }));
        all
    }
}

/// The matrix of cofactors of its input, of any rank, which is known.
///
/// With `A = U S V^T` and `d = det(U) det(V)` it is `d U C V^T`, where `C` is diagonal: `C_ii` is the product of the other
/// singular values (G. W. Stewart, On the adjugate matrix, Linear Algebra Appl. 283, 1998). So is the derivative, with
/// `W = U^T dA V`: cofactors being sums of products, that of S is `diag(E diag(W)) - E o W^T`, where `E_ij` is the
/// product of the singular values other than i and j, and `E_ii` zero.
#[derive(Clone, Debug)]
pub(crate) struct Cofactor<T> {
    svd: Svd<T>,
    /// d.
    sign: Tensor<T>,
}

fn cofactor<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    // Nothing is known of the cofactors of infinities and NaN.
    let nan = |dim| Array2::from_elem(dim, T::nan());
    let or_nan = |x: ArrayView2<'_, T>| {
        Ok(B::svd(x)
            .unwrap_or_else(|_| (nan(x.dim()), nan((1, x.nrows())).remove_axis(Axis(0)), nan(x.dim()))))
    };
    let svd = Svd::new(x.tensor(), or_nan).expect("what fails is NaN");
    let n = x.shape()[x.ndim() - 1];
    let sign_of = |x: ArrayView2<'_, T>| B::lu(x).sign_and_ln_det().0;
    let sign = |_: &[usize], [pairs]: [ArrayView2<'_, T>; 1]| {
        let (ut, vt) = pairs.split_at(Axis(1), n);
        Ok([ArrayD::from_elem(IxDyn(&[]), sign_of(ut) * sign_of(vt))])
    };
    let [sign] = each(split(x.shape()).0, [&svd.pairs], [&[]], sign).expect("every matrix has a sign");
    Value::apply(Cofactor { svd, sign }, &[x])
}

/// For each matrix the products of all elements of a vector but i and j; with zeros for i = j.
fn products_of_others<T: Scalar, B: Backend<T>>(s: &Value<T, B>) -> Value<T, B> {
    let n = s.shape()[s.ndim() - 1];
    let off_diagonal = Value::constant(Array2::from_elem((n, n), T::one()) - Array2::eye(n));
    (0..n).fold(off_diagonal, |product, l| {
        // 1 in row and column l, elsewhere the element.
        let cross =
            Array2::from_shape_fn((n, n), |(i, j)| if i == l || j == l { T::one() } else { T::zero() });
        let element = by_all(&s.index_select(-1, [l]).squeeze_axis(-1));
        let factor = crate::ops::where_(&cross.mapv(|x| x == T::one()), T::one(), element);
        product * factor
    })
}

impl<T: Scalar> Cofactor<T> {
    /// The derivative in a direction, a symmetric map: it serves tangents and cotangents.
    fn along<B: Backend<T>>(&self, at: &Primal<'_, T, B>, t: &Value<T, B>) -> Value<T, B> {
        let (ut, s, vt) = self.svd.of(&at.x(0));
        let e = products_of_others(&s);
        let w = ut.matmul(t).matmul(transposed(&vt));
        let shape = Shape::from_slice(w.shape());
        let diagonal = Value::apply(Diagonal { offset: 0, from: shape.clone() }, &[&w]);
        let on_diagonal = e.matmul(diagonal.unsqueeze(-1)).squeeze_axis(-1);
        let inner = Value::apply(Embed { offset: 0, to: shape }, &[&on_diagonal]) - e * transposed(&w);
        let sign = by_all(&Value::from_parts(self.sign.clone(), None));
        transposed(&ut).matmul(inner).matmul(vt) * sign
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Cofactor<T> {
    fn name(&self) -> &'static str {
        "cofactor"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0b01, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let (batch, n, _) = split(x[0].shape());
        let views = (self.svd.s.view(), self.sign.view());
        let product = |index: &[usize], [pairs]: [ArrayView2<'_, T>; 1]| {
            let (mut s, mut sign) = (views.0.view(), views.1.view());
            for &i in index {
                (s, sign) = (s.index_axis_move(Axis(0), i), sign.index_axis_move(Axis(0), i));
            }
            let sign = *sign.first().expect("a number");
            let (ut, vt) = pairs.split_at(Axis(1), n);
            let mut scaled = vt.to_owned();
            for (i, mut row) in scaled.rows_mut().into_iter().enumerate() {
                let others = s.iter().enumerate().filter(|&(j, _)| j != i);
                let factor = others.fold(sign, |product, (_, &s)| product * s);
                row.mapv_inplace(|v| v * factor);
            }
            let mut product = Array2::zeros((n, n));
            B::gemm(T::one(), ut.t(), scaled.view(), T::zero(), &mut product.view_mut());
            Ok([product.into_dyn()])
        };
        let [cofactors] =
            each(batch, [&self.svd.pairs], [&[n, n]], product).expect("every matrix has cofactors");
        cofactors
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.along(at, g))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.along(at, t))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Cofactor<T> {
    fn cases() -> Vec<Case<T, B>> {
        let case = |shape| Case::new("cofactor", &[(shape, -1.0..1.0)], |x| cofactor(&spread(&x[0])));
        let mut all: Vec<_> = SHAPES.map(case).into();
        all.push(Case::new("cofactor", &[(&[2, 3, 3], -1.0..1.0)], |x| {
            // Two equal rows and two equal columns: singular.
            let a = spread(&x[0]);
            cofactor(&a.index_select(-1, [0, 1, 1]).index_select(-2, [0, 2, 2]))
        }));
        all
    }
}
