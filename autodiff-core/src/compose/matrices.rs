//! Functions of matrices that are made of factorisations and products.

use crate::backend::Backend;
use crate::error::{Error, LinalgError};
use crate::ops::where_;
use crate::scalar::Scalar;
use crate::value::Value;
use ndarray::{ArcArray, Array2, ArrayD, Axis, IxDyn};

/// A norm of matrices, as NumPy's `linalg.norm` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatrixNorm {
    /// The root of the sum of squares, at any magnitude; NumPy's `"fro"`. The gradient at 0 is 0.
    Frobenius,
    /// The sum of the singular values; `"nuc"`.
    Nuclear,
    /// The largest sum of the absolute values in a column; `1`.
    One,
    /// The largest singular value; `2`.
    Two,
    /// The largest sum of the absolute values in a row; `inf`.
    Infinity,
}

/// Functions of matrices, (..., m, n), in the last two axes.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The exponentials of square matrices, (..., n, n): `I + A + A^2 / 2 + ...`.
    ///
    /// By scaling, the diagonal Padé approximant of degree 13, and squaring (N. Higham, The scaling and squaring method
    /// for the matrix exponential revisited, 2005); derivatives are those of the products and of the one solution of
    /// equations.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// // A rotation by 1 radian.
    /// let r = Value::new(array![[0.0, -1.0], [1.0, 0.0]]).expm()?;
    /// assert!((r - array![[1.0_f64.cos(), -1.0_f64.sin()], [1.0_f64.sin(), 1.0_f64.cos()]]).abs().max().item() < 1e-15);
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a matrix is not square, or holds NaN or infinities.
    pub fn expm(&self) -> Result<Self, Error> {
        /// A number for each matrix.
        fn each<X>(x: ArrayD<X>) -> ArrayD<X> {
            let ndim = x.ndim();
            x.insert_axis(Axis(ndim)).insert_axis(Axis(ndim + 1))
        }
        const DEGREE: usize = 13;
        // The largest norm for which the approximant is right to 2^-53: table 2.3.
        const BOUND: f64 = 5.371920351148152;
        let op = "expm";
        self.check_square(op)?;
        if self.is_empty() {
            return Ok(self.clone());
        }
        let size = self.detach().matrix_norm(MatrixNorm::One)?.data();
        if let Some((index, _)) = size.indexed_iter().find(|(_, x)| !x.is_finite()) {
            let index = ndarray::Dimension::slice(&index).to_vec();
            return Err(Error::Linalg {
                op,
                shape: self.shape().to_vec(),
                index,
                reason: LinalgError::NotFinite,
            });
        }
        // To that of each matrix, whatever the others are: more would cost it digits.
        let halvings =
            size.mapv(|x| (0..).find(|&n| x.as_f64() * 0.5_f64.powi(n) <= BOUND).expect("a finite norm"));
        let mut c = [1.0; DEGREE + 1];
        for j in 1..=DEGREE {
            c[j] = c[j - 1] * (DEGREE - j + 1) as f64 / ((2 * DEGREE - j + 1) * j) as f64;
        }
        let n = self.shape()[self.ndim() - 1];
        let a = self * each(halvings.mapv(|n| T::of(0.5_f64.powi(n))));
        let a2 = a.try_matmul(&a)?;
        let a4 = a2.try_matmul(&a2)?;
        let a6 = a4.try_matmul(&a2)?;
        // The terms of even powers, with coefficients from `c[i]` on, in steps of 2.
        let even = |i: usize| -> Result<Self, Error> {
            let sum = |i: usize| &a2 * T::of(c[i]) + &a4 * T::of(c[i + 2]) + &a6 * T::of(c[i + 4]);
            let one = Self::constant(Array2::eye(n) * T::of(c[i]));
            Ok(a6.try_matmul(sum(i + 8))? + sum(i + 2) + one)
        };
        let (odd, even) = (a.try_matmul(even(1)?)?, even(0)?);
        let mut result = (&even - &odd).solve(&even + &odd)?;
        for n in 0..halvings.iter().copied().max().unwrap_or(0) {
            let square = result.try_matmul(&result)?;
            result = match halvings.iter().all(|&halvings| halvings > n) {
                true => square,
                false => where_(&each(halvings.mapv(|halvings| halvings > n)), square, result),
            };
        }
        Ok(result)
    }

    /// A norm of matrices, (..., m, n).
    ///
    /// Singular values and absolute values that tie in a maximum share the gradient.
    ///
    /// ```
    /// use autodiff_core::{MatrixNorm, native::Value};
    /// use ndarray::array;
    /// let a = Value::new(array![[3.0, 0.0], [0.0, -4.0]]);
    /// assert_eq!(a.matrix_norm(MatrixNorm::Frobenius)?.item(), 5.0);
    /// assert_eq!(a.matrix_norm(MatrixNorm::Nuclear)?.item(), 7.0);
    /// assert_eq!(a.matrix_norm(MatrixNorm::Two)?.item(), 4.0);
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where there are no two axes; for the largest of something, where there is none; for those of singular values, as
    /// for [`svd`](Value::svd).
    pub fn matrix_norm(&self, norm: MatrixNorm) -> Result<Self, Error> {
        let op = "matrix_norm";
        self.check_matrices(op)?;
        let [m, n] = [2, 1].map(|i| self.shape()[self.ndim() - i]);
        match norm {
            MatrixNorm::One if n == 0 => return Err(self.no_elements(op)),
            MatrixNorm::Two if m == 0 || n == 0 => return Err(self.no_elements(op)),
            MatrixNorm::Infinity if m == 0 => return Err(self.no_elements(op)),
            _ => {}
        }
        match norm {
            MatrixNorm::Frobenius => self.try_norm_axis([-2, -1], T::of(2.0)),
            MatrixNorm::Nuclear => self.singular(op)?.1.try_sum_axis(-1),
            MatrixNorm::One => self.abs().try_sum_axis(-2)?.try_max_axis(-1),
            MatrixNorm::Two => self.singular(op)?.1.try_max_axis(-1),
            MatrixNorm::Infinity => self.abs().try_sum_axis(-1)?.try_max_axis(-1),
        }
    }

    /// The condition numbers of matrices, (..., m, n): the largest singular value over the smallest; infinite where that
    /// is 0, for a matrix of zeros too.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// assert_eq!(Value::new(ndarray::array![[3.0, 0.0], [0.0, -4.0]]).cond()?.item(), 4.0 / 3.0);
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`svd`](Value::svd), and where a matrix has no elements.
    pub fn cond(&self) -> Result<Self, Error> {
        let op = "cond";
        let s = self.singular(op)?.1;
        if s.shape()[s.ndim() - 1] == 0 {
            return Err(self.no_elements(op));
        }
        let most = s.try_max_axis(-1)?;
        // Over 0 any number is infinite, but not 0.
        Ok(where_(&most.eq(T::zero()), T::one(), &most) / s.try_min_axis(-1)?)
    }

    /// The ranks of matrices, (..., m, n): how many singular values are above `max(m, n) * epsilon` times the largest. They
    /// carry no gradient.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let a = Value::new(ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
    /// assert_eq!(a.matrix_rank()?, ndarray::arr0(2).into_dyn());
    /// # Ok::<(), autodiff_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`svd`](Value::svd).
    pub fn matrix_rank(&self) -> Result<ArcArray<usize, IxDyn>, Error> {
        let s = self.detach().singular("matrix_rank")?.1.data();
        let (m, n) = (self.shape()[self.ndim() - 2], self.shape()[self.ndim() - 1]);
        let epsilon = T::of(if m > n { m } else { n } as f64) * T::epsilon();
        let last = ndarray::Axis(self.ndim() - 2);
        let rank = |s: ndarray::ArrayView1<'_, T>| s.iter().filter(|&&x| x > epsilon * s[0]).count();
        Ok(s.map_axis(last, rank).into_shared())
    }

    /// That matrices have no elements, of which the operation `op` has no value.
    fn no_elements(&self, op: &'static str) -> Error {
        Error::Empty { op, shape: self.shape().to_vec(), axes: vec![self.ndim() - 2, self.ndim() - 1] }
    }
}
