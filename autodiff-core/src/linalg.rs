//! The methods of linear algebra: shapes are checked here, and what fails is given its name.

use crate::backend::Backend;
use crate::error::{Error, twins};
use crate::rules::linalg::{self, Diagonal, Embed, Failure, Weigh, split};
use crate::scalar::Scalar;
use crate::shape::{Shape, broadcast};
use crate::value::{Operand, Value};

pub use crate::rules::linalg::Triangle;

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    pub(crate) fn check_matrices(&self, op: &'static str) -> Result<(), Error> {
        match self.ndim() {
            0 | 1 => {
                Err(Error::Rank { op, shape: self.shape().to_vec(), expected: "at least 2, (..., m, n)" })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn check_square(&self, op: &'static str) -> Result<(), Error> {
        match self.shape() {
            [.., m, n] if m == n => Ok(()),
            shape => Err(Error::Square { op, shape: shape.to_vec() }),
        }
    }

    fn failure(&self, op: &'static str) -> impl Fn(Failure) -> Error {
        move |Failure { index, reason }| Error::Linalg {
            op,
            shape: self.shape().to_vec(),
            index: index.to_vec(),
            reason,
        }
    }

    /// Solves a system of `rows` equations for right-hand sides that are a vector or matrices.
    fn for_columns(
        &self,
        op: &'static str,
        b: &Self,
        rows: usize,
        expected: &'static str,
        solve: impl FnOnce(&Self) -> Result<Self, Error>,
    ) -> Result<Self, Error> {
        let is_vector = b.ndim() == 1;
        let columns = match is_vector {
            true => b.with_shape(op, Shape::from_slice(&[b.len(), 1])),
            false => b.clone(),
        };
        let fail = || Error::System { op, left: self.shape().to_vec(), right: b.shape().to_vec(), expected };
        if columns.ndim() < 2 || split(columns.shape()).1 != rows {
            return Err(fail());
        }
        broadcast(op, split(self.shape()).0, split(columns.shape()).0).map_err(|_| fail())?;
        let x = solve(&columns)?;
        match is_vector {
            true => Ok(x.with_shape(op, Shape::from_slice(&x.shape()[..x.ndim() - 1]))),
            false => Ok(x),
        }
    }
}

/// Linear algebra, on the matrices in the last two axes; the axes before them are a batch, and broadcast where there are
/// two operands.
///
/// A method that can fail for some data returns a `Result`, with [`Error::Linalg`] naming the matrix.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The solution X of `A X = B` for A (..., n, n), `self`, and B (..., n, k), or (n) for a vector.
    ///
    /// Reverse mode takes up the LU factorisation: with G the cotangent of X, that of B is `A^-T G`, and that of A
    /// `-A^-T G X^T` (M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
    /// differentiation, 2008, section 2.3.1).
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let (a, b) = (Value::new(array![[2.0, 0.0], [1.0, 4.0]]), Value::new(array![2.0, 9.0]));
    /// let x = a.solve(&b)?;
    /// assert_eq!(x.data(), array![1.0, 2.0].into_dyn());
    /// x.backward();
    /// assert_eq!(b.grad().data(), array![0.375, 0.25].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix is singular (a pivot is exactly zero), or shapes do not fit.
    pub fn solve(&self, b: impl Operand<T, B>) -> Result<Self, Error> {
        let op = "solve";
        self.check_square(op)?;
        let rows = split(self.shape()).1;
        self.for_columns(op, &b.operand(), rows, "(..., n, n) and (..., n, k) or (n)", |b| {
            linalg::solve(self, b).map_err(self.failure(op))
        })
    }

    /// The solution X of `A X = B` for a triangular A (..., n, n), whose other elements are not read, and B
    /// (..., n, k), or (n) for a vector.
    ///
    /// With G the cotangent of X, that of B is `A^-T G`, and that of A the triangle of `-A^-T G X^T` (M. Giles, as for
    /// [`solve`](Value::solve)).
    ///
    /// ```
    /// use autodiff_core::{Triangle, native::Value};
    /// use ndarray::array;
    /// let l = Value::new(array![[2.0, 0.0], [1.0, 4.0]]);
    /// let z = l.solve_triangular(array![2.0, 9.0], Triangle::LOWER)?;
    /// assert_eq!(z.data(), array![1.0, 2.0].into_dyn());
    /// let x = l.solve_triangular(z, Triangle::LOWER.transposed())?;       // L L^T x = b
    /// assert_eq!(x.data(), array![0.25, 0.5].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where there is a zero on a diagonal that is read, or shapes do not fit.
    pub fn solve_triangular(&self, b: impl Operand<T, B>, triangle: Triangle) -> Result<Self, Error> {
        let op = "solve_triangular";
        self.check_square(op)?;
        let rows = split(self.shape()).1;
        self.for_columns(op, &b.operand(), rows, "(..., n, n) and (..., n, k) or (n)", |b| {
            linalg::solve_triangular(self, b, triangle).map_err(self.failure(op))
        })
    }

    /// The inverses Y of square matrices, (..., n, n); `dY = -Y dA Y` (M. Giles, as for [`solve`](Value::solve), section
    /// 2.2.3). To solve equations, [`solve`](Value::solve) is faster and more accurate.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let a = Value::new(array![[2.0, 0.0], [1.0, 4.0]]);
    /// assert_eq!(a.inv()?.data(), array![[0.5, 0.0], [-0.125, 0.25]].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix is singular (a pivot is exactly zero), or not square.
    pub fn inv(&self) -> Result<Self, Error> {
        self.check_square("inv")?;
        linalg::inv(self).map_err(self.failure("inv"))
    }

    /// The lower triangular L, with a positive diagonal, of `A = L L^T` for symmetric positive definite matrices,
    /// (..., n, n).
    ///
    /// The lower triangle of A is read; the gradient is symmetric, that by `(A + A^T) / 2`. It is `(S + S^T) / 2` for
    /// `S = L^-T P L^-1`, where P is the lower triangle, with half of the diagonal, of `L^T G`, and G the cotangent of L
    /// (I. Murray, Differentiation of the Cholesky decomposition, 2016).
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let a = Value::new(array![[4.0, 2.0], [2.0, 10.0]]);
    /// let l = a.cholesky()?;
    /// assert_eq!(l.data(), array![[2.0, 0.0], [1.0, 3.0]].into_dyn());
    /// // ln det A, whose gradient is the inverse of A.
    /// (2.0 * l.diagonal(0).ln().sum()).backward();
    /// assert!((a.grad() - a.inv()?).abs().max().item() < 1e-15);
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix is not positive definite, or not square.
    pub fn cholesky(&self) -> Result<Self, Error> {
        self.check_square("cholesky")?;
        linalg::cholesky(self).map_err(self.failure("cholesky"))
    }

    /// Eigenvalues w (..., n), in ascending order, and orthonormal eigenvectors in the columns of V (..., n, n), of
    /// symmetric matrices, (..., n, n): `A = V diag(w) V^T`.
    ///
    /// The lower triangle of A is read; the gradient is symmetric, that by `(A + A^T) / 2`. With `P = V^T dA V`,
    /// `dw = diag(P)` and `dV = V (F o P)`, where `F_ij = 1 / (w_j - w_i)` and `F_ii = 0` (M. Giles, as for
    /// [`solve`](Value::solve), section 3.1).
    ///
    /// Eigenvectors are determined up to their signs. Where eigenvalues are equal they have no derivative: their part of
    /// the gradient is infinite or NaN, unless a result does not depend on them. Gradients of eigenvalues are right there
    /// too, but not their second derivatives.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let a = Value::new(array![[2.0, 1.0], [1.0, 2.0]]);
    /// let (w, v) = a.eigh()?;
    /// assert!((&w - array![1.0, 3.0]).abs().max().item() < 1e-14);
    /// let again = (&v * &w).matmul(v.t());
    /// assert!((again - &a).abs().max().item() < 1e-14);
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix holds NaN or infinities, or is not square; should the iteration not end.
    pub fn eigh(&self) -> Result<(Self, Self), Error> {
        self.eigen("eigh")
    }

    /// The eigenvalues (..., n) of symmetric matrices, (..., n, n), in ascending order; see [`eigh`](Value::eigh).
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let a = Value::new(array![[2.0, 0.0], [0.0, 2.0]]);
    /// a.eigvalsh()?.sum().backward();
    /// assert_eq!(a.grad().data(), array![[1.0, 0.0], [0.0, 1.0]].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`eigh`](Value::eigh).
    pub fn eigvalsh(&self) -> Result<Self, Error> {
        Ok(self.eigen("eigvalsh")?.0)
    }

    fn eigen(&self, op: &'static str) -> Result<(Self, Self), Error> {
        self.check_square(op)?;
        linalg::eigh(self).map_err(self.failure(op))
    }

    /// The reduced singular value decomposition `A = U diag(s) V^T` of matrices (..., m, n): with k = min(m, n), U
    /// (..., m, k), s (..., k), not negative, in descending order, and V^T (..., k, n).
    ///
    /// With `P = U^T dA V`, `ds = diag(P)`; and `dU` and `dV` as in J. Townsend, Differentiating the singular value
    /// decomposition, 2016, with factors `1 / (s_j - s_i)`, `1 / (s_j + s_i)` and, if m and n differ, `1 / s_i`.
    ///
    /// Singular vectors are determined up to a common sign of a pair. Where singular values are equal, and for other than
    /// square matrices where one is zero, they have no derivative: their part of the gradient is infinite or NaN, unless
    /// a result does not depend on them. Gradients of singular values are right there too, but not their second
    /// derivatives; that of a singular value that is 0 is 0, as for `|x|`.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let a = Value::new(array![[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]);
    /// let (u, s, vt) = a.svd()?;
    /// assert_eq!((u.shape(), vt.shape()), (&[3, 2][..], &[2, 2][..]));
    /// assert_eq!(s.data(), array![4.0, 3.0].into_dyn());
    /// assert_eq!((u * s).matmul(vt).data(), a.data());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix holds NaN or infinities, or there are no two axes; should the iteration not end.
    pub fn svd(&self) -> Result<(Self, Self, Self), Error> {
        self.singular("svd")
    }

    /// The singular values (..., min(m, n)) of matrices (..., m, n), in descending order; see [`svd`](Value::svd).
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// // The nuclear norm.
    /// let a = Value::new(array![[3.0, 0.0], [0.0, -4.0]]);
    /// a.svdvals()?.sum().backward();
    /// assert_eq!(a.grad().data(), array![[1.0, 0.0], [0.0, -1.0]].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`svd`](Value::svd).
    pub fn svdvals(&self) -> Result<Self, Error> {
        Ok(self.singular("svdvals")?.1)
    }

    /// The singular value decomposition, for the operation `op`.
    pub(crate) fn singular(&self, op: &'static str) -> Result<(Self, Self, Self), Error> {
        self.check_matrices(op)?;
        linalg::svd(self).map_err(self.failure(op))
    }

    /// The Moore-Penrose pseudoinverses Y, (..., n, m), of matrices A, (..., m, n).
    ///
    /// Singular values up to `max(m, n) * epsilon` times the largest count as zeros. With A of constant rank,
    /// `dY = -Y dA Y + Y Y^T dA^T (I - A Y) + (I - Y A) dA^T Y^T Y` (G. Golub and V. Pereyra, The differentiation of
    /// pseudo-inverses and nonlinear least squares problems whose variables separate, SIAM J. Numer. Anal. 10, 1973);
    /// where the rank changes, Y is not continuous.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let y = Value::new(array![[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]).pinv()?;
    /// assert_eq!(y.data(), array![[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`svd`](Value::svd).
    pub fn pinv(&self) -> Result<Self, Error> {
        self.check_matrices("pinv")?;
        linalg::pinv(self).map_err(self.failure("pinv"))
    }

    /// The X of least norm among those that minimise `|A X - B|`, for A (..., m, n), `self`, and B (..., m, k), or (m)
    /// for a vector: the product of the [`pinv`](Value::pinv) and B.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// // A line through three points.
    /// let a = Value::new(array![[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]);
    /// let x = a.lstsq(array![1.0, 3.0, 5.0])?;
    /// assert!((x - array![1.0, 2.0]).abs().max().item() < 1e-14);
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`svd`](Value::svd), and where shapes do not fit.
    pub fn lstsq(&self, b: impl Operand<T, B>) -> Result<Self, Error> {
        let op = "lstsq";
        self.check_matrices(op)?;
        let rows = split(self.shape()).1;
        self.for_columns(op, &b.operand(), rows, "(..., m, n) and (..., m, k) or (m)", |b| {
            linalg::pinv(self).map_err(self.failure(op))?.try_matmul(b)
        })
    }

    /// Square matrices, (..., n, n), times themselves; for a negative exponent, their inverses. For 0 the identity, with
    /// gradient 0.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let a = Value::new(array![[1.0, 1.0], [1.0, 0.0]]);
    /// assert_eq!(a.matrix_power(10)?.data(), array![[89.0, 55.0], [55.0, 34.0]].into_dyn());
    /// assert_eq!(a.matrix_power(-1)?.data(), array![[0.0, 1.0], [1.0, -1.0]].into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix is not square, or is singular and the exponent negative.
    pub fn matrix_power(&self, exponent: i32) -> Result<Self, Error> {
        let op = "matrix_power";
        self.check_square(op)?;
        let mut square = match exponent < 0 {
            true => linalg::inv(self).map_err(self.failure(op))?,
            false => self.clone(),
        };
        let mut left = exponent.unsigned_abs();
        let mut power: Option<Self> = None;
        while left > 0 {
            if left % 2 == 1 {
                power = Some(match power {
                    Some(power) => power.try_matmul(&square)?,
                    None => square.clone(),
                });
            }
            left /= 2;
            if left > 0 {
                square = square.try_matmul(&square)?;
            }
        }
        // The identity, with the gradient 0, as `powi(0)` has it.
        let eye = || self.powi(0) * Self::constant(ndarray::Array2::eye(split(self.shape()).1));
        Ok(power.unwrap_or_else(eye))
    }

    twins! {
        /// The determinants of square matrices, (..., n, n).
        ///
        /// The gradient is the matrix of cofactors, and right also where a matrix is singular, as is the second
        /// derivative; further ones then need singular values that are apart. `det(A) A^-T` (M. Giles, as for
        /// [`solve`](Value::solve), section 2.2.4), or from the singular value decomposition (G. W. Stewart, On the
        /// adjugate matrix, Linear Algebra Appl. 283, 1998).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let a = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// let d = a.det();
        /// d.backward();
        /// assert!((&d + 2.0).abs().item() < 1e-15);
        /// assert!((a.grad() - array![[4.0, -3.0], [-2.0, 1.0]]).abs().max().item() < 1e-14);
        /// ```
        ///
        /// # Panics
        ///
        /// Where a matrix is not square.
        fn det, try_det(&self) -> Self {
            self.check_square("det")?;
            Ok(linalg::det(self))
        }

        /// The signs (1, -1 or 0) of the determinants of square matrices, (..., n, n), and the logarithms of their
        /// absolute values: it does not overflow where [`det`](Value::det) would.
        ///
        /// The gradient of the logarithm is `A^-T` (M. Giles, as for [`solve`](Value::solve), section 2.2.4); signs have
        /// none. Of a singular matrix the sign is 0, the logarithm -inf, and its gradient NaN.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let a = Value::new(array![[0.0, 2.0], [4.0, 0.0]]);
        /// let (sign, ln_det) = a.slogdet();
        /// assert_eq!((sign.item(), ln_det.item()), (-1.0, 8.0_f64.ln()));
        /// ln_det.backward();
        /// assert_eq!(a.grad().data(), array![[0.0, 0.5], [0.25, 0.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where a matrix is not square.
        fn slogdet, try_slogdet(&self) -> (Self, Self) {
            self.check_square("slogdet")?;
            Ok(linalg::slogdet(self))
        }

        /// The reduced QR factorisation `A = Q R` of matrices (..., m, n): with k = min(m, n), Q (..., m, k) has
        /// orthonormal columns, and R (..., k, n) is zero below its diagonal.
        ///
        /// With `C = Q^T dA R^-1`, the skew matrix `Q^T dQ` has the elements of C below its diagonal, and `dR` is
        /// `Q^T dA + dQ^T A` (S. Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions, 2018);
        /// of a wide matrix, Q is that of its first columns. Where these are not independent, R is singular and the
        /// gradient NaN. Signs, of the columns of Q and of the rows of R, are the backend's.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let a = Value::new(array![[3.0, 1.0], [4.0, 2.0], [0.0, 1.0]]);
        /// let (q, r) = a.qr();
        /// assert_eq!((q.shape(), r.shape()), (&[3, 2][..], &[2, 2][..]));
        /// assert!((q.matmul(r) - &a).abs().max().item() < 1e-14);
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are no two axes.
        fn qr, try_qr(&self) -> (Self, Self) {
            self.check_matrices("qr")?;
            Ok(linalg::qr(self))
        }

        /// The sum of the diagonal of matrices (..., m, n).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// assert_eq!(Value::new(ndarray::array![[1.0, 2.0], [3.0, 4.0]]).trace().item(), 5.0);
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are no two axes.
        fn trace, try_trace(&self) -> Self {
            self.check_matrices("trace")?;
            self.try_diagonal(0)?.try_sum_axis(-1)
        }

        /// The elements (i, i + offset) of matrices (..., m, n), like `diagonal` in NumPy's `linalg`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let a = Value::new(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        /// assert_eq!(a.diagonal(0).data(), array![1.0, 5.0].into_dyn());
        /// assert_eq!(a.diagonal(-1).data(), array![4.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are no two axes.
        fn diagonal, try_diagonal(&self, offset: isize) -> Self {
            self.check_matrices("diagonal")?;
            Ok(Self::apply(Diagonal { offset, from: Shape::from_slice(self.shape()) }, &[self]))
        }

        /// The matrix with these elements, (n), on its diagonal and zeros elsewhere; of a matrix, its diagonal.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let d = Value::new(array![1.0, 2.0]).diag();
        /// assert_eq!(d.data(), array![[1.0, 0.0], [0.0, 2.0]].into_dyn());
        /// assert_eq!(d.diag().data(), array![1.0, 2.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are not one or two axes.
        fn diag, try_diag(&self) -> Self {
            match *self.shape() {
                [n] => {
                    let to = Shape::from_slice(&[n, n]);
                    crate::shape::checked_size("diag", &to)?;
                    Ok(Self::apply(Embed { offset: 0, to }, &[self]))
                }
                [_, _] => self.try_diagonal(0),
                _ => Err(Error::Rank { op: "diag", shape: self.shape().to_vec(), expected: "1 or 2" }),
            }
        }

        /// Matrices (..., m, n) with zeros above diagonal `k`, that of the elements (i, i + k).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let a = Value::new(array![[1.0, 2.0], [3.0, 4.0]]);
        /// assert_eq!(a.tril(0).data(), array![[1.0, 0.0], [3.0, 4.0]].into_dyn());
        /// assert_eq!(a.tril(-1).data(), array![[0.0, 0.0], [3.0, 0.0]].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are no two axes.
        fn tril, try_tril(&self, k: isize) -> Self {
            self.check_matrices("tril")?;
            Ok(Self::apply(Weigh::tril(k), &[self]))
        }

        /// Matrices (..., m, n) with zeros below diagonal `k`, that of the elements (i, i + k).
        ///
        /// # Panics
        ///
        /// Where there are no two axes.
        fn triu, try_triu(&self, k: isize) -> Self {
            self.check_matrices("triu")?;
            Ok(Self::apply(Weigh::triu(k), &[self]))
        }
    }
}
