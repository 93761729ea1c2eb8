//! Determinants.

use super::svd::Svd;
use super::{Factored, Inverse, by_all, chain, each, split, spread, transposed};
use crate::backend::Backend;
use crate::native::linalg::exponent_of;
use crate::primal::Primal;
use crate::rules::{Case, Diagonal, Embed, Listed, Needs, Recorded, Rule};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array2, ArrayD, ArrayView1, ArrayView2, Axis, IxDyn};
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
            false => first_ratio(x.shape()),
        };
        if self.0.is_regular(ratio) {
            return by_all(&at.y()) * transposed(&Inverse::of(&self.0, &x));
        }
        let cofactors = cofactors(&x.detach());
        match at.is_attached() {
            true => Cofactor::of(&x, cofactors),
            false => cofactors,
        }
    }
}

/// The cofactors of constant matrices, of any rank, each to its own digits.
fn cofactors<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    // A matrix can be regular but for the units of its rows and columns, in which small numbers count as much as large ones.
    let units = Units::of(x);
    let scaled = units.scaled(x);
    let lu = Arc::new(Factored::new::<B>(scaled.tensor()));
    let in_units = match lu.is_regular(first_ratio::<T>(x.shape())) {
        true => {
            let det = Value::from_parts(lu.numbers(crate::backend::Lu::det), None);
            by_all(&det) * transposed(&Inverse::of(&lu, &scaled))
        }
        false => Value::from_parts(Decomposed::of::<B>(scaled.tensor()).cofactors::<B>(), None),
    };
    units.cofactors(&in_units)
}

/// Beside the largest pivot, the least with which the inverse gives all digits of the cofactors.
fn first_ratio<T: Scalar>(shape: &[usize]) -> T {
    T::epsilon() * T::of(16.0 * shape[shape.len() - 1] as f64)
}

/// Powers of two that bring the rows and the columns of matrices near to 1, by which no digit changes.
struct Units<T> {
    /// (..., n, 1) and (..., 1, n).
    scales: [Tensor<T>; 2],
    /// By which, one after the other, the scaled matrix's cofactors are multiplied: the products of what other rows and columns were
    /// divided by.
    back: [Tensor<T>; 2],
}

impl<T: Scalar> Units<T> {
    fn of<B: Backend<T>>(x: &Value<T, B>) -> Self {
        let (batch, n, _) = split(x.shape());
        let limit = exponent_of(T::max_value()) - 1;
        let power = |exponent: i32| T::of(2.0).powi(exponent.clamp(-limit, limit));
        let units = |_: &[usize], [x]: [ArrayView2<'_, T>; 1]| {
            // By which a lane's largest number, of those that have an exponent, comes near to 1.
            let to_one = |lane: ArrayView1<'_, T>, scaled: &[i32]| -> i32 {
                let numbers = lane.into_iter().zip(scaled).filter(|(x, _)| x.is_finite() && **x != T::zero());
                let largest = numbers.map(|(x, scaled)| exponent_of(x.abs()) + scaled).max();
                (-largest.unwrap_or(0)).clamp(-limit, limit)
            };
            let rows: Vec<i32> = x.rows().into_iter().map(|row| to_one(row, &vec![0; n])).collect();
            let columns: Vec<i32> = x.columns().into_iter().map(|column| to_one(column, &rows)).collect();
            let all: i32 = rows.iter().chain(&columns).sum();
            let back = |i: usize, j: usize| rows[i] + columns[j] - all;
            let powers = |dim, exponent: &dyn Fn(usize, usize) -> i32| {
                Array2::from_shape_fn(dim, |(i, j)| power(exponent(i, j))).into_dyn()
            };
            Ok([
                powers((n, 1), &|i, _| rows[i]),
                powers((1, n), &|_, j| columns[j]),
                powers((n, n), &|i, j| back(i, j) / 2),
                powers((n, n), &|i, j| back(i, j) - back(i, j) / 2),
            ])
        };
        let shapes: [&[usize]; 4] = [&[n, 1], &[1, n], &[n, n], &[n, n]];
        let [rows, columns, half, rest] =
            each(batch, [x.tensor()], shapes, units).expect("every matrix has units");
        Units { scales: [rows, columns], back: [half, rest] }
    }

    /// The matrices in these units.
    fn scaled<B: Backend<T>>(&self, x: &Value<T, B>) -> Value<T, B> {
        times(x, &self.scales)
    }

    /// The cofactors of the matrices, given those of the scaled ones.
    fn cofactors<B: Backend<T>>(&self, scaled: &Value<T, B>) -> Value<T, B> {
        times(scaled, &self.back)
    }
}

fn times<T: Scalar, B: Backend<T>>(x: &Value<T, B>, factors: &[Tensor<T>; 2]) -> Value<T, B> {
    factors.iter().fold(x.clone(), |x, factor| x * Value::from_parts(factor.clone(), None))
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

/// The singular value decomposition of each matrix, and the sign of the determinant of what is left without the singular values.
#[derive(Clone, Debug)]
struct Decomposed<T> {
    svd: Svd<T>,
    /// det(U) det(V).
    sign: Tensor<T>,
}

impl<T: Scalar> Decomposed<T> {
    fn of<B: Backend<T>>(x: &Tensor<T>) -> Self {
        // Nothing is known of the cofactors of infinities and NaN.
        let nan = |dim| Array2::from_elem(dim, T::nan());
        let or_nan = |x: ArrayView2<'_, T>| {
            Ok(B::svd(x)
                .unwrap_or_else(|_| (nan(x.dim()), nan((1, x.nrows())).remove_axis(Axis(0)), nan(x.dim()))))
        };
        let svd = Svd::new(x, or_nan).expect("what fails is NaN");
        let (batch, n, _) = split(x.shape());
        let sign_of = |x: ArrayView2<'_, T>| B::lu(x).sign_and_ln_det().0;
        let sign = |_: &[usize], [pairs]: [ArrayView2<'_, T>; 1]| {
            let (ut, vt) = pairs.split_at(Axis(1), n);
            Ok([ArrayD::from_elem(IxDyn(&[]), sign_of(ut) * sign_of(vt))])
        };
        let [sign] = each(batch, [&svd.pairs], [&[]], sign).expect("every matrix has a sign");
        Decomposed { svd, sign }
    }

    /// `d U C V^T`, where `d` is the sign and `C` is diagonal: `C_ii` is the product of the other singular values (G. W. Stewart, On
    /// the adjugate matrix, Linear Algebra Appl. 283, 1998).
    fn cofactors<B: Backend<T>>(&self) -> Tensor<T> {
        let shape = self.svd.s.shape();
        let (n, batch) = shape.split_last().expect("vectors of singular values");
        let views = (self.svd.s.view(), self.sign.view());
        let product = |index: &[usize], [pairs]: [ArrayView2<'_, T>; 1]| {
            let (mut s, mut sign) = (views.0.view(), views.1.view());
            for &i in index {
                (s, sign) = (s.index_axis_move(Axis(0), i), sign.index_axis_move(Axis(0), i));
            }
            let sign = *sign.first().expect("a number");
            let (ut, vt) = pairs.split_at(Axis(1), *n);
            let mut scaled = vt.to_owned();
            for (i, mut row) in scaled.rows_mut().into_iter().enumerate() {
                let others = s.iter().enumerate().filter(|&(j, _)| j != i);
                let factor = others.fold(sign, |product, (_, &s)| product * s);
                row.mapv_inplace(|v| v * factor);
            }
            let mut product = Array2::zeros((*n, *n));
            B::gemm(T::one(), ut.t(), scaled.view(), T::zero(), &mut product.view_mut());
            Ok([product.into_dyn()])
        };
        let [cofactors] =
            each(batch, [&self.svd.pairs], [&[*n, *n]], product).expect("every matrix has cofactors");
        cofactors
    }
}

/// The matrix of cofactors of its input, of any rank, which is known.
///
/// With `A = U S V^T` its derivative is, with `W = U^T dA V`, cofactors being sums of products, that of S: `diag(E diag(W)) - E o W^T`,
/// where `E_ij` is the product of the singular values other than i and j, and `E_ii` zero.
#[derive(Clone, Debug)]
pub(crate) struct Cofactor<T> {
    cofactors: Tensor<T>,
    parts: Decomposed<T>,
}

impl<T: Scalar> Cofactor<T> {
    /// `cofactors`, as those of `x`.
    fn of<B: Backend<T>>(x: &Value<T, B>, cofactors: Value<T, B>) -> Value<T, B> {
        Value::apply(
            Cofactor { cofactors: cofactors.into_tensor(), parts: Decomposed::of::<B>(x.tensor()) },
            &[x],
        )
    }
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
        let (ut, s, vt) = self.parts.svd.of(&at.x(0));
        let e = products_of_others(&s);
        let w = ut.matmul(t).matmul(transposed(&vt));
        let shape = Shape::from_slice(w.shape());
        let diagonal = Value::apply(Diagonal { offset: 0, from: shape.clone() }, &[&w]);
        let on_diagonal = e.matmul(diagonal.unsqueeze(-1)).squeeze_axis(-1);
        let inner = Value::apply(Embed { offset: 0, to: shape }, &[&on_diagonal]) - e * transposed(&w);
        let sign = by_all(&Value::from_parts(self.parts.sign.clone(), None));
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
    fn eval(&self, _: &[&Tensor<T>]) -> Tensor<T> {
        self.cofactors.clone()
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
        let cofactor = |x: &Value<T, B>| Cofactor::of(x, cofactors(&x.detach()));
        let case = |shape| Case::new("cofactor", &[(shape, -1.0..1.0)], move |x| cofactor(&spread(&x[0])));
        let mut all: Vec<_> = SHAPES.map(case).into();
        all.push(Case::new("cofactor", &[(&[2, 3, 3], -1.0..1.0)], move |x| {
            // Two equal rows and two equal columns: singular.
            let a = spread(&x[0]);
            cofactor(&a.index_select(-1, [0, 1, 1]).index_select(-2, [0, 2, 2]))
        }));
        all
    }
}
