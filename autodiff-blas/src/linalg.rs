//! Eigenvalues and singular values through LAPACK, with what `Backend` promises beyond it: which triangle is read, and
//! what is not finite.
//!
//! These two are what LAPACK does faster than the pure-Rust code, whose products the library computes too: it divides
//! and conquers. Of the time of that code OpenBLAS 0.3.21 took, for orders of 50 to 1000 in both element types:
//! `potrf` 0.91 to 1.23, `getrf` 0.98 to 1.22, `geqrf` and `orgqr` 0.85 to 1.5, and 1.1 to 3.2 where a matrix is not
//! square. Besides, its `getrf` on several threads overflows the stack of a Rust thread, 2 MiB.
//!
//! What LAPACK cannot do goes to the pure-Rust code as well: matrices too large for its integers, iterations that do not
//! end, and NaN and infinities, of which it promises nothing.

use crate::gate::lapack::{self, Element};
use crate::gemm::gemm;
use autodiff_core::backend::LinalgError;
use autodiff_core::ndarray::{Array1, Array2, ArrayView2, Axis, s};

type Eigh<T> = (Array1<T>, Array2<T>);
type Svd<T> = (Array2<T>, Array1<T>, Array2<T>);

/// The factorisations for one element type.
pub(crate) struct Factorisations<T> {
    pub(crate) eigh: fn(ArrayView2<'_, T>) -> Result<Eigh<T>, LinalgError>,
    pub(crate) svd: fn(ArrayView2<'_, T>) -> Result<Svd<T>, LinalgError>,
}

impl<T: Element> Factorisations<T> {
    pub(crate) const TABLE: Self = Factorisations {
        eigh: |a| if a.nrows() < SMALLEST_EIGH { T::eigh(a, gemm) } else { eigh(a) },
        svd: |a| if a.nrows().min(a.ncols()) < SMALLEST_SVD { T::svd(a, gemm) } else { svd(a) },
    };
}

/// The smallest order for `syevd`. Of the pure-Rust code's time it took, in f64 and f32, 1.0 and 1.2 for an order of 32, 0.7
/// and 0.9 for 100, 0.6 and 0.7 for 200, 0.45 and 0.5 for 500 (on one thread; on two, 1.4 and 1.7 for an order of 32,
/// 0.9 and 1.15 for 100).
const SMALLEST_EIGH: usize = 128;

/// The smallest number of rows and columns for `gesdd`. It took 1.0 and 1.1 of the time for an order of 20, 0.8 and 0.9 for 32,
/// 0.7 and 0.8 for 100, 0.6 and 0.65 for 200, 0.5 for 500; 0.9 and 1.0 for (1000, 100).
const SMALLEST_SVD: usize = 32;

/// See [`Backend::eigh`](autodiff_core::Backend::eigh).
fn eigh<T: Element>(a: ArrayView2<'_, T>) -> Result<Eigh<T>, LinalgError> {
    // Only the lower triangle counts; by columns it is the upper one.
    let mut vectors = row_major(a);
    for (i, mut row) in vectors.rows_mut().into_iter().enumerate() {
        row.slice_mut(s![i + 1..]).fill(T::zero());
    }
    let known = suits(&vectors).then(|| lapack::syevd(&mut vectors)).flatten();
    known.map_or_else(|| T::eigh(a, gemm), |values| Ok((values.into(), row_major(vectors.t()))))
}

/// See [`Backend::svd`](autodiff_core::Backend::svd).
fn svd<T: Element>(a: ArrayView2<'_, T>) -> Result<Svd<T>, LinalgError> {
    // LAPACK takes a QR factorisation of what is tall to it, an LQ factorisation, which is slower, of what is wide.
    let tall = a.nrows() > a.ncols();
    let mut columns = row_major(if tall { a.t() } else { a });
    let known = suits(&columns).then(|| lapack::gesdd(&mut columns)).flatten();
    let Some((u, s, vt)) = known else { return T::svd(a, gemm) };
    // All these are by columns: read by rows, V^T is the left factor of what was read by rows, and U the right one's
    // transpose.
    Ok(if tall { (row_major(u.t()), s.into(), row_major(vt.t())) } else { (vt, s.into(), u) })
}

/// Whether LAPACK can be given the matrix.
fn suits<T: Element>(a: &Array2<T>) -> bool {
    !a.is_empty() && lapack::fits(a.dim()) && a.iter().all(|x| x.is_finite())
}

/// A row-major copy, in tiles, so that neither side is read or written a few bytes from each line of the cache.
fn row_major<T: Element>(a: ArrayView2<'_, T>) -> Array2<T> {
    const TILE: usize = 32;
    if a.is_standard_layout() {
        return a.to_owned();
    }
    let (rows, columns) = (Axis(0), Axis(1));
    let mut copy = Array2::zeros(a.dim());
    for (mut to, from) in copy.axis_chunks_iter_mut(rows, TILE).zip(a.axis_chunks_iter(rows, TILE)) {
        for (mut to, from) in to.axis_chunks_iter_mut(columns, TILE).zip(from.axis_chunks_iter(columns, TILE))
        {
            to.assign(&from);
        }
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blas;
    use crate::gate::calls::linalg_during;
    use autodiff_core::Backend;
    use autodiff_core::ndarray::ArrayViewMut2;

    /// As [`Blas`], but LAPACK computes all that it can, whatever the size.
    #[derive(Clone, Copy, Debug, Default)]
    struct Lapack;

    impl<T: Element> Backend<T> for Lapack {
        const NAME: &'static str = "lapack";
        fn gemm(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: &mut ArrayViewMut2<'_, T>) {
            gemm(alpha, a, b, beta, c)
        }
        fn eigh(a: ArrayView2<'_, T>) -> Result<Eigh<T>, LinalgError> {
            eigh(a)
        }
        fn svd(a: ArrayView2<'_, T>) -> Result<Svd<T>, LinalgError> {
            svd(a)
        }
    }

    /// The suite that every backend passes.
    fn suite<T: Element>() {
        let ((), calls) = linalg_during(autodiff_core::check::linalg::linalg::<T, Lapack>);
        for routine in ["syevd", "gesdd"] {
            let count = calls.iter().filter(|&&name| name == routine).count();
            assert!(count > 150, "{count} calls of {routine}");
        }
    }

    #[test]
    fn suite_f64() {
        suite::<f64>();
    }

    #[test]
    fn suite_f32() {
        suite::<f32>();
    }

    fn matrix(m: usize, n: usize) -> Array2<f64> {
        Array2::from_shape_fn((m, n), |(i, j)| ((1 + i * i + 3 * j * j + i * j) as f64).sin())
    }

    #[test]
    fn each_operation_makes_the_calls_it_needs() {
        let calls = |f: &dyn Fn()| linalg_during(f).1;
        let a = matrix(130, 130);
        assert_eq!(calls(&|| drop(Blas::eigh(a.view()))), ["syevd"]);
        assert_eq!(calls(&|| drop(Blas::svd(a.view()))), ["gesdd"]);
        assert_eq!(calls(&|| drop(Blas::svd(a.slice(s![.., ..40])))), ["gesdd"]);
        assert_eq!(calls(&|| drop(Blas::eigh(a.slice(s![..20, ..20])))), [""; 0], "small");
        assert_eq!(calls(&|| drop(Blas::svd(a.slice(s![.., ..20])))), [""; 0], "small");
    }

    #[test]
    fn what_is_not_finite_never_gets_there() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut a = matrix(130, 130);
            a[(70, 3)] = bad;
            let (results, calls) = linalg_during(|| (Blas::eigh(a.view()).err(), Blas::svd(a.view()).err()));
            assert_eq!(results, (Some(LinalgError::NotFinite), Some(LinalgError::NotFinite)));
            assert_eq!(calls, [""; 0]);
            // The upper triangle is not read.
            assert!(Blas::eigh(a.t()).is_ok());
        }
    }

    #[test]
    fn what_needs_more_than_32_bits_does_not_fit() {
        assert!(lapack::fits((1000, 1000)) && lapack::fits((1_000_000, 20)));
        for shape in [(17_000, 17_000), (20_000, 16_000), (usize::MAX, 2), (1 << 31, 1)] {
            assert!(!lapack::fits(shape), "{shape:?}");
        }
    }

    /// As tests' own, these threads have stacks of 2 MiB.
    #[test]
    fn large_matrices_from_several_threads() {
        std::thread::scope(|scope| {
            for k in 0..3 {
                scope.spawn(move || {
                    let a = matrix(300 + k, 280);
                    let small = |residual: Array2<f64>| residual.iter().all(|x| x.abs() < 1e-10);
                    let (u, s, vt) = Blas::svd(a.view()).expect("it converges");
                    assert!(small((u * &s).dot(&vt) - &a));
                    let square = a.slice(s![..280, ..]);
                    let square = &square + &square.t();
                    let (w, v) = Blas::eigh(square.view()).expect("it converges");
                    assert!(small((&v * &w).dot(&v.t()) - &square));
                    let mut triangle = square;
                    triangle.diag_mut().fill(300.0);
                    let x = Blas::solve_triangular(triangle.view(), a.t(), false, false).expect("regular");
                    triangle.indexed_iter_mut().filter(|((i, j), _)| i < j).for_each(|(_, x)| *x = 0.0);
                    assert!(small(triangle.dot(&x) - a.t()));
                });
            }
        });
    }
}
