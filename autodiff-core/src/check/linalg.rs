//! The suite for linear algebra: what each factorisation promises, as residuals, over sizes, layouts and matrices that
//! are hard. Nothing depends on signs or on the order of operations, which differ between backends.

use crate::backend::{Backend, LinalgError};
use crate::scalar::Scalar;
use ndarray::{Array1, Array2, ArrayView2, Axis, ShapeBuilder, s};

/// Every factorisation, in one element type.
///
/// # Panics
///
/// Where a residual is larger than rounding explains, or a failure is not reported as it should be.
pub fn linalg<T: Scalar, B: Backend<T>>() {
    sizes::<T, B>();
    layouts::<T, B>();
    hard_matrices::<T, B>();
    known_values::<T, B>();
    determinants::<T, B>();
    failures::<T, B>();
    not_finite::<T, B>();
}

/// All small orders, and some above the sizes of blocks.
fn sizes<T: Scalar, B: Backend<T>>() {
    for n in (0..=40).chain([65, 130, 200]) {
        let a = random::<T>(n, n, n as u64);
        check_cholesky::<T, B>("random", &positive_definite(n));
        check_lu::<T, B>("random", a.view());
        check_solve::<T, B>("random", a.view());
        check_triangular::<T, B>(n);
        check_qr::<T, B>("random", a.view());
        // Without optimisation these take long.
        if n < 200 {
            check_eigh::<T, B>("random", a.view());
        }
        if n < 130 {
            check_svd::<T, B>("random", a.view());
        }
    }
    for (m, n) in [
        (0, 3),
        (3, 0),
        (1, 2),
        (5, 1),
        (1, 33),
        (7, 4),
        (4, 7),
        (33, 31),
        (40, 9),
        (9, 70),
        (150, 40),
        (70, 90),
    ] {
        let a = random::<T>(m, n, (m + n) as u64);
        check_qr::<T, B>("random", a.view());
        check_svd::<T, B>("random", a.view());
    }
}

/// Column-major, reversed, strided, and broadcast matrices.
fn layouts<T: Scalar, B: Backend<T>>() {
    for n in [3, 20, 45] {
        let a = random::<T>(n, n, 5);
        let mut column_major = Array2::zeros((n, n).f());
        column_major.assign(&a);
        let mut wide = Array2::from_elem((3 * n, 2 * n), T::nan());
        wide.slice_mut(s![..;3, ..;2]).assign(&a);
        for (layout, a) in [
            ("column-major", column_major.view()),
            ("reversed", a.slice(s![..;-1, ..;-1])),
            ("rows reversed", a.slice(s![..;-1, ..])),
            ("transposed and reversed", a.t().slice_move(s![..;-1, ..])),
            ("strided", wide.slice(s![..;3, ..;2])),
            ("equal rows", a.row(0).broadcast((n, n)).expect("one row")),
            ("equal columns", a.row(0).broadcast((n, n)).expect("one row").reversed_axes()),
            ("equal elements", a.slice(s![..1, ..1]).broadcast((n, n)).expect("one element")),
        ] {
            check_lu::<T, B>(layout, a);
            check_qr::<T, B>(layout, a);
            check_eigh::<T, B>(layout, a);
            check_svd::<T, B>(layout, a);
            if !layout.starts_with("equal") {
                check_solve::<T, B>(layout, a);
            }
        }
        let a = positive_definite::<T>(n);
        let (x, b) = (random::<T>(n, 5, 1), random::<T>(5, n, 2));
        let l = B::cholesky(a.view()).expect("positive definite");
        for (lower, upper) in
            [(l.view(), l.t()), (l.slice(s![..;-1, ..;-1]).reversed_axes(), l.slice(s![..;-1, ..;-1]))]
        {
            for b in [
                x.view(),
                b.t(),
                x.slice(s![..;-1, ..;2]),
                x.slice(s![.., ..1]),
                b.slice(s![1..2, ..;-1]).reversed_axes(),
            ] {
                solve_triangular_and_check::<T, B>(lower, b, false, false);
                solve_triangular_and_check::<T, B>(upper, b, true, false);
            }
        }
        let mut large = Array2::from_elem((2 * n, 2 * n), T::nan());
        large.slice_mut(s![n.., ..;2]).assign(&a);
        let strided = large.slice(s![n.., ..;2]);
        let close = |other: Array2<T>| {
            assert_small::<T, B>("cholesky, strided", n, &(wider(&other) - wider(&l)), norm(&wider(&l)))
        };
        close(B::cholesky(strided).expect("positive definite"));
        close(B::cholesky(strided.t()).expect("positive definite"));
    }
}

/// Rank-deficient, ill-conditioned, graded, degenerate, huge and tiny.
fn hard_matrices<T: Scalar, B: Backend<T>>() {
    let largest = if size_of::<T>() == 4 { 124 } else { 1010 };
    let power = |e: i32| T::of(2.0).powi(e);
    for n in [1, 2, 3, 8, 35] {
        let a = random::<T>(n, n, 77);
        let of = |f: &dyn Fn(usize, usize) -> f64| Array2::from_shape_fn((n, n), |(i, j)| T::of(f(i, j)));
        let reflect = |values: &dyn Fn(usize) -> f64| {
            // H D H with a reflector H = I - 2 v v^T / (v v): any eigenvalues, and full eigenvectors.
            let v = random::<f64>(n, 1, 3);
            let square = (&v * &v).sum();
            let h = Array2::eye(n) - v.dot(&v.t()) * (2.0 / square);
            let d = Array2::from_diag(&Array1::from_shape_fn(n, values));
            h.dot(&d).dot(&h).mapv(T::of)
        };
        let neighbours = |i: usize, j: usize| if i.abs_diff(j) == 1 { 1.0 } else { 0.0 };
        for (name, a) in [
            ("zero", Array2::zeros((n, n))),
            ("identity", Array2::eye(n)),
            ("Hilbert", hilbert(n)),
            ("rank 2", random::<T>(n, 2, 1).dot(&random(2, n, 2))),
            ("diagonal", of(&|i, j| if i == j { [3.0, -1.0, 0.0, 2.0, 2.0][i % 5] } else { 0.0 })),
            ("permutation", of(&|i, j| if (i + 1) % n == j { 1.0 } else { 0.0 })),
            ("anti-diagonal", of(&|i, j| if i + j + 1 == n { 1.0 } else { 0.0 })),
            ("nilpotent", of(&|i, j| if i + 1 == j { 1.0 } else { 0.0 })),
            ("zero diagonal", of(&neighbours)),
            // Pairs of eigenvalues that agree to all digits.
            (
                "Wilkinson",
                of(&|i, j| if i == j { (i as f64 - (n - 1) as f64 / 2.0).abs() } else { neighbours(i, j) }),
            ),
            ("repeated eigenvalues", reflect(&|i| [1.0, 1.0, 1.0, -2.0, 0.0][i % 5])),
            ("clustered eigenvalues", reflect(&|i| 1.0 + 1e-14 * i as f64)),
            ("graded down", of(&|i, j| (-((i + j) as f64)).exp2())),
            ("graded up", of(&|i, j| ((i + j) as f64 - 2.0 * n as f64).exp2())),
            ("graded eigenvalues", reflect(&|i| (-3.0 * i as f64).exp2())),
            (
                "scales of columns",
                of(&|i, j| a[(i, j)].as_f64() * (if j % 2 == 0 { 30.0f64 } else { -30.0 }).exp2()),
            ),
            ("huge", a.mapv(|x| x * power(largest))),
            ("tiny", a.mapv(|x| x * power(-largest))),
            (
                "huge and tiny",
                Array2::from_shape_fn((n, n), |(i, j)| {
                    a[(i, j)] * power(if (i + j) % 2 == 0 { largest / 2 } else { -largest })
                }),
            ),
            ("subnormal", a.mapv(|x| x * T::min_positive_value() / T::of(4.0))),
            ("one subnormal", of(&|_, _| 0.0).mapv(|_: T| T::min_positive_value() * T::epsilon())),
        ] {
            check_lu::<T, B>(name, a.view());
            check_qr::<T, B>(name, a.view());
            check_qr::<T, B>(name, a.slice(s![.., ..n.div_ceil(2)]));
            check_qr::<T, B>(name, a.slice(s![..n.div_ceil(3), ..]));
            check_eigh::<T, B>(name, a.view());
            check_svd::<T, B>(name, a.view());
            check_svd::<T, B>(name, a.slice(s![.., ..n.div_ceil(3)]));
            check_svd::<T, B>(name, a.slice(s![..n.div_ceil(2), ..]));
        }
        for (name, a) in [
            ("Hilbert", hilbert(n)),
            ("huge", a.mapv(|x| x * power(largest))),
            ("tiny", a.mapv(|x| x * power(-largest / 2))),
        ] {
            if name != "Hilbert" || n <= 8 {
                check_solve::<T, B>(name, a.view());
            }
        }
        let a = positive_definite::<T>(n);
        check_cholesky::<T, B>("huge", &a.mapv(|x| x * power(largest)));
        check_cholesky::<T, B>("tiny", &a.mapv(|x| x * power(-largest)));
        if n <= 3 {
            check_cholesky::<T, B>("Hilbert", &hilbert(n));
        }
    }
}

/// Eigenvalues and singular values that are known.
fn known_values<T: Scalar, B: Backend<T>>() {
    for n in [1, 2, 10, 75] {
        let second =
            Array2::from_shape_fn((n, n), |(i, j)| T::of([2.0, -1.0, 0.0][i.abs_diff(j).clamp(0, 2)]));
        let (w, _) = B::eigh(second.view()).expect("an eigendecomposition");
        let (_, s, _) = B::svd(second.view()).expect("a singular value decomposition");
        for (i, w) in w.iter().enumerate() {
            let expected = 2.0 - 2.0 * (std::f64::consts::PI * (i + 1) as f64 / (n + 1) as f64).cos();
            for (what, got) in [("eigenvalue", w.as_f64()), ("singular value", s[n - 1 - i].as_f64())] {
                let error = (got - expected).abs() / (4.0 * epsilon::<T>());
                assert!(
                    error <= 10.0 * (n + 1) as f64,
                    "{what} {i} of {n} on {}: got {got}, expected {expected}",
                    B::NAME
                );
            }
        }
    }
    // Those of a diagonal matrix are exact at any grading.
    let d = Array1::from_vec([1.0, -1e-20, 1e-10, 0.0, 1e-30].map(T::of).to_vec());
    let a = Array2::from_diag(&d);
    let (w, _) = B::eigh(a.view()).expect("an eigendecomposition");
    let (_, s, _) = B::svd(a.view()).expect("a singular value decomposition");
    let near =
        |got: T, expected: f64| (got.as_f64() - expected).abs() <= 4.0 * epsilon::<T>() * expected.abs();
    assert!(w.iter().zip([-1e-20, 0.0, 1e-30, 1e-10, 1.0]).all(|(&w, e)| near(w, e)), "{}: {w}", B::NAME);
    assert!(s.iter().zip([1.0, 1e-10, 1e-20, 1e-30, 0.0]).all(|(&s, e)| near(s, e)), "{}: {s}", B::NAME);
}

fn determinants<T: Scalar, B: Backend<T>>() {
    let check = |a: Array2<T>, sign: f64, ln: f64| {
        let lu = B::lu(a.view());
        let (s, l) = lu.sign_and_ln_det();
        let tolerance = 10.0 * epsilon::<T>() * (1.0 + ln.abs());
        let close = l.as_f64() == ln || (l.as_f64() - ln).abs() <= tolerance;
        assert!(s.as_f64() == sign && close, "{}: got {s}, {l} for {a}", B::NAME);
        let (det, expected) = (lu.det().as_f64(), T::of(sign * ln.exp()).as_f64());
        let close = det == expected || (det - expected).abs() <= tolerance * expected.abs();
        assert!(close, "{}: determinant {det}, not {expected}, of {a}", B::NAME);
    };
    let diagonal = |d: &[f64]| Array2::from_diag(&Array1::from_iter(d.iter().map(|&x| T::of(x))));
    check(Array2::zeros((0, 0)), 1.0, 0.0);
    check(diagonal(&[-3.0]), -1.0, 3f64.ln());
    check(diagonal(&[3.0; 20]), 1.0, 20.0 * 3f64.ln());
    check(diagonal(&[2.0, 0.0, 5.0]), 0.0, f64::NEG_INFINITY);
    check(Array2::eye(5).slice(s![..;-1, ..]).to_owned(), 1.0, 0.0);
    check(Array2::eye(6).slice(s![..;-1, ..]).to_owned(), -1.0, 0.0);
    let mut cycle = Array2::eye(40);
    cycle
        .slice_mut(s![.., ..])
        .assign(&Array2::from_shape_fn((40, 40), |(i, j)| T::of(f64::from(u8::from((i + 1) % 40 == j)))));
    check(cycle, -1.0, 0.0);
    // Neither a product nor its halves overflow.
    let (huge, tiny) = (2f64.powi(100), 2f64.powi(-100));
    check(diagonal(&[&[huge; 30][..], &[-tiny; 30]].concat()), 1.0, 0.0);
    check(diagonal(&[-huge; 31]), -1.0, 3100.0 * 2f64.ln());
    let smallest = (T::min_positive_value() * T::epsilon()).as_f64();
    check(diagonal(&[smallest; 3]), 1.0, 3.0 * smallest.ln());
}

/// Failures that depend on the data, each with its error.
fn failures<T: Scalar, B: Backend<T>>() {
    for n in [1, 4, 100] {
        for pivot in [0, n / 2, n - 1] {
            for wrong in [-1.0, 0.0, f64::NAN] {
                let mut a = positive_definite::<T>(n);
                a.slice_mut(s![pivot, ..pivot]).fill(T::zero());
                a[(pivot, pivot)] = T::of(wrong);
                assert_eq!(
                    B::cholesky(a.view()),
                    Err(LinalgError::NotPositiveDefinite { pivot }),
                    "{}",
                    B::NAME
                );
            }
            let mut a = random::<T>(n, n, 4);
            a.column_mut(pivot).fill(T::zero());
            let (b, singular) = (random::<T>(n, 2, 5), Err(LinalgError::Singular { pivot }));
            assert_eq!(B::solve(a.view(), b.view()), singular, "{}", B::NAME);
            assert_eq!(B::inv(a.view()), singular, "{}", B::NAME);
            assert_eq!(B::lu(a.view()).det(), T::zero(), "{}", B::NAME);
            for upper in [false, true] {
                assert_eq!(B::solve_triangular(a.view(), b.view(), upper, false), singular, "{}", B::NAME);
                // Ones take the place of the diagonal.
                assert!(B::solve_triangular(a.view(), b.view(), upper, true).is_ok(), "{}", B::NAME);
            }
        }
    }
}

/// NaN and infinities give an error or a NaN, in a finite time.
fn not_finite<T: Scalar, B: Backend<T>>() {
    let spoilt = |x: &Array2<T>| x.iter().any(|x| !x.is_finite());
    for n in [1, 3, 50] {
        for bad in [T::nan(), T::infinity(), T::neg_infinity()] {
            for (i, j) in [(0, 0), (n - 1, 0), (n - 1, n - 1)] {
                let mut a = positive_definite::<T>(n);
                a[(i, j)] = bad;
                let b = Array2::ones((n, 1));
                let what = format!("{bad} at {:?} of order {n}, on {}", (i, j), B::NAME);
                assert!(!B::cholesky(a.view()).is_ok_and(|l| !spoilt(&l)), "cholesky, {what}");
                assert!(
                    !B::eigh(a.view()).is_ok_and(|(w, v)| w.iter().all(|x| x.is_finite()) && !spoilt(&v)),
                    "eigh, {what}"
                );
                assert!(
                    !B::svd(a.view())
                        .is_ok_and(|(u, s, v)| s.iter().all(|x| x.is_finite()) && !spoilt(&u) && !spoilt(&v)),
                    "svd, {what}"
                );
                let (q, r) = B::qr(a.view());
                assert!(spoilt(&q) || spoilt(&r), "qr, {what}");
                assert!(spoilt(&B::lu(a.view()).factors), "lu, {what}");
                let solution = B::solve(a.view(), b.view());
                // Dividing by an infinity is right.
                assert!(
                    !bad.is_nan() || solution.is_err() || solution.is_ok_and(|x| spoilt(&x)),
                    "solve, {what}"
                );
            }
        }
    }
}

fn check_cholesky<T: Scalar, B: Backend<T>>(name: &str, a: &Array2<T>) {
    let n = a.nrows();
    let mut lower_only = a.clone();
    lower_only.indexed_iter_mut().filter(|((i, j), _)| i < j).for_each(|(_, x)| *x = T::nan());
    let l = match B::cholesky(lower_only.view()) {
        Ok(l) => l,
        Err(error) => panic!("cholesky, {name} of order {n} on {}: {error}", B::NAME),
    };
    assert!(
        l.indexed_iter().all(|((i, j), &x)| i >= j || x == T::zero()),
        "cholesky, {name}: not lower triangular"
    );
    assert!(l.diag().iter().all(|&x| x > T::zero()), "cholesky, {name}: the diagonal is not positive");
    let (a, l) = (wider(a), wider(&l));
    assert_small::<T, B>(&format!("cholesky, {name}"), n, &(l.dot(&l.t()) - &a), norm(&a));
}

fn check_lu<T: Scalar, B: Backend<T>>(name: &str, a: ArrayView2<'_, T>) {
    let n = a.nrows();
    let lu = B::lu(a);
    let (factors, mut permuted) = (wider(&lu.factors), wider(&a.to_owned()));
    assert_eq!((factors.dim(), lu.pivots.len()), ((n, n), n), "lu, {name}");
    for (i, &p) in lu.pivots.iter().enumerate() {
        assert!(p >= i && p < n, "lu, {name}: row {i} is exchanged with row {p}");
        (0..n).for_each(|j| permuted.swap((i, j), (p, j)));
    }
    let (mut l, mut u) = (Array2::eye(n), Array2::zeros((n, n)));
    for ((i, j), &x) in factors.indexed_iter() {
        if i > j {
            assert!(x.abs() <= 1.0 + epsilon::<T>(), "lu, {name}: a multiplier of {x}");
            l[(i, j)] = x;
        } else {
            u[(i, j)] = x;
        }
    }
    let largest =
        u.iter().chain(&permuted).fold(f64::MIN_POSITIVE, |m, x| if x.abs() > m { x.abs() } else { m });
    let size = norm(&(&u / largest)) * n as f64 * largest;
    assert_small::<T, B>(&format!("lu, {name}"), n, &(l.dot(&u) - permuted), size);
}

fn check_solve<T: Scalar, B: Backend<T>>(name: &str, a: ArrayView2<'_, T>) {
    let n = a.nrows();
    let wide = wider(&a.to_owned());
    for r in [0, 1, 3, 17] {
        let b = random::<T>(n, r, 8);
        let x = B::solve(a, b.view())
            .unwrap_or_else(|e| panic!("solve, {name} of order {n} on {}: {e}", B::NAME));
        check_residual::<T, B>(&format!("solve, {name}"), &wide, &wider(&x), &wider(&b));
        let x = B::lu(a)
            .solve_transposed::<B>(b.view())
            .unwrap_or_else(|e| panic!("solve_transposed, {name} of order {n} on {}: {e}", B::NAME));
        let transpose = wide.t().to_owned();
        check_residual::<T, B>(&format!("solve_transposed, {name}"), &transpose, &wider(&x), &wider(&b));
    }
    let inverse = B::inv(a).unwrap_or_else(|e| panic!("inv, {name} of order {n} on {}: {e}", B::NAME));
    check_residual::<T, B>(&format!("inv, {name}"), &wide, &wider(&inverse), &Array2::eye(n));
}

/// `A X = B` up to the backward error that elimination may have.
fn check_residual<T: Scalar, B: Backend<T>>(what: &str, a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) {
    // Column by column, for each has its own size, with the two factors brought to about 1.
    let n = a.nrows();
    let (a_size, x_size) = (norm(a), norm(x));
    if a_size == 0.0 || x_size == 0.0 {
        return assert_small::<T, B>(what, n, b, 0.0);
    }
    let scale = a_size * x_size;
    let residual = (a / a_size).dot(&(x / x_size)) - b / scale;
    assert_small::<T, B>(what, n, &residual, 1.0 + norm(b) / scale);
}

fn check_triangular<T: Scalar, B: Backend<T>>(n: usize) {
    let mut a = random::<T>(n, n, 6).mapv(|x| x / T::of(1.0 + n as f64));
    a.diag_mut().mapv_inplace(|x| T::of(0.5) + x.abs());
    let columns: &[usize] = if n < 65 { &[0, 1, 2, 9, 40] } else { &[1, 9] };
    for &r in columns {
        let b = random::<T>(n, r, 7);
        for a in [a.view(), a.t()] {
            for (upper, unit) in [(false, false), (false, true), (true, false), (true, true)] {
                solve_triangular_and_check::<T, B>(a, b.view(), upper, unit);
            }
        }
    }
}

fn solve_triangular_and_check<T: Scalar, B: Backend<T>>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    upper: bool,
    unit: bool,
) {
    let n = a.nrows();
    let mut matrix = wider(&a.to_owned());
    // What must not be read is NaN, in a copy with the same strides.
    let mut poisoned = Array2::from_shape_fn((n, n).set_f(a.strides()[0] == 1), |i| a[i]);
    for i in 0..n {
        for j in 0..n {
            let read = if upper { j > i } else { j < i };
            if !read && (i != j || unit) {
                matrix[(i, j)] = if i == j { 1.0 } else { 0.0 };
                poisoned[(i, j)] = T::nan();
            }
        }
    }
    let what = format!("solve_triangular, upper: {upper}, unit: {unit}, {} columns", b.ncols());
    for a in [poisoned.view(), a] {
        let x = B::solve_triangular(a, b, upper, unit).unwrap_or_else(|e| panic!("{what}, order {n}: {e}"));
        assert_eq!(x.dim(), b.dim(), "{what}");
        check_residual::<T, B>(&what, &matrix, &wider(&x), &wider(&b.to_owned()));
    }
}

fn check_qr<T: Scalar, B: Backend<T>>(name: &str, a: ArrayView2<'_, T>) {
    let (m, n) = a.dim();
    let k = if m < n { m } else { n };
    let (q, r) = B::qr(a);
    let what = format!("qr, {name}, shape {:?}", (m, n));
    assert_eq!((q.dim(), r.dim()), ((m, k), (k, n)), "{what}");
    assert!(
        r.indexed_iter().all(|((i, j), &x)| i <= j || x == T::zero()),
        "{what}: R is not upper triangular"
    );
    let (a, q, r) = (wider(&a.to_owned()), wider(&q), wider(&r));
    assert_orthonormal::<T, B>(&what, &q);
    // Each column by itself.
    let residual = q.dot(&r) - &a;
    for (residual, a) in residual.columns().into_iter().zip(a.columns()) {
        let [residual, a] = [residual, a].map(|x| x.insert_axis(Axis(1)).to_owned());
        assert_small::<T, B>(&what, m, &residual, norm(&a));
    }
}

/// Checks `eigh` for the symmetric matrix with the lower triangle of `a`.
fn check_eigh<T: Scalar, B: Backend<T>>(name: &str, a: ArrayView2<'_, T>) {
    let n = a.nrows();
    let what = format!("eigh, {name}");
    let lower_only = Array2::from_shape_fn((n, n), |(i, j)| if i < j { T::nan() } else { a[(i, j)] });
    let (w, v) =
        B::eigh(lower_only.view()).unwrap_or_else(|e| panic!("{what} of order {n} on {}: {e}", B::NAME));
    assert_eq!((w.len(), v.dim()), (n, (n, n)), "{what}");
    assert!(w.iter().zip(w.iter().skip(1)).all(|(a, b)| a <= b), "{what}: not in ascending order: {w}");
    let a = Array2::from_shape_fn((n, n), |(i, j)| a[if i < j { (j, i) } else { (i, j) }].as_f64());
    let (w, v) = (w.mapv(T::as_f64), wider(&v));
    assert_orthonormal::<T, B>(&what, &v);
    assert_small::<T, B>(&what, n, &(a.dot(&v) - &v * &w), norm(&a));
}

fn check_svd<T: Scalar, B: Backend<T>>(name: &str, a: ArrayView2<'_, T>) {
    let (m, n) = a.dim();
    let k = if m < n { m } else { n };
    let what = format!("svd, {name}, shape {:?}", (m, n));
    let (u, s, vt) = B::svd(a).unwrap_or_else(|e| panic!("{what} on {}: {e}", B::NAME));
    assert_eq!((u.dim(), s.len(), vt.dim()), ((m, k), k, (k, n)), "{what}");
    assert!(s.iter().zip(s.iter().skip(1)).all(|(a, b)| a >= b), "{what}: not in descending order: {s}");
    assert!(s.iter().all(|&s| s >= T::zero()), "{what}: a negative singular value: {s}");
    let (a, u, s, vt) = (wider(&a.to_owned()), wider(&u), s.mapv(T::as_f64), wider(&vt));
    assert_orthonormal::<T, B>(&what, &u);
    assert_orthonormal::<T, B>(&what, &vt.t().to_owned());
    assert_small::<T, B>(&what, m + n, &((u * &s).dot(&vt) - &a), norm(&a));
}

fn assert_orthonormal<T: Scalar, B: Backend<T>>(what: &str, q: &Array2<f64>) {
    let residual = q.t().dot(q) - Array2::<f64>::eye(q.ncols());
    assert_small::<T, B>(&format!("{what}: orthogonality"), q.nrows(), &residual, (q.ncols() as f64).sqrt());
}

/// That a residual is a small multiple of order, epsilon and size.
fn assert_small<T: Scalar, B: Backend<T>>(what: &str, order: usize, residual: &Array2<f64>, size: f64) {
    const FACTOR: f64 = 10.0;
    let got = norm(residual);
    // The last digit of what is subnormal counts, for each element.
    let smallest = (T::min_positive_value() * T::epsilon()).as_f64() * (residual.len() as f64).sqrt();
    let unit = (order + 1) as f64 * (epsilon::<T>() * size + smallest);
    assert!(
        got <= FACTOR * unit,
        "{what}, order {order}, on {}, {}: the residual {got:e} is {} times order times epsilon times size, {unit:e}",
        B::NAME,
        T::NAME,
        got / unit
    );
}

/// The Frobenius norm, which neither overflows nor underflows.
fn norm(a: &Array2<f64>) -> f64 {
    let largest = a.iter().fold(0.0, |m: f64, x| if x.abs() > m || x.is_nan() { x.abs() } else { m });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * a.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}

fn epsilon<T: Scalar>() -> f64 {
    T::epsilon().as_f64()
}

fn wider<T: Scalar>(a: &Array2<T>) -> Array2<f64> {
    a.mapv(T::as_f64)
}

/// Numbers from -1 to 1, the same for both element types but for rounding.
fn random<T: Scalar>(m: usize, n: usize, seed: u64) -> Array2<T> {
    // SplitMix64 (G. Steele, D. Lea and C. Flood, 2014).
    let mut state = seed;
    Array2::from_shape_simple_fn((m, n), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        T::of(((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0)
    })
}

fn positive_definite<T: Scalar>(n: usize) -> Array2<T> {
    let a = random::<f64>(n, n, 21);
    let n = if n == 0 { 1.0 } else { n as f64 };
    (a.dot(&a.t()) / n + Array2::<f64>::eye(a.nrows()) * 0.1).mapv(T::of)
}

fn hilbert<T: Scalar>(n: usize) -> Array2<T> {
    Array2::from_shape_fn((n, n), |(i, j)| T::of(1.0 / (i + j + 1) as f64))
}
