//! Linear algebra on inputs that are special: singular, degenerate, rank-deficient, empty, of order 1; and at sizes where
//! kernels work by blocks.

use crate::common::*;
use autodiff::{Error, Triangle, check_grads, grad, hvp, jvp};
use ndarray::{Array2, array};

fn matrix<T: Real, const M: usize, const N: usize>(rows: [[f64; N]; M]) -> V<T> {
    V::<T>::new(Array2::from_shape_fn((M, N), |(i, j)| T::of(rows[i][j])))
}

/// Within rounding errors of numbers near 1.
#[track_caller]
fn assert_about<T: Real>(got: &V<T>, want: &[f64]) {
    let got = elements(got);
    let near = got.len() == want.len()
        && got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 64.0 * T::EPSILON * (1.0 + w.abs()));
    assert!(near, "got {got:?}, expected {want:?} ({})", T::NAME);
}

fn gradient<T: Real>(f: impl Fn(&V<T>) -> V<T>, x: &V<T>) -> V<T> {
    grad(f, x)
}

/// Cofactors by their definition.
fn cofactors(a: &[[f64; 3]; 3]) -> Vec<f64> {
    let minor = |i: usize, j: usize| {
        let (r, s, c, d) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
        a[r][c] * a[s][d] - a[r][d] * a[s][c]
    };
    (0..9).map(|k| minor(k / 3, k % 3)).collect()
}

/// Matrices of rank 3, 2, 2 (which rounding hides), 1 and 0.
const RANKS: [[[f64; 3]; 3]; 5] = [
    [[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 1.0]],
    [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 1.0, 3.0]],
    [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
    [[1.0, 2.0, -1.0], [2.0, 4.0, -2.0], [3.0, 6.0, -3.0]],
    [[0.0; 3]; 3],
];

fn the_gradient_of_det_is_right_at_any_rank<T: Real>() {
    for rows in RANKS {
        let a = matrix::<T, 3, 3>(rows);
        assert_about(&gradient(|a| a.det(), &a), &cofactors(&rows));
        // In a batch with a matrix that is regular.
        let both = V::<T>::stack(&[&a, &matrix(RANKS[0])], 0);
        let g = both.det().sum().grad_of(&[&both]).remove(0);
        assert_about(&g, &[cofactors(&rows), cofactors(&RANKS[0])].concat());
    }
}

fn the_second_derivative_of_det_is_right_at_any_rank<T: Real>() {
    let direction = [[1.0, -1.0, 0.5], [0.0, 2.0, 1.0], [-0.5, 1.0, 1.0]];
    for rows in RANKS {
        // Cofactors are of degree 2: a central difference is exact.
        let moved = |h: f64| {
            let mut rows = rows;
            (0..9).for_each(|k| rows[k / 3][k % 3] += h * direction[k / 3][k % 3]);
            cofactors(&rows)
        };
        let want: Vec<f64> = moved(1.0).iter().zip(moved(-1.0)).map(|(p, m)| (p - m) / 2.0).collect();
        let (a, v) = (matrix::<T, 3, 3>(rows), matrix::<T, 3, 3>(direction).detach());
        let (_, forward) = jvp(|a| grad(|a| a.det(), a), &a, &v);
        assert_about(&forward, &want);
        let reverse = gradient(|a| (grad(|a| a.det(), a) * &v).sum(), &a);
        assert_about(&reverse, &want);
        let (_, slope) = jvp(|a| a.det(), &a, &v);
        let first: f64 = cofactors(&rows).iter().zip(direction.as_flattened()).map(|(c, v)| c * v).sum();
        assert_about(&slope, &[first]);
    }
}

/// Each cofactor to its own digits, in whatever units rows and columns are.
fn cofactors_do_not_depend_on_units<T: Real>() {
    let rows = [[1.0, 2.0, -3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]];
    let close = |got: &V<T>, want: &V<T>, what: &str| {
        let apart = |(g, w): (&f64, &f64)| (g - w).abs() > 256.0 * T::EPSILON * w.abs();
        let (got, want) = (elements(got), elements(want));
        assert!(!got.iter().zip(&want).any(apart), "{what}: got {got:?}, expected {want:?} ({})", T::NAME);
    };
    let plain = matrix::<T, 3, 3>(rows);
    let first = gradient(|a| a.det(), &plain);
    let large = if T::NAME == "f64" { 100 } else { 15 };
    for exponent in [5, 10, large] {
        let unit = 2.0_f64.powi(exponent);
        for units in [
            matrix::<T, 3, 1>([[unit], [1.0 / unit], [1.0]]),
            matrix::<T, 3, 1>([[unit], [unit], [1.0 / unit]]),
            matrix::<T, 1, 3>([[1.0, unit, 1.0 / unit]]),
        ] {
            // det(D A) = det(D) det(A)
            let units = units.detach();
            let factor = units.prod();
            let a = V::<T>::new((&plain * &units).data());
            let want = &first * &factor / &units;
            close(&gradient(|a| a.det(), &a), &want, "a cofactor");
            close(&gradient(|a| a.det(), &a.detach()), &want, "a cofactor, not to be differentiated again");
            let both = V::<T>::stack(&[&plain, &a], 0);
            let together = both.det().sum().grad_of(&[&both]).remove(0);
            close(&together.slice(ndarray::s![0, .., ..]), &first, "a cofactor beside others");
            close(&together.slice(ndarray::s![1, .., ..]), &want, "a cofactor beside others");
        }
    }
    // The largest and the smallest numbers there are, of which a determinant is none.
    let tiny = T::min_positive_value().as_f64();
    let huge = 1.0 / tiny;
    for (diagonal, want) in
        [([huge, huge, tiny], [1.0, 1.0, f64::INFINITY]), ([tiny, tiny, huge], [1.0, 1.0, 0.0])]
    {
        let a = V::<T>::new(Array2::from_diag(&array![diagonal[0], diagonal[1], diagonal[2]].mapv(T::of)));
        let g = elements(&gradient(|a| a.det(), &a));
        assert_eq!([g[0], g[4], g[8]], want, "{g:?} ({})", T::NAME);
        assert!((0..9).all(|i| i % 4 == 0 || g[i] == 0.0), "{g:?} ({})", T::NAME);
    }
}

fn the_third_derivative_of_det_is_right_where_one_singular_value_is_zero<T: Real>() {
    // det is of degree 3: its third derivative in a direction is 6 times the determinant of that.
    let direction = [[1.0, -1.0, 0.5], [0.0, 2.0, 1.0], [-0.5, 1.0, 1.0]];
    let v = matrix::<T, 3, 3>(direction).detach();
    let along = |f: &dyn Fn(&V<T>) -> V<T>, a: &V<T>| (grad(f, a) * &v).sum();
    let want = 6.0 * V::<T>::det(&v).item().as_f64();
    for rows in &RANKS[..3] {
        let first = |a: &V<T>| along(&|a| a.det(), a);
        let second = |a: &V<T>| along(&first, a);
        let got = along(&second, &matrix::<T, 3, 3>(*rows)).item().as_f64();
        assert!((got - want).abs() < 1e4 * T::EPSILON, "got {got}, expected {want} ({})", T::NAME);
    }
}

fn the_second_derivative_of_det_is_right_near_singular_matrices<T: Real>() {
    // Rotations around diag(1, 2, e), for which derivatives along R V are those along V.
    let (c, s) = (0.6, 0.8);
    let rotation = matrix::<T, 3, 3>([[c, -s, 0.0], [s * c, c * c, -s], [s * s, c * s, c]]).detach();
    let direction = matrix::<T, 3, 3>([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0], [-0.5, 1.0, 1.0]]).detach();
    for e in [1e-2, 1e-4, 1e-6, 1e-9, 1e-12, 1e-14, 0.0] {
        let a = V::<T>::new(
            rotation.matmul(V::<T>::constant(Array2::from_diag(&array![1.0, 2.0, e].mapv(T::of)))).data(),
        );
        let v = rotation.matmul(&direction);
        let second = (hvp(|a| a.det(), &a, &v) * &v).sum().item().as_f64();
        // 2 (d1 (v22 v33 - v23 v32) + d2 (v11 v33 - v13 v31) + e (v11 v22 - v12 v21))
        let want = 2.0 * (2.0 - 1.0 + 2.0 * (1.0 + 0.25) + e * 2.0);
        let bound = 100.0 * T::EPSILON.powf(0.75);
        assert!((second - want).abs() < bound, "{e}: {second}, expected {want} ({})", T::NAME);
    }
}

fn expm_of_a_matrix_is_the_same_beside_others<T: Real>() {
    let rows = [[1.0, 0.5], [0.2, -1.0]];
    let a = matrix::<T, 2, 2>(rows);
    let alone = a.expm().unwrap();
    let slope = grad(|a| a.expm().unwrap().square().sum(), &a);
    for large in [0.0, 30.0, 1e6, 1e9] {
        let others = V::<T>::stack(&[a.clone(), matrix::<T, 2, 2>([[0.0, large], [0.0, 0.0]]), a.clone()], 0);
        let together = others.expm().unwrap();
        for i in [0, 2] {
            assert_eq!(together.index_select(0, [i]).squeeze_axis(0).data(), alone.data(), "beside {large}");
        }
        assert_about(&together.index_select(0, [1]).squeeze_axis(0), &[1.0, large, 0.0, 1.0]);
        let first = |a: &V<T>| a.expm().unwrap().index_select(0, [0]).square().sum();
        let got = grad(first, &V::<T>::new(others.data())).index_select(0, [0]).squeeze_axis(0);
        let want: Vec<f64> = slope.data().iter().map(|x| x.as_f64()).collect();
        assert_about(&got, &want);
    }
}

fn det_neither_overflows_on_the_way_nor_loses_small_ones<T: Real>() {
    let (large, small) = (T::MAX.as_f64().sqrt(), 1.0 / T::MAX.as_f64().sqrt());
    let a = V::<T>::new(Array2::from_diag(&array![T::of(large), T::of(small), T::of(2.0)]));
    let (sign, ln_det) = a.slogdet();
    assert_about(&sign, &[1.0]);
    assert_about(&ln_det, &[std::f64::consts::LN_2]);
    let d = a.det().item().as_f64();
    assert!((d - 2.0).abs() < 8.0 * T::EPSILON, "{d}");
}

fn slogdet_of_singular_matrices_is_minus_infinity<T: Real>() {
    let stack = V::<T>::new(array![[[2.0, 0.0], [0.0, 4.0]], [[1.0, 2.0], [2.0, 4.0]]].mapv(T::of));
    let (sign, ln_det) = stack.slogdet();
    assert_same(&sign, &[2], &[1.0, 0.0]);
    assert_about(&ln_det.slice(ndarray::s![0]), &[8.0_f64.ln()]);
    assert_eq!(ln_det.data()[1], T::neg_infinity());
    assert_eq!(sign.op(), "constant");
    // The singular matrix has no gradient; the other has its own.
    ln_det.backward();
    let nan = f64::NAN;
    assert_same(&stack.grad(), &[2, 2, 2], &[0.5, 0.0, 0.0, 0.25, nan, nan, nan, nan]);
    // What a result does not depend on has no say in its gradient.
    stack.zero_grad();
    ln_det.slice(ndarray::s![0]).backward();
    assert_same(&stack.grad(), &[2, 2, 2], &[0.5, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 0.0]);
}

fn matrices_that_are_not_finite<T: Real>() {
    let a = matrix::<T, 2, 2>([[1.0, f64::NAN], [2.0, 3.0]]);
    for y in [a.det(), a.slogdet().1, a.qr().1.sum(), a.trace() + a.sum()] {
        assert!(y.item().is_nan(), "{y:?}");
    }
    assert!(elements(&gradient(|a| a.det(), &a)).iter().any(|g| g.is_nan()));
    // Of a symmetric matrix the lower triangle counts.
    assert!(a.eigvalsh().is_ok());
    for result in [a.t().eigvalsh(), a.t().cholesky(), a.svdvals(), a.pinv()] {
        assert!(matches!(result, Err(Error::Linalg { .. })), "{result:?}");
    }
    let infinite = matrix::<T, 2, 2>([[f64::INFINITY, 0.0], [0.0, 3.0]]);
    assert!(infinite.svdvals().is_err() && infinite.eigvalsh().is_err());
}

fn eigenvalues_have_gradients_where_they_are_equal<T: Real>() {
    // The sum of squares of the eigenvalues is that of the elements.
    for rows in [[[2.0, 0.0], [0.0, 2.0]], [[0.0; 2]; 2]] {
        let a = matrix::<T, 2, 2>(rows);
        let f = |a: &V<T>| a.eigvalsh().unwrap().square().sum();
        assert_about(&gradient(f, &a), &[2.0 * rows[0][0], 0.0, 0.0, 2.0 * rows[1][1]]);
        let (_, slope) = jvp(f, &a, &matrix([[1.0, 5.0], [5.0, -2.0]]).detach());
        assert_about(&slope, &[2.0 * rows[0][0] - 4.0 * rows[1][1]]);
    }
}

fn eigenvectors_have_no_gradients_where_eigenvalues_are_equal<T: Real>() {
    let weights = V::<T>::constant(array![[1.0, 2.0, 3.0], [0.5, 1.5, 4.0], [2.0, 1.0, 1.0]].mapv(T::of));
    let a = V::<T>::new(Array2::from_diag(&array![1.0, 1.0, 3.0].mapv(T::of)));
    let g = gradient(|a| (a.eigh().unwrap().1 * &weights).sum(), &a);
    assert!(elements(&g).iter().any(|g| !g.is_finite()), "{g:?}");
    // The vector that is alone has one, and so does what depends on it alone.
    let g = gradient(|a| (a.eigh().unwrap().1.slice(ndarray::s![.., 2]) * T::of(2.0)).sum(), &a);
    assert!(elements(&g).iter().all(|g| g.is_finite()), "{g:?}");
}

fn the_lower_triangle_is_read_and_gradients_are_symmetric<T: Real>() {
    let a = matrix::<T, 2, 2>([[4.0, 77.0], [2.0, 10.0]]);
    let l = a.cholesky().unwrap();
    assert_same(&l, &[2, 2], &[2.0, 0.0, 1.0, 3.0]);
    let (w, v) = a.eigh().unwrap();
    assert_about(&w.sum(), &[14.0]);
    for y in [l.sum(), (&w * T::of(3.0)).square().sum(), v.square().slice(ndarray::s![0, 0])] {
        let g = y.grad_of(&[&a]).remove(0).data();
        let (one, other) = (g[[0, 1]].as_f64(), g[[1, 0]].as_f64());
        assert!((one - other).abs() <= 8.0 * T::EPSILON * (1.0 + one.abs()), "{g}");
    }
}

fn singular_values_have_gradients_where_they_are_equal_or_zero<T: Real>() {
    // Squares: the gradient is twice the matrix.
    for rows in [[[2.0, 0.0], [0.0, -2.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]], [[0.0; 2]; 3]] {
        let twice: Vec<f64> = rows.iter().flatten().map(|x| 2.0 * x).collect();
        let f = |a: &V<T>| a.svdvals().unwrap().square().sum();
        assert_about(&gradient(f, &matrix::<T, 3, 2>(rows)), &twice);
        let wide = matrix::<T, 3, 2>(rows).t();
        assert_about(&gradient(|a| f(&a.t()), &wide.t()), &twice);
    }
    // A kink: the least of the slopes.
    assert_same(&gradient(|a| a.svdvals().unwrap().sum(), &matrix::<T, 1, 1>([[0.0]])), &[1, 1], &[0.0]);
    let g = gradient(|a| a.svdvals().unwrap().sum(), &matrix::<T, 2, 2>([[3.0, 0.0], [0.0, 0.0]]));
    assert_about(&g, &[1.0, 0.0, 0.0, 0.0]);
}

fn a_singular_value_of_zero_does_not_spoil_the_vectors_of_a_square_matrix<T: Real>() {
    // The second singular value is 0, and its vectors are known up to a sign.
    let a = matrix::<T, 2, 2>([[3.0, 0.0], [0.0, 0.0]]);
    let g = gradient(|a| a.svd().unwrap().0.square().slice(ndarray::s![0, 0]), &a);
    assert!(elements(&g).iter().all(|g| g.is_finite()), "{g:?}");
    // Of a tall one, they have a plane to turn in.
    let a = matrix::<T, 3, 2>([[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]);
    let weights = V::<T>::constant(array![[1.0, 2.0], [0.5, 1.5], [2.0, 1.0]].mapv(T::of));
    let g = gradient(|a| (a.svd().unwrap().0 * &weights).sum(), &a);
    assert!(elements(&g).iter().any(|g| !g.is_finite()), "{g:?}");
}

fn qr_of_dependent_columns_has_factors_and_no_gradient<T: Real>() {
    let a = matrix::<T, 3, 2>([[1.0, 0.0], [2.0, 0.0], [2.0, 0.0]]);
    let (q, r) = a.qr();
    assert_about(&q.matmul(&r), &[1.0, 0.0, 2.0, 0.0, 2.0, 0.0]);
    assert!(elements(&q.sum().grad_of(&[&a]).remove(0)).iter().all(|g| g.is_nan()));
}

fn pinv_keeps_the_rank<T: Real>() {
    let a = matrix::<T, 3, 2>([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]]);
    // a = u v^T, and its pseudoinverse v u^T / (|u|^2 |v|^2).
    let y = a.pinv().unwrap();
    assert_about(&(&y * T::of(30.0)), &[1.0, 2.0, -1.0, 2.0, 4.0, -2.0]);
    assert_about(&a.matmul(&y).matmul(&a), &elements(&a));
    // Along matrices of the same rank, it is 1 / x.
    let scaled =
        gradient(|x| (x * &a.detach()).pinv().unwrap().slice(ndarray::s![1, 1]), &V::<T>::new(T::of(2.0)));
    assert_about(&scaled, &[-4.0 / 30.0 / 4.0]);
    assert_same(&matrix::<T, 2, 2>([[0.0; 2]; 2]).pinv().unwrap(), &[2, 2], &[0.0; 4]);
    // Of the solutions of x + y = 2, the least.
    assert_about(&matrix::<T, 1, 2>([[1.0, 1.0]]).lstsq(array![T::of(2.0)]).unwrap(), &[1.0, 1.0]);
}

fn empty_matrices_and_empty_batches<T: Real>() {
    let none = V::<T>::new(Array2::from_elem((0, 0), T::one()));
    assert_same(&none.det(), &[], &[1.0]);
    assert_same(&none.slogdet().1, &[], &[0.0]);
    assert_same(&none.trace(), &[], &[0.0]);
    let columns = V::<T>::new(Array2::from_elem((0, 2), T::one()));
    let vector = V::<T>::new(ndarray::Array1::from_elem(0, T::one()));
    for (y, shape) in [
        (none.inv().unwrap(), &[0, 0][..]),
        (none.cholesky().unwrap(), &[0, 0]),
        (none.eigvalsh().unwrap(), &[0]),
        (none.svdvals().unwrap(), &[0]),
        (none.solve(&columns).unwrap(), &[0, 2]),
        (none.solve(&vector).unwrap(), &[0]),
        (columns.pinv().unwrap(), &[2, 0]),
        (columns.qr().1, &[0, 2]),
        (columns.svd().unwrap().2, &[0, 2]),
        (columns.t().lstsq(array![T::one(), T::one()]).unwrap(), &[0]),
    ] {
        assert_eq!(y.shape(), shape);
        assert!(y.is_empty());
    }
    let batch = V::<T>::new(ndarray::Array3::from_elem((0, 2, 2), T::one()));
    for (y, shape) in [
        (batch.det(), &[0][..]),
        (batch.inv().unwrap(), &[0, 2, 2]),
        (batch.cholesky().unwrap(), &[0, 2, 2]),
        (batch.eigh().unwrap().1, &[0, 2, 2]),
        (batch.svd().unwrap().1, &[0, 2]),
        (batch.solve(array![T::one(), T::one()]).unwrap(), &[0, 2]),
        (batch.matrix_power(0).unwrap(), &[0, 2, 2]),
    ] {
        assert_eq!(y.shape(), shape);
    }
    assert_same(&gradient(|a| a.det().sum(), &batch), &[0, 2, 2], &[]);
}

fn matrices_of_order_one<T: Real>() {
    let a = matrix::<T, 1, 1>([[4.0]]);
    let two = array![T::of(2.0)];
    let close = |y: V<T>, want: [f64; 2]| {
        let slope = y.grad_of(&[&a]).remove(0);
        assert_about(&y, &want[..1]);
        assert_about(&slope, &want[1..]);
    };
    close(a.inv().unwrap(), [0.25, -0.0625]);
    close(a.solve(two.clone()).unwrap(), [0.5, -0.125]);
    close(a.solve_triangular(two, Triangle::UPPER).unwrap(), [0.5, -0.125]);
    close(a.det(), [4.0, 1.0]);
    close(a.slogdet().1, [4.0_f64.ln(), 0.25]);
    close(a.cholesky().unwrap(), [2.0, 0.25]);
    close(a.eigvalsh().unwrap(), [4.0, 1.0]);
    close(a.svdvals().unwrap(), [4.0, 1.0]);
    close(a.pinv().unwrap(), [0.25, -0.0625]);
    close(a.qr().1.abs(), [4.0, 1.0]);
    close(a.matrix_power(3).unwrap(), [64.0, 48.0]);
    let sign = a.qr().0;
    assert_about(&sign.square(), &[1.0]);
    assert_about(&sign.grad_of(&[&a]).remove(0), &[0.0]);
}

fn powers_of_matrices<T: Real>() {
    let a = matrix::<T, 2, 2>([[1.0, 2.0], [0.0, 2.0]]);
    assert_same(&a.matrix_power(0).unwrap(), &[2, 2], &[1.0, 0.0, 0.0, 1.0]);
    assert_same(&a.matrix_power(1).unwrap(), &[2, 2], &[1.0, 2.0, 0.0, 2.0]);
    assert_same(&a.matrix_power(5).unwrap(), &[2, 2], &[1.0, 62.0, 0.0, 32.0]);
    assert_same(&a.matrix_power(-2).unwrap(), &[2, 2], &[1.0, -1.5, 0.0, 0.25]);
    assert!(matrix::<T, 2, 2>([[0.0; 2]; 2]).matrix_power(i32::MIN).is_err());
}

fn far_diagonals_are_empty<T: Real>() {
    let a = matrix::<T, 2, 2>([[1.0, 2.0], [3.0, 4.0]]);
    for k in [isize::MIN, -2, 2, isize::MAX] {
        assert_eq!(a.diagonal(k).shape(), [0]);
        let (kept, none) = if k > 0 { (a.tril(k), a.triu(k)) } else { (a.triu(k), a.tril(k)) };
        assert_same(&kept, &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_same(&none, &[2, 2], &[0.0; 4]);
    }
    // What is left out is zero, whatever it was.
    assert_same(&matrix::<T, 2, 2>([[1.0, f64::NAN], [3.0, 4.0]]).tril(0), &[2, 2], &[1.0, 0.0, 3.0, 4.0]);
}

both!(
    the_gradient_of_det_is_right_at_any_rank,
    the_second_derivative_of_det_is_right_at_any_rank,
    cofactors_do_not_depend_on_units,
    the_third_derivative_of_det_is_right_where_one_singular_value_is_zero,
    the_second_derivative_of_det_is_right_near_singular_matrices,
    expm_of_a_matrix_is_the_same_beside_others,
    det_neither_overflows_on_the_way_nor_loses_small_ones,
    slogdet_of_singular_matrices_is_minus_infinity,
    matrices_that_are_not_finite,
    eigenvalues_have_gradients_where_they_are_equal,
    eigenvectors_have_no_gradients_where_eigenvalues_are_equal,
    the_lower_triangle_is_read_and_gradients_are_symmetric,
    singular_values_have_gradients_where_they_are_equal_or_zero,
    a_singular_value_of_zero_does_not_spoil_the_vectors_of_a_square_matrix,
    qr_of_dependent_columns_has_factors_and_no_gradient,
    pinv_keeps_the_rank,
    empty_matrices_and_empty_batches,
    matrices_of_order_one,
    powers_of_matrices,
    far_diagonals_are_empty,
    large_matrices_by_blocks,
    exponentials_of_matrices,
    norms_of_matrices,
    ranks_and_conditions,
);

/// A well-conditioned matrix that is not symmetric.
fn large<T: Real>(n: usize) -> V<T> {
    let off = numbers::<T>(&[n, n]) * T::of(1.0 / n as f64);
    V::<T>::new(off + Array2::eye(n) * T::of(4.0))
}

fn large_matrices_by_blocks<T: Real>() {
    let near = |got: &V<T>, want: &V<T>, what: &str, n: usize| {
        let error = (got - want).abs().max().item().as_f64() / want.abs().max().item().as_f64();
        assert!(error < 1e3 * T::EPSILON, "{what} of order {n}: {error:e} ({})", T::NAME);
    };
    for n in [31, 32, 33, 65, 150, 290] {
        let a = large::<T>(n);
        let weights = V::<T>::constant(numbers::<T>(&[n, n]).t().to_owned());
        let k = a.detach().matmul(a.detach().t());
        let k = V::<T>::new(k.data());
        let l = k.cholesky().unwrap();
        // Murray's formula, with the inverse of L.
        let inverse = l.detach().inv().unwrap();
        let p = l.detach().t().matmul(weights.tril(0));
        let p = p.tril(0) - 0.5 * p.diagonal(0).diag();
        let s = inverse.t().matmul(p).matmul(&inverse);
        (&l * &weights).sum().backward();
        near(&k.grad(), &(0.5 * (&s + s.t())), "cholesky", n);
        near(
            &gradient(|k| 2.0 * k.cholesky().unwrap().diagonal(0).ln().sum(), &k),
            &k.detach().inv().unwrap(),
            "ln det",
            n,
        );

        let b = V::<T>::new(numbers::<T>(&[n, 3]));
        let x = a.solve(&b).unwrap();
        near(&a.matmul(&x), &b, "solve", n);
        let seed = V::<T>::constant(numbers::<T>(&[3, n]).t().to_owned());
        x.backward_with(&seed);
        near(&a.t().matmul(b.grad()), &seed, "solve, by the right-hand sides", n);
        near(&a.grad(), &-b.grad().matmul(x.t()), "solve, by the matrix", n);
    }
}

#[test]
fn rectangular_systems_by_composition() {
    // Least squares through QR, whose derivatives are those through the pseudoinverse.
    let (a, b) = (sample::<f64>(&[5, 3]), sample::<f64>(&[5]));
    let a = V::<f64>::new(
        (&a + Array2::<f64>::from_shape_fn((5, 3), |(i, j)| if i == j { 4.0 } else { 0.0 })).data(),
    );
    let by_qr = |a: &V<f64>, b: &V<f64>| {
        let (q, r) = a.qr();
        r.solve_triangular(q.t().matmul(b), Triangle::UPPER).unwrap()
    };
    assert_near(&by_qr(&a, &b), &a.lstsq(&b).unwrap(), "the solution");
    let of = |y: V<f64>| y.square().sum().grad_of(&[&a, &b]);
    for (g, h) in of(by_qr(&a, &b)).iter().zip(of(a.lstsq(&b).unwrap())) {
        assert_near(g, &h, "the gradient");
    }
    check_grads(|x| x[0].lstsq(&x[1]).unwrap(), &[a, b], 2).unwrap();
}

fn exponentials_of_matrices<T: Real>() {
    // The third power of a strict triangle is 0: the series ends.
    let n = matrix::<T, 3, 3>([[0.0, 2.0, 4.0], [0.0, 0.0, 6.0], [0.0, 0.0, 0.0]]);
    assert_about(&n.expm().unwrap(), &[1.0, 2.0, 10.0, 0.0, 1.0, 6.0, 0.0, 0.0, 1.0]);
    assert_about(&matrix::<T, 2, 2>([[0.0; 2]; 2]).expm().unwrap(), &[1.0, 0.0, 0.0, 1.0]);
    // A batch of sizes far apart; e^A e^-A = 1.
    let a = V::<T>::stack(
        &[&matrix::<T, 2, 2>([[1e-3, 2e-3], [0.0, -1e-3]]), &matrix([[1.0, 7.0], [-7.0, 1.0]])],
        0,
    );
    let product = a.expm().unwrap().matmul((-&a).expm().unwrap());
    assert!(elements(&(product - Array2::<T>::eye(2))).iter().all(|e| e.abs() < 1e3 * T::EPSILON));
    // Of a number it is exp, with its derivatives.
    let x = matrix::<T, 1, 1>([[2.0]]);
    let slope = gradient(|x| x.expm().unwrap().sum(), &x);
    assert!((slope.item().as_f64() / 2.0_f64.exp() - 1.0).abs() < 64.0 * T::EPSILON);
    assert!(matrix::<T, 2, 2>([[0.0, f64::NAN], [0.0, 0.0]]).expm().is_err());
    assert_eq!(
        V::<T>::new(ndarray::Array3::from_elem((0, 2, 2), T::one())).expm().unwrap().shape(),
        [0, 2, 2]
    );
}

fn norms_of_matrices<T: Real>() {
    use autodiff::MatrixNorm::{Frobenius, Infinity, Nuclear, One, Two};
    let a = matrix::<T, 2, 3>([[1.0, -2.0, 2.0], [0.0, 0.0, 4.0]]);
    let norm = |norm| a.matrix_norm(norm).unwrap();
    assert_about(&norm(Frobenius), &[5.0]);
    assert_about(&norm(One), &[6.0]);
    assert_about(&norm(Infinity), &[5.0]);
    assert_about(&norm(Two).square(), &[(25.0 + 305.0_f64.sqrt()) / 2.0]);
    assert_about(&norm(Nuclear).square(), &[25.0 + 2.0 * 80.0_f64.sqrt()]);
    assert_about(&gradient(|a| a.matrix_norm(Frobenius).unwrap(), &a), &[0.2, -0.4, 0.4, 0.0, 0.0, 0.8]);
    assert_same(
        &gradient(|a| a.matrix_norm(Infinity).unwrap(), &a),
        &[2, 3],
        &[1.0, -1.0, 1.0, 0.0, 0.0, 0.0],
    );
    // At 0, the least slope; at the ends of the range, no overflow; a row for each matrix of a batch.
    let zero = matrix::<T, 2, 2>([[0.0; 2]; 2]);
    for which in [Frobenius, Nuclear, One, Two, Infinity] {
        assert_about(&gradient(|a| a.matrix_norm(which).unwrap(), &zero), &[0.0; 4]);
        assert_eq!(V::<T>::stack(&[&a, &a], 0).matrix_norm(which).unwrap().shape(), [2]);
    }
    let huge = T::MAX.as_f64() / 8.0;
    let ratio = matrix::<T, 1, 2>([[3.0 * huge, 4.0 * huge]]).matrix_norm(Frobenius).unwrap() / T::of(huge);
    assert_about(&ratio, &[5.0]);
    assert_eq!(matrix::<T, 1, 1>([[f64::INFINITY]]).matrix_norm(Frobenius).unwrap().item(), T::infinity());
    let infinite = matrix::<T, 2, 2>([[1.0, f64::NEG_INFINITY], [0.0, 2.0]]);
    assert_same(&gradient(|a| a.matrix_norm(Frobenius).unwrap(), &infinite), &[2, 2], &[0.0, -1.0, 0.0, 0.0]);
    let none = V::<T>::new(Array2::from_elem((0, 2), T::one()));
    assert_same(&none.matrix_norm(Frobenius).unwrap(), &[], &[0.0]);
    assert_same(&none.matrix_norm(Nuclear).unwrap(), &[], &[0.0]);
    assert!(none.matrix_norm(Infinity).is_err() && none.matrix_norm(Two).is_err() && none.cond().is_err());
}

fn ranks_and_conditions<T: Real>() {
    let all: Vec<V<T>> = RANKS.iter().map(|rows| matrix::<T, 3, 3>(*rows)).collect();
    assert_eq!(V::<T>::stack(&all, 0).matrix_rank().unwrap(), array![3, 2, 2, 1, 0].into_dyn());
    assert_eq!(
        V::<T>::new(Array2::from_elem((0, 2), T::one())).matrix_rank().unwrap(),
        ndarray::arr0(0).into_dyn()
    );
    let a = matrix::<T, 2, 2>([[3.0, 0.0], [0.0, -4.0]]);
    assert_about(&a.cond().unwrap(), &[4.0 / 3.0]);
    assert_about(&gradient(|a| a.cond().unwrap(), &a), &[-4.0 / 9.0, 0.0, 0.0, -1.0 / 3.0]);
    assert_eq!(matrix::<T, 2, 2>([[1.0, 0.0], [0.0, 0.0]]).cond().unwrap().item(), T::infinity());
    assert_eq!(matrix::<T, 2, 2>([[0.0; 2]; 2]).cond().unwrap().item(), T::infinity());
}

#[test]
fn derivatives_of_functions_of_matrices() {
    use autodiff::MatrixNorm::{Frobenius, Nuclear, Two};
    let a = matrix::<f64, 2, 2>([[0.5, -1.0], [2.0, 0.25]]);
    let check = |f: &dyn Fn(&V<f64>) -> V<f64>, a: &V<f64>| {
        autodiff::check_grads(|x| f(&x[0]), std::slice::from_ref(a), 2).unwrap();
    };
    check(&|a| a.expm().unwrap(), &a);
    check(&|a| (a * 4.0).expm().unwrap() * 1e-3, &a);
    for norm in [Frobenius, Nuclear, Two] {
        check(&|a| a.matrix_norm(norm).unwrap(), &a);
    }
    check(&|a| a.cond().unwrap(), &a);
}
