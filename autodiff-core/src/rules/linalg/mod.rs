//! Linear algebra, on the matrices in the last two axes.
//!
//! What can fail, and what is needed again in the derivatives, is computed before a rule is applied: the rule holds
//! the factorisation, and only hands out its part as the output. A factorisation of several parts is several rules,
//! each of which may take the part before it as an input: eigenvalues, say, are a function of the matrix and its
//! eigenvectors, whose derivative by the eigenvectors is zero. So nothing is factored twice, a part that is not used
//! costs nothing in the sweep, and derivatives are expressions of differentiable values, to any order.
//!
//! For a symmetric matrix `dA` is symmetric too, and so is the cotangent: the derivatives are those of
//! `f((A + A^T) / 2)`, whichever triangle the kernel reads.

mod cholesky;
mod det;
mod diagonal;
mod eigh;
mod pinv;
mod qr;
mod solve;
mod svd;
mod weigh;

pub(crate) use cholesky::{Cholesky, Cotangent, cholesky};
pub(crate) use det::{Cofactor, Det, LnDet, det, slogdet};
pub(crate) use diagonal::{Diagonal, Embed};
pub(crate) use eigh::{Eigenvalues, Eigenvectors, eigh};
pub(crate) use pinv::{Pinv, pinv};
pub(crate) use qr::{Orthogonal, Upper, qr};
pub use solve::Triangle;
pub(crate) use solve::{Inverse, Solve, SolveTriangular, inv, solve, solve_triangular};
pub(crate) use svd::{SingularValues, SingularVectors, svd};
pub(crate) use weigh::Weigh;

use crate::backend::{Backend, LinalgError, Lu};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD, Axis, Dimension, Ix2, IxDyn, SliceInfoElem};
use std::array::from_fn;

/// A matrix that has no result: its indices along the leading axes, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub index: Shape,
    pub reason: LinalgError,
}

/// The leading axes of a shape, and the rows and columns of its matrices.
pub(crate) fn split(shape: &[usize]) -> (&[usize], usize, usize) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    (batch, matrix[0], matrix[1])
}

fn joined(batch: &[usize], rest: &[usize]) -> Shape {
    batch.iter().chain(rest).copied().collect()
}

/// Matrix by matrix: the operands' leading axes broadcast to `batch`, and results have the shapes `batch` + `rest`.
///
/// `f` gets the indices along `batch`, and the matrices there.
fn each<T: Scalar, const I: usize, const O: usize>(
    batch: &[usize],
    x: [&Tensor<T>; I],
    rest: [&[usize]; O],
    mut f: impl FnMut(&[usize], [ArrayView2<'_, T>; I]) -> Result<[ArrayD<T>; O], LinalgError>,
) -> Result<[Tensor<T>; O], Failure> {
    let views = x.map(|x| x.view());
    let single = batch.iter().all(|&n| n == 1);
    let mut all: [Vec<T>; O] = from_fn(|_| Vec::new());
    for index in ndarray::indices(IxDyn(batch)) {
        let index = index.slice();
        let results = f(index, from_fn(|i| matrix(&views[i], index)))
            .map_err(|reason| Failure { index: Shape::from_slice(index), reason })?;
        if single {
            // Nothing to put side by side: no copy.
            let leading = |x: ArrayD<T>| batch.iter().fold(x, |x, _| x.insert_axis(Axis(0)));
            return Ok(results.map(|x| Tensor::new(leading(x).into_shared())));
        }
        for (all, part) in all.iter_mut().zip(results) {
            match part.as_slice() {
                Some(part) => all.extend_from_slice(part),
                None => all.extend(part.iter()),
            }
        }
    }
    let mut rest = rest.iter();
    Ok(all.map(|elements| {
        let shape = joined(batch, rest.next().expect("a shape for each result"));
        let array = ArrayD::from_shape_vec(IxDyn(&shape), elements).expect("one result for each matrix");
        Tensor::new(array.into_shared())
    }))
}

/// A known part of a factorisation, with its last `own` axes for each matrix, as a function of the matrices `x`: in the
/// derivatives of a batch these have more leading axes, of length 1.
fn known<T: Scalar>(part: &Tensor<T>, own: usize, x: &Tensor<T>) -> Tensor<T> {
    let more = (x.shape().len() - 2) + own - part.shape().len();
    let shape: Shape = std::iter::repeat_n(1, more).chain(part.shape().iter().copied()).collect();
    part.reshape(&shape)
}

/// The matrix at `index` of the leading axes that `x` is broadcast to.
fn matrix<'a, T>(x: &'a ArrayViewD<'_, T>, index: &[usize]) -> ArrayView2<'a, T> {
    let own = x.ndim() - 2;
    let mut part = x.view();
    for &i in &index[index.len() - own..] {
        let i = if part.len_of(Axis(0)) == 1 { 0 } else { i };
        part = part.index_axis_move(Axis(0), i);
    }
    part.into_dimensionality::<Ix2>().expect("two axes are left")
}

/// The LU factorisations of square matrices.
#[derive(Debug)]
pub(crate) struct Factored<T> {
    batch: Shape,
    each: Vec<Lu<T>>,
}

impl<T: Scalar> Factored<T> {
    fn new<B: Backend<T>>(x: &Tensor<T>) -> Self {
        let batch = Shape::from_slice(split(x.shape()).0);
        let view = x.view();
        let factor = |index: IxDyn| B::lu(matrix(&view, index.slice()));
        let each = ndarray::indices(IxDyn(&batch)).into_iter().map(factor).collect();
        Factored { batch, each }
    }

    /// The factorisation at `index` of the leading axes that the matrices are broadcast to.
    fn at(&self, index: &[usize]) -> &Lu<T> {
        let own = &index[index.len() - self.batch.len()..];
        let place = own.iter().zip(&self.batch).fold(0, |at, (&i, &n)| at * n + if n == 1 { 0 } else { i });
        &self.each[place]
    }

    /// Fails where a matrix is singular.
    fn check(&self) -> Result<(), Failure> {
        for (index, lu) in ndarray::indices(IxDyn(&self.batch)).into_iter().zip(&self.each) {
            lu.check().map_err(|reason| Failure { index: Shape::from_slice(index.slice()), reason })?;
        }
        Ok(())
    }
}

/// A derivative that does not exist is NaN: a sweep has no way to fail.
fn or_nan<T: Scalar>(result: Result<Array2<T>, LinalgError>, shape: (usize, usize)) -> ArrayD<T> {
    result.unwrap_or_else(|_| Array2::from_elem(shape, T::nan())).into_dyn()
}

/// The transposes of the matrices.
pub(crate) fn transposed<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    x.swap_axes(-2, -1)
}

/// Some of the columns of the matrices.
fn columns<T: Scalar, B: Backend<T>>(x: &Value<T, B>, range: impl Into<SliceInfoElem>) -> Value<T, B> {
    let mut info = vec![SliceInfoElem::from(..); x.ndim()];
    info[x.ndim() - 1] = range.into();
    x.slice(info)
}

/// `(X + X^T) / 2`.
fn symmetric<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    (x + transposed(x)) * T::of(0.5)
}

/// The lower triangle, and above the diagonal its mirror image.
fn mirrored<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    let half = Value::apply(Weigh::HALVED, &[x]);
    &half + transposed(&half)
}

/// A vector for each matrix as the factors of its rows.
fn by_rows<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    x.unsqueeze(-1)
}

/// A vector for each matrix as the factors of its columns.
fn by_columns<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    x.unsqueeze(-2)
}

/// A number for each matrix as the factor of its elements.
fn by_all<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    x.unsqueeze([-2, -1])
}

/// Products of the elements of a cotangent and of a derivative, where a zero cotangent absorbs infinity and NaN.
fn chain<T: Scalar, B: Backend<T>>(g: &Value<T, B>, slope: &Value<T, B>) -> Value<T, B> {
    g.zip(crate::backend::Binary::chain, slope)
}

/// `1 / x`, with zeros on the diagonals in the place of what stands there.
fn recip_off_diagonal<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    let eye = eye(x.shape()[x.ndim() - 1]);
    let safe = Value::apply(super::Select, &[&eye, &eye, x]).recip();
    Value::apply(super::Select, &[&eye, &Value::number(T::zero()), &safe])
}

fn eye<T: Scalar, B: Backend<T>>(n: usize) -> Value<T, B> {
    Value::constant(Array2::eye(n))
}

/// For tests: `x / 2`, with 2, 4, 6, ... added on the diagonals. Its spectrum is well apart even where all elements of
/// `x` are equal.
fn spread<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    let (_, m, n) = split(x.shape());
    let stairs = |(i, j)| if i == j { T::of(2.0 * (i + 1) as f64) } else { T::zero() };
    x * T::of(0.5) + Array2::from_shape_fn((m, n), stairs)
}
