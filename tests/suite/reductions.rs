//! Reductions, scans, orders and indices at the points that engines of this kind get wrong: zeros in products, ties, NaN,
//! infinities, numbers at the ends of the range, axes with nothing or one element.

use crate::common::*;
use autodiff::{Indexing, Pad, Value, check_grads, jacobian};
use ndarray::{Array1, array, s};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Value and gradient of a function of a vector; the gradient is that of the sum of the result's elements, each weighted
/// with its place from 1.
#[track_caller]
fn rows<T: Real>(f: Function<T>, rows: &[(&[f64], &[f64], &[f64])]) {
    for (x, y, g) in rows {
        let x = vector::<T>(x);
        let got = f(&x);
        let weights = (1..=got.len()).map(|i| T::of(i as f64)).collect();
        let weights = V::<T>::from_shape_vec(got.shape(), weights).detach();
        assert_same(&got.flatten(), &[y.len()], y);
        let g = V::<T>::constant(array::<T>(&[g.len()], g));
        assert_close(&gradients(&(&got * weights), &[&x])[0], &g, 4.0, "the gradient");
    }
}

fn products_with_zeros<T: Real>() {
    rows::<T>(
        |x| x.prod(),
        &[
            (&[2.0, 0.0, 3.0, 4.0], &[0.0], &[0.0, 24.0, 0.0, 0.0]),
            (&[2.0, 0.0, 3.0, 0.0], &[0.0], &[0.0; 4]),
            (&[0.0], &[0.0], &[1.0]),
            (&[-0.0, -3.0], &[0.0], &[-3.0, 0.0]),
            (&[5.0], &[5.0], &[1.0]),
            (&[], &[1.0], &[]),
            (&[2.0, 3.0, 4.0, 5.0, 6.0], &[720.0], &[360.0, 240.0, 180.0, 144.0, 120.0]),
            (&[INF, 2.0], &[INF], &[2.0, INF]),
            (&[NAN, 0.0, 2.0], &[NAN], &[0.0, NAN, NAN]),
        ],
    );
    let x = vector::<T>(&[2.0, 0.0, 3.0]);
    let slopes = gradients(&x.prod(), &[&x]).remove(0);
    assert_same(&gradients(&slopes, &[&x])[0], &[3], &[3.0, 5.0, 2.0]);
    // With two zeros the first derivatives vanish, and of the second one pair is left.
    let x = vector::<T>(&[0.0, 5.0, 0.0]);
    let slopes = gradients(&x.prod(), &[&x]).remove(0);
    assert_same(&slopes, &[3], &[0.0; 3]);
    assert_same(&gradients(&slopes.slice(s![0]), &[&x])[0], &[3], &[0.0, 0.0, 5.0]);
    let third = gradients(&gradients(&slopes.slice(s![0]), &[&x])[0].slice(s![2]), &[&x]).remove(0);
    assert_same(&third, &[3], &[0.0, 1.0, 0.0]);
    assert_same(&sample::<T>(&[2, 0]).prod_axis(1), &[2], &[1.0, 1.0]);
    assert_same(&sample::<T>(&[0, 2]).prod_keepdims(1), &[0, 1], &[]);
}

fn cumulative_products_with_zeros<T: Real>() {
    rows::<T>(
        |x| x.cumprod(0),
        &[
            (&[2.0, 0.0, 3.0], &[2.0, 0.0, 0.0], &[1.0, 2.0 * 2.0 + 3.0 * 6.0, 0.0]),
            (&[0.0, 4.0, 0.0], &[0.0, 0.0, 0.0], &[1.0 + 2.0 * 4.0, 0.0, 0.0]),
            (&[7.0], &[7.0], &[1.0]),
            (&[], &[], &[]),
        ],
    );
}

/// Numbers whose products leave the range in some orders, but not one after the other.
fn products_stay_in_range<T: Real>() {
    // 1e200 or 1e20, and one over it: powers of two, so that products are exact.
    let large = 2.0_f64.powi(if T::NAME == "f64" { 664 } else { 66 });
    let small = 1.0 / large;
    rows::<T>(
        |x| x.cumprod(0),
        &[
            (&[small, large, large], &[small, 1.0, large], &[INF, 3.0, 3.0]),
            (&[0.0, large, large], &[0.0; 3], &[INF, 0.0, 0.0]),
            (&[0.0, 5.0, large, large], &[0.0; 4], &[INF, 0.0, 0.0, 0.0]),
            (&[large, small, small], &[large, 1.0, small], &[1.0, 2.0 * large, 3.0]),
            (&[-0.0, INF, 1.0], &[-0.0, NAN, NAN], &[INF, 0.0, NAN]),
        ],
    );
    rows::<T>(
        |x| x.prod(),
        &[
            (&[large, small, large, small], &[1.0], &[small, large, small, large]),
            (&[small, large, large], &[large], &[INF, 1.0, 1.0]),
            (&[0.0, large, 5.0, large], &[0.0], &[INF, 0.0, 0.0, 0.0]),
            (&[0.0, 5.0, large, large], &[0.0], &[INF, 0.0, 0.0, 0.0]),
            (&[large, large, 0.0], &[NAN], &[0.0, 0.0, INF]),
        ],
    );
    // Along each axis, and with cotangents of zero, which absorb infinity.
    let x = leaf::<T>(&[2, 4], &[large, small, large, small, large, large, small, 2.0]);
    assert_same(&x.prod_axis(1), &[2], &[1.0, INF]);
    let row = x.prod_axis(1).slice(s![..1]);
    assert_same(&gradients(&row, &[&x])[0], &[2, 4], &[small, large, small, large, 0.0, 0.0, 0.0, 0.0]);
    let y = x.t().cumprod(0);
    assert_same(&y.slice(s![.., 0]), &[4], &[large, 1.0, large, 1.0]);
    let first = gradients(&y.slice(s![0, ..]), &[&x]).remove(0);
    assert_same(&first, &[2, 4], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
}

fn products_of_many_agree_with_loops<T: Real>() {
    // Lanes one by one, side by side, and rows; of views, too.
    for (n, m) in [(3, 1), (4, 7), (5, 8), (3, 19), (2, 33)] {
        let x = sample::<T>(&[n, m]);
        let (data, by_row) = (x.data(), x.cumprod(1));
        for (axis, y) in [(0, x.cumprod(0)), (1, by_row.clone()), (1, x.t().cumprod(0).t())] {
            let mut want = data.to_owned();
            want.accumulate_axis_inplace(ndarray::Axis(axis), |&before, x| *x = before * *x);
            assert_same(&y, &[n, m], &want.iter().map(|x| x.as_f64()).collect::<Vec<_>>());
        }
        assert_same(&x.prod_axis(1), &[n], &elements(&by_row.slice(s![.., -1])));
        assert_same(&x.t().prod_axis(0), &[n], &elements(&by_row.slice(s![.., -1])));
        assert_same(&x.prod(), &[], &[data.iter().fold(T::one(), |product, &x| product * x).as_f64()]);
        let forward = jacobian(|x| x.cumprod(0).flatten(), &x);
        let backward = jacobian(|x| x.cumprod(0).flatten().slice(s![1..]), &x);
        assert_near(&forward.slice(s![1.., .., ..]), &backward, "the other mode");
    }
}

fn cumulative_sums<T: Real>() {
    rows::<T>(
        |x| x.cumsum(0),
        &[
            (&[1.0, 2.0, 3.0], &[1.0, 3.0, 6.0], &[6.0, 5.0, 3.0]),
            (&[1.0, INF, 2.0, -INF, 1.0], &[1.0, INF, INF, NAN, NAN], &[15.0, 14.0, 12.0, 9.0, 5.0]),
            (&[1.0, NAN, 2.0], &[1.0, NAN, NAN], &[6.0, 5.0, 3.0]),
            (&[], &[], &[]),
        ],
    );
    assert_same(&sample::<T>(&[2, 0]).diff(1, 1), &[2, 0], &[]);
    assert_same(&sample::<T>(&[2, 3]).diff(5, 1), &[2, 0], &[]);
    assert_same(&sample::<T>(&[2, 0]).trapezoid(T::one(), 1), &[2], &[0.0, 0.0]);
    assert_same(&sample::<T>(&[2, 1]).trapezoid(T::one(), 1), &[2], &[0.0, 0.0]);
    assert_same(&sample::<T>(&[2, 0]).cumsum(1), &[2, 0], &[]);
    // What rounding takes comes back: 1 is lost beside `large`, and is there when that has gone.
    let large = 4.0 / T::EPSILON;
    assert_same(&vector::<T>(&[large, 1.0, 1.0, -large]).cumsum(0).slice(s![3]), &[], &[2.0]);
}

fn cumulative_extrema_share_ties<T: Real>() {
    rows::<T>(
        |x| x.cummax(0),
        &[
            (&[1.0, 3.0, 2.0, 4.0], &[1.0, 3.0, 3.0, 4.0], &[1.0, 5.0, 0.0, 4.0]),
            // Weights 1, 2, 3: the first alone; then shared by two; then by three.
            (&[2.0, 2.0, 2.0], &[2.0; 3], &[3.0, 2.0, 1.0]),
            (&[2.0, 0.0, 2.0, 1.0], &[2.0; 4], &[1.0 + 2.0 + 1.5 + 2.0, 0.0, 1.5 + 2.0, 0.0]),
            (&[0.0, -0.0], &[0.0, 0.0], &[2.0, 1.0]),
            (&[1.0, NAN, 5.0, NAN], &[1.0, NAN, NAN, NAN], &[1.0, 2.0 + 3.0 + 2.0, 0.0, 2.0]),
            (&[-INF, -INF, INF], &[-INF, -INF, INF], &[2.0, 1.0, 3.0]),
            (&[5.0], &[5.0], &[1.0]),
            (&[], &[], &[]),
        ],
    );
    rows::<T>(|x| x.cummin(0), &[(&[3.0, 1.0, 2.0, 1.0], &[3.0, 1.0, 1.0, 1.0], &[1.0, 7.0, 0.0, 2.0])]);
    let x = leaf::<T>(&[2, 2], &[1.0, 4.0, 1.0, 3.0]);
    assert_same(&gradients(&x.cummax(0), &[&x])[0], &[2, 2], &[1.5, 2.0, 0.5, 0.0]);
    // All directions side by side: backward where there are more inputs than results, else forward.
    let x = leaf::<T>(&[4], &[1.0, 1.0, 3.0, 3.0]);
    let backward = jacobian(|x| x.cummax(0).slice(s![1..]), &x);
    let want = [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.5, 0.5]].concat();
    assert_same(&backward, &[3, 4], &want);
    let forward = jacobian(|x| V::<T>::concat(&[x.cummax(0), x.cummax(0)], 0), &x);
    assert_same(&forward.slice(s![1..4, ..]), &[3, 4], &want);
    assert_same(&forward.slice(s![5.., ..]), &[3, 4], &want);
}

fn cumulative_logarithms<T: Real>() {
    let x = vector::<T>(&[-INF, -INF, 0.0, 1000.0]);
    let y = x.logcumsumexp(0);
    assert_same(&y, &[4], &[-INF, -INF, 0.0, 1000.0]);
    // What is -inf has no say in the others.
    assert_same(&gradients(&y, &[&x])[0], &[4], &[0.0, 0.0, 1.0, 1.0]);
    assert_same(&vector::<T>(&[3.0, INF, 1.0]).logcumsumexp(0), &[3], &[3.0, INF, INF]);
    assert_same(&vector::<T>(&[0.0, NAN, INF]).logcumsumexp(0), &[3], &[0.0, NAN, NAN]);
    // Many equal ones, and one that is small beside them, either first or last.
    let many = vector::<T>(&[0.5; 4096]).logcumsumexp(0);
    let near = |y: &V<T>, place: isize, want: f64| {
        assert_close(&y.slice(s![place]), &V::constant(T::of(want)), 4.0, "the logarithm of a sum");
    };
    near(&many, -1, 0.5 + 4096.0_f64.ln());
    near(&vector::<T>(&[-9.0, 0.0]).logcumsumexp(0), 1, (-9.0_f64).exp().ln_1p());
    near(&vector::<T>(&[0.0, -9.0]).logcumsumexp(0), 1, (-9.0_f64).exp().ln_1p());
    // All directions side by side.
    let x = vector::<T>(&[0.5, -1.0, 2.0]);
    let matrix = jacobian(|x| x.logcumsumexp(0), &x);
    let of_row = |i: usize| gradients(&x.logcumsumexp(0).slice(s![i]), &[&x]).remove(0);
    let rows: Vec<f64> = (0..3).flat_map(|i| elements(&of_row(i))).collect();
    assert_same(&matrix, &[3, 3], &rows);
    assert_same(&vector::<T>(&[]).logcumsumexp(0), &[0], &[]);
}

fn variances<T: Real>() {
    assert_same(&vector::<T>(&[1.0, 3.0]).var(0), &[], &[1.0]);
    rows::<T>(
        |x| x.var(1),
        &[
            (&[1.0], &[NAN], &[NAN]),
            (&[4.0, 7.0, 13.0, 16.0], &[30.0], &[-4.0, -2.0, 2.0, 4.0]),
            (&[], &[NAN], &[]),
            (&[2.0, 2.0], &[0.0], &[0.0, 0.0]),
            (&[INF, 1.0], &[NAN], &[NAN, NAN]),
        ],
    );
    rows::<T>(
        |x| x.std(0),
        &[
            (&[1.0, 1.0, 1.0], &[0.0], &[0.0; 3]),
            (&[5.0], &[0.0], &[0.0]),
            (&[-1.0, 1.0], &[1.0], &[-0.5, 0.5]),
            (&[], &[NAN], &[]),
        ],
    );
    rows::<T>(|x| x.std(1), &[(&[5.0], &[NAN], &[NAN])]);
    assert_same(&vector::<T>(&[1.0, 2.0]).var(2), &[], &[INF]);
    assert_same(&sample::<T>(&[3, 0]).var_axis(1, 0), &[3], &[NAN; 3]);
    // Squares of these leave the range; the deviation does not.
    let tiny = T::min_positive_value().as_f64();
    assert_same(&vector::<T>(&[-tiny, tiny]).std(0), &[], &[tiny]);
}

/// The mean of equal elements rounds; what is left of them is nothing all the same.
fn equal_elements_do_not_vary<T: Real>() {
    for (x, n) in [(0.1, 3), (1e16 / 3.0, 7), (-0.7, 1000), (1e30, 49), (1e-30, 11)] {
        let x = V::<T>::new(Array1::from_elem(n, T::of(x)));
        for y in [x.var(0), x.std(0), x.std(1)] {
            assert_same(&y, &[], &[0.0]);
            assert_same(&gradients(&y, &[&x])[0], &[n], &vec![0.0; n]);
        }
        let rows = V::<T>::stack(&[&x, &(&x * T::of(3.0))], 0);
        assert_same(&rows.var_axis(1, 1), &[2], &[0.0, 0.0]);
        assert_same(&rows.t().var_axis(0, 1), &[2], &[0.0, 0.0]);
    }
    let large = T::MAX.as_f64() / 4.0;
    rows::<T>(
        |x| x.std(0),
        &[(&[large, large, large], &[0.0], &[0.0; 3]), (&[-large, large], &[large], &[-0.5, 0.5])],
    );
}

/// Where the number of elements is not above `ddof`, both modes and all orders say so.
fn variances_of_too_few_have_no_derivatives<T: Real>() {
    for x in [vector::<T>(&[3.0]), vector::<T>(&[1.0, 2.0]), vector::<T>(&[1.0, 1.0, 1.0])] {
        let n = x.len();
        for f in [V::<T>::var as fn(&V<T>, usize) -> V<T>, V::<T>::std] {
            let backward = |x: &V<T>| gradients(&f(x, n), &[x]).remove(0);
            let forward = jacobian(|x| V::<T>::stack(&[f(x, n), f(x, n), f(x, n), f(x, n)], 0), &x);
            assert_same(&backward(&x), &[n], &vec![NAN; n]);
            assert_same(&forward, &[4, n], &vec![NAN; 4 * n]);
            assert_same(&jacobian(|x| f(x, n), &x), &[n], &vec![NAN; n]);
            assert_same(&gradients(&backward(&x), &[&x])[0], &[n], &vec![NAN; n]);
        }
    }
}

fn norms<T: Real>() {
    // Powers of two whose squares leave the range.
    let tiny = T::min_positive_value().as_f64();
    let huge = 1.0 / tiny;
    rows::<T>(
        |x| x.norm(T::of(2.0)),
        &[
            (&[3.0, -4.0], &[5.0], &[0.6, -0.8]),
            (&[0.0, 0.0], &[0.0], &[0.0, 0.0]),
            (&[0.0, 2.0], &[2.0], &[0.0, 1.0]),
            (&[huge, 0.0], &[huge], &[1.0, 0.0]),
            (&[tiny, 0.0], &[tiny], &[1.0, 0.0]),
            (&[NAN, 1.0], &[NAN], &[NAN, NAN]),
            (&[INF, 1.0], &[INF], &[1.0, 0.0]),
            (&[-INF], &[INF], &[-1.0]),
            (&[], &[0.0], &[]),
        ],
    );
    for p in [1.5, 2.0, 3.0] {
        let x = leaf::<T>(&[4, 2], &[INF, 1.0, -INF, INF, 0.0, 2.0, NAN, INF]);
        let y = x.norm_axis(1, T::of(p));
        assert_same(&y.slice(s![..2]), &[2], &[INF, INF]);
        assert_same(&y.slice(s![3]), &[], &[NAN]);
        let first = gradients(&y.slice(s![..3]), &[&x]).remove(0);
        assert_same(&first.slice(s![..2, ..]), &[2, 2], &[1.0, 0.0, -0.5, 0.5]);
        assert_near(&first.slice(s![2, ..]), &vector::<T>(&[0.0, 1.0]), "beside infinite rows");
        let forward = jacobian(
            |x| V::<T>::stack(&[x.norm(T::of(p)), x.norm(T::of(p)), x.norm(T::of(p))], 0),
            &vector::<T>(&[-INF, 1.0]),
        );
        assert_same(&forward.slice(s![0, ..]), &[2], &[-1.0, 0.0]);
    }
    rows::<T>(|x| x.norm(T::of(2.0)).square(), &[(&[0.0, 0.0], &[0.0], &[0.0, 0.0])]);
    rows::<T>(|x| x.norm(T::one()), &[(&[3.0, -4.0, 0.0], &[7.0], &[1.0, -1.0, 0.0]), (&[], &[0.0], &[])]);
    rows::<T>(
        |x| x.norm(T::infinity()),
        &[
            (&[3.0, -4.0, 4.0], &[4.0], &[0.0, -0.5, 0.5]),
            (&[0.0, 0.0], &[0.0], &[0.0, 0.0]),
            (&[NAN, 1.0], &[NAN], &[NAN, 0.0]),
        ],
    );
    rows::<T>(|x| x.norm(T::neg_infinity()), &[(&[3.0, -2.0], &[2.0], &[0.0, -1.0])]);
    rows::<T>(
        |x| x.norm(T::zero()),
        &[(&[3.0, 0.0, -2.0], &[2.0], &[0.0; 3]), (&[1.0, f64::NAN], &[2.0], &[0.0; 2])],
    );
    for p in [0.5, 1.5, 3.0] {
        let x = vector::<T>(&[0.0, 0.0]);
        assert_same(&x.norm(T::of(p)), &[], &[0.0]);
        assert_same(&gradients(&x.norm(T::of(p)), &[&x])[0], &[2], &[0.0, 0.0]);
        let (x, y) = (vector::<T>(&[huge, 0.0]), vector::<T>(&[tiny, 0.0]));
        assert_near(
            &(x.norm(T::of(p)) / T::of(huge)),
            &V::<T>::constant(T::one()),
            "a norm of a large number",
        );
        assert_near(
            &(y.norm(T::of(p)) / T::of(tiny)),
            &V::<T>::constant(T::one()),
            "a norm of a small number",
        );
    }
    // Of negative orders, what is smallest counts most.
    let (low, high) = (
        2.0_f64.powi(if T::NAME == "f64" { -400 } else { -80 }),
        2.0_f64.powi(if T::NAME == "f64" { 400 } else { 80 }),
    );
    rows::<T>(
        |x| x.norm(T::of(-3.0)),
        &[
            (&[low, high], &[low], &[1.0, 0.0]),
            (&[-high], &[high], &[-1.0]),
            (&[0.0, 1.0], &[0.0], &[0.0, 0.0]),
            (&[INF, 1.0], &[1.0], &[0.0, 1.0]),
        ],
    );
    // Second derivatives of a norm are as small as its argument is large, or as large as that is small.
    for (p, units) in
        [(1.5, 30), (3.0, 30), (3.0, -30), (4.0, 20), (10.0, 10), (10.0, -10), (-2.0, 20), (-2.0, -30)]
    {
        let units = T::of(2.0_f64.powi(if T::NAME == "f64" { 10 * units } else { units }));
        let (x, v) = (vector::<T>(&[3.0, 4.0]), vector::<T>(&[0.5, 1.25]).detach());
        let second = |x: &V<T>| autodiff::hvp(|x| x.norm(T::of(p)), x, &v) * units;
        let scaled = second(&V::<T>::new((&x * units).data()));
        assert_near(&scaled, &(second(&x) / units), "a second derivative");
    }
    // A row's norm does not depend on its neighbours.
    let x = leaf::<T>(&[3, 2], &[3.0, 4.0, huge, 0.0, 0.0, 0.0]);
    assert_same(&x.norm_axis(1, T::of(2.0)), &[3], &[5.0, huge, 0.0]);
}

fn medians_and_quantiles_share_ties<T: Real>() {
    rows::<T>(
        |x| x.median(),
        &[
            (&[3.0, 1.0, 2.0], &[2.0], &[0.0, 0.0, 1.0]),
            (&[4.0, 1.0, 3.0, 2.0], &[2.5], &[0.0, 0.0, 0.5, 0.5]),
            (&[2.0, 1.0, 2.0, 3.0, 2.0], &[2.0], &[1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0, 1.0 / 3.0]),
            (&[1.0, 1.0, 3.0, 3.0], &[2.0], &[0.25; 4]),
            (&[0.0, -0.0], &[0.0], &[0.5, 0.5]),
            (&[5.0], &[5.0], &[1.0]),
            (&[1.0, NAN, 2.0], &[NAN], &[0.0, 1.0, 0.0]),
            (&[INF, INF], &[INF], &[0.5, 0.5]),
            (&[-INF, INF, 1.0], &[1.0], &[0.0, 0.0, 1.0]),
        ],
    );
    let huge = 2.0 / T::min_positive_value().as_f64();
    rows::<T>(
        |x| x.quantile(0.25),
        &[
            (&[0.0, 4.0], &[1.0], &[0.75, 0.25]),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0], &[0.0, 1.0, 0.0, 0.0, 0.0]),
            (&[huge, -huge], &[-huge / 2.0], &[0.25, 0.75]),
            (&[-INF, 1.0], &[-INF], &[0.75, 0.25]),
            (&[NAN, 1.0], &[NAN], &[1.0, 0.0]),
        ],
    );
    rows::<T>(|x| x.quantile(0.0), &[(&[2.0, 1.0, 1.0], &[1.0], &[0.0, 0.5, 0.5])]);
    rows::<T>(|x| x.quantile(1.0), &[(&[2.0, 1.0, 2.0], &[2.0], &[0.5, 0.0, 0.5])]);
    assert_same(&sample::<T>(&[0, 3]).median_axis(1), &[0], &[]);
}

fn orders_are_stable_and_end_with_nan<T: Real>() {
    rows::<T>(
        |x| x.sort(0),
        &[
            (&[2.0, 1.0, 2.0, 1.0], &[1.0, 1.0, 2.0, 2.0], &[3.0, 1.0, 4.0, 2.0]),
            (&[NAN, INF, -INF, 0.0], &[-INF, 0.0, INF, NAN], &[4.0, 3.0, 1.0, 2.0]),
            (&[], &[], &[]),
            (&[5.0], &[5.0], &[1.0]),
        ],
    );
    let x = vector::<T>(&[NAN, 1.0, NAN, 0.0, -0.0]);
    assert_eq!(x.argsort(0), array![3, 4, 1, 0, 2].into_dyn());
    let (top, places) = vector::<T>(&[1.0, NAN, 3.0, 3.0]).topk(3, -1);
    assert_same(&top, &[3], &[NAN, 3.0, 3.0]);
    assert_eq!(places, array![1, 2, 3].into_dyn());
    assert_eq!(sample::<T>(&[2, 0]).argsort(1).shape(), [2, 0]);
    assert_eq!(sample::<T>(&[2, 3]).topk(0, 1).0.shape(), [2, 0]);
    let y = vector::<T>(&[NAN, 2.0, -0.0, 0.0, NAN, 2.0]).unique();
    assert_eq!(y.len(), 3);
    assert!(y[0] == T::zero() && y[1] == T::of(2.0) && y[2].is_nan());
    let edges = vector::<T>(&[0.0, 1.0, 1.0, INF]);
    let places = edges.searchsorted(vector::<T>(&[-1.0, 1.0, 2.0, INF, NAN]));
    assert_eq!(places, array![0, 1, 3, 3, 4].into_dyn());
}

fn places_masks_and_counts<T: Real>() {
    let x = leaf::<T>(&[2, 3], &[1.0, 5.0, 5.0, 0.0, NAN, -2.0]);
    assert_eq!((x.argmax(), x.argmin()), (4, 4));
    assert_eq!(x.argmax_axis(1), array![1, 1].into_dyn());
    assert_eq!(x.argmin_axis(-1), array![0, 1].into_dyn());
    assert_eq!(x.argmax_keepdims(0), array![[0, 1, 0]].into_dyn());
    assert_eq!(x.argmax_axis([1, 0]).into_iter().collect::<Vec<_>>(), [3]);
    assert_eq!(x.count_nonzero(), 5);
    assert_eq!(x.count_nonzero_axis(0), array![1, 2, 2].into_dyn());
    assert!(x.any() && !x.all());
    assert_eq!(x.all_axis(0), array![false, true, true].into_dyn());
    assert_eq!(x.any_keepdims(1), array![[true], [true]].into_dyn());
    let nothing = sample::<T>(&[0, 3]);
    assert!(!nothing.any() && nothing.all() && nothing.count_nonzero() == 0);
    assert_eq!(nothing.all_axis(0), array![true, true, true].into_dyn());
    assert_eq!(nothing.argmax_axis(1).shape(), [0]);
    assert!(nothing.try_argmax().is_err() && nothing.try_argmin_axis(0).is_err());
    assert_eq!(V::<T>::new(T::of(3.0)).argmax(), 0);
}

fn shapes_with_nothing_in_them<T: Real>() {
    let (x, none) = (sample::<T>(&[2, 3]), sample::<T>(&[0, 3]));
    assert_same(&none.flatten(), &[0], &[]);
    assert_same(&none.flip([0, 1]), &[0, 3], &[]);
    assert_same(&none.roll(5, 0), &[0, 3], &[]);
    assert_same(&x.repeat(0, 1), &[2, 0], &[]);
    assert_same(&x.tile([0, 1]), &[0, 3], &[]);
    assert_same(&none.pad([(1, 0), (0, 0)], Pad::Constant(T::one())), &[1, 3], &[1.0; 3]);
    assert_same(&none.pad([(0, 0), (1, 0)], Pad::Edge), &[0, 4], &[]);
    assert_same(&x.masked_select(&x.gt(T::of(99.0))), &[0], &[]);
    assert_same(&x.take_along_axis(&ndarray::Array2::zeros((2, 0)), 1), &[2, 0], &[]);
    assert_same(&x.index(&[[0_usize; 0]]), &[0, 3], &[]);
    assert_same(&x.index_put(&[[0_usize; 0]], T::one()), &[2, 3], &elements(&x));
    assert_same(&x.outer(V::<T>::zeros(0)), &[6, 0], &[]);
    assert_eq!(V::<T>::meshgrid(&[&none, &x], Indexing::Ij)[1].shape(), [0, 6]);
    assert_eq!(V::<T>::meshgrid(&[] as &[V<T>], Indexing::Xy).len(), 0);
    for y in [x.repeat(0, 1), x.tile([0, 1]), x.index(&[[0_usize; 0]])] {
        assert_same(&gradients(&y, &[&x])[0], &[2, 3], &[0.0; 6]);
    }
    assert_eq!(x.array_split(5, 0).iter().map(|part| part.shape()[0]).collect::<Vec<_>>(), [1, 1, 0, 0, 0]);
    assert_same(&V::<T>::new(T::of(2.0)).flatten(), &[1], &[2.0]);
    assert_same(&V::<T>::new(T::of(2.0)).pad([(0, 0); 0], Pad::Wrap), &[], &[2.0]);
}

fn what_is_replaced_has_no_say<T: Real>() {
    let x = vector::<T>(&[NAN, 1.0, 2.0]);
    let v = vector::<T>(&[7.0, 8.0]);
    let y = x.set_slice(s![..1], T::zero()).index_put(&[[2, 2]], &v);
    assert_same(&y, &[3], &[0.0, 1.0, 8.0]);
    let g = gradients(&y.square(), &[&x, &v]);
    assert_same(&g[0], &[3], &[0.0, 2.0, 0.0]);
    // The last of several for one place counts, and has all of its gradient.
    assert_same(&g[1], &[2], &[0.0, 16.0]);
    let y = x.put_along_axis(&array![0, 0], &v, 0);
    assert_same(&y, &[3], &[8.0, 1.0, 2.0]);
    assert_same(&gradients(&y, &[&v])[0], &[2], &[0.0, 1.0]);
    let y = x.scatter_add(0, &array![1, 1], &v);
    assert_same(&y, &[3], &[NAN, 16.0, 2.0]);
    let filled = x.masked_fill(&array![true, false, false], V::<T>::new(T::one()));
    assert_same(&gradients(&filled.ln(), &[&x])[0], &[3], &[0.0, 1.0, 0.5]);
}

fn constants<T: Real>() {
    assert_same(&V::<T>::zeros([2, 1]), &[2, 1], &[0.0; 2]);
    assert_same(&V::<T>::ones([0_usize; 0]), &[], &[1.0]);
    assert_same(&V::<T>::full([2], T::of(3.0)), &[2], &[3.0; 2]);
    assert_same(&V::<T>::eye(2), &[2, 2], &[1.0, 0.0, 0.0, 1.0]);
    assert_same(&V::<T>::eye(0), &[0, 0], &[]);
    assert_same(&V::<T>::arange(T::of(3.0), T::zero(), T::of(-1.0)), &[3], &[3.0, 2.0, 1.0]);
    assert_same(&V::<T>::arange(T::zero(), T::of(0.8), T::of(0.25)), &[4], &[0.0, 0.25, 0.5, 0.75]);
    assert_same(&V::<T>::arange(T::zero(), T::zero(), T::one()), &[0], &[]);
    assert_same(&V::<T>::linspace(T::of(-1.0), T::one(), 5), &[5], &[-1.0, -0.5, 0.0, 0.5, 1.0]);
    let large = T::MAX.as_f64();
    assert_same(&V::<T>::linspace(-T::MAX, T::MAX, 3), &[3], &[-large, 0.0, large]);
    let five = [large, large / 2.0, 0.0, -large / 2.0, -large];
    assert_close(&V::<T>::linspace(T::MAX, -T::MAX, 5), &vector::<T>(&five), 2.0, "numbers far apart");
    assert_same(&V::<T>::linspace(T::of(2.0), T::one(), 1), &[1], &[2.0]);
    assert_same(&V::<T>::linspace(T::of(2.0), T::one(), 0), &[0], &[]);
    let x = sample::<T>(&[2, 0]);
    assert_eq!([x.zeros_like(), x.ones_like(), x.full_like(T::one())].map(|y| y.len()), [0; 3]);
    assert_same(&V::<T>::one_hot(&array![1, 0], 2), &[2, 2], &[0.0, 1.0, 1.0, 0.0]);
    assert_same(&V::<T>::one_hot(&ndarray::arr0(1), 2), &[2], &[0.0, 1.0]);
    assert!(V::<T>::zeros(3).try_backward().is_err(), "a constant has no gradient");
}

both!(
    products_with_zeros,
    cumulative_products_with_zeros,
    products_stay_in_range,
    products_of_many_agree_with_loops,
    cumulative_sums,
    cumulative_extrema_share_ties,
    cumulative_logarithms,
    variances,
    equal_elements_do_not_vary,
    variances_of_too_few_have_no_derivatives,
    norms,
    medians_and_quantiles_share_ties,
    orders_are_stable_and_end_with_nan,
    places_masks_and_counts,
    shapes_with_nothing_in_them,
    what_is_replaced_has_no_say,
    constants,
);

#[test]
fn a_variance_of_large_numbers_keeps_its_digits() {
    let x = Value::new(array![1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
    let y = x.var(1);
    y.backward();
    assert_eq!(y.item(), 30.0);
    assert_eq!(x.grad().data(), array![-4.0, -2.0, 2.0, 4.0].into_dyn());
}

/// Above 2^24 a running sum in f32 stands still.
#[test]
fn long_cumulative_sums_lose_nothing_in_single_precision() {
    let n = 16_778_216;
    let y = Value::<f32>::constant(Array1::ones(n)).cumsum(0);
    assert_eq!(y.slice(s![-1]).item(), n as f32);
}

#[test]
fn products_and_scans_have_derivatives_of_third_order() {
    for x in [array![0.5, 0.0, -1.5, 2.0], array![0.0, 1.0, 0.0, -0.5], array![0.0, 0.0, 0.0, 0.0]] {
        let x = [Value::new(x)];
        check_grads(|x| x[0].prod(), &x, 3).unwrap();
        check_grads(|x| x[0].cumprod(0), &x, 3).unwrap();
        check_grads(|x| x[0].logcumsumexp(0), &x, 3).unwrap();
    }
    let x = [Value::new(array![[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])];
    check_grads(|x| x[0].var_axis(1, 1), &x, 3).unwrap();
    check_grads(|x| x[0].std_axis(0, 0), &x, 3).unwrap();
    check_grads(|x| x[0].norm_axis(1, 2.0), &x, 3).unwrap();
    check_grads(|x| (1e-200 * &x[0]).norm_axis(1, 2.0) * 1e200, &x, 2).unwrap();
    check_grads(|x| x[0].norm_axis(1, 2.5), &x, 3).unwrap();
}
