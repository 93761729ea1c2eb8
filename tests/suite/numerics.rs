//! Values and derivatives where engines of this kind get them wrong: vector code and its tails, ties, NaN, subnormals, the
//! largest numbers and long sums. Elementwise functions at special points are in `reference/special.json`.

use crate::common::*;
use autodiff::{Value, grad, where_};
use ndarray::array;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn functions<T: Real>() -> Vec<(&'static str, Function<T>)> {
    vec![
        ("neg", |x| -x),
        ("exp", |x| x.exp()),
        ("ln", |x| x.ln()),
        ("sqrt", |x| x.sqrt()),
        ("square", |x| x.square()),
        ("recip", |x| x.recip()),
        ("sin", |x| x.sin()),
        ("cos", |x| x.cos()),
        ("tanh", |x| x.tanh()),
        ("sigmoid", |x| x.sigmoid()),
        ("softplus", |x| x.softplus()),
        ("abs", |x| x.abs()),
        ("sign", |x| x.sign()),
        ("relu", |x| x.relu()),
        ("clamp(0, 1)", |x| x.clamp(T::zero(), T::one())),
        ("clamp(2, 1)", |x| x.clamp(T::of(2.0), T::one())),
        ("clamp(NaN, 1)", |x| x.clamp(T::nan(), T::one())),
        ("clamp(-inf, inf)", |x| x.clamp(T::neg_infinity(), T::infinity())),
        ("powi(0)", |x| x.powi(0)),
        ("powi(1)", |x| x.powi(1)),
        ("powi(2)", |x| x.powi(2)),
        ("powi(3)", |x| x.powi(3)),
        ("powi(4)", |x| x.powi(4)),
        ("powi(-1)", |x| x.powi(-1)),
        ("powi(-2)", |x| x.powi(-2)),
        ("powi(MAX)", |x| x.powi(i32::MAX)),
        ("powi(MIN)", |x| x.powi(i32::MIN)),
        ("powf(0)", |x| x.powf(T::zero())),
        ("powf(1)", |x| x.powf(T::one())),
        ("powf(2)", |x| x.powf(T::of(2.0))),
        ("powf(3)", |x| x.powf(T::of(3.0))),
        ("powf(0.5)", |x| x.powf(T::of(0.5))),
        ("pow(3), constant", |x| x.pow(T::of(3.0))),
        ("pow(0), constant", |x| x.pow(T::zero())),
    ]
}

/// Vector code must agree with scalar code in its body and in its tail, so at every length.
fn every_length_agrees_with_single_elements<T: Real>() {
    let points: Vec<T> = [NAN, 0.0, -0.0, 1.0, -1.0, INF, -INF, 0.3, -2.5, 90.0, -90.0, 1e-20]
        .map(T::of)
        .into_iter()
        .chain([T::TINY, -T::TINY, T::MAX, -T::MAX, T::min_positive_value()])
        .collect();
    let at = |f: Function<T>, data: Vec<T>| {
        let x = V::<T>::new(ndarray::Array1::from_vec(data));
        let y = f(&x);
        (elements(&y), elements(&gradients(&y, &[&x])[0]))
    };
    for (name, f) in functions::<T>() {
        let alone: Vec<_> = points.iter().map(|&x| at(f, vec![x])).collect();
        for n in 0..=257 {
            let (y, slope) = at(f, (0..n).map(|i| points[(i + n) % points.len()]).collect());
            for i in 0..n {
                let (want_y, want_slope) = &alone[(i + n) % points.len()];
                let right = same(y[i], want_y[0], true) && same(slope[i], want_slope[0], true);
                assert!(
                    right,
                    "{name} of {} at {i} of {n}: {} and {}",
                    points[(i + n) % points.len()],
                    y[i],
                    slope[i]
                );
            }
        }
    }
}

fn a_variable_exponent_over_a_constant_base<T: Real>() {
    let x = V::<T>::new(T::of(3.0));
    let y = V::<T>::constant(T::of(2.0)).pow(&x);
    assert_same(&y, &[], &[8.0]);
    let g = y.grad_of(&[&x]).remove(0);
    let (want, ln2) = (8.0 * 2.0_f64.ln(), 2.0_f64.ln());
    assert!((g.item().as_f64() - want).abs() < want * 4.0 * T::EPSILON);
    assert!((g.grad_of(&[&x])[0].item().as_f64() - want * ln2).abs() < want * 4.0 * T::EPSILON);
}

fn a_constant_exponent_computes_no_logarithm<T: Real>() {
    let x = vector::<T>(&[-2.0, 0.0, -0.5, -1.0, 0.0]);
    let y = x.pow(array![3.0, 2.0, -1.0, 0.0, 0.0].mapv(T::of));
    assert_same(&y, &[5], &[-8.0, 0.0, -2.0, 1.0, 1.0]);
    let slope = gradients(&y, &[&x]).remove(0);
    assert_same(&slope, &[5], &[12.0, 0.0, -4.0, 0.0, 0.0]);
    assert_same(&gradients(&slope, &[&x])[0], &[5], &[-12.0, 2.0, -16.0, 0.0, 0.0]);
}

/// By the formula, for any `alpha`; with 0 it is its limit.
fn celu_has_its_slope_by_the_sign_of_x<T: Real>() {
    let near = |x: f64, alpha: f64, want: [f64; 3]| {
        for (got, want) in derivatives(|x| x.celu(T::of(alpha)), T::of(x)).into_iter().zip(want) {
            assert!(
                (got - want).abs() <= 8.0 * T::EPSILON * want.abs(),
                "celu({x}, {alpha}): {got}, expected {want}"
            );
        }
    };
    for alpha in [-1.0_f64, -2.0, 0.5, 2.0] {
        let slope = (-1.0 / alpha).exp();
        near(-1.0, alpha, [alpha * (-1.0 / alpha).exp_m1(), slope, slope / alpha]);
        near(0.0, alpha, [0.0, 1.0, 0.0]);
        near(1.0, alpha, [1.0, 1.0, 0.0]);
    }
    for (x, want) in [(-1.0, [0.0; 3]), (0.0, [0.0; 3]), (2.0, [2.0, 1.0, 0.0])] {
        near(x, 0.0, want);
    }
    let x = vector::<T>(&[-1.0, 1.0]);
    assert_near(
        &gradients(&x.celu(-T::one()), &[&x])[0],
        &vector::<T>(&[1.0_f64.exp(), 1.0]),
        "the gradient",
    );
}

fn a_bound_that_is_nan_limits_to_nan<T: Real>() {
    for (least, greatest) in [(NAN, 1.0), (0.0, NAN), (NAN, NAN)] {
        let y = vector::<T>(&[-1.0, 0.5, 2.0]).clamp(T::of(least), T::of(greatest));
        assert_same(&y, &[3], &[NAN; 3]);
    }
}

fn extrema_share_ties_and_let_nan_through<T: Real>() {
    let max: Function<T> = |x| x.max();
    let min: Function<T> = |x| x.min();
    let rows: [(Function<T>, &[f64], f64, &[f64]); 12] = [
        (max, &[2.0, 2.0, 1.0], 2.0, &[0.5, 0.5, 0.0]),
        (min, &[2.0, 1.0, 1.0], 1.0, &[0.0, 0.5, 0.5]),
        (max, &[0.0, -0.0], 0.0, &[0.5, 0.5]),
        (max, &[5.0], 5.0, &[1.0]),
        (max, &[INF, INF, 0.0, INF], INF, &[1.0 / 3.0, 1.0 / 3.0, 0.0, 1.0 / 3.0]),
        (max, &[-INF, -INF], -INF, &[0.5, 0.5]),
        (min, &[-INF, 0.0], -INF, &[1.0, 0.0]),
        (max, &[1.0, NAN, 2.0], NAN, &[0.0, 1.0, 0.0]),
        (min, &[1.0, NAN, 2.0], NAN, &[0.0, 1.0, 0.0]),
        (max, &[NAN, INF], NAN, &[1.0, 0.0]),
        (min, &[NAN], NAN, &[1.0]),
        (max, &[3.0, 3.0, 3.0, 3.0], 3.0, &[0.25; 4]),
    ];
    for (f, x, y, g) in rows {
        let x = vector::<T>(x);
        assert_same(&f(&x), &[], &[y]);
        let got = gradients(&f(&x), &[&x]).remove(0);
        assert_same(&got, &[x.len()], g);
    }
}

fn nan_is_the_extremum_wherever_it_stands<T: Real>() {
    for n in 1..=257 {
        for place in [0, n / 2, n - 1] {
            let mut x = vec![1.0; n];
            x[place] = NAN;
            let x = vector::<T>(&x);
            assert!(x.max().item().is_nan() && x.min().item().is_nan(), "NaN at {place} of {n}");
            assert!(x.sum().item().is_nan() && x.mean().item().is_nan(), "NaN at {place} of {n}");
            assert!(x.logsumexp().item().is_nan(), "NaN at {place} of {n}");
            assert!(elements(&x.softmax(0)).iter().all(|y| y.is_nan()), "NaN at {place} of {n}");
        }
    }
}

fn many_ties_still_share_one<T: Real>() {
    let x = vector::<T>(&vec![1.0; 70_000]);
    let g = gradients(&x.max(), &[&x]).remove(0);
    assert_same(&g, &[70_000], &vec![1.0 / 70_000.0; 70_000]);
}

fn logsumexp_at_any_magnitude<T: Real>() {
    let ln2 = 2.0_f64.ln();
    let rows: [(&[f64], f64, &[f64]); 10] = [
        (&[1000.0, 1000.0], 1000.0 + ln2, &[0.5, 0.5]),
        (&[-1000.0, -1000.0], ln2 - 1000.0, &[0.5, 0.5]),
        (&[-INF, -INF], -INF, &[0.0, 0.0]),
        (&[INF, 0.0], INF, &[1.0, 0.0]),
        (&[INF, INF], INF, &[0.5, 0.5]),
        (&[INF, -INF], INF, &[1.0, 0.0]),
        (&[-INF, 2.0], 2.0, &[0.0, 1.0]),
        (&[3.0], 3.0, &[1.0]),
        (&[0.0, -800.0], 0.0, &[1.0, 0.0]),
        (&[NAN, 0.0], NAN, &[NAN, NAN]),
    ];
    for (x, y, g) in rows {
        let x = vector::<T>(x);
        assert_same(&x.logsumexp(), &[], &[y]);
        assert_same(&gradients(&x.logsumexp(), &[&x])[0], &[x.len()], g);
    }
    let small = vector::<T>(&[0.0, -40.0]).logsumexp().item().as_f64();
    assert!((small - 4.248354255291589e-18).abs() <= 4.0 * T::EPSILON * small, "{small:e}");
}

fn softmax_at_any_magnitude<T: Real>() {
    let rows: [(&[f64], &[f64]); 8] = [
        (&[1000.0, 0.0], &[1.0, 0.0]),
        (&[1000.0, 1000.0], &[0.5, 0.5]),
        (&[-1000.0, -1000.0], &[0.5, 0.5]),
        (&[INF, 0.0], &[1.0, 0.0]),
        (&[INF, INF], &[0.5, 0.5]),
        (&[-INF, 0.0, 0.0], &[0.0, 0.5, 0.5]),
        (&[7.0], &[1.0]),
        (&[NAN, 0.0], &[NAN, NAN]),
    ];
    for (x, y) in rows {
        assert_same(&vector::<T>(x).softmax(0), &[x.len()], y);
    }
    let x = vector::<T>(&[1000.0, 0.0]);
    assert_same(&gradients(&(x.softmax(0) * array![T::one(), T::of(3.0)]), &[&x])[0], &[2], &[0.0, 0.0]);
    assert_same(&vector::<T>(&[1000.0, 0.0]).log_softmax(0), &[2], &[0.0, -1000.0]);
    assert_same(&vector::<T>(&[0.0, -INF]).log_softmax(0), &[2], &[0.0, -INF]);
    assert_same(&vector::<T>(&[5.0]).log_softmax(0), &[1], &[0.0]);
    assert_same(&vector::<T>(&[INF, 0.0]).log_softmax(0), &[2], &[0.0, -INF]);
}

fn cross_entropy_of_certain_and_hopeless_rows<T: Real>() {
    let x = leaf::<T>(&[2, 2], &[1000.0, 0.0, 1000.0, 0.0]);
    assert_same(&x.cross_entropy([0, 0]), &[], &[0.0]);
    assert_same(&x.cross_entropy([0, 1]), &[], &[500.0]);
    assert_same(&gradients(&x.cross_entropy([0, 1]), &[&x])[0], &[2, 2], &[0.0, 0.0, 0.5, -0.5]);
    assert!(leaf::<T>(&[0, 3], &[]).cross_entropy([0_usize; 0]).item().is_nan());
}

fn branches_not_chosen_stay_out_of_gradients<T: Real>() {
    let x = V::<T>::new(T::zero());
    let y = where_(&x.eq(T::zero()), T::zero(), &x * x.sqrt());
    let slope = y.grad_of(&[&x]).remove(0);
    assert_same(&slope, &[], &[0.0]);
    assert_same(&gradients(&slope, &[&x])[0], &[], &[0.0]);

    let a = vector::<T>(&[1000.0, -1.0, 0.0, NAN]);
    let y = where_(&a.le(T::zero()), a.exp(), 1.0 + &a);
    let want = [1001.0, T::of(-1.0).exp().as_f64(), 1.0, NAN];
    assert_same(&y, &[4], &want);
    assert_same(&gradients(&y, &[&a])[0], &[4], &[1.0, want[1], 1.0, 1.0]);

    // A product with a mask is not the same: 0 times NaN is NaN in the value.
    let masked = where_(&array![true, false], array![T::one(), T::nan()], T::zero());
    assert_same(&masked, &[2], &[1.0, 0.0]);
}

fn what_does_not_matter_has_no_gradient<T: Real>() {
    // A zero cotangent meets an infinite slope.
    let x = vector::<T>(&[0.0, 4.0]);
    let root = x.sqrt();
    root.backward_with(array![T::zero(), T::one()]);
    assert_same(&x.grad(), &[2], &[0.0, 0.25]);
    let x = V::<T>::new(T::zero());
    assert_same(&gradients(&x.sqrt().maximum(T::one()), &[&x])[0], &[], &[0.0]);
    assert_same(&gradients(&x.ln().clamp(T::of(-1.0), T::one()), &[&x])[0], &[], &[0.0]);
}

fn nan_beside_an_infinity_shows_in_both_gradients<T: Real>() {
    let functions: [fn(&V<T>, &V<T>) -> V<T>; 3] =
        [|a, b| a.atan2(b), |a, b| a.logaddexp(b), |a, b| a.logaddexp2(b)];
    for f in functions {
        for infinity in [T::infinity(), T::neg_infinity()] {
            for pair in [[infinity, T::nan()], [T::nan(), infinity]] {
                let [a, b] = pair.map(V::<T>::new);
                let y = f(&a, &b);
                assert!(y.item().is_nan());
                assert!(y.grad_of(&[&a, &b]).iter().all(|g| g.item().is_nan()), "{pair:?}");
            }
        }
    }
}

fn subnormals_are_kept<T: Real>() {
    let tiny = T::TINY.as_f64();
    let x = vector::<T>(&[tiny, -tiny, tiny]);
    let one = T::one();
    for y in [
        &x * one,
        &x + T::zero(),
        &x / one,
        x.relu() - (-&x).relu(),
        x.maximum(-one).minimum(one),
        x.clamp(-one, one),
    ] {
        assert_same(&y, &[3], &[tiny, -tiny, tiny]);
    }
    assert_same(&x.sum(), &[], &[tiny]);
    assert_same(&x.max(), &[], &[tiny]);
    assert_same(&x.matmul(array![one, T::zero(), T::zero()]), &[], &[tiny]);
    assert_same(&x.powi(1), &[3], &[tiny, -tiny, tiny]);
    (&x * T::TINY).backward();
    assert_same(&x.grad(), &[3], &[tiny; 3]);
    assert_same(&vector::<T>(&[tiny; 3]).mean(), &[], &[tiny]);
}

fn means_do_not_overflow<T: Real>() {
    let huge = T::MAX.as_f64();
    assert_same(&vector::<T>(&[huge, huge]).mean(), &[], &[huge]);
    assert_same(&vector::<T>(&[huge, -huge]).mean(), &[], &[0.0]);
    assert_same(&vector::<T>(&[INF, 1.0]).mean(), &[], &[INF]);
    assert_same(&vector::<T>(&[INF, -INF]).mean(), &[], &[NAN]);
    assert_same(&vector::<T>(&[huge, huge]).sum(), &[], &[INF]);
}

/// Rounding must not push the mean of equal numbers over the largest of them.
fn means_of_the_largest_number_are_finite<T: Real>() {
    for n in 1..=100 {
        let mean = V::<T>::new(ndarray::Array1::from_elem(n, T::MAX)).mean();
        assert_close(&mean, &V::<T>::constant(T::MAX), 4.0, &format!("the mean of {n}"));
    }
}

fn the_mean_of_a_row_does_not_depend_on_other_rows<T: Real>() {
    let tiny = T::TINY.as_f64();
    for other in [NAN, INF] {
        let x = leaf::<T>(&[2, 3], &[tiny, tiny, tiny, other, other, other]);
        assert_same(&x.mean_axis(1), &[2], &[tiny, other]);
    }
}

fn sums_of_nothing_are_positive_zero<T: Real>() {
    let empty = vector::<T>(&[]);
    let twice = leaf::<T>(&[2, 0], &[]);
    let sums = [empty.sum(), twice.sum(), twice.sum_axis(1), twice.sum_axis(1).sum()];
    assert!(sums.iter().flat_map(elements).all(|s| same(s, 0.0, true)), "{sums:?}");
}

/// A value repeated 0 times is nothing, whatever it was.
fn sums_of_nothing_repeated_are_positive_zero<T: Real>() {
    for x in [1.0, -1.0, INF, NAN] {
        let y = V::<T>::new(T::of(x)).broadcast_to([0]).sum();
        assert!(
            same(y.item().as_f64(), 0.0, true),
            "{x} repeated 0 times sums to {:?} ({})",
            y.item(),
            T::NAME
        );
        let y = V::<T>::new(T::of(x)).broadcast_to([0, 3]).sum_axis(0);
        assert!(elements(&y).iter().all(|&y| same(y, 0.0, true)), "{x} repeated 0 times sums to {y:?}");
    }
}

both!(
    every_length_agrees_with_single_elements,
    a_variable_exponent_over_a_constant_base,
    a_constant_exponent_computes_no_logarithm,
    celu_has_its_slope_by_the_sign_of_x,
    a_bound_that_is_nan_limits_to_nan,
    extrema_share_ties_and_let_nan_through,
    nan_is_the_extremum_wherever_it_stands,
    many_ties_still_share_one,
    logsumexp_at_any_magnitude,
    softmax_at_any_magnitude,
    cross_entropy_of_certain_and_hopeless_rows,
    branches_not_chosen_stay_out_of_gradients,
    nan_beside_an_infinity_shows_in_both_gradients,
    what_does_not_matter_has_no_gradient,
    subnormals_are_kept,
    means_do_not_overflow,
    means_of_the_largest_number_are_finite,
    the_mean_of_a_row_does_not_depend_on_other_rows,
    sums_of_nothing_are_positive_zero,
    sums_of_nothing_repeated_are_positive_zero,
);

#[test]
fn large_numbers_keep_their_digits() {
    assert_eq!(Value::<f64>::new(array![1000.0, 1000.0]).logsumexp().item(), 1000.6931471805599);
    assert_eq!(Value::<f32>::new(array![3e38_f32, 3e38]).mean().item(), 3e38);
}

/// More than 2^24 ones, above which a running sum in f32 stands still: over every axis, in every order.
#[test]
fn long_sums_lose_nothing_in_single_precision() {
    let n = 16_778_216;
    let x = Value::<f32>::constant(ndarray::Array1::ones(n));
    assert_eq!(x.sum().item(), n as f32);
    assert_eq!(x.slice(ndarray::s![..;-1]).sum().item(), n as f32);
    assert_eq!(x.mean().item(), 1.0);
    let wide = x.reshape([8, -1]);
    for x in [wide.t(), wide] {
        assert_eq!(x.sum().item(), n as f32);
        assert_eq!(x.sum_axis(0).sum().item(), n as f32);
        assert_eq!(x.sum_axis(1).sum().item(), n as f32);
    }
    assert_eq!(Value::<f32>::constant(1.0).broadcast_to([n]).sum().item(), n as f32);
}

#[test]
fn derivatives_of_a_fourth_power_go_on_until_they_vanish() {
    let f1 = |x: &Value| x.powi(4);
    let f2 = |x: &Value| grad(f1, x);
    let f3 = |x: &Value| grad(f2, x);
    let f4 = |x: &Value| grad(f3, x);
    let f5 = |x: &Value| grad(f4, x);
    let x = Value::new(2.0);
    assert_eq!(
        [f2(&x), f3(&x), f4(&x), f5(&x), grad(f5, &x)].map(|d| d.item()),
        [32.0, 48.0, 48.0, 24.0, 0.0]
    );
}

/// Five million terms of one place: one after another they lose a twentieth in f32.
#[test]
fn gradients_of_indices_keep_their_digits_in_f32() {
    type V = autodiff::Value<f32>;
    let n = 5_000_000;
    let near = |got: &V, what: &str| {
        let got = f64::from(got.data().iter().copied().next().unwrap());
        let exact = f64::from(0.1_f32) * f64::from(n);
        assert!((got / exact - 1.0).abs() < 2e-4, "{what}: {got}");
    };
    let ids = vec![0; n as usize];
    let table = V::new(ndarray::Array2::zeros((2, 1)));
    (table.index_select(0, ids.clone()) * 0.1).sum().backward();
    near(&table.grad(), "index_select");
    let x = V::new(ndarray::Array1::zeros(2));
    let tenth = V::constant(ndarray::Array1::from_elem(n as usize, 0.1));
    near(&x.scatter_add(0, &ndarray::Array1::from_vec(ids), &tenth), "scatter_add");
}
