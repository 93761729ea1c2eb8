//! What is not chosen has no say in a derivative of any order, whatever its value.

use crate::common::{Function, Real, V};
use autodiff::{grad, hessian_diag, jvp, where_};
use ndarray::{ArrayD, Dimension, IxDyn};

both!(the_other_branch_has_no_say);

/// Functions without a derivative at -0.5, or at 0.
fn functions<T: Real>() -> Vec<(&'static str, Function<T>)> {
    vec![
        ("ln", |x| x.ln()),
        ("sqrt", |x| x.sqrt()),
        ("powf", |x| x.powf(T::of(1.5))),
        ("pow", |x| x.pow(x)),
        ("acosh", |x| (x + T::one()).acosh()),
        ("asin", |x| (x * T::of(4.0) - T::one()).asin()),
        ("cbrt", |x| x.cbrt()),
        ("recip", |x| x.recip()),
        ("x ln x", |x| x * x.ln()),
        ("xlogy", |x| x.xlogy(x)),
        ("atan2", |x| x.atan2(x)),
        ("hypot", |x| x.hypot(x)),
        ("ln of sqrt", |x| x.sqrt().ln()),
        ("sin of sqrt", |x| x.sqrt().sin()),
        ("ln squared", |x| x.ln().square()),
        ("1 / ln", |x| x.ln().recip()),
        ("sqrt times sin", |x| x.sqrt() * x.sin()),
        ("x / sqrt", |x| x / x.sqrt()),
        ("x times 1 / sqrt", |x| x.sqrt().recip() * x),
        ("sin / x", |x| x.sin() / x),
    ]
}

fn the_other_branch_has_no_say<T: Real>() {
    // Numbers, arrays of a few, and expressions.
    for shape in [&[][..], &[3], &[3000]] {
        let ones = || V::<T>::constant(ArrayD::from_elem(IxDyn(shape), T::one()));
        for (name, f) in functions::<T>() {
            for at in [-0.5, 0.0] {
                let x = V::<T>::new(ArrayD::from_shape_fn(IxDyn(shape), |i| {
                    T::of(if i.slice().first().is_none_or(|i| i % 2 == 0) { at } else { 0.25 })
                }));
                let chosen = |x: &V<T>| where_(&x.gt(T::zero()), f(x), T::zero());
                let sum = |x: &V<T>| chosen(x).sum();
                let first = |x: &V<T>| grad(sum, x);
                let second = |x: &V<T>| grad(|x| first(x).sum(), x);
                let along = |x: &V<T>| jvp(chosen, x, &ones()).1;
                let mut all = vec![
                    ("grad", first(&x)),
                    ("grad of grad", second(&x)),
                    ("grad of grad of grad", grad(|x| second(x).sum(), &x)),
                    ("jvp of grad", jvp(first, &x, &ones()).1),
                    ("jvp of jvp", jvp(along, &x, &ones()).1),
                    ("grad of jvp", grad(|x| along(x).sum(), &x)),
                ];
                if x.len() < 10 {
                    all.push(("hessian", hessian_diag(sum, &x)));
                }
                for (order, derivative) in all {
                    let elements = derivative.data();
                    let got: Vec<T> = elements.iter().step_by(2).copied().collect();
                    assert!(
                        got.iter().all(|&d| d == T::zero()),
                        "{order} of {name} at {at}, {shape:?}: {}",
                        got[0]
                    );
                    let chosen = elements.iter().skip(1).step_by(2);
                    assert!(chosen.copied().all(|d| d.is_finite()), "{order} of {name} where it is chosen");
                }
            }
        }
    }
}
