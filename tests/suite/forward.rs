//! Forward mode: tangents that are taken while a function runs, and those that are left to the sweep after it.

use autodiff::{custom_vjp, grad, hvp, jvp, no_grad, vjp};
use ndarray::{Array, Array2, ArrayD};
use std::panic::{AssertUnwindSafe, catch_unwind};

type V = autodiff::Value;

/// Enough numbers that expressions of them wait to be looked at, neither equal nor in order.
fn numbers(rows: usize, columns: usize, scale: f64) -> V {
    let mut k = 0.0;
    V::constant(Array2::from_shape_simple_fn((rows, columns), || {
        k += 1.0;
        scale * f64::sin(k * k)
    }))
}

fn distance(a: &V, b: &V) -> f64 {
    (a - b).abs().max().item() / b.abs().max().item()
}

/// Forward against reverse: the same bilinear form of a tangent and a cotangent.
fn check(name: &str, f: impl Fn(&V) -> V + Copy + Send + Sync + 'static) {
    for (rows, columns) in [(60, 50), (3, 4)] {
        let x = V::new(numbers(rows, columns, 0.7).data());
        let v = numbers(rows, columns, 1.1).exp();
        let (y, dy) = jvp(f, &x, &v);
        let (same, pull) = vjp(f, &x);
        assert_eq!(y.data(), same.data(), "{name}");
        let g = y.detach().cos();
        let (forward, reverse) = ((&g * &dy).sum().item(), (pull(&g) * &v).sum().item());
        assert!((forward - reverse).abs() <= 1e-10 * reverse.abs(), "{name}: {forward}, not {reverse}");
        // Whichever of the two is looked at first, alone or not.
        let (_, alone) = jvp(f, &x, &v);
        assert_eq!(alone.data(), dy.data(), "{name}");
        let (late, early) = jvp(f, &x, &v);
        assert_eq!((early.data(), late.data()), (dy.data(), y.data()), "{name}");
    }
}

#[test]
fn what_is_followed_and_what_is_not_meet() {
    check("a chain", |x| (x.tanh() * x.sin()).sigmoid());
    check("products", |x| x.t().matmul(x.tanh()).tanh().matmul(x.cos().t()));
    check("a scan between", |x| x.tanh().cumsum(0).tanh().matmul(x.t()).sin());
    check("choices between", |x| x.matmul(x.t()).tanh().max_axis(1) * x.sum_axis(1).tanh());
    check("slices", |x| {
        let t = x.tanh().t();
        t.matmul(x.slice(ndarray::s![.., ..2])).sin()
    });
    check("softmax", |x| (x.tanh().softmax(-1) * x.logsumexp_keepdims(1)).matmul(x.t()));
    check("a solution", |x| {
        let a = x.matmul(x.t()) * 0.001 + V::constant(Array2::<f64>::eye(x.shape()[0]));
        a.solve(x.tanh()).expect("a regular matrix").tanh()
    });
    check("a leaf of its own", |x| x.tanh() * V::new(x.data()).tanh());
    check("a constant", |x| x.tanh() * no_grad(|| x.tanh()) * x.detach());
}

#[test]
fn products_of_the_same_matrix_are_computed_together() {
    let matrix = numbers(60, 300, 0.3);
    let functions: [(&str, &dyn Fn(&V) -> V); 5] = [
        ("a column", &|x| matrix.t().matmul(x.mean_axis(1).tanh()).sin()),
        ("a row", &|x| x.mean_axis(1).tanh().matmul(&matrix).sin()),
        ("a few rows", &|x| x.t().slice(ndarray::s![..9, ..]).tanh().matmul(&matrix).sin()),
        ("one after another", &|x| matrix.matmul(matrix.t().matmul(x.mean_axis(1)).tanh()).tanh()),
        ("both operands", &|x| x.t().matmul(x.mean_axis(1).tanh()).sin()),
    ];
    for (name, f) in functions {
        let x = V::new(numbers(60, 50, 0.7).data());
        let v = numbers(60, 50, 1.1).exp();
        let (y, dy) = jvp(f, &x, &v);
        let h = 1e-6;
        let near = |h: f64| no_grad(|| f(&(&x + h * &v)));
        let difference = (near(h) - near(-h)) / (2.0 * h);
        assert!(distance(&y, &f(&x)) <= 1e-14, "{name}");
        assert!(distance(&dy, &difference) <= 1e-8, "{name}: {}", distance(&dy, &difference));
        // The derivative alone, the value alone, and the derivative of a derivative.
        assert_eq!(jvp(f, &x, &v).1.data(), dy.data(), "{name}");
        assert_eq!(jvp(f, &x, &v).0.data(), y.data(), "{name}");
        let (same, second) = jvp(|x| jvp(f, x, &v).1, &x, &v);
        assert!(distance(&same, &dy) <= 1e-13, "{name}");
        let slope = |h: f64| jvp(f, &V::new((&x + h * &v).data()), &v).1.detach();
        let difference = (slope(h) - slope(-h)) / (2.0 * h);
        assert!(distance(&second, &difference) <= 1e-7, "{name}: {}", distance(&second, &difference));
    }
}

#[test]
fn what_other_threads_record_is_not_lost() {
    check("threads", |x| {
        let there = std::thread::scope(|scope| scope.spawn(|| (x * 2.0).tanh()).join().expect("no panic"));
        (there.sin() * x).matmul(x.t())
    });
}

#[test]
fn perturbations_are_told_apart() {
    let one = V::constant(1.0);
    // d/dx of x times d/dy of (x + y), which is 1, whatever x is.
    let inner = |x: &V| jvp(|y| x + y, &V::new(1.0), &one).1;
    assert_eq!(jvp(|x| x * inner(x), &V::new(3.0), &one).1.item(), 1.0);
    // d/dx of x d/dy of (x y) at y = 2, which is x^2.
    let inner = |x: &V| jvp(|y| x * y, &V::new(2.0), &one).1;
    assert_eq!(jvp(|x| x * inner(x), &V::new(3.0), &one).1.item(), 6.0);
    assert_eq!(grad(|x| x * inner(x), &V::new(3.0)).item(), 6.0);
}

#[test]
fn derivatives_of_any_order_along_a_direction() {
    let w = numbers(50, 50, 0.2);
    let (x, v) = (V::new(numbers(60, 50, 0.5).data()), numbers(60, 50, 0.3));
    let f = |x: &V| x.matmul(&w).tanh();
    let first = |x: &V| jvp(f, x, &v).1;
    let second = |x: &V| jvp(first, x, &v).1;
    let third = jvp(second, &x, &v).1;
    // With y = tanh(p) and q the direction's product: the derivatives are q (1 - y^2), and so on.
    let (y, q) = (f(&x).detach(), v.matmul(&w));
    let slope = 1.0 - y.square();
    assert!(distance(&first(&x), &(&q * &slope)) < 1e-13);
    assert!(distance(&second(&x), &(-2.0 * &y * q.square() * &slope)) < 1e-13);
    let want = q.powi(3) * &slope * (6.0 * y.square() - 2.0);
    assert!(distance(&third, &want) < 1e-12);
    // Reverse over forward, with respect to what the function captured.
    let w = V::new(w.data());
    let along = |w: &V| jvp(|x| x.matmul(w).tanh(), &x, &v).1.sum();
    let by_hand = |w: &V| (v.matmul(w) * (1.0 - x.detach().matmul(w).tanh().square())).sum();
    assert!(distance(&grad(along, &w), &grad(by_hand, &w)) < 1e-12);
    // And forward over reverse over forward.
    let t = numbers(50, 50, 1.0);
    assert!(distance(&hvp(along, &w, &t), &hvp(by_hand, &w, &t)) < 1e-12);
}

#[test]
fn what_the_result_does_not_depend_on_needs_no_derivative() {
    let no_forward = |x: &V| {
        custom_vjp("plain", &[x], |x| V::constant(x[0].data().mapv(f64::exp)), |_, y, g, _| g * y.detach())
    };
    let x = V::new(numbers(60, 50, 0.5).data());
    let (_, dy) = jvp(
        |x| {
            let unused = no_forward(&x.tanh()).matmul(x.t());
            assert_eq!(unused.shape(), [60, 60]);
            x.sin()
        },
        &x,
        &V::constant(ArrayD::ones(vec![60, 50])),
    );
    assert!(distance(&dy, &x.detach().cos()) < 1e-15);
}

#[test]
fn a_panic_leaves_nothing_that_follows() {
    let x = V::new(Array::linspace(0.1, 0.9, 5000));
    let ones = V::constant(Array::<f64, _>::ones(5000));
    let failed = catch_unwind(AssertUnwindSafe(|| {
        jvp(
            |x| {
                jvp(
                    |y| {
                        assert!(x.shape() != y.shape(), "on purpose");
                        y.sin()
                    },
                    x,
                    &ones,
                )
                .1
            },
            &x,
            &ones,
        )
    }));
    assert!(failed.is_err());
    let (y, dy) = jvp(|x| x.sin(), &x, &ones);
    assert!(distance(&y, &x.detach().sin()) < 1e-15 && distance(&dy, &x.detach().cos()) < 1e-15);
    assert!(distance(&grad(|x| x.sin().sum(), &x), &x.detach().cos()) < 1e-15);
}
