//! One product: operands in any layout brought to those that CBLAS knows.

use crate::gate::{Element, Layout};
use autodiff_core::Native;
use autodiff_core::backend::{Backend, LinalgError};
use autodiff_core::ndarray::{
    Array2, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis, CowArray, Ix2, ShapeBuilder,
};

/// Terms of the elements of a product with a vector above which it is left to the pure-Rust code, which reads the matrix as fast:
/// `gemv` and `dot` of OpenBLAS 0.3.21 add them up one after another, and a sum of ones in `f32` ends at 2^24.
const LONG: usize = 4096;

/// `c = alpha a b + beta c`; see [`Backend::gemm`].
pub(crate) fn gemm<T: Element>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
) {
    // Above 2^31 CBLAS has no numbers; with `alpha` 0 it does not look at the operands, where 0 times NaN is NaN.
    let large = [a.nrows(), a.ncols(), b.ncols()].iter().any(|&n| i32::try_from(n).is_err());
    let long = a.ncols() > LONG && (a.nrows() == 1 || b.ncols() == 1);
    if large || long || alpha == T::zero() {
        return Native::gemm(alpha, a, b, beta, c);
    }
    let (a, b) = (expressible(a), expressible(b));
    let row_major = |c: &ArrayViewMut2<'_, T>| Layout::of_view(&c.view()).is_some_and(Layout::is_row_major);
    if row_major(c) {
        return product(alpha, a.view(), b.view(), beta, c.view_mut());
    }
    let transposed = c.view_mut().reversed_axes();
    if row_major(&transposed) {
        return product(alpha, b.t(), a.t(), beta, transposed);
    }
    let mut dense = Array2::zeros(c.dim());
    if beta != T::zero() {
        dense.assign(c);
    }
    product(alpha, a.view(), b.view(), beta, dense.view_mut());
    c.assign(&dense);
}

/// The solution of a triangular system; see [`Backend::solve_triangular`].
///
/// One column is left to the pure-Rust code: `trsv` took 1.2 to 2.6 of its time (OpenBLAS 0.3.21, orders 50 to 500), `trsm`
/// with as many columns as rows 0.3 to 0.9.
pub(crate) fn solve_triangular<T: Element>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    upper: bool,
    unit: bool,
) -> Result<Array2<T>, LinalgError> {
    let large = [b.nrows(), b.ncols()].iter().any(|&n| i32::try_from(n).is_err());
    // OpenBLAS multiplies by the reciprocals of the diagonal, and those of subnormal numbers overflow. Zeros are reported
    // there, too.
    let small = |x: &T| x.abs() < T::min_positive_value();
    if large || b.ncols() < 2 || (!unit && a.diag().iter().any(small)) {
        return T::solve_triangular(a, b, upper, unit, gemm);
    }
    let mut x = b.as_standard_layout().into_owned();
    T::solve_triangular_in_place(expressible(a).view(), upper, unit, &mut x.view_mut());
    Ok(x)
}

fn product<T: Element>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
) {
    let first = Axis(0);
    products(alpha, a.insert_axis(first), b.insert_axis(first), beta, &mut c.insert_axis(first));
}

/// The matrix itself where CBLAS can read it, else a copy.
fn expressible<T: Element>(x: ArrayView2<'_, T>) -> CowArray<'_, T, Ix2> {
    if Layout::of_view(&x).is_some() {
        return x.into();
    }
    // In the order of its strides, so that memory is read forwards.
    let columns_first = x.strides()[0].abs() < x.strides()[1].abs();
    let mut dense = Array2::zeros(x.dim().set_f(columns_first));
    dense.assign(&x);
    dense.into()
}

/// Multiplications, m n k, up to which a loop here beats a call.
///
/// A call of `cblas_dgemm` takes 70 nanoseconds before it multiplies. In batches, f64, one thread, the loop took 0.25 of
/// the time for 2x2 matrices, 0.4 for 3x3, 0.6 for 4x4, and 1.2 for 6x6.
const TINY: usize = 4 * 4 * 4;

/// As [`Element::products`], but tiny matrices are multiplied here, and small ones by the pure-Rust loop for them where it suits,
/// which takes 0.3 to 0.55 of the time at order 8, 0.5 to 0.8 at 16 and 0.7 to 0.9 at 32 (Zen 3, OpenBLAS 0.3.21, batches, one
/// thread). (Vectors are not: `gemv`, `ger` and `dot` start faster.)
pub(crate) fn products<T: Element>(
    alpha: T,
    a: ArrayView3<'_, T>,
    b: ArrayView3<'_, T>,
    beta: T,
    c: &mut ArrayViewMut3<'_, T>,
) {
    let ((count, m, k), n) = (a.dim(), b.dim().2);
    let summed = c.dim().0 != count;
    if alpha == T::one()
        && (beta == T::zero() || beta == T::one())
        && T::multiply_small(a, b, beta == T::one(), c.view_mut())
    {
        return;
    }
    // The rows of `b` are read in one piece.
    let tiny = m * k * n <= TINY && m > 1 && n > 1 && k > 1 && count > 0 && b.strides()[2] == 1;
    if !tiny || !matches!(c.strides(), [_, _, 1]) {
        return T::products(alpha, a, b, beta, c);
    }
    if beta == T::zero() {
        c.fill(T::zero());
    } else if beta != T::one() {
        c.mapv_inplace(|x| beta * x);
    }
    for (i, (a, b)) in a.outer_iter().zip(b.outer_iter()).enumerate() {
        let mut c = c.index_axis_mut(Axis(0), if summed { 0 } else { i });
        for (a, mut c) in a.outer_iter().zip(c.outer_iter_mut()) {
            let c = c.as_slice_mut().expect("stride 1");
            for (&x, b) in a.iter().zip(b.outer_iter()) {
                let b = b.to_slice().expect("stride 1");
                for (c, &y) in c.iter_mut().zip(b) {
                    *c += alpha * x * y;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Blas;
    use crate::gate::calls::linalg_during;
    use autodiff_core::Backend;
    use autodiff_core::ndarray::{Array2, s};

    #[test]
    fn triangular_systems_of_several_columns_go_to_the_library() {
        let a = Array2::from_shape_fn((130, 130), |(i, j)| 1.0 / (1 + i.abs_diff(j)) as f64);
        let calls = |f: &dyn Fn()| linalg_during(f).1;
        assert_eq!(calls(&|| drop(Blas::solve_triangular(a.view(), a.view(), true, false))), ["trsm"]);
        assert_eq!(calls(&|| drop(Blas::inv(a.view()))), ["trsm"; 2]);
        let column = a.slice(s![.., ..1]);
        assert_eq!(calls(&|| drop(Blas::solve_triangular(a.view(), column, true, false))), [""; 0]);
        let mut tiny = a.clone();
        tiny[(7, 7)] = f64::MIN_POSITIVE / 8.0;
        let solve = |unit| calls(&|| drop(Blas::solve_triangular(tiny.view(), a.view(), true, unit)));
        assert_eq!(solve(false), [""; 0], "a diagonal without a reciprocal");
        assert_eq!(solve(true), ["trsm"], "a diagonal that is not read");
    }
}
